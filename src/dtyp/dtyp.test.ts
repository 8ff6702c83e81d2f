import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex, viewOf } from '../base/bytes.ts';
import { type Ace, isSidAce } from './acl.ts';
import {
  FILE_TIME_OF_1970,
  fileTimeOfMs,
  fileTimeOfNs,
  isSettableFileTime,
  msOfFileTime,
  nsOfFileTime,
} from './file-time.ts';
import { guidBytes, guidOf, parseGuid } from './guid.ts';
import {
  parseSecurityDescriptor,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PRESENT,
  SE_SELF_RELATIVE,
  type SecurityDescriptor,
  securityDescriptorBytes,
  securityDescriptorSize,
} from './security-descriptor.ts';
import { decodeSid, encodeSid, parseSid, SID_BUILTIN_ADMINISTRATORS, sidSize } from './sid.ts';

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('[MS-DTYP] 2.3.4.2 GUID', () => {
  it('is little endian in its first three fields', () => {
    // The SRVSVC interface as every bind to it carries it.
    const bytes = hex('c84f324b 7016 d301 1278 5a47bf6ee188');
    assert.equal(guidOf(bytes), '4b324fc8-1670-01d3-1278-5a47bf6ee188');
    assert.equal(toHex(guidBytes('4b324fc8-1670-01d3-1278-5a47bf6ee188')), toHex(bytes));
  });
  it('comes back from any sixteen bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(guidBytes(guidOf(bytes)), bytes);
      }),
    );
  });
  it('is read with and without braces, and in no other form', () => {
    const guid = '4b324fc8-1670-01d3-1278-5a47bf6ee188';
    assert.equal(parseGuid(`{${guid.toUpperCase()}}`), guid);
    assert.equal(parseGuid(guid.slice(1)), undefined);
  });
});

describe('[MS-DTYP] 2.3.3 FILETIME', () => {
  it('counts 100 ns from 1601', () => {
    assert.equal(fileTimeOfNs(0n), FILE_TIME_OF_1970);
    assert.equal(fileTimeOfNs(123n), FILE_TIME_OF_1970 + 1n);
    assert.equal(nsOfFileTime(FILE_TIME_OF_1970 - 1n), -100n);
    assert.equal(fileTimeOfNs(-1n), FILE_TIME_OF_1970 - 1n);
    assert.equal(fileTimeOfNs(-(10n ** 22n)), 0n);
    assert.equal(msOfFileTime(fileTimeOfMs(1234)), 1234);
  });
  it('admits -1 and -2 as settings, and nothing below', () => {
    assert.deepEqual([-1n, -2n, -3n].map(isSettableFileTime), [true, true, false]);
  });
});

describe('[MS-DTYP] 2.4.2 SID', () => {
  const administrators = hex('01 02 000000000005 20000000 20020000');
  it('decodes and encodes BUILTIN\\Administrators', () => {
    const decoded = decodeSid(viewOf(administrators), 0, administrators.length);
    assert.deepEqual(decoded, { sid: SID_BUILTIN_ADMINISTRATORS, end: 16 });
    const bytes = new Uint8Array(sidSize(SID_BUILTIN_ADMINISTRATORS));
    encodeSid(viewOf(bytes), 0, SID_BUILTIN_ADMINISTRATORS);
    assert.deepEqual(bytes, administrators);
  });
  it('is undefined at every truncation', () => {
    for (let end = 0; end < administrators.length; end++) {
      assert.equal(decodeSid(viewOf(administrators), 0, end), undefined);
    }
  });
  it('refuses a revision other than 1 and more than 15 sub-authorities', () => {
    assert.equal(decodeSid(viewOf(hex('02 00 000000000005')), 0, 8), undefined);
    const many = new Uint8Array(8 + 64);
    many.set([1, 16]);
    assert.equal(decodeSid(viewOf(many), 0, many.length), undefined);
  });
  it('round-trips, large authorities in hexadecimal', () => {
    fc.assert(
      fc.property(sid, (text) => {
        const bytes = new Uint8Array(sidSize(text));
        assert.equal(encodeSid(viewOf(bytes), 0, text), bytes.length);
        assert.deepEqual(decodeSid(viewOf(bytes), 0, bytes.length)?.sid, text);
        assert.equal(parseSid(text), text);
      }),
    );
    assert.equal(parseSid('s-1-0x000000000005-07'), 'S-1-5-7');
    for (const bad of ['', 'S-1', 'S-2-5', 'S-1-5-4294967296', 'S-1-x', 'S-1-5-']) {
      assert.equal(parseSid(bad), undefined, bad);
    }
  });
});

