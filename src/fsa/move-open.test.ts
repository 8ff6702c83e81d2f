import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { FILE_SHARE_READ } from '../fscc/create-parameters.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import { decideAdopted } from './move-open.ts';
import { HANDLE_CACHING, type OplockEntry } from './oplock.ts';
import type { KeptOpen, PersistentOpen } from './persistent-open.ts';

const KEPT: KeptOpen = {
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
  const a = { openId: 'a', serverId: 'from' };

  it('moves the open and its oplock to the new process, and nothing of others', () => {
    const opens = [entry('a'), entry('b')];
    const record = recordOf(opens, [oplock('a', 'from'), oplock('b', 'from')]);
    const adopted = entry('a', { serverId: 'to' });
    const { next, result } = decideAdopted(record, a, 'to');
    assert.deepEqual(result, adopted);
    const expected = recordOf([adopted, entry('b')], [oplock('a', 'to'), oplock('b', 'from')]);
    assert.deepEqual(next, { ...expected, version: 4 });
  });

  it('leaves one that outlives the server to its client, who is away', () => {
    const persistent: PersistentOpen = { ...KEPT, isAway: false, owner: {} };
    const { result } = decideAdopted(recordOf([entry('a', { persistent })], []), a, 'to');
    assert.equal(result?.persistent?.isAway, true);
  });

  it('takes nothing that another process has by now, or that is gone', () => {
    const kept = { next: 'keep', result: undefined };
    const taken = recordOf([entry('a', { serverId: 'other' })], []);
    assert.deepEqual(decideAdopted(taken, a, 'to'), kept);
    assert.deepEqual(decideAdopted(recordOf([], []), a, 'to'), kept);
    assert.deepEqual(decideAdopted(undefined, a, 'to'), kept);
  });
});
