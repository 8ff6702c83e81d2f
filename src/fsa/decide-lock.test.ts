import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LOCKS_PER_FILE_MAX } from '../base/limits.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
} from '../erref/ntstatus.ts';
import { accessConflicts, decideLock, decideTakeBack, decideUnlock } from './decide-lock.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import type { LockRange } from './surface.ts';

function entry(openId: string): OpenEntry {
  return {
    openId,
    serverId: 's',
    volumeId: 'v',
    path: 'file',
    streamKey: '',
    oplockKey: openId,
    grantedAccess: 3,
    shareAccess: 7,
    deleteOnClose: false,
  };
}

const TWO_OPENS: FileRecord = {
  isDirectory: false,
  opens: [entry('a'), entry('b')],
  locks: [],
  oplocks: [],
  deletePending: [],
  version: 1,
};

type Step = 'lock' | 'unlock';

/** Runs the steps on one record; the last status and record. */
class Locks {
  record: FileRecord = TWO_OPENS;

  lock(openId: string, ...ranges: LockRange[]): number {
    const proposal = { openId, streamKey: '', ranges, locksMax: 100 };
    const { next, result } = decideLock(this.record, proposal);
    if (next !== 'keep' && next !== undefined) this.record = next;
    return result;
  }

  unlock(openId: string, ...ranges: LockRange[]): number {
    const { next, result } = decideUnlock(this.record, { openId, streamKey: '', ranges });
    if (next !== 'keep' && next !== undefined) this.record = next;
    return result;
  }

  conflicts(openId: string, offset: number, length: number, write: boolean): boolean {
    return accessConflicts(this.record, { openId, streamKey: '', offset, length, write });
  }
}

function exclusive(offset: number, length: number): LockRange {
  return { offset: BigInt(offset), length: BigInt(length), exclusive: true };
}

function shared(offset: number, length: number): LockRange {
  return { ...exclusive(offset, length), exclusive: false };
}

