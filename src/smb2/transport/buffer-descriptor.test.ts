import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type BufferDescriptor,
  decodeBufferDescriptors,
  describedSize,
  encodeBufferDescriptors,
  subsegment,
} from './buffer-descriptor.ts';

const U64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_0000_0000n });
const U32 = fc.nat({ max: 0xffff_ffff });
const PLAIN = { noNullPrototype: true };
const DESCRIPTOR = fc.record({ offset: U64, token: U32, length: U32 }, PLAIN);
/** Of memory that a test can hold. */
const SMALL = fc.record({ offset: U64, token: U32, length: fc.nat({ max: 40 }) }, PLAIN);

describe('[MS-SMBD] 2.2.3.1 Buffer Descriptor V1 Structure', () => {
  it('is read as it stands on the wire', () => {
    // Offset 0x7f12_3456_7000, Token 0x0001_a2b3, Length 0x0010_0000: laid out by 2.2.3.1.
    const bytes = Buffer.from('00705634127f0000b3a2010000001000', 'hex');
    const expected = [{ offset: 0x7f12_3456_7000n, token: 0x1_a2b3, length: 0x10_0000 }];
    assert.deepEqual(decodeBufferDescriptors(bytes), expected);
  });

  it('comes back as it was written, one or many', () => {
    fc.assert(
      fc.property(fc.array(DESCRIPTOR, { minLength: 1, maxLength: 20 }), (descriptors) => {
        const bytes = encodeBufferDescriptors(descriptors);
        assert.deepEqual(decodeBufferDescriptors(bytes), descriptors);
      }),
    );
  });

  it('is not read from bytes that are no whole number of them', () => {
    const bytes = encodeBufferDescriptors([
      { offset: 1n, token: 2, length: 3 },
      { offset: 4n, token: 5, length: 6 },
    ]);
    for (let size = 0; size < bytes.length; size++) {
      const count = decodeBufferDescriptors(bytes.subarray(0, size))?.length;
      assert.equal(count, size === 16 ? 1 : undefined, `${size} bytes`);
    }
  });
});

describe('[MS-SMBD] 3.1.4.5 RDMA Write to Peer Buffer', () => {
  it('targets each byte of the subsegment once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(SMALL, { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 250 }),
        fc.nat({ max: 250 }),
        (descriptors, at, length) => {
          const all = places(descriptors);
          const found = subsegment(descriptors, at, length);
          const isInside = length === 0 || at + length <= describedSize(descriptors);
          assert.equal(found !== undefined, isInside);
          if (found === undefined) return;
          assert.deepEqual(places(found), all.slice(at, at + length));
          assert.ok(found.every((one) => one.length > 0));
        },
      ),
    );
  });
});

/** Where each described byte is. */
function places(descriptors: readonly BufferDescriptor[]): readonly string[] {
  return descriptors.flatMap(({ offset, token, length }) =>
    Array.from({ length }, (_, i) => `${token}:${offset + BigInt(i)}`),
  );
}
