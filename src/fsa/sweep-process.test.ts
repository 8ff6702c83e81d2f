import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { FILE_SHARE_READ } from '../fscc/create-parameters.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import { READ_CACHING } from './oplock.ts';
import { decideSweep } from './sweep-process.ts';

function open(openId: string, serverId: string): OpenEntry {
  return {
    openId,
    serverId,
    volumeId: 'v',
    path: 'file',
    streamKey: '',
    oplockKey: openId,
    grantedAccess: FILE_READ_DATA,
    shareAccess: FILE_SHARE_READ,
    deleteOnClose: false,
  };
}

function recordOf(...opens: OpenEntry[]): FileRecord {
  const oplocks = opens.map(({ openId, serverId }) => ({
    oplockKey: openId,
    streamKey: '',
    serverId,
    lease: undefined,
    caching: READ_CACHING,
    epoch: 0,
    breaking: undefined,
  }));
  const locks = opens.map(({ openId }) => ({
    openId,
    streamKey: '',
    offset: 0n,
    length: 1n,
    exclusive: false,
  }));
  return { isDirectory: false, opens, locks, oplocks, deletePending: [], version: 7 };
}

describe('decideSweep', () => {
  it('keeps a record in which the process has nothing', () => {
    assert.equal(decideSweep(recordOf(open('a', 's1')), 's2').next, 'keep');
    assert.equal(decideSweep(undefined, 's2').next, 'keep');
  });

  it('removes the record of a file that nobody else has open', () => {
    const current = recordOf(open('a', 's1'), open('b', 's1'));
    assert.equal(decideSweep(current, 's1').next, undefined);
  });

  it("takes the process's opens, locks and oplocks out, and wakes by a new version", () => {
    const current = recordOf(open('a', 's1'), open('b', 's2'));
    const expected = { ...recordOf(open('b', 's2')), version: 8 };
    assert.deepEqual(decideSweep(current, 's1').next, expected);
  });
});
