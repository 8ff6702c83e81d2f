import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex, viewOf } from '../base/bytes.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  decodeFullEaList,
  decodeGetEaList,
  encodeFullEaList,
  encodeGetEaList,
  fullEaListSize,
  isValidEaName,
  packedEaSize,
} from './ea.ts';
import type { Encoded } from './encoded.ts';
import {
  decodeAllInformation,
  decodeBasicInformation,
  decodeInternalInformation,
  decodeNameInformation,
  decodeNetworkOpenInformation,
  decodeStandardInformation,
  encodeFileInformation,
} from './file-information.ts';
import type { FileInformationData } from './file-metadata.ts';
import {
  decodeAttributeInformation,
  decodeFullSizeInformation,
  decodeVolumeInformation,
  encodeFsInformation,
  type FsInformationData,
} from './fs-information.ts';
import * as infoClasses from './info-classes.ts';
import { decodePipeInformation, encodePipeInformation } from './pipe-information.ts';
import {
  decodeDisposition,
  decodeDispositionEx,
  decodeFileSize,
  decodeMode,
  decodeNewName,
  encodeBasicInformation,
  encodeDisposition,
  encodeDispositionEx,
  encodeFileSize,
  encodeNewName,
  newNameSize,
  setInformationSize,
} from './set-information.ts';
import { decodeStreamInformation, encodeStreamInformation } from './stream-information.ts';

const DATA: FileInformationData = {
  creationTime: 0x01d9_0000_0000_0001n,
  lastAccessTime: 0x01d9_0000_0000_0002n,
  lastWriteTime: 0x01d9_0000_0000_0003n,
  changeTime: 0x01d9_0000_0000_0004n,
  attributes: 0x20,
  endOfFile: 5_000_000_000,
  allocationSize: 5_000_003_584,
  numberOfLinks: 2,
  deletePending: true,
  isDirectory: false,
  fileId: 0xfedc_ba98_7654_3210n,
  eaSize: 21,
  reparseTag: 0,
  accessFlags: 0x1f01ff,
  positionOffset: 7n,
  mode: 2,
  alignment: 0,
  name: '\\dir\\bufsize.txt',
  shortName: 'BUFSIZ~1.TXT',
  volumeSerialNumber: 0x1234n,
};
const FS: FsInformationData = {
  creationTime: 1n,
  serialNumber: 0xdead_beef,
  label: 'share',
  totalUnits: 5_000_000_000,
  callerAvailableUnits: 4_000_000_000,
  actualAvailableUnits: 4_500_000_000,
  sectorsPerUnit: 8,
  bytesPerSector: 512,
  attributes: 0x2f,
  componentNameLengthMax: 255,
  fileSystemName: 'NTFS',
  readOnly: false,
};

/** Class and the smallest buffer it takes: smbtorture smb2.getinfo.qfile_buffercheck. */
const FILE_FIXED: readonly [number, number][] = [
  [4, 40],
  [5, 24],
  [6, 8],
  [7, 4],
  [8, 4],
  [16, 4],
  [17, 4],
  [18, 104],
  [21, 8],
  [28, 16],
  [34, 56],
  [35, 8],
  [59, 24],
];
/** The same of smb2.getinfo.qfs_buffercheck. */
const FS_FIXED: readonly [number, number][] = [
  [1, 24],
  [3, 24],
  [4, 8],
  [5, 16],
  [6, 48],
  [7, 32],
  [11, 28],
];

