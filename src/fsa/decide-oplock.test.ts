import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_DATA,
  READ_CONTROL,
} from '../dtyp/access-mask.ts';
import {
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../erref/ntstatus.ts';
import { decideClose } from './decide-close.ts';
import { decideOpen } from './decide-open.ts';
import {
  decideAcknowledge,
  decideBreaks,
  decideBreakTimeout,
  disturbs,
  isStatOpen,
  oplockKeyOf,
} from './decide-oplock.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import {
  type AwaitedBreak,
  HANDLE_CACHING,
  type LeaseIdentity,
  type OplockBreak,
  type OplockEntry,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from './oplock.ts';
import { BREAK_RULES, type BreakingOperation } from './oplock-rules.ts';

/** Holders and requests: leases by state, oplocks by level: (s)hared II, e(x)clusive, (b)atch. */
const STATES = ['', 'R', 'RH', 'RW', 'RWH', 's', 'x', 'b'] as const;
type State = (typeof STATES)[number] | 'H' | 'W' | 'WH';
const LEVELS: Readonly<Record<string, string>> = { s: 'R', x: 'RW', b: 'RWH' };

/**
 * 2.1.4.12: what a holder has left, '!' when it must answer, '~' when the operation waits for it.
 * smbtorture smb2.lease.break, .oplock, .breaking4, .sharing_violation, .unlink and smb2.oplock
 * tell what Windows does.
 */
const BREAKS: Readonly<Record<BreakingOperation, Readonly<Record<string, string>>>> = {
  open: { R: 'R', RH: 'RH', RW: 'R!~', RWH: 'RH!~', s: 'R', x: 'R!~', b: 'R!~' },
  overwrite: { R: '-', RH: '-!', RW: '-!~', RWH: '-!~', s: '-', x: '-!~', b: '-!~' },
  share: { R: 'R', RH: 'R!~', RW: 'RW', RWH: 'RW!~', s: 'R', x: 'RW', b: 'R!~' },
  change: { R: '-', RH: '-!', RW: '-!', RWH: '-!', s: '-', x: '-!', b: '-!' },
  remove: { R: 'R', RH: 'R!~', RW: 'RW', RWH: 'RW!~', s: 'R', x: 'RW', b: 'R!~' },
  child: { R: '-', RH: '-!', RW: '-!', RWH: '-!', s: '-', x: '-!', b: '-!' },
};

/** 2.1.5.18 beside another holder (down) that was broken as the open breaks it: what is granted. */
const GRANTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { R: 'R', RH: 'RH', RW: 'R', RWH: 'RH', s: 'R', x: 'R', b: 'R' },
  R: { R: 'R', RH: 'RH', RW: 'R', RWH: 'RH', s: 'R', x: 'R', b: 'R' },
  RH: { R: 'R', RH: 'RH', RW: 'R', RWH: 'RH', s: '', x: '', b: '' },
  RW: { R: 'R', RH: 'RH', RW: 'R', RWH: 'RH', s: 'R', x: 'R', b: 'R' },
  RWH: { R: 'R', RH: 'RH', RW: 'R', RWH: 'RH', s: '', x: '', b: '' },
  s: { R: 'R', RH: 'R', RW: 'R', RWH: 'R', s: 'R', x: 'R', b: 'R' },
  x: { R: 'R', RH: 'R', RW: 'R', RWH: 'R', s: 'R', x: 'R', b: 'R' },
  b: { R: 'R', RH: 'R', RW: 'R', RWH: 'R', s: 'R', x: 'R', b: 'R' },
};

/** 2.1.5.18.2 under a key that holds already (down): smbtorture smb2.lease.upgrade2. */
const UPGRADES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { '': '', R: 'R', RH: 'RH', RW: 'RW', RWH: 'RWH' },
  R: { '': 'R', R: 'R', RH: 'RH', RW: 'RW', RWH: 'RWH' },
  RH: { '': 'RH', R: 'RH', RH: 'RH', RW: 'RH', RWH: 'RWH' },
  RW: { '': 'RW', R: 'RW', RH: 'RW', RW: 'RW', RWH: 'RWH' },
  RWH: { '': 'RWH', R: 'RWH', RH: 'RWH', RW: 'RWH', RWH: 'RWH' },
};

