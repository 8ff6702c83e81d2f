import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex, viewOf } from '../base/bytes.ts';
import {
  decodeDirectoryEntries,
  directoryEntryFixedSize,
  encodeDirectoryEntry,
  linkDirectoryEntry,
  nextDirectoryEntryAt,
} from './directory-information.ts';
import type { DirectoryEntryData } from './file-metadata.ts';

const CLASSES = [1, 2, 3, 12, 37, 38, 60, 78, 79, 80, 81];

const ENTRY: DirectoryEntryData = {
  name: 'readme.txt',
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  attributes: 0x20,
  endOfFile: 5_000_000_000,
  allocationSize: 5_000_003_584,
  numberOfLinks: 1,
  deletePending: false,
  isDirectory: false,
  fileId: 0xfedc_ba98_7654_3210n,
  eaSize: 9,
  reparseTag: 0,
};

describe('[MS-FSCC] 2.4.10 directory information classes', () => {
  it('lays FileIdBothDirectoryInformation out as 2.4.17', () => {
    const bytes = new Uint8Array(200).fill(0xff);
    const end = encodeDirectoryEntry(37, viewOf(bytes), 0, 200, {
      ...ENTRY,
      shortName: 'README~1',
    });
    assert.equal(end, 104 + 20);
    assert.equal(
      toHex(bytes.subarray(0, end)),
      `${'00'.repeat(8)}${'0100000000000000'}${'0200000000000000'}${'0300000000000000'}` +
        `${'0400000000000000'}${'00f2052a01000000'}${'0000062a01000000'}2000000014000000` +
        `09000000${'1000'}${utf16('README~1')}${'00'.repeat(8)}0000${'1032547698badcfe'}` +
        utf16('readme.txt'),
    );
  });
  it('has the fixed sizes of [MS-FSCC] 2.4 by class number', () => {
    const sizes = [78, 79, 80, 81].map(directoryEntryFixedSize);
    assert.deepEqual(sizes, [80, 106, 96, 122]);
  });
  it('returns -1 for an entry that does not fit and for other classes', () => {
    const view = new DataView(new ArrayBuffer(300));
    for (const infoClass of CLASSES) {
      const size = directoryEntryFixedSize(infoClass) + 20;
      assert.equal(encodeDirectoryEntry(infoClass, view, 0, size, ENTRY), size);
      assert.equal(encodeDirectoryEntry(infoClass, view, 0, size - 1, ENTRY), -1);
    }
    assert.equal(encodeDirectoryEntry(4, view, 0, 300, ENTRY), -1);
  });
  it('round-trips a listing of every class', () => {
    const entries = ['.', '..', 'a', 'x'.repeat(200), 'über'].map((name, i) => ({
      ...ENTRY,
      name,
      fileId: BigInt(i),
    }));
    for (const infoClass of CLASSES) {
      const { view, end } = listing(infoClass, entries);
      const listed = decodeDirectoryEntries(infoClass, view, 8, end);
      assert.deepEqual(
        listed?.map((one) => one.name),
        entries.map((one) => one.name),
      );
      if (infoClass === 12) continue;
      assert.equal(listed?.[0]?.endOfFile, ENTRY.endOfFile);
      const hasId = infoClass !== 1 && infoClass !== 2 && infoClass !== 3;
      assert.equal(listed?.[4]?.fileId, hasId ? 4n : 0n, `class ${infoClass}`);
      for (let cut = 9; cut < end; cut++) {
        assert.equal(decodeDirectoryEntries(infoClass, view, 8, cut), undefined);
      }
    }
  });
  it('shows the reparse tag of a reparse point in place of EaSize', () => {
    const link = { ...ENTRY, attributes: 0x400, eaSize: 0, reparseTag: 0xa000_000c };
    for (const infoClass of CLASSES.filter((one) => one !== 1 && one !== 12)) {
      const { view, end } = listing(infoClass, [link]);
      const [one] = decodeDirectoryEntries(infoClass, view, 8, end) ?? [];
      assert.deepEqual([one?.reparseTag, one?.eaSize], [0xa000_000c, 0], `class ${infoClass}`);
    }
  });
  it('writes every byte, dirty buffers included', () => {
    for (const infoClass of CLASSES) {
      const [clean, dirty] = [0, 0xff].map((fill) => {
        const bytes = new Uint8Array(300).fill(fill);
        const end = encodeDirectoryEntry(infoClass, viewOf(bytes), 0, 300, ENTRY);
        return toHex(bytes.subarray(0, end));
      });
      assert.equal(clean, dirty, `class ${infoClass}`);
    }
  });
});

/** A list from offset 8, as a QUERY_DIRECTORY reply builds it. */
function listing(
  infoClass: number,
  entries: readonly DirectoryEntryData[],
): { view: DataView; end: number } {
  const view = viewOf(new Uint8Array(4096).fill(0xff));
  const start = 8;
  let previousAt = -1;
  let end = start;
  for (const entry of entries) {
    const at = nextDirectoryEntryAt(start, end);
    const entryEnd = encodeDirectoryEntry(infoClass, view, at, 4096, entry);
    if (previousAt >= 0) linkDirectoryEntry(view, previousAt, end, at);
    previousAt = at;
    end = entryEnd;
  }
  return { view, end };
}

function utf16(text: string): string {
  return Buffer.from(text, 'utf16le').toString('hex');
}