describe('[MS-FSA] 2.1.5.12 query of file information', () => {
  for (const [infoClass, fixed] of FILE_FIXED) {
    it(`answers class ${infoClass} from ${fixed} bytes on`, () => {
      checkBuffer(fixed, (view, end) => encodeFileInformation(infoClass, view, 0, end, DATA));
    });
  }
  it('refuses classes that are not for queries', () => {
    const view = new DataView(new ArrayBuffer(1000));
    for (const infoClass of [0, 68, 70, 71, 99, 255]) {
      const { status } = encodeFileInformation(infoClass, view, 0, 1000, DATA);
      assert.equal(status, STATUS_INVALID_INFO_CLASS);
    }
    for (const infoClass of [1, 10, 13, 20, 39, 46, 54, 64, 78, 80]) {
      const { status } = encodeFileInformation(infoClass, view, 0, 1000, DATA);
      assert.equal(status, STATUS_NOT_SUPPORTED);
    }
  });
  it('has no alternate name where none is kept', () => {
    const view = new DataView(new ArrayBuffer(100));
    const { status } = encodeFileInformation(21, view, 0, 100, { ...DATA, shortName: '' });
    assert.equal(status, STATUS_OBJECT_NAME_NOT_FOUND);
  });
  it('leaves the leading backslash out of a normalized name', () => {
    const { view, end } = encoded(48);
    assert.equal(decodeNameInformation(view, 0, end), 'dir\\bufsize.txt');
  });
  it('encodes FileStandardInformation as [MS-FSCC] 2.4.47 lays it out', () => {
    const { view, end } = encoded(5);
    const bytes = new Uint8Array(view.buffer, 0, end);
    // AllocationSize, EndOfFile, two links, delete pending, no directory.
    assert.equal(toHex(bytes), '0000062a01000000' + '00f2052a01000000' + '0200000001000000');
  });
  it('is decoded again', () => {
    const all = encoded(18);
    const { reparseTag: _, shortName: __, volumeSerialNumber: ___, ...expected } = DATA;
    assert.deepEqual(decodeAllInformation(all.view, 0, all.end), expected);
    const basic = encoded(4);
    const times = {
      creationTime: DATA.creationTime,
      lastAccessTime: DATA.lastAccessTime,
      lastWriteTime: DATA.lastWriteTime,
      changeTime: DATA.changeTime,
      attributes: DATA.attributes,
    };
    assert.deepEqual(decodeBasicInformation(basic.view, 0, basic.end), times);
    const standard = encoded(5);
    assert.equal(decodeStandardInformation(standard.view, 0, standard.end)?.numberOfLinks, 2);
    const open = encoded(34);
    const { allocationSize, endOfFile } = DATA;
    const networkOpen = decodeNetworkOpenInformation(open.view, 0, open.end);
    assert.deepEqual(networkOpen, { ...times, allocationSize, endOfFile });
    const internal = encoded(6);
    assert.equal(decodeInternalInformation(internal.view, 0, internal.end), DATA.fileId);
  });
  it('writes reserved bytes even into a dirty buffer', () => {
    for (const [infoClass] of FILE_FIXED) {
      const bytes = [0x00, 0xff].map((fill) => {
        const buffer = new Uint8Array(300).fill(fill);
        const { end } = encodeFileInformation(infoClass, viewOf(buffer), 0, 300, DATA);
        return toHex(buffer.subarray(0, end));
      });
      assert.equal(bytes[0], bytes[1], `class ${infoClass}`);
    }
  });
});

describe('[MS-FSA] 2.1.5.13 query of file system information', () => {
  for (const [infoClass, fixed] of FS_FIXED) {
    it(`answers class ${infoClass} from ${fixed} bytes on`, () => {
      checkBuffer(fixed, (view, end) => encodeFsInformation(infoClass, view, 0, end, FS));
    });
  }
  it('refuses to tell the label by its set-only class', () => {
    const view = new DataView(new ArrayBuffer(100));
    const { status } = encodeFsInformation(infoClasses.FileFsLabelInformation, view, 0, 100, FS);
    assert.equal(status, STATUS_NOT_SUPPORTED);
  });
  it('is decoded again', () => {
    const view = new DataView(new ArrayBuffer(100));
    const volume = encodeFsInformation(1, view, 0, 100, FS).end;
    assert.equal(decodeVolumeInformation(view, 0, volume)?.label, 'share');
    const attribute = encodeFsInformation(5, view, 0, 100, FS).end;
    assert.equal(decodeAttributeInformation(view, 0, attribute)?.fileSystemName, 'NTFS');
    const full = encodeFsInformation(7, view, 0, 100, FS).end;
    assert.equal(decodeFullSizeInformation(view, 0, full)?.actualAvailableUnits, 4_500_000_000);
  });
});