/** The same beside another lease that stays as it is: smbtorture smb2.lease.upgrade3. */
const UPGRADES_BESIDE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'R beside R': { '': 'R', R: 'R', RW: 'R', RH: 'RH', RWH: 'R' },
  'R beside RH': { '': 'R', R: 'R', RW: 'R', RH: 'RH', RWH: 'R' },
  'RH beside R': { '': 'RH', R: 'RH', RW: 'RH', RH: 'RH', RWH: 'RH' },
  'RH beside RH': { '': 'RH', R: 'RH', RW: 'RH', RH: 'RH', RWH: 'RH' },
};

describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break', () => {
  for (const operation of Object.keys(BREAK_RULES) as BreakingOperation[]) {
    for (const held of STATES) {
      if (held === '') continue;
      const expected = BREAKS[operation][held];
      it(`${operation} leaves ${held} with ${expected}`, () => {
        assert.equal(broken(recordOf(holder('a', held)), operation, 'b'), expected);
      });

      it(`${operation} under the same key leaves ${held} alone, but changes at level II`, () => {
        // A child's key is a lease's, which no oplock has.
        const isBroken =
          operation === 'change' ? held === 's' : operation === 'child' && isLevel(held);
        const expectation = isBroken ? expected : stateOf(held);
        assert.equal(broken(recordOf(holder('a', held)), operation, 'a'), expectation);
      });

      it(`${operation} of another stream leaves ${held} alone`, () => {
        const record = recordOf({ ...holder('a', held), streamKey: 'S' });
        assert.equal(broken(record, operation, 'b'), stateOf(held));
      });

      it(`${operation}: \`disturbs\` foretells what happens to ${held}`, () => {
        for (const key of ['a', 'b']) {
          const record = recordOf(holder('a', held));
          const { oplocks } = decideBreaks(record, breakerOf(operation, key));
          const foretold = disturbs(record, { oplockKey: key, streamKey: '' }, operation);
          assert.equal(foretold, oplocks !== record.oplocks);
        }
      });

      it(`${operation} tells ${held} once while it breaks`, () => {
        const record = recordOf(holder('a', held));
        const first = decideBreaks(record, breakerOf(operation, 'b'));
        const again = decideBreaks(
          { ...record, oplocks: first.oplocks },
          breakerOf(operation, 'c'),
        );
        assert.equal(again.oplocks, first.oplocks);
        assert.deepEqual(again.breaks, []);
        assert.deepEqual(again.awaited, first.awaited);
      });
    }
  }

  it('leaves everybody alone when only attributes are asked for', () => {
    for (const held of STATES) {
      const record = recordOf(holder('a', held));
      const breaker = { ...breakerOf('open', 'b'), access: FILE_READ_ATTRIBUTES };
      assert.equal(decideBreaks(record, breaker).oplocks, record.oplocks);
    }
  });

  it('counts READ_CONTROL among the attributes for leases, not for oplocks', () => {
    assert.ok(isStatOpen(READ_CONTROL, 'lease'));
    assert.ok(!isStatOpen(READ_CONTROL, 'oplock'));
    const breaker = { ...breakerOf('open', 'b'), access: READ_CONTROL };
    assert.equal(decideBreaks(recordOf(holder('a', 'RWH')), breaker).breaks.length, 0);
    assert.equal(decideBreaks(recordOf(holder('a', 'b')), breaker).breaks.length, 1);
  });
});

