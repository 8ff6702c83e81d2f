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

function undelivered(): boolean {
  return assert.fail('nothing to deliver');
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
          const reader = new FrameReader(LIMIT, (message) => {
            got.push(message);
            return false;
          });
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

  it('leaves what was kept alone, and receives over the rest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 90_000 }), fc.boolean()), { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
        (messages, pieces) => {
          const payloads = messages.map(([length], i) => Buffer.alloc(length, i + 1));
          const kept: { readonly message: Uint8Array; readonly index: number }[] = [];
          let index = 0;
          const reader = new FrameReader(LIMIT, (message) => {
            assert.deepEqual(Buffer.from(message), payloads[index]);
            const isSpent = messages[index]![1];
            if (isSpent) message.fill(0xff);
            else kept.push({ message, index });
            index++;
            return isSpent;
          });
          assert.equal(feed(reader, Buffer.concat(payloads.map(frame)), pieces), true);
          assert.equal(index, messages.length);
          for (const { message, index: at } of kept) {
            assert.deepEqual(Buffer.from(message), payloads[at]);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('receives into the same memory while nobody keeps a message', () => {
    const reader = new FrameReader(LIMIT, () => true);
    const first = reader.room();
    for (let i = 0; i < 1000; i++)
      assert.equal(feed(reader, frame(new Uint8Array(999)), [600]), true);
    assert.equal(feed(reader, frame(new Uint8Array(100_000)), [70_000]), true);
    assert.equal(reader.room(), first);
  });

  it('ends the connection at a message over the limit before any of it is kept', () => {
    const reader = new FrameReader(100, undelivered);
    assert.equal(feed(reader, frame(new Uint8Array(101)).subarray(0, 4), [4]), false);
  });

  it('ends the connection when the first byte is not zero', () => {
    const reader = new FrameReader(LIMIT, undelivered);
    assert.equal(feed(reader, new Uint8Array([0x47, 0x45, 0x54, 0x20]), [4]), false);
  });

  it('tells that a message has begun and not ended', () => {
    const reader = new FrameReader(LIMIT, () => true);
    assert.equal(feed(reader, frame(new Uint8Array(10)).subarray(0, 9), [9]), true);
    assert.equal(reader.partial, true);
  });
});
