import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATUS_FILE_DELETED } from '../erref/ntstatus.ts';
import { decideClose, decideDeleted } from './decide-close.ts';
import { type Disposition, decideDisposition, decideUndisposed } from './decide-delete.ts';
import { decideRenamed, holdsName, mayRename, opensBelow } from './decide-rename.ts';
import { decideUnlinked } from './decide-unlinked.ts';
import { type FileRecord, isDeletionDue, type OpenEntry } from './file-record.ts';

const CREDENTIALS = { uid: 1000, gid: 1000, groups: [] };
const DISPOSITION: Disposition = {
  openId: '1',
  streamName: '',
  credentials: CREDENTIALS,
  parentOplockKey: '',
  isDeleted: true,
  isPosix: false,
  isOnClose: false,
};

function entry(openId: string, parts: Partial<OpenEntry> = {}): OpenEntry {
  return {
    openId,
    serverId: 's',
    volumeId: 'v',
    path: 'file',
    streamKey: '',
    oplockKey: openId,
    grantedAccess: 0x1_0000,
    shareAccess: 7,
    deleteOnClose: false,
    ...parts,
  };
}

function recordOf(...opens: OpenEntry[]): FileRecord {
  return { isDirectory: false, opens, locks: [], oplocks: [], deletePending: [], version: 1 };
}

function close(current: FileRecord | undefined, openId: string, isAbandoned = false) {
  const closing = {
    openId,
    streamName: '',
    credentials: CREDENTIALS,
    parentOplockKey: '',
    isAbandoned,
    isLeft: false,
  };
  const { next, result } = decideClose(current, closing);
  const { due, isOrphan } = result;
  return { record: next === 'keep' ? current : next, due, isOrphan };
}

function dispose(
  current: FileRecord,
  openId: string,
  parts: Partial<Disposition> = {},
): FileRecord {
  const { next } = decideDisposition(current, { ...DISPOSITION, openId, ...parts });
  assert.ok(next !== undefined);
  return next === 'keep' ? current : next;
}

