import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex, viewOf } from '../base/bytes.ts';
import {
  decodeOffloadRead,
  decodeOffloadWrite,
  encodeOffloadRead,
  encodeOffloadReadOutput,
  encodeOffloadWrite,
  encodeOffloadWriteOutput,
  OFFLOAD_READ_OUTPUT_SIZE,
  OFFLOAD_TOKEN_ID_SIZE,
} from './fsctl-offload.ts';

const ID = Uint8Array.from({ length: OFFLOAD_TOKEN_ID_SIZE }, (_, i) => i & 0xff);
const WRITE = { offset: 512, length: 1024, transferOffset: 2 ** 40 };

describe('[MS-FSCC] 2.3.41 FSCTL_OFFLOAD_READ Request', () => {
  const read = { timeToLiveMs: 1000, offset: 4096, length: 2 ** 33 };

  it('has known bytes', () => {
    const bytes = new Uint8Array(32);
    assert.equal(encodeOffloadRead(viewOf(bytes), 0, read), 32);
    const head = '2000000000000000e803000000000000';
    const expected = `${head}00100000000000000000000002000000`;
    assert.equal(toHex(bytes), expected);
  });

  it('round-trips and refuses truncations and another size', () => {
    const bytes = new Uint8Array(32);
    encodeOffloadRead(viewOf(bytes), 0, read);
    assert.deepEqual(decodeOffloadRead(viewOf(bytes), 0, 32), read);
    for (let end = 0; end < 32; end++) {
      assert.equal(decodeOffloadRead(viewOf(bytes), 0, end), undefined);
    }
    bytes[0] = 31;
    assert.equal(decodeOffloadRead(viewOf(bytes), 0, 32), undefined);
  });

  it('refuses offsets above 2^53 - 1', () => {
    const bytes = new Uint8Array(32);
    encodeOffloadRead(viewOf(bytes), 0, read);
    bytes[23] = 1;
    assert.equal(decodeOffloadRead(viewOf(bytes), 0, 32), undefined);
  });
});

describe('[MS-FSCC] 2.3.43 FSCTL_OFFLOAD_WRITE Request', () => {
  const encode = (token: Parameters<typeof encodeOffloadWrite>[2]['token']): Uint8Array => {
    const bytes = new Uint8Array(544).fill(0xaa);
    assert.equal(encodeOffloadWrite(viewOf(bytes), 0, { ...WRITE, token }), 544);
    return bytes;
  };

  it('round-trips a token and refuses truncations', () => {
    const bytes = encode({ kind: 'id', id: ID });
    const back = decodeOffloadWrite(viewOf(bytes), 0, 544);
    assert.deepEqual(back, { ...WRITE, token: { kind: 'id', id: ID } });
    for (let end = 0; end < 544; end++) {
      assert.equal(decodeOffloadWrite(viewOf(bytes), 0, end), undefined);
    }
  });

  it('knows the token of zeroes, big-endian as SCSI has it, and none of others', () => {
    const bytes = encode({ kind: 'zero' });
    assert.equal(toHex(bytes.subarray(32, 40)), 'ffff0001000001f8');
    assert.deepEqual(decodeOffloadWrite(viewOf(bytes), 0, 544)?.token, { kind: 'zero' });
    bytes[35] = 2;
    assert.equal(decodeOffloadWrite(viewOf(bytes), 0, 544)?.token, undefined);
  });
});

describe('[MS-FSCC] 2.3.42 and 2.3.44, the replies', () => {
  it('have known bytes', () => {
    const read = new Uint8Array(OFFLOAD_READ_OUTPUT_SIZE).fill(0xaa);
    const output = { transferLength: 512, id: ID };
    assert.equal(encodeOffloadReadOutput(viewOf(read), 0, output), read.length);
    const head = '1002000000000000000200000000000000000001000001f8';
    assert.equal(toHex(read.subarray(0, 24)), head);
    assert.deepEqual(read.subarray(24), ID);
    const write = new Uint8Array(16).fill(0xaa);
    encodeOffloadWriteOutput(viewOf(write), 0, 512);
    assert.equal(toHex(write), '10000000000000000002000000000000');
  });
});