const PLAIN = { noNullPrototype: true };
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const sid = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 2 ** 32, max: 2 ** 48 - 1 })),
    fc.array(u32, { maxLength: 15 }),
  )
  .map(([authority, subs]) => {
    const text =
      authority < 2 ** 32 ? `${authority}` : `0x${authority.toString(16).padStart(12, '0')}`;
    return ['S-1', text, ...subs].join('-');
  });
const flags = fc.integer({ min: 0, max: 255 });
const quads = fc.integer({ min: 0, max: 3 }).map((n) => new Uint8Array(4 * n).fill(n));
const sidAce = fc.record(
  { type: fc.constantFrom(0, 1, 2, 3, 0x11, 0x13), flags, mask: u32, sid },
  PLAIN,
);
const conditionalAce = fc
  .record({ type: fc.constantFrom(9, 10, 13, 0x12), flags, mask: u32, sid, data: quads }, PLAIN)
  .map(({ data, ...ace }) => (data.length === 0 ? ace : { ...ace, data }));
const rawAce = fc.record(
  { type: fc.constantFrom(4, 5, 8, 0x10, 0x20, 255), flags, body: quads },
  PLAIN,
);
const ace: fc.Arbitrary<Ace> = fc.oneof(sidAce, conditionalAce, rawAce);
const acl = fc.record(
  { revision: fc.constantFrom(2, 4), aces: fc.array(ace, { maxLength: 5 }) },
  PLAIN,
);
const maybeAcl = fc.oneof(fc.constant(undefined), fc.constant(null), acl);
const descriptor: fc.Arbitrary<SecurityDescriptor> = fc
  .record(
    {
      control: fc.integer({ min: 0, max: 0xffff }).map((c) => (c & ~0x14) | SE_SELF_RELATIVE),
      owner: fc.option(sid, { nil: undefined }),
      group: fc.option(sid, { nil: undefined }),
      sacl: maybeAcl,
      dacl: maybeAcl,
    },
    PLAIN,
  )
  .map((one) => ({
    ...one,
    control:
      one.control | (one.dacl === undefined ? 0 : 0x04) | (one.sacl === undefined ? 0 : 0x10),
  }));

describe('[MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR', () => {
  // Owner and group Administrators; full control for them, inherited; hand-assembled by 2.4.6.
  const known = hex(
    '01 00 0484 14000000 24000000 00000000 34000000' +
      '01 02 000000000005 20000000 20020000' +
      '01 02 000000000005 20000000 20020000' +
      '02 00 2000 0100 0000' +
      '00 13 1800 ff011f00 01 02 000000000005 20000000 20020000',
  );
  it('decodes and encodes known bytes', () => {
    const expected: SecurityDescriptor = {
      control: SE_SELF_RELATIVE | SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED,
      owner: SID_BUILTIN_ADMINISTRATORS,
      group: SID_BUILTIN_ADMINISTRATORS,
      sacl: undefined,
      dacl: {
        revision: 2,
        aces: [{ type: 0, flags: 0x13, mask: 0x1f01ff, sid: SID_BUILTIN_ADMINISTRATORS }],
      },
    };
    assert.deepEqual(parseSecurityDescriptor(known), expected);
    assert.equal(toHex(securityDescriptorBytes(expected)), toHex(known));
  });
  it('is undefined at every truncation', () => {
    for (let end = 0; end < known.length; end++) {
      assert.equal(parseSecurityDescriptor(known.subarray(0, end)), undefined, `${end}`);
    }
  });
  it('tells no DACL, a NULL DACL and an empty DACL apart', () => {
    const base = { control: SE_SELF_RELATIVE, owner: undefined, group: undefined };
    for (const dacl of [undefined, null, { revision: 2, aces: [] }]) {
      const bytes = securityDescriptorBytes({ ...base, sacl: undefined, dacl });
      assert.deepEqual(parseSecurityDescriptor(bytes)?.dacl, dacl);
    }
  });
  it('refuses parts that overlap the header', () => {
    const bytes = known.slice();
    bytes[4] = 2;
    assert.equal(parseSecurityDescriptor(bytes), undefined);
  });
  it('round-trips', () => {
    fc.assert(
      fc.property(descriptor, (one) => {
        const bytes = securityDescriptorBytes(one);
        assert.equal(bytes.length, securityDescriptorSize(one));
        assert.deepEqual(parseSecurityDescriptor(bytes), one);
      }),
    );
  });
  it('keeps object ACEs as they came', () => {
    const object: Ace = { type: 5, flags: 0, body: new Uint8Array(16).fill(1) };
    const bytes = securityDescriptorBytes({
      control: SE_SELF_RELATIVE,
      owner: undefined,
      group: undefined,
      sacl: undefined,
      dacl: { revision: 4, aces: [object] },
    });
    const decoded = parseSecurityDescriptor(bytes)?.dacl?.aces[0];
    assert.ok(decoded !== undefined && !isSidAce(decoded));
    assert.deepEqual(decoded, object);
  });
});
