import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LE, viewOf } from '../../base/bytes.ts';
import {
  encodeSmb1NegotiateRequest,
  SMB1_DIALECT_SMB_2_002,
  SMB1_DIALECT_SMB_2_WILDCARD,
} from '../../smb2/wire/smb1-negotiate.ts';
import { FirstBytes, IDENTIFYING_SIZE, identifyClient, type Said } from './identify-client.ts';

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

/** [MS-CIFS] 2.2.4.52.1 Request of SMB_COM_NEGOTIATE behind its four bytes, as Windows offers. */
function smb1(): Uint8Array {
  const dialects = ['PC NETWORK PROGRAM 1.0', 'LANMAN1.0', 'LM1.2X002', 'NT LM 0.12'];
  const bytes = new Uint8Array(4096);
  const end = encodeSmb1NegotiateRequest(viewOf(bytes), 4, {
    dialects: [...dialects, SMB1_DIALECT_SMB_2_002, SMB1_DIALECT_SMB_2_WILDCARD],
  });
  viewOf(bytes).setUint32(0, end - 4);
  return bytes.slice(0, end);
}

describe('[MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request: identifyClient', () => {
  it('finds the ClientGuid', () => {
    assert.deepEqual(identifyClient(negotiate()), { guid: GUID });
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

  it('finds nobody in other commands, in zeros and in what is too short', () => {
    const echo = negotiate();
    viewOf(echo).setUint16(16, 0x0d, LE);
    const nameless = negotiate().fill(0, 80, 96);
    const short = negotiate();
    viewOf(short).setUint32(0, 64);
    for (const bytes of [echo, nameless, short]) assert.equal(identifyClient(bytes), 'nobody');
  });

  it('finds an SMB1 message once it is whole, and none that is too long', () => {
    const bytes = smb1();
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(identifyClient(bytes.subarray(0, length)), 'more', `${length}`);
    }
    assert.deepEqual(identifyClient(bytes), { smb1: bytes.subarray(4) });
    viewOf(bytes).setUint32(0, 4097);
    assert.equal(identifyClient(bytes), 'broken');
  });
});

describe('[MS-SMB2] 3.3.5.3 Receiving an SMB_COM_NEGOTIATE: FirstBytes', () => {
  const pieces = (bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] => {
    const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
    return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  };
  const after = Uint8Array.from({ length: 300 }, (_, index) => index);

  it('tells the ClientGuid after SMB1, and loses no byte of what follows it, in any pieces', () => {
    const [first, then] = [smb1(), negotiate()];
    const whole = new Uint8Array([...first, ...then, ...after]);
    const cut = fc.nat({ max: whole.length });
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 12 }), (cuts) => {
        const { said, rest, left } = readAll(pieces(whole, cuts));
        assert.deepEqual(said, { guid: GUID });
        const given = new Uint8Array([...rest, ...left]);
        assert.deepEqual(given, whole.subarray(first.length));
      }),
    );
  });

  it('leaves a second SMB1 message to the worker', () => {
    const { said, rest } = readAll([smb1(), smb1()]);
    assert.equal(said, 'nobody');
    assert.deepEqual(rest, smb1());
  });

  it('never wants more than it has room for', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 6_000 });
    const head = fc.constantFrom(smb1(), negotiate(), new Uint8Array(0));
    fc.assert(
      fc.property(head, bytes, (one, other) => {
        readAll([...one, ...other].map((byte) => Uint8Array.of(byte)));
      }),
    );
  });
});

/** As an intake does: each piece is received where there is room, until it is known who says it. */
function readAll(pieces: readonly Uint8Array[]): {
  readonly said: Said;
  readonly rest: Uint8Array;
  /** What stays in the kernel. */
  readonly left: readonly number[];
} {
  const first = new FirstBytes();
  let said: Said = 'more';
  let isAnswered = false;
  const left: number[] = [];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      if (said !== 'more') {
        left.push(...piece.subarray(at));
        break;
      }
      const room = first.room();
      assert.ok(room.length > 0);
      const count = Math.min(room.length, piece.length - at);
      room.set(piece.subarray(at, at + count));
      at += count;
      said = first.received(count);
      if (typeof said !== 'object' || !('smb1' in said)) continue;
      assert.equal(isAnswered, false);
      isAnswered = true;
      said = first.answered(said.smb1);
    }
  }
  return { said, rest: first.rest, left };
}
