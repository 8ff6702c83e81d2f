import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WIRE_TARGETS, type WireTarget } from '../../../test/fuzz/wire-targets.ts';

const AT = 64;

for (const target of WIRE_TARGETS) {
  describe(`[MS-SMB2] 2.2, ${target.name}`, () => {
    it('decodes what was encoded', () => {
      const bytes = encodeOver(target, 0, AT);
      assert.deepEqual(target.decode(new DataView(bytes.buffer), AT, bytes.length), target.value);
    });

    it('encodes every byte, whatever stood there', () => {
      assert.deepEqual(encodeOver(target, 0xaa, AT).subarray(AT), bodyOf(target));
      assert.deepEqual(encodeOver(target, 0x55, AT).subarray(AT), bodyOf(target));
    });

    it('encodes the same bytes at a place that is no multiple of 8', () => {
      assert.deepEqual(encodeOver(target, 0xaa, AT + 12).subarray(AT + 12), bodyOf(target));
    });

    it('is undefined after a cut at each byte', () => {
      const bytes = encodeOver(target, 0, AT);
      for (let end = AT; end < bytes.length - target.spare; end++) {
        if (end - AT === target.validCut) continue;
        const cut = bytes.slice(0, end);
        assert.equal(target.decode(new DataView(cut.buffer), AT, end), undefined, `end ${end}`);
      }
    });

    it('does not need its spare last bytes', () => {
      const bytes = encodeOver(target, 0, AT).slice(0, -target.spare || undefined);
      assert.deepEqual(target.decode(new DataView(bytes.buffer), AT, bytes.length), target.value);
    });

    it(target.exact ? 'is undefined with bytes behind it' : 'tolerates bytes behind it', () => {
      const bytes = new Uint8Array([
        ...encodeOver(target, 0, AT),
        ...new Uint8Array(11).fill(0xaa),
      ]);
      const decoded = target.decode(new DataView(bytes.buffer), AT, bytes.length);
      assert.deepEqual(decoded, target.exact ? undefined : target.value);
    });
  });
}

/** The sample at `at` of a buffer filled with `filling`, up to the sample's end. */
function encodeOver(target: WireTarget, filling: number, at: number): Uint8Array<ArrayBuffer> {
  const room = new Uint8Array(4096).fill(filling);
  const end = target.encode(new DataView(room.buffer), at);
  return room.slice(0, end);
}

function bodyOf(target: WireTarget): Uint8Array {
  return encodeOver(target, 0, AT).subarray(AT);
}