describe('[MS-FSCC] 2.4 SET_INFO buffers', () => {
  it('decodes a rename as Windows lays it out', () => {
    const bytes = Buffer.from(
      '0100000000000000000000000000000004000000' + '61006200' + '0000',
      'hex',
    );
    const view = viewOf(bytes);
    const expected = { replaceIfExists: true, flags: 1, rootDirectory: 0n, name: 'ab' };
    assert.deepEqual(decodeNewName(10, view, 0, bytes.length), expected);
    for (let end = 0; end < 24; end++) assert.equal(decodeNewName(10, view, 0, end), undefined);
    const out = new Uint8Array(newNameSize('ab'));
    assert.equal(encodeNewName(viewOf(out), 0, expected), 24);
    assert.equal(toHex(out), toHex(bytes).slice(0, 48));
  });
  it('reads four bytes of flags in the Ex classes', () => {
    const bytes = Buffer.from('4300000000000000000000000000000002000000' + '6100', 'hex');
    const name = decodeNewName(infoClasses.FileRenameInformationEx, viewOf(bytes), 0, 22);
    assert.deepEqual([name?.flags, name?.replaceIfExists], [0x43, true]);
  });
  it('round-trips the fixed ones and refuses what is too short', () => {
    const view = new DataView(new ArrayBuffer(64));
    assert.equal(decodeDisposition(view, 0, encodeDisposition(view, 0, true)), true);
    assert.equal(decodeDispositionEx(view, 0, encodeDispositionEx(view, 0, 0x13)), 0x13);
    assert.equal(decodeFileSize(view, 0, encodeFileSize(view, 0, -5n)), -5n);
    const { creationTime, lastAccessTime, lastWriteTime, changeTime, attributes } = DATA;
    const basic = { creationTime, lastAccessTime, lastWriteTime, changeTime, attributes };
    const end = encodeBasicInformation(view, 0, basic);
    assert.deepEqual(decodeBasicInformation(view, 0, end), basic);
    assert.deepEqual(
      [
        decodeDisposition(view, 0, 0),
        decodeDispositionEx(view, 0, 3),
        decodeFileSize(view, 0, 7),
        decodeMode(view, 0, 3),
        decodePipeInformation(view, 0, 7),
        decodeBasicInformation(view, 0, 35),
      ],
      Array(6).fill(undefined),
    );
  });
  it('knows how short each class may be', () => {
    assert.equal(setInformationSize(infoClasses.FileBasicInformation), 36);
    assert.equal(setInformationSize(infoClasses.FileAllInformation), undefined);
  });
});

describe('[MS-FSCC] 2.4.49 FileStreamInformation', () => {
  const streams = [
    { name: '::$DATA', size: 10, allocationSize: 4096 },
    { name: ':odd:$DATA', size: 0, allocationSize: 0 },
    { name: ':third:$DATA', size: 2 ** 33, allocationSize: 2 ** 33 },
  ];
  it('round-trips', () => {
    const view = new DataView(new ArrayBuffer(500));
    const { status, end } = encodeStreamInformation(view, 0, 500, streams);
    assert.equal(status, STATUS_SUCCESS);
    assert.deepEqual(decodeStreamInformation(view, 0, end), streams);
  });
  it('needs 32 bytes and leaves out entries that do not fit', () => {
    const view = new DataView(new ArrayBuffer(500));
    const full = encodeStreamInformation(view, 0, 500, streams).end;
    for (let end = 0; end <= full; end++) {
      const outcome = encodeStreamInformation(view, 0, end, streams);
      const expected =
        end < 32
          ? STATUS_INFO_LENGTH_MISMATCH
          : end < full
            ? STATUS_BUFFER_OVERFLOW
            : STATUS_SUCCESS;
      assert.equal(outcome.status, expected);
      const listed = decodeStreamInformation(view, 0, outcome.end);
      assert.deepEqual(listed, streams.slice(0, listed?.length));
    }
  });
});