describe('[MS-FSA] 2.1.5.18 Server Requests an Oplock', () => {
  for (const held of STATES) {
    for (const asked of STATES) {
      if (asked === '') continue;
      const expected = GRANTS[held]![asked]!;
      it(`grants '${expected}' of ${asked} beside another's '${held}'`, () => {
        const game = new Game();
        game.open('a', held);
        assert.equal(game.cachingOf('a'), stateOf(held));
        const status = game.open('b', asked);
        if (status === 'waits') {
          game.acknowledge('a');
          game.retry('b');
        }
        assert.equal(game.cachingOf('b'), expected);
        game.check();
      });
    }
  }

  for (const [held, row] of Object.entries(UPGRADES)) {
    for (const [asked, expected] of Object.entries(row)) {
      it(`raises '${held}' to '${expected}' when '${asked}' is asked for`, () => {
        const game = new Game();
        game.open('a', held as State, { key: 'K', isLease: true });
        game.open('b', asked as State, { key: 'K', isLease: true });
        assert.equal(game.cachingOf('a'), expected);
      });
    }
  }

  for (const [held, row] of Object.entries(UPGRADES_BESIDE)) {
    const [own = '', other = ''] = held.split(' beside ');
    for (const [asked, expected] of Object.entries(row)) {
      it(`raises ${held} to '${expected}' when '${asked}' is asked for, and breaks nobody`, () => {
        const game = new Game();
        game.open('a', own as State, { key: 'K', isLease: true });
        game.open('b', other as State);
        game.open('c', asked as State, { key: 'K', isLease: true });
        assert.equal(game.cachingOf('a'), expected);
        assert.equal(game.cachingOf('b'), other);
        assert.equal(game.breaks, 0);
      });
    }
  }

  it('grants nothing of what is no state of a lease', () => {
    for (const asked of ['H', 'W', 'WH'] as const) {
      const game = new Game();
      game.open('a', asked, { isLease: true });
      assert.equal(game.cachingOf('a'), '');
    }
  });
});

describe('[MS-FSA] 2.1.5.19 Server Acknowledges an Oplock Break', () => {
  const subsets = [0, 1, 2, 3, 4, 5, 6, 7];

  for (const breakingTo of subsets) {
    for (const target of subsets.filter((set) => (set & ~breakingTo) === 0)) {
      for (const caching of subsets) {
        const isFine = (caching & ~breakingTo) === 0 && isStateOrNone(caching);
        const verb = isFine ? 'takes' : 'refuses';
        const told = `${names(breakingTo)} when ${names(target)} is wanted`;
        it(`${verb} ${names(caching)} for ${told}`, () => {
          const entry: OplockEntry = {
            ...holder('a', 'RWH'),
            breaking: { breakingTo, target, since: 1, begun: 1 },
          };
          const record = recordOf(entry);
          const { next, result } = decideAcknowledge(record, ackOf('a', caching));
          if (!isFine) {
            assert.equal(result.status, STATUS_REQUEST_NOT_ACCEPTED);
            assert.equal(next, 'keep');
            return;
          }
          assert.equal(result.status, STATUS_SUCCESS);
          assert.ok(next !== 'keep' && next !== undefined);
          const [left] = next.oplocks;
          const isEnough = (caching & ~target) === 0;
          assert.equal(result.breaks.length, isEnough ? 0 : 1);
          if (isEnough) assert.deepEqual([left?.caching, left?.breaking], [caching, undefined]);
          else assert.ok(((left?.breaking?.breakingTo ?? 0) & ~READ_CACHING & ~target) === 0);
        });
      }
    }
  }

  it('fails with STATUS_UNSUCCESSFUL when the lease does not break', () => {
    const { result } = decideAcknowledge(recordOf(holder('a', 'RH')), ackOf('a', 0));
    assert.equal(result.status, STATUS_UNSUCCESSFUL);
  });

  it('fails with STATUS_INVALID_OPLOCK_PROTOCOL when the oplock does not break', () => {
    const { result } = decideAcknowledge(recordOf(holder('a', 'b')), ackOf('a', 0));
    assert.equal(result.status, STATUS_INVALID_OPLOCK_PROTOCOL);
  });

  it('takes everything from a holder whose time is over, and from nobody later', () => {
    const record = recordOf({
      ...holder('a', 'RWH'),
      breaking: { breakingTo: 3, target: 3, since: 7, begun: 7 },
    });
    assert.equal(decideBreakTimeout(record, { oplockKey: 'a', since: 6 }).result, false);
    const { next, result } = decideBreakTimeout(record, { oplockKey: 'a', since: 7 });
    assert.equal(result, true);
    assert.ok(next !== 'keep' && next?.oplocks[0]?.caching === 0);
    assert.equal(decideBreakTimeout(next, { oplockKey: 'a', since: 7 }).result, false);
  });
});

