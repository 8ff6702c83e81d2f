import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  SYNCHRONIZE,
} from '../dtyp/access-mask.ts';
import { STATUS_DELETE_PENDING, STATUS_SHARING_VIOLATION } from '../erref/ntstatus.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../fscc/create-parameters.ts';
import { decideDirectoryChange, decideOpen } from './decide-open.ts';
import type { FileRecord, OpenEntry, PendingDelete } from './file-record.ts';

const SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

function entry(openId: string, parts: Partial<OpenEntry> = {}): OpenEntry {
  return {
    openId,
    serverId: 's',
    volumeId: 'v',
    path: 'dir/file',
    streamKey: '',
    oplockKey: openId,
    grantedAccess: FILE_READ_DATA,
    shareAccess: SHARE_ALL,
    deleteOnClose: false,
    ...parts,
  };
}

function tryOpen(
  current: FileRecord | undefined,
  open: OpenEntry,
  implied = 0,
): { status: number; record: FileRecord | undefined } {
  const effectiveAccess = open.grantedAccess | implied;
  const { next, result } = decideOpen(current, {
    entry: open,
    isDirectory: false,
    effectiveAccess,
    oplock: undefined,
    isNew: false,
    overwrites: false,
    fileSize: 0,
    queuedAt: undefined,
    isContended: false,
  });
  return { status: result.status, record: next === 'keep' ? current : next };
}

function recordOf(...opens: OpenEntry[]): FileRecord {
  return { isDirectory: false, opens, locks: [], oplocks: [], deletePending: [], version: 1 };
}

const PENDING: PendingDelete = {
  volumeId: 'v',
  path: 'dir/file',
  streamKey: '',
  streamName: '',
  posixOpenId: undefined,
  credentials: { uid: 0, gid: 0, groups: [] },
  parentOplockKey: '',
};

