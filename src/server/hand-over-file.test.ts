import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { FileRecord } from '../fsa/file-record.ts';
import {
  decodeHandOver,
  HAND_OVER_LAYOUT,
  HandOverFile,
  makeHandOverFolder,
  readHandOver,
  removeHandOverFolder,
} from './hand-over-file.ts';

const RECORD: FileRecord = {
  isDirectory: false,
  opens: [],
  locks: [{ openId: 'a', streamKey: '', offset: 2n ** 64n - 2n, length: 1n, exclusive: true }],
  oplocks: [],
  deletePending: [],
  version: 7,
};

let state: string;
let folder: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'semba-hand-over-'));
  folder = makeHandOverFolder(state);
});
afterEach(() => rmSync(state, { recursive: true }));

function write(name: string, ...records: readonly FileRecord[]): Buffer {
  const file = new HandOverFile(folder, name);
  for (const record of records) file.add(record);
  file.close();
  return readFileSync(join(folder, name));
}

describe('the files of a hand-over', () => {
  it('are read as they were written, those of all processes', () => {
    const other = { ...RECORD, version: 8 };
    write('a', RECORD, other);
    write('b', RECORD);
    write('c');
    assert.deepEqual(readHandOver(folder), [RECORD, other, RECORD]);
  });

  it('are refused when they end early, or late', () => {
    const bytes = write('a', RECORD, RECORD);
    for (let size = 0; size < bytes.length; size++) {
      assert.equal(typeof decodeHandOver(bytes.subarray(0, size)), 'string', `${size} bytes`);
    }
    assert.equal(decodeHandOver(Buffer.from([...bytes, 0])), 'it is damaged');
  });

  it('are refused when a bit of them is another one', () => {
    const bytes = write('a', RECORD);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(typeof decodeHandOver(changed), 'string', `bit ${bit}`);
    }
  });

  it('are refused when they have another layout, by the name of the file', () => {
    const bytes = write('a', RECORD);
    bytes.writeUInt32LE(HAND_OVER_LAYOUT + 1, 8);
    writeFileSync(join(folder, 'a'), bytes);
    assert.throws(() => readHandOver(folder), /hand-over\/a: its layout is \d+, expected \d+$/);
  });

  it('are gone with their folder, which begins empty', () => {
    write('a', RECORD);
    assert.deepEqual(readdirSync(makeHandOverFolder(state)), []);
    removeHandOverFolder(state);
    assert.deepEqual(readdirSync(state), []);
  });
});