describe('histories of several clients', () => {
  const client = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('open' as const),
      client,
      state: fc.constantFrom<State>(...STATES),
      key: fc.constantFrom(undefined, 'K', 'L'),
      isLease: fc.boolean(),
      overwrites: fc.boolean(),
      access: fc.constantFrom(FILE_ALL_ACCESS, FILE_GENERIC_READ, FILE_READ_ATTRIBUTES),
      shareAccess: fc.constantFrom(0, 1, 7, 7, 7),
    }),
    fc.record({ kind: fc.constantFrom('close' as const, 'retry' as const), client }),
    fc.record({ kind: fc.constant('acknowledge' as const), client, keeps: fc.nat(7) }),
    fc.record({ kind: fc.constant('timeout' as const), client }),
    fc.record({ kind: fc.constantFrom('change' as const, 'remove' as const), client }),
  );

  it('never have two writers cached, nor stale readers, and every wait ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const game = new Game();
        for (const one of steps) {
          switch (one.kind) {
            case 'open':
              game.open(one.client, one.state, one);
              break;
            case 'close':
              game.close(one.client);
              break;
            case 'retry':
              game.retry(one.client);
              break;
            case 'acknowledge':
              game.acknowledge(one.client, one.keeps);
              break;
            case 'timeout':
              game.timeout(one.client);
              break;
            default:
              game.disturb(one.client, one.kind);
          }
          game.check();
        }
        game.finish();
      }),
      { numRuns: 2000 },
    );
  });
});

interface How {
  readonly key?: string | undefined;
  readonly isLease?: boolean;
  readonly overwrites?: boolean;
  readonly access?: number;
  readonly shareAccess?: number;
}

interface Waiting {
  readonly state: State;
  readonly how: How;
  readonly awaited: readonly AwaitedBreak[];
}

/** One file and its clients, each with one open at most; breaks are heard when they are due. */
class Game {
  record: FileRecord | undefined;
  breaks = 0;
  readonly #opens: Map<string, OpenEntry> = new Map();
  readonly #waiting: Map<string, Waiting> = new Map();

  open(name: string, state: State, how: How = {}): 'opened' | 'waits' | 'refused' {
    if (this.#opens.has(name) || this.#waiting.has(name)) return 'refused';
    return this.#decide(name, { state, how, awaited: [] }, false);
  }

  retry(name: string): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    this.#waiting.delete(name);
    this.#decide(name, waiting, true);
  }

