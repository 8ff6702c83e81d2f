import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LE, viewOf } from '../../base/bytes.ts';
import { frameOf, IDENTIFYING_SIZE, identifyClient } from './identify-client.ts';

const GUID = '00112233445566778899aabbccddeeff';

/** [MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request behind its four bytes, with one dialect. */
function negotiate(): Uint8Array {
  const bytes = new Uint8Array(4 + 64 + 36 + 2);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length - 4);
  view.setUint32(4, 0x424d_53fe, LE);
  view.setUint16(8, 64, LE);
  view.setUint16(68, 36, LE);
  view.setUint16(70, 1, LE);
  bytes.set(Buffer.from(GUID, 'hex'), 80);
  return bytes;
}

describe('[MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request: identifyClient', () => {
  it('finds the ClientGuid', () => {
    const client = identifyClient(negotiate());
    assert.ok(typeof client === 'object');
    assert.equal(client.guid.replaceAll('-', '').length, 32);
  });

  it('wants more after every truncation', () => {
    const bytes = negotiate();
    for (let length = 0; length < IDENTIFYING_SIZE; length++) {
      assert.equal(identifyClient(bytes.subarray(0, length)), 'more', `${length}`);
    }
  });

  it('decides within the first bytes, whatever they are', () => {
    for (let value = 0; value < 256; value++) {
      assert.notEqual(identifyClient(new Uint8Array(IDENTIFYING_SIZE).fill(value)), 'more');
    }
  });

  it('finds nobody in SMB1, in other commands, in zeros and in what is too short', () => {
    const smb1 = negotiate();
    smb1[4] = 0xff;
    const echo = negotiate();
    viewOf(echo).setUint16(16, 0x0d, LE);
    const nameless = negotiate().fill(0, 80, 96);
    const short = negotiate();
    viewOf(short).setUint32(0, 64);
    for (const bytes of [smb1, echo, nameless, short]) {
      assert.equal(identifyClient(bytes), 'nobody');
    }
  });

  it('finds the same in a message that lost its framing', () => {
    const bytes = negotiate();
    assert.deepEqual(identifyClient(frameOf(bytes.subarray(4))), identifyClient(bytes));
  });
});
