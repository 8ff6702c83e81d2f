import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeSnapshotArray, snapshotArraySize } from './fsctl-snapshots.ts';

describe('[MS-SMB2] 2.2.32.2 SRV_SNAPSHOT_ARRAY', () => {
  const tokens = ['@GMT-2024.01.02-03.04.05', '@GMT-2023.01.02-03.04.05'];

  it('holds every token with its NUL, and one more', () => {
    const buffer = Buffer.alloc(snapshotArraySize(2), 0xff);
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    assert.equal(encodeSnapshotArray(view, 0, tokens, true), 114);
    assert.equal(buffer.length, 114);
    assert.equal(buffer.toString('hex', 0, 12), '020000000200000066000000');
    assert.equal(buffer.toString('utf16le', 12), `${tokens.join('\0')}\0\0`);
  });

  it('tells the size alone where there is no room', () => {
    const buffer = Buffer.alloc(16, 0xff);
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    assert.equal(encodeSnapshotArray(view, 0, tokens, false), 16);
    assert.equal(buffer.toString('hex'), '02000000000000006600000000000000');
  });
});
