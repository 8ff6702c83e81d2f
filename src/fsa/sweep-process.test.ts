import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { FILE_SHARE_READ } from '../fscc/create-parameters.ts';
import { type FileRecord, NO_SERVER, type OpenEntry } from './file-record.ts';
import { READ_CACHING } from './oplock.ts';
import { decideSweep, type Sweeping } from './sweep-process.ts';

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

function sweeping(serverId: string, ...staying: string[]): Sweeping {
  return { gone: new Set([serverId]), staying: new Set(staying) };
}

describe('decideSweep', () => {
  it('keeps a record in which the process has nothing', () => {
    assert.equal(decideSweep(recordOf(open('a', 's1')), sweeping('s2')).next, 'keep');
    assert.equal(decideSweep(undefined, sweeping('s2')).next, 'keep');
  });

  it('removes the record of a file that nobody else has open', () => {
    const current = recordOf(open('a', 's1'), open('b', 's1'));
    assert.equal(decideSweep(current, sweeping('s1')).next, undefined);
  });

  it("takes the process's opens, locks and oplocks out, and wakes by a new version", () => {
    const current = recordOf(open('a', 's1'), open('b', 's2'));
    const expected = { ...recordOf(open('b', 's2')), version: 8 };
    assert.deepEqual(decideSweep(current, sweeping('s1')).next, expected);
  });

  it('leaves an open that stays, with its locks and oplock, to whoever takes it', () => {
    const current = recordOf(open('a', 's1'), open('b', 's1'));
    const expected = { ...recordOf(open('b', NO_SERVER)), version: 8 };
    assert.deepEqual(decideSweep(current, sweeping('s1', 'b')).next, expected);
    assert.equal(decideSweep(expected, sweeping('s1', 'b')).next, 'keep');
  });

  it('gives an oplock to the process of an open that shares it', () => {
    const shared = { oplockKey: 'k' };
    const opens = [
      { ...open('a', 's1'), ...shared },
      { ...open('b', 's2'), ...shared },
    ];
    const [oplock] = recordOf(open('k', 's1')).oplocks;
    const current = { ...recordOf(...opens), oplocks: [oplock!] };
    const { next } = decideSweep(current, sweeping('s1'));
    assert(next !== undefined && next !== 'keep');
    assert.deepEqual(next.oplocks, [{ ...oplock, serverId: 's2' }]);
  });

  it('leaves opens with which the file goes to who can delete it', () => {
    const doomed = { ...open('a', 's1'), deleteOnClose: true };
    const { next } = decideSweep(recordOf(doomed, open('b', 's1')), sweeping('s1'));
    assert(next !== undefined && next !== 'keep');
    assert.deepEqual(next.opens, [{ ...doomed, serverId: NO_SERVER }]);
  });
});