describe('[MS-FSCC] 2.4.16 extended attributes', () => {
  const list = [
    { flags: 0, name: 'EAONE', value: Buffer.from('VALUE1') },
    { flags: 0x80, name: 'SECONDEA', value: Buffer.from('ValueTwo') },
  ].map((ea) => ({ ...ea, value: new Uint8Array(ea.value) }));
  it('encodes a known list', () => {
    const bytes = new Uint8Array(fullEaListSize(list));
    const { status, end } = encodeFullEaList(viewOf(bytes), 0, bytes.length, list);
    assert.deepEqual([status, end], [STATUS_SUCCESS, bytes.length]);
    const first = '14000000' + '00' + '05' + '0600' + '45414f4e4500' + '56414c554531';
    const second = '00000000' + '80' + '08' + '0800' + '5345434f4e44454100' + '56616c756554776f';
    assert.equal(toHex(bytes), first + second);
    assert.deepEqual(decodeFullEaList(viewOf(bytes), 0, bytes.length), list);
    for (let cut = 1; cut < bytes.length; cut++) {
      assert.equal(decodeFullEaList(viewOf(bytes), 0, cut), undefined);
    }
  });
  it('writes whole entries only', () => {
    const view = new DataView(new ArrayBuffer(100));
    assert.equal(encodeFullEaList(view, 0, 10, list).status, STATUS_BUFFER_TOO_SMALL);
    const { status, end } = encodeFullEaList(view, 0, 30, list);
    assert.deepEqual([status, decodeFullEaList(view, 0, end)], [STATUS_BUFFER_OVERFLOW, [list[0]]]);
  });
  it('asks for names', () => {
    const view = new DataView(new ArrayBuffer(100));
    const names = ['EAONE', 'A', 'SECONDEA'];
    const end = encodeGetEaList(view, 0, names);
    assert.deepEqual(decodeGetEaList(view, 0, end), names);
    for (let cut = 1; cut < end; cut++) assert.equal(decodeGetEaList(view, 0, cut), undefined);
  });
  it('counts the packed size and knows valid names', () => {
    assert.equal(packedEaSize([]), 0);
    assert.equal(packedEaSize(list), 4 + 5 + 5 + 6 + 5 + 8 + 8);
    assert.deepEqual(['A', '', 'a*b', 'a\x01', 'x'.repeat(255)].map(isValidEaName), [
      true,
      false,
      false,
      false,
      false,
    ]);
  });
  it('round-trips', () => {
    const ea = fc.record(
      {
        flags: fc.constantFrom(0, 0x80),
        name: fc.string({ unit: fc.constantFrom(...'ABCabc'), maxLength: 20 }),
        value: fc.uint8Array({ maxLength: 50 }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(ea, { minLength: 1 }), (eas) => {
        const bytes = new Uint8Array(fullEaListSize(eas));
        encodeFullEaList(viewOf(bytes), 0, bytes.length, eas);
        assert.deepEqual(decodeFullEaList(viewOf(bytes), 0, bytes.length), eas);
      }),
    );
  });
});

describe('[MS-FSCC] 2.4.37 pipe information', () => {
  it('answers both classes and no other', () => {
    const view = new DataView(new ArrayBuffer(40));
    assert.deepEqual(encodePipeInformation(23, view, 0, 40, 0), { status: STATUS_SUCCESS, end: 8 });
    assert.deepEqual(decodePipeInformation(view, 0, 8), { readMode: 1, completionMode: 0 });
    assert.equal(encodePipeInformation(24, view, 0, 40, 0).end, 40);
    assert.equal(encodePipeInformation(24, view, 0, 39, 0).status, STATUS_INFO_LENGTH_MISMATCH);
    assert.equal(encodePipeInformation(5, view, 0, 40, 0).status, STATUS_INVALID_INFO_CLASS);
  });
});

/** The three statuses of growing buffers, and that nothing is written beyond them. */
function checkBuffer(fixed: number, encode: (view: DataView, end: number) => Encoded): void {
  const full = encode(new DataView(new ArrayBuffer(1000)), 1000);
  assert.equal(full.status, STATUS_SUCCESS);
  for (let size = 0; size <= full.end; size++) {
    const { status, end } = encode(new DataView(new ArrayBuffer(size)), size);
    if (size < fixed) assert.equal(status, STATUS_INFO_LENGTH_MISMATCH, `${size}`);
    else if (size < full.end) assert.equal(status, STATUS_BUFFER_OVERFLOW, `${size}`);
    else assert.equal(status, STATUS_SUCCESS, `${size}`);
    assert.ok(end <= size);
  }
}

function encoded(infoClass: number): { view: DataView; end: number } {
  const view = new DataView(new ArrayBuffer(400));
  const { status, end } = encodeFileInformation(infoClass, view, 0, 400, DATA);
  assert.equal(status, STATUS_SUCCESS);
  return { view, end };
}
