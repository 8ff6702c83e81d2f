import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrameHeader, FRAME_HEADER_SIZE, FrameReader } from './framing.ts';

const LIMIT = 1 << 20;

function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + payload.length);
  encodeFrameHeader(bytes, 0, payload.length);
  bytes.set(payload, FRAME_HEADER_SIZE);
  return bytes;
}

/** Feeds `stream` in pieces of at most the sizes given, as a socket would. */
function feed(reader: FrameReader, stream: Uint8Array, pieces: readonly number[]): boolean {
  let at = 0;
  for (let i = 0; at < stream.length; i++) {
    const room = reader.room();
    const size = Math.min(pieces[i % pieces.length]!, room.length, stream.length - at);
    room.set(stream.subarray(at, at + size));
    at += size;
    if (!reader.received(size)) return false;
  }
  return true;
}

describe('[MS-SMB2] 2.1 Transport, direct TCP framing', () => {
  it('delivers every message whole and in order however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 150_000 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
        (lengths, pieces) => {
          const payloads = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
          const got: Uint8Array[] = [];
          const reader = new FrameReader(LIMIT, (message) => got.push(message));
          assert.equal(feed(reader, Buffer.concat(payloads.map(frame)), pieces), true);
          assert.deepEqual(
            got.map((message) => Buffer.from(message)),
            payloads.map((payload) => Buffer.from(payload)),
          );
          assert.equal(reader.partial, false);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('ends the connection at a message over the limit before any of it is kept', () => {
    const reader = new FrameReader(100, () => assert.fail('nothing to deliver'));
    assert.equal(feed(reader, frame(new Uint8Array(101)).subarray(0, 4), [4]), false);
  });

  it('ends the connection when the first byte is not zero', () => {
    const reader = new FrameReader(LIMIT, () => assert.fail('nothing to deliver'));
    assert.equal(feed(reader, new Uint8Array([0x47, 0x45, 0x54, 0x20]), [4]), false);
  });

  it('tells that a message has begun and not ended', () => {
    const reader = new FrameReader(LIMIT, () => {});
    assert.equal(feed(reader, frame(new Uint8Array(10)).subarray(0, 9), [9]), true);
    assert.equal(reader.partial, true);
  });
});
