import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex, viewOf } from '../base/bytes.ts';
import { STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { encodeDirectoryEntry, linkDirectoryEntry } from './directory-information.ts';
import type { DirectoryEntryData, PosixMetadata } from './file-metadata.ts';
import { FilePosixInformation } from './info-classes.ts';
import {
  decodeFsPosixInformation,
  decodePosixEntries,
  decodePosixInformation,
  encodeFsPosixInformation,
  encodePosixInformation,
  type FsPosixInformation,
} from './posix-information.ts';

const POSIX: PosixMetadata = {
  inode: 0x0102_0304_0506_0708n,
  device: 0xfe01,
  numberOfLinks: 1,
  reparseTag: 0,
  mode: 0o640,
  owner: 'S-1-22-1-1000',
  group: 'S-1-22-2-100',
};

const ENTRY: DirectoryEntryData = {
  name: 'a:b',
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  attributes: 0x20,
  endOfFile: 5,
  allocationSize: 4096,
  numberOfLinks: 1,
  deletePending: false,
  isDirectory: false,
  fileId: 9n,
  eaSize: 0,
  reparseTag: 0,
  posix: POSIX,
};

/** The class of a file, field by field as Samba's smb3posix.idl has them, without padding. */
const FILE_HEX = [
  '0100000000000000 0200000000000000 0300000000000000 0400000000000000',
  '0500000000000000 0010000000000000 20000000 0807060504030201 01fe0000 00000000',
  '01000000 00000000 a0010000',
  '0102000000000016 01000000 e8030000',
  '0102000000000016 02000000 64000000',
]
  .join('')
  .replaceAll(' ', '');

const FILE = {
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  endOfFile: 5,
  allocationSize: 4096,
  attributes: 0x20,
  ...POSIX,
};

describe('SMB3 POSIX Extensions, FilePosixInformation', () => {
  it('has the known bytes, both ways', () => {
    const bytes = new Uint8Array(FILE_HEX.length / 2).fill(0xaa);
    const view = viewOf(bytes);
    const encoded = encodePosixInformation(view, 0, bytes.length, ENTRY, POSIX);
    assert.deepEqual(encoded, { status: STATUS_SUCCESS, end: bytes.length });
    assert.equal(toHex(bytes), FILE_HEX);
    assert.deepEqual(decodePosixInformation(view, 0, bytes.length), FILE);
  });

  it('is STATUS_INFO_LENGTH_MISMATCH in a byte less, and undefined after each cut', () => {
    const bytes = new Uint8Array(Buffer.from(FILE_HEX, 'hex'));
    const encoded = encodePosixInformation(viewOf(bytes), 0, bytes.length - 1, ENTRY, POSIX);
    assert.equal(encoded.status, STATUS_INFO_LENGTH_MISMATCH);
    for (let end = 0; end < bytes.length; end++) {
      assert.equal(decodePosixInformation(viewOf(bytes.slice(0, end)), 0, end), undefined);
    }
  });
});

describe('SMB3 POSIX Extensions, entries of a listing', () => {
  const fill = (): { readonly bytes: Uint8Array; readonly firstEnd: number } => {
    const bytes = new Uint8Array(1024).fill(0xaa);
    const view = viewOf(bytes);
    const firstEnd = encodeDirectoryEntry(FilePosixInformation, view, 0, 1024, ENTRY);
    const nextAt = (firstEnd + 7) & ~7;
    linkDirectoryEntry(view, 0, firstEnd, nextAt);
    const other = { ...ENTRY, name: 'A:B ' };
    const end = encodeDirectoryEntry(FilePosixInformation, view, nextAt, 1024, other);
    return { bytes: bytes.slice(0, end), firstEnd };
  };

  it('come back with their names as they are', () => {
    const { bytes } = fill();
    assert.equal(toHex(bytes.subarray(8, 8 + FILE_HEX.length / 2)), FILE_HEX);
    assert.deepEqual(decodePosixEntries(viewOf(bytes), 0, bytes.length), [
      { name: 'a:b', file: FILE },
      { name: 'A:B ', file: FILE },
    ]);
  });

  it('are undefined after each cut', () => {
    const { bytes } = fill();
    for (let end = 1; end < bytes.length; end++) {
      assert.equal(decodePosixEntries(viewOf(bytes.slice(0, end)), 0, end), undefined);
    }
  });

  it('are written only where they fit', () => {
    const { firstEnd } = fill();
    const view = viewOf(new Uint8Array(1024));
    const encode = (end: number): number =>
      encodeDirectoryEntry(FilePosixInformation, view, 0, end, ENTRY);
    assert.equal(encode(firstEnd), firstEnd);
    assert.equal(encode(firstEnd - 1), -1);
  });
});

describe('SMB3 POSIX Extensions, FileFsPosixInformation', () => {
  const DATA: FsPosixInformation = {
    optimalTransferSize: 65_536,
    blockSize: 4096,
    totalBlocks: 0x1_0000_0001,
    blocksFree: 3,
    blocksAvailable: 2,
    totalFiles: 1000,
    filesFree: 999,
    fileSystemId: 0xfedc_ba98_7654_3210n,
  };

  it('has the known bytes, both ways, and is undefined after each cut', () => {
    const bytes = new Uint8Array(56).fill(0xaa);
    const view = viewOf(bytes);
    assert.equal(encodeFsPosixInformation(view, 0, 56, DATA).end, 56);
    assert.equal(
      toHex(bytes),
      '0000010000100000010000000100000003000000000000000200000000000000' +
        'e803000000000000e7030000000000001032547698badcfe',
    );
    assert.deepEqual(decodeFsPosixInformation(view, 0, 56), DATA);
    for (let end = 0; end < 56; end++) {
      assert.equal(decodeFsPosixInformation(view, 0, end), undefined);
    }
    assert.equal(encodeFsPosixInformation(view, 0, 55, DATA).status, STATUS_INFO_LENGTH_MISMATCH);
  });
});