describe('[MS-FSA] 2.1.5.5 Server Requests Closing an Open', () => {
  it('forgets the record with the last open', () => {
    assert.equal(close(recordOf(entry('1')), '1').record, undefined);
    const { record } = close(recordOf(entry('1'), entry('2')), '1');
    assert.deepEqual(
      record?.opens.map((open) => open.openId),
      ['2'],
    );
  });

  it('drops the locks of the open and no other', () => {
    const lock = { streamKey: '', offset: 0n, length: 1n, exclusive: false };
    const locked = {
      ...recordOf(entry('1'), entry('2')),
      locks: [
        { ...lock, openId: '1' },
        { ...lock, openId: '2' },
      ],
    };
    assert.deepEqual(close(locked, '1').record?.locks, [{ ...lock, openId: '2' }]);
  });

  it('does nothing when the open is not there', () => {
    const record = recordOf(entry('1'));
    assert.deepEqual(close(record, '2'), { record, due: [], isOrphan: false });
    assert.deepEqual(close(undefined, '1'), { record: undefined, due: [], isOrphan: false });
  });

  it('deletes with the last open, and bars new ones until that is done', () => {
    const marked = dispose(recordOf(entry('1'), entry('2')), '1');
    const first = close(marked, '1');
    assert.deepEqual(first.due, []);
    const last = close(first.record, '2');
    assert.equal(last.due.length, 1);
    assert.deepEqual(last.record?.opens, []);
    assert.equal(last.record?.deletePending.length, 1);
    assert.equal(decideDeleted(last.record, last.due, []).next, undefined);
  });

  it('turns FILE_DELETE_ON_CLOSE into a pending deletion when others have the file open', () => {
    const record = recordOf(entry('1', { deleteOnClose: true }), entry('2'));
    const first = close(record, '1');
    assert.deepEqual(first.due, []);
    assert.equal(first.record?.deletePending.length, 1);
    assert.equal(close(first.record, '2').due.length, 1);
  });

  it('has no effect of FILE_DELETE_ON_CLOSE when the open is abandoned', () => {
    const record = recordOf(entry('1', { deleteOnClose: true }));
    assert.deepEqual(close(record, '1', true), { record: undefined, due: [], isOrphan: false });
  });

  it('takes a deletion back', () => {
    const marked = dispose(recordOf(entry('1')), '1');
    assert.deepEqual(dispose(marked, '1', { isDeleted: false }).deletePending, []);
  });

  it('deletes the file only when its named streams are closed too', () => {
    const marked = dispose(recordOf(entry('1'), entry('2', { streamKey: 'S' })), '1');
    const first = close(marked, '1');
    assert.deepEqual(first.due, []);
    assert.equal(close(first.record, '2').due[0]?.streamKey, '');
  });

  it('deletes a stream with its last open, whoever has the file', () => {
    const marked = dispose(recordOf(entry('1', { streamKey: 'S' }), entry('2')), '1');
    const { due, record } = close(marked, '1');
    assert.equal(due[0]?.streamKey, 'S');
    assert.equal(record?.opens.length, 1);
    const { next } = decideDeleted(record, due, []);
    assert.ok(next !== 'keep' && next?.deletePending.length === 0);
  });

  it('deletes one link of several, with the last open of that link', () => {
    const marked = dispose(recordOf(entry('1'), entry('2', { path: 'link' })), '1');
    assert.equal(close(marked, '1').due[0]?.path, 'file');
  });

  it('deletes at once with FILE_DISPOSITION_POSIX_SEMANTICS', () => {
    const marked = dispose(recordOf(entry('1'), entry('2')), '1', { isPosix: true });
    assert.deepEqual(close(marked, '2').due, []);
    const { due, record } = close(marked, '1');
    assert.equal(due.length, 1);
    const { next } = decideDeleted(record, due, []);
    assert.ok(next !== 'keep' && next?.opens.length === 1);
  });

  it('marks the opens of a link that is gone, and only those', () => {
    const record = recordOf(
      entry('1'),
      entry('2', { path: 'link' }),
      entry('3', { volumeId: 'other' }),
    );
    const marks = (isLast: boolean): readonly (boolean | undefined)[] => {
      const link = { volumeId: 'v', path: 'file', isLast };
      const { next } = decideDeleted(record, [], [link]);
      const { next: replaced } = decideUnlinked(record, link);
      assert.ok(next !== undefined && next !== 'keep');
      assert.deepEqual(replaced, next);
      assert.equal(decideUnlinked(undefined, link).result, false);
      return next.opens.map(({ isUnlinked }) => isUnlinked);
    };
    assert.deepEqual(marks(false), [true, undefined, undefined]);
    assert.deepEqual(marks(true), [true, true, true]);
  });

  it('an open of a link that is gone deletes, renames and holds nothing', () => {
    const gone = entry('1', { isUnlinked: true, deleteOnClose: true });
    const record = recordOf(gone, entry('2'));
    const disposition = { openId: '1', volumeId: 'v', path: 'file' };
    assert.equal(dispose(record, '1'), record);
    assert.equal(mayRename(record, disposition), STATUS_FILE_DELETED);
    assert.equal(holdsName(recordOf(gone)), false);
    assert.deepEqual(close(record, '1').due, []);
    assert.equal(close(record, '1').isOrphan, false);
    assert.equal(close(recordOf(gone), '1').isOrphan, true);
    assert.equal(close(dispose(record, '2'), '2').due.length, 1);
    const moved = decideRenamed(record, { volumeId: 'v', path: 'file' }, 'new').next;
    assert.ok(moved !== undefined && moved !== 'keep');
    assert.deepEqual(
      moved.opens.map(({ path }) => path),
      ['file', 'new'],
    );
    assert.deepEqual(
      opensBelow([['k', recordOf({ ...gone, path: 'a/b' })]], { volumeId: 'v', path: 'a' }),
      [],
    );
  });

  it('changes FILE_DELETE_ON_CLOSE with FILE_DISPOSITION_ON_CLOSE', () => {
    const set = dispose(recordOf(entry('1')), '1', { isOnClose: true });
    assert.equal(set.opens[0]?.deleteOnClose, true);
    const cleared = dispose(set, '1', { isOnClose: true, isDeleted: false });
    assert.equal(cleared.opens[0]?.deleteOnClose, false);
  });

  it('is as it was before when it is taken back, but for what others changed', () => {
    const [before, other] = [recordOf(entry('1')), entry('2')];
    for (const parts of [{}, { isOnClose: true }]) {
      const set = dispose(before, '1', parts);
      const { next } = decideUndisposed({ ...set, opens: [...set.opens, other] }, before, {
        ...DISPOSITION,
        ...parts,
      });
      assert.deepEqual(next, { ...before, opens: [...before.opens, other], version: 3 });
    }
    const set = dispose(before, '1');
    const cleared = dispose(set, '1', { isDeleted: false });
    const { next } = decideUndisposed(cleared, set, { ...DISPOSITION, isDeleted: false });
    assert.deepEqual(next, { ...set, version: 4 });
  });
});

describe('[MS-SMB2] 3.3.1.12 Per Lease, Lease.FileDeleteOnClose', () => {
  const one = entry('1', { oplockKey: 'lease' });
  const deleting = entry('2', { oplockKey: 'lease', deleteOnClose: true });

  it('is set by a pending deletion, and by an open under the lease that deletes', () => {
    assert.equal(isDeletionDue(undefined, one), false);
    assert.equal(isDeletionDue(recordOf(one), one), false);
    assert.equal(isDeletionDue(dispose(recordOf(one), '1'), one), true);
    assert.equal(isDeletionDue(recordOf(one, deleting), one), true);
  });

  it('is not set by an open under another one, or of another stream', () => {
    const other = { ...deleting, oplockKey: 'other' };
    assert.equal(isDeletionDue(recordOf(one, other), one), false);
    assert.equal(isDeletionDue(recordOf(one, { ...deleting, streamKey: 'A' }), one), false);
  });
});
