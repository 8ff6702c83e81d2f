import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { FILE_SHARE_READ } from '../fscc/create-parameters.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import { decideAdopted } from './move-open.ts';
import { HANDLE_CACHING, type OplockEntry } from './oplock.ts';
import type { PersistentOpen } from './persistent-open.ts';

const OFFER: PersistentOpen = {
  isAway: false,
  identity: { device: 1n, inode: 2n, birthTimeNs: undefined },
  local: {
    security: {
      userSid: 'S-1-1-0',
      groupSids: [],
      privileges: [],
      credentials: { uid: 0, gid: 0, groups: [] },
      maximalAccess: 0,
    },
    link: undefined,
    streamName: '',
    parentOplockKey: '',
    createOptions: 0,
    mode: 0,
    position: 0n,
    userSetModificationTime: false,
    userSetAccessTime: false,
    userSetChangeTime: false,
  },
  owner: {},
};

function entry(openId: string, parts: Partial<OpenEntry> = {}): OpenEntry {
  return {
    openId,
    serverId: 'from',
    volumeId: 'v',
    path: 'file',
    streamKey: '',
    oplockKey: openId,
    grantedAccess: FILE_READ_DATA,
    shareAccess: FILE_SHARE_READ,
    deleteOnClose: false,
    ...parts,
  };
}

function oplock(oplockKey: string, serverId: string): OplockEntry {
  const held = { caching: HANDLE_CACHING, epoch: 0, breaking: undefined, lease: undefined };
  return { oplockKey, streamKey: '', serverId, ...held };
}

function recordOf(opens: readonly OpenEntry[], oplocks: readonly OplockEntry[]): FileRecord {
  return { isDirectory: false, opens, locks: [], oplocks, deletePending: [], version: 3 };
}

describe('decideAdopted', () => {
  it('moves the open and its oplock to the new process, and nothing of others', () => {
    const record = recordOf(
      [entry('a', { persistent: OFFER }), entry('b')],
      [oplock('a', 'from'), oplock('b', 'from')],
    );
    const { next, result } = decideAdopted(record, 'a', 'to');
    assert.equal(result, true);
    const expected = recordOf(
      [entry('a', { serverId: 'to', persistent: undefined }), entry('b')],
      [oplock('a', 'to'), oplock('b', 'from')],
    );
    assert.deepEqual(next, { ...expected, version: 4 });
  });

  it('takes nothing that is not offered, or is gone', () => {
    const kept = { next: 'keep', result: false };
    assert.deepEqual(decideAdopted(recordOf([entry('a')], []), 'a', 'to'), kept);
    assert.deepEqual(decideAdopted(recordOf([], []), 'a', 'to'), kept);
    assert.deepEqual(decideAdopted(undefined, 'a', 'to'), kept);
  });
});