describe('[MS-FSA] 2.1.5.8 Server Requests a Byte-Range Lock', () => {
  it('grants shared locks together and nothing beside an exclusive one', () => {
    const locks = new Locks();
    assert.equal(locks.lock('a', shared(0, 10)), 0);
    assert.equal(locks.lock('b', shared(5, 10)), 0);
    assert.equal(locks.lock('b', exclusive(9, 1)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(locks.lock('a', exclusive(20, 10)), 0);
    assert.equal(locks.lock('b', shared(29, 1)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(locks.lock('b', shared(30, 1)), 0);
  });

  it('stacks shared on the own exclusive lock, not the reverse, and no two exclusive ones', () => {
    const locks = new Locks();
    assert.equal(locks.lock('a', exclusive(0, 10)), 0);
    assert.equal(locks.lock('a', shared(0, 10)), 0);
    assert.equal(locks.lock('a', exclusive(0, 10)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(locks.lock('b', shared(0, 10)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(locks.unlock('a', shared(0, 10)), 0);
    assert.equal(locks.lock('b', shared(0, 10)), 0);
    assert.equal(locks.lock('a', exclusive(0, 10)), STATUS_LOCK_NOT_GRANTED);
  });

  // smbtorture smb2.lock.zerobytelength
  const zeroByte: readonly (readonly [number, number, boolean])[] = [
    [10, 0, true],
    [9, 1, true],
    [10, 1, true],
    [11, 1, true],
    [9, 2, false],
    [10, 2, true],
    [9, 3, false],
  ];
  for (const [offset, length, fits] of zeroByte) {
    it(`${fits ? 'grants' : 'refuses'} [${offset}, +${length}) beside no bytes at 10`, () => {
      const locks = new Locks();
      assert.equal(locks.lock('a', exclusive(10, 0)), 0);
      const expected = fits ? 0 : STATUS_LOCK_NOT_GRANTED;
      assert.equal(locks.lock('b', exclusive(offset, length)), expected);
      const reverse = new Locks();
      assert.equal(reverse.lock('a', exclusive(offset, length)), 0);
      assert.equal(reverse.lock('b', exclusive(10, 0)), expected);
    });
  }

  it('fails with STATUS_INVALID_LOCK_RANGE when a range ends beyond 2^64', () => {
    const locks = new Locks();
    const last = (1n << 64n) - 1n;
    const lock = (length: bigint): number =>
      locks.lock('a', { offset: last, length, exclusive: true });
    assert.equal(lock(2n), STATUS_INVALID_LOCK_RANGE);
    assert.equal(lock(last), STATUS_INVALID_LOCK_RANGE);
    assert.equal(lock(1n), 0);
    assert.equal(lock(0n), 0);
  });

  it('takes all ranges or none', () => {
    const locks = new Locks();
    assert.equal(locks.lock('a', exclusive(10, 1)), 0);
    assert.equal(locks.lock('b', exclusive(0, 1), exclusive(10, 1)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(locks.record.locks.length, 1);
    assert.equal(locks.lock('b', exclusive(0, 1), exclusive(0, 1)), STATUS_LOCK_NOT_GRANTED);
  });

  it('fails with STATUS_RANGE_NOT_LOCKED when the open has gone', () => {
    assert.equal(new Locks().lock('c', shared(0, 1)), STATUS_RANGE_NOT_LOCKED);
  });

  it('fails with STATUS_INSUFFICIENT_RESOURCES beyond the limit', () => {
    const ranges = Array.from({ length: 101 }, (_, i) => shared(i, 1));
    assert.equal(new Locks().lock('a', ...ranges), STATUS_INSUFFICIENT_RESOURCES);
  });
});

describe('[MS-FSA] 2.1.5.9 Server Requests an Unlock of a Byte-Range', () => {
  it('wants the very range of the very open', () => {
    const locks = new Locks();
    locks.lock('a', shared(0, 4), shared(4, 4));
    assert.equal(locks.unlock('a', shared(0, 8)), STATUS_RANGE_NOT_LOCKED);
    assert.equal(locks.unlock('b', shared(0, 4)), STATUS_RANGE_NOT_LOCKED);
    assert.equal(locks.unlock('a', shared(0, 4)), 0);
  });

  it('stops at the first range that is not held; those before stay unlocked', () => {
    const locks = new Locks();
    locks.lock('a', exclusive(0, 1));
    assert.equal(locks.unlock('a', shared(5, 1), shared(0, 1)), STATUS_RANGE_NOT_LOCKED);
    assert.equal(locks.record.locks.length, 1);
    assert.equal(locks.unlock('a', shared(0, 1), shared(5, 1)), STATUS_RANGE_NOT_LOCKED);
    assert.equal(locks.record.locks.length, 0);
  });

  it('gives up the exclusive one of equal ranges first', () => {
    const locks = new Locks();
    locks.lock('a', exclusive(0, 0));
    locks.lock('a', shared(0, 0));
    assert.equal(locks.unlock('a', shared(0, 0)), 0);
    assert.equal(locks.record.locks[0]?.exclusive, false);
  });
});

describe('[MS-FSA] 2.1.4.10 Range access and byte-range locks', () => {
  it('lets only the holder read and write under an exclusive lock', () => {
    const locks = new Locks();
    locks.lock('a', exclusive(10, 10));
    assert.equal(locks.conflicts('a', 10, 1, true), false);
    assert.equal(locks.conflicts('b', 10, 1, false), true);
    assert.equal(locks.conflicts('b', 0, 10, true), false);
    assert.equal(locks.conflicts('b', 15, 0, true), false);
  });

  it('lets everybody read and nobody write under a shared lock', () => {
    const locks = new Locks();
    locks.lock('a', shared(10, 10));
    assert.equal(locks.conflicts('a', 10, 1, true), true);
    assert.equal(locks.conflicts('b', 19, 5, true), true);
    assert.equal(locks.conflicts('b', 19, 5, false), false);
  });
});

describe('byte-range locks under any sequence of requests', () => {
  const step = fc.record({
    kind: fc.constantFrom<Step>('lock', 'unlock'),
    openId: fc.constantFrom('a', 'b'),
    offset: fc.integer({ min: 0, max: 6 }),
    length: fc.integer({ min: 0, max: 4 }),
    exclusive: fc.boolean(),
  });

  it('never lets an exclusive byte have two holders', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const locks = new Locks();
        for (const { kind, openId, offset, length, exclusive: isExclusive } of steps) {
          locks[kind](openId, isExclusive ? exclusive(offset, length) : shared(offset, length));
        }
        for (let byte = 0n; byte < 12n; byte++) {
          const held = locks.record.locks.filter(
            (lock) => lock.offset <= byte && byte < lock.offset + lock.length,
          );
          const owners = new Set(held.map((lock) => lock.openId));
          const exclusives = held.filter((lock) => lock.exclusive);
          assert.ok(exclusives.length <= 1);
          if (exclusives.length === 1) assert.equal(owners.size, 1);
        }
      }),
    );
  });

  it('decides on many ranges as it would on one after the other', () => {
    const range = fc.record({
      offset: fc.bigInt(0n, 20n),
      length: fc.bigInt(0n, 5n),
      exclusive: fc.boolean(),
    });
    const held = fc.array(fc.record({ openId: fc.constantFrom('a', 'b'), range }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(held, fc.array(range, { minLength: 1, maxLength: 6 }), (before, ranges) => {
        const [together, single] = [new Locks(), new Locks()];
        for (const { openId, range: one } of before) {
          assert.equal(together.lock(openId, one), single.lock(openId, one));
        }
        const { record } = single;
        let status = 0;
        for (const one of ranges) {
          status = single.lock('a', one);
          if (status !== 0) break;
        }
        assert.equal(together.lock('a', ...ranges), status);
        const expected = status === 0 ? single.record.locks : record.locks;
        assert.deepEqual(together.record.locks, expected);
      }),
    );
  });

  it('takes no more locks on one file than it may: STATUS_INSUFFICIENT_RESOURCES', () => {
    const locks = new Locks();
    const lock = { openId: 'b', streamKey: '', ...shared(0, 1) };
    const count = LOCKS_PER_FILE_MAX - 1;
    locks.record = { ...TWO_OPENS, locks: new Array<typeof lock>(count).fill(lock) };
    assert.equal(locks.lock('a', shared(0, 1), shared(0, 1)), STATUS_INSUFFICIENT_RESOURCES);
    assert.equal(locks.lock('a', shared(0, 1)), 0);
    assert.equal(locks.lock('a', shared(0, 1)), STATUS_INSUFFICIENT_RESOURCES);
  });

  it('is empty again when all that was granted is unlocked', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const locks = new Locks();
        const granted: [string, LockRange][] = [];
        for (const { openId, offset, length, exclusive: isExclusive } of steps) {
          const range = isExclusive ? exclusive(offset, length) : shared(offset, length);
          if (locks.lock(openId, range) === 0) granted.push([openId, range]);
        }
        for (const [openId, range] of granted) assert.equal(locks.unlock(openId, range), 0);
        assert.deepEqual(locks.record.locks, []);
      }),
    );
  });

  it('is what it was before when what was just granted is taken back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const locks = new Locks();
        for (const { openId, offset, length, exclusive: isExclusive } of steps) {
          const before = locks.record.locks;
          const range = isExclusive ? exclusive(offset, length) : shared(offset, length);
          if (locks.lock(openId, range) !== 0) continue;
          const taken = { openId, streamKey: '', ranges: [range] };
          const { next } = decideTakeBack(locks.record, taken);
          assert.ok(next !== undefined && next !== 'keep');
          assert.deepEqual(next.locks, before);
        }
      }),
    );
  });
});