  #decide(name: string, { state, how }: Waiting, isRetry: boolean): 'opened' | 'waits' | 'refused' {
    const oplock = requestOf(name, state, how);
    const overwrites = how.overwrites === true;
    const grantedAccess = how.access ?? FILE_ALL_ACCESS;
    const entry = { ...openOf(name, oplock), grantedAccess, shareAccess: how.shareAccess ?? 7 };
    const { next, result } = decideOpen(this.record, {
      entry,
      isDirectory: false,
      effectiveAccess: grantedAccess | (overwrites ? FILE_WRITE_DATA : 0),
      oplock,
      isNew: false,
      overwrites,
      fileSize: 0,
      queuedAt: isRetry ? Number.MAX_SAFE_INTEGER : undefined,
      isContended: false,
    });
    this.#take(next, result.breaks);
    if (result.awaited.length > 0) {
      this.#waiting.set(name, { state, how, awaited: result.awaited });
      return 'waits';
    }
    if (result.status !== STATUS_SUCCESS) return 'refused';
    this.#opens.set(name, entry);
    if (overwrites) this.#assertFresh(entry.oplockKey);
    return 'opened';
  }

  close(name: string): void {
    const entry = this.#opens.get(name);
    if (entry === undefined) return;
    this.#opens.delete(name);
    const { next, result } = decideClose(this.record, {
      openId: entry.openId,
      streamName: '',
      credentials: { uid: 0, gid: 0, groups: [] },
      parentOplockKey: '',
      isAbandoned: false,
      isLeft: false,
    });
    this.#take(next, result.breaks);
  }

  /** Keeps what it may, or as much of `keeps` as it may. */
  acknowledge(name: string, keeps = 7): void {
    const entry = this.#entryOf(name);
    if (entry?.breaking === undefined) return;
    const left = entry.breaking.breakingTo & keeps;
    const caching = isStateOrNone(left) ? left : 0;
    const { next, result } = decideAcknowledge(this.record, ackOf(entry.oplockKey, caching));
    assert.equal(result.status, STATUS_SUCCESS);
    this.#take(next, result.breaks);
  }

  timeout(name: string): void {
    const entry = this.#entryOf(name);
    if (entry?.breaking === undefined) return;
    const { oplockKey, breaking } = entry;
    const { next } = decideBreakTimeout(this.record, {
      oplockKey,
      since: breaking.since,
    });
    this.#take(next, []);
  }

  disturb(name: string, operation: 'change' | 'remove'): void {
    const entry = this.#opens.get(name);
    if (entry === undefined || this.record === undefined) return;
    if (isStatOpen(entry.grantedAccess, 'oplock')) return;
    const breaker = breakerOf(operation, entry.oplockKey);
    const { oplocks, breaks } = decideBreaks(this.record, breaker);
    const version = this.record.version + 1;
    this.#take({ ...this.record, oplocks, version }, breaks);
    if (operation === 'change') this.#assertFresh(entry.oplockKey);
  }

  cachingOf(name: string): string {
    return names(this.#entryOf(name)?.caching ?? 0);
  }

  /** What has to hold after every step. */
  check(): void {
    const oplocks = this.record?.oplocks ?? [];
    const writers = oplocks.filter(({ caching }) => (caching & WRITE_CACHING) !== 0);
    assert.ok(writers.length <= 1, 'two writers are cached');
    for (const other of oplocks) {
      if (writers.length === 1 && other !== writers[0]) {
        assert.equal(other.caching, 0, 'somebody caches beside a writer');
      }
      assert.ok(other.caching === 0 || (other.caching & READ_CACHING) !== 0, 'caching without R');
      const { breaking, caching } = other;
      if (breaking === undefined) continue;
      assert.equal(breaking.breakingTo & ~caching, 0, 'a break gives');
      assert.equal(breaking.target & ~breaking.breakingTo, 0, 'a break stops short');
    }
    for (const { oplockKey } of oplocks) {
      const isOpen = this.record?.opens.some((open) => open.oplockKey === oplockKey);
      assert.ok(isOpen, 'an oplock outlived its opens');
    }
  }

  /** Every break ends by its time, and every open that waits is decided then. */
  finish(): void {
    for (let round = 0; round < 20 && this.#waiting.size > 0; round++) {
      for (const name of this.#opens.keys()) this.timeout(name);
      for (const [name, { awaited }] of [...this.#waiting]) {
        assert.ok(!awaited.some((one) => this.#isPending(one)), 'a break outlived its time');
        this.retry(name);
        this.check();
      }
    }
    assert.equal(this.#waiting.size, 0, 'an open waits for ever');
    for (const name of [...this.#opens.keys()]) this.close(name);
    assert.equal(this.record, undefined);
  }

  #isPending({ oplockKey, since }: AwaitedBreak): boolean {
    const entry = this.record?.oplocks.find((other) => other.oplockKey === oplockKey);
    return entry?.breaking?.since === since;
  }

  /** Nobody but the one who changed the file may go on reading from a cache unasked. */
  #assertFresh(oplockKey: string): void {
    for (const other of this.record?.oplocks ?? []) {
      if (other.oplockKey === oplockKey || other.caching === 0) continue;
      assert.equal(other.breaking?.target, 0, `${other.oplockKey} caches what is no more`);
    }
  }

  #entryOf(name: string): OplockEntry | undefined {
    const oplockKey = this.#opens.get(name)?.oplockKey;
    return this.record?.oplocks.find((entry) => entry.oplockKey === oplockKey);
  }

  #take(next: FileRecord | undefined | 'keep', breaks: readonly OplockBreak[]): void {
    this.breaks += breaks.length;
    if (next !== 'keep') this.record = next;
  }
}

function broken(record: FileRecord, operation: BreakingOperation, key: string): string {
  const { oplocks, breaks, awaited } = decideBreaks(record, breakerOf(operation, key));
  const [entry] = oplocks;
  assert.ok(entry !== undefined);
  const left = entry.breaking?.breakingTo ?? entry.caching;
  assert.equal(breaks.length, oplocks === record.oplocks ? 0 : 1);
  if (breaks[0] !== undefined) {
    assert.equal(breaks[0].to, left);
    assert.equal(breaks[0].needsAcknowledgement, entry.breaking !== undefined);
  }
  const answer = entry.breaking === undefined ? '' : '!';
  return `${names(left) || '-'}${answer}${awaited.length > 0 ? '~' : ''}`;
}

function breakerOf(operation: BreakingOperation, oplockKey: string) {
  return { oplockKey, streamKey: '', operation, access: FILE_ALL_ACCESS, queuedAt: undefined };
}

function ackOf(oplockKey: string, caching: number) {
  return { oplockKey, streamKey: '', caching };
}

/** Nobody caches writes or handles without reads. */
function isStateOrNone(caching: number): boolean {
  return caching === 0 || (caching & READ_CACHING) !== 0;
}

function isLevel(state: string): boolean {
  return LEVELS[state] !== undefined;
}

function stateOf(state: string): string {
  return LEVELS[state] ?? state;
}

function leaseOf(leaseKey: string): LeaseIdentity {
  return { clientGuid: 'client', leaseKey, version: 2 };
}

function holder(oplockKey: string, state: State): OplockEntry {
  return {
    oplockKey,
    streamKey: '',
    serverId: 's',
    lease: isLevel(state) ? undefined : leaseOf(oplockKey),
    caching: cachingOf(stateOf(state)),
    epoch: 1,
    breaking: undefined,
  };
}

function requestOf(name: string, state: State, how: How): OplockRequest | undefined {
  const caching = cachingOf(stateOf(state));
  if (isLevel(state)) return { caching, lease: undefined };
  if (state === '' && how.isLease !== true) return undefined;
  const identity = leaseOf(how.key ?? name);
  const rest = { epoch: 0, parentLeaseKey: undefined, coversDirectories: false };
  return { caching, lease: { ...identity, ...rest } };
}

function openOf(openId: string, oplock: OplockRequest | undefined): OpenEntry {
  return {
    openId,
    serverId: 's',
    volumeId: 'v',
    path: 'f',
    streamKey: '',
    oplockKey: oplockKeyOf(openId, oplock),
    grantedAccess: FILE_ALL_ACCESS,
    shareAccess: 7,
    deleteOnClose: false,
  };
}

function recordOf(...oplocks: OplockEntry[]): FileRecord {
  const opens = oplocks.map(({ oplockKey }) => openOf(oplockKey, undefined));
  return { isDirectory: false, opens, locks: [], oplocks, deletePending: [], version: 1 };
}

function cachingOf(state: string): number {
  let caching = 0;
  if (state.includes('R')) caching |= READ_CACHING;
  if (state.includes('W')) caching |= WRITE_CACHING;
  if (state.includes('H')) caching |= HANDLE_CACHING;
  return caching;
}

function names(caching: number): string {
  const read = (caching & READ_CACHING) !== 0 ? 'R' : '';
  const write = (caching & WRITE_CACHING) !== 0 ? 'W' : '';
  return `${read}${write}${(caching & HANDLE_CACHING) !== 0 ? 'H' : ''}`;
}