describe('[MS-FSA] 2.1.5.1.2.2 Algorithm to Check Sharing Access', () => {
  it('makes the record with the first open', () => {
    const { status, record } = tryOpen(undefined, entry('1'));
    assert.equal(status, 0);
    assert.deepEqual(
      record?.opens.map((open) => open.openId),
      ['1'],
    );
  });

  const kinds = [
    { access: FILE_READ_DATA, share: FILE_SHARE_READ },
    { access: FILE_EXECUTE, share: FILE_SHARE_READ },
    { access: FILE_WRITE_DATA, share: FILE_SHARE_WRITE },
    { access: FILE_APPEND_DATA, share: FILE_SHARE_WRITE },
    { access: DELETE, share: FILE_SHARE_DELETE },
  ];
  for (const first of kinds) {
    for (const second of kinds) {
      it(`checks 0x${first.access.toString(16)} against 0x${second.access.toString(16)}`, () => {
        for (let share1 = 0; share1 <= SHARE_ALL; share1++) {
          for (let share2 = 0; share2 <= SHARE_ALL; share2++) {
            const one = entry('1', { grantedAccess: first.access, shareAccess: share1 });
            const two = entry('2', { grantedAccess: second.access, shareAccess: share2 });
            const fits = (share1 & second.share) !== 0 && (share2 & first.share) !== 0;
            const { status } = tryOpen(recordOf(one), two);
            assert.equal(status, fits ? 0 : STATUS_SHARING_VIOLATION, `${share1} ${share2}`);
          }
        }
      });
    }
  }

  it('lets an open take no part that neither reads, writes nor deletes', () => {
    const exclusive = entry('1', { grantedAccess: FILE_WRITE_DATA, shareAccess: 0 });
    const stat = { grantedAccess: FILE_READ_ATTRIBUTES | SYNCHRONIZE, shareAccess: 0 };
    assert.equal(tryOpen(recordOf(exclusive), entry('2', stat)).status, 0);
    assert.equal(tryOpen(recordOf(entry('2', stat)), exclusive).status, 0);
  });

  it('counts what an overwrite does as writing', () => {
    const reader = entry('1', { shareAccess: FILE_SHARE_READ });
    assert.equal(tryOpen(recordOf(reader), entry('2')).status, 0);
    const { status } = tryOpen(recordOf(reader), entry('2'), FILE_WRITE_DATA);
    assert.equal(status, STATUS_SHARING_VIOLATION);
  });

  it('keeps streams apart, except that deleting the file needs their share mode', () => {
    const stream = entry('1', { streamKey: 'S', grantedAccess: FILE_WRITE_DATA, shareAccess: 0 });
    assert.equal(tryOpen(recordOf(stream), entry('2', { shareAccess: 0 })).status, 0);
    assert.equal(tryOpen(recordOf(stream), entry('2', { streamKey: 'T' })).status, 0);
    const remover = entry('2', { grantedAccess: DELETE });
    assert.equal(tryOpen(recordOf(stream), remover).status, STATUS_SHARING_VIOLATION);
    const sharing = entry('1', { ...stream, shareAccess: FILE_SHARE_DELETE });
    assert.equal(tryOpen(recordOf(sharing), remover).status, 0);
  });

  it('fails with STATUS_DELETE_PENDING for the link that goes, and only for it', () => {
    const pending = { ...recordOf(entry('1')), deletePending: [PENDING] };
    assert.equal(tryOpen(pending, entry('2')).status, STATUS_DELETE_PENDING);
    assert.equal(tryOpen(pending, entry('2', { streamKey: 'S' })).status, STATUS_DELETE_PENDING);
    assert.equal(tryOpen(pending, entry('2', { path: 'other/link' })).status, 0);
    const elsewhere = entry('2', { volumeId: 'w', path: 'link' });
    assert.equal(tryOpen(pending, elsewhere).status, STATUS_DELETE_PENDING);
  });

  it('fails with STATUS_DELETE_PENDING for a stream that goes, not for the file', () => {
    const gone = { ...PENDING, streamKey: 'S', streamName: 's' };
    const pending = { ...recordOf(entry('1')), deletePending: [gone] };
    assert.equal(tryOpen(pending, entry('2', { streamKey: 'S' })).status, STATUS_DELETE_PENDING);
    assert.equal(tryOpen(pending, entry('2')).status, 0);
  });

  it('never admits two opens that do not share with each other, in whatever order they come', () => {
    const opens = fc.array(
      fc.record({
        grantedAccess: fc
          .integer({ min: 1, max: 0x27 })
          .map((bits) => (bits & 7) | ((bits & 0x20) << 11)),
        shareAccess: fc.integer({ min: 0, max: SHARE_ALL }),
        streamKey: fc.constantFrom('', '', 'S'),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(opens, (wanted) => {
        let record: FileRecord | undefined;
        wanted.forEach((parts, i) => {
          record = tryOpen(record, entry(String(i), parts)).record;
        });
        const admitted = record?.opens ?? [];
        for (const a of admitted) {
          for (const b of admitted) {
            if (a === b || a.streamKey !== b.streamKey) continue;
            const pair = tryOpen(recordOf(a), { ...b, openId: 'again' });
            assert.equal(pair.status, 0);
          }
        }
      }),
    );
  });
});

describe('[MS-FSA] 2.1.5.15.11 FileRenameInformation, the target directory', () => {
  const cases = [
    { access: DELETE, share: SHARE_ALL, fits: false },
    { access: DELETE, share: 0, fits: false },
    { access: FILE_READ_DATA, share: SHARE_ALL, fits: true },
    { access: FILE_READ_DATA, share: 0, fits: false },
    { access: FILE_READ_ATTRIBUTES | SYNCHRONIZE, share: 0, fits: true },
  ];
  for (const { access, share, fits } of cases) {
    const verb = fits ? 'admits' : 'bars';
    it(`${verb} a rename while it is open for 0x${access.toString(16)}/${share}`, () => {
      const open = entry('1', { grantedAccess: access, shareAccess: share });
      const status = decideDirectoryChange(recordOf(open));
      assert.equal(status, fits ? 0 : STATUS_SHARING_VIOLATION);
    });
  }
});
