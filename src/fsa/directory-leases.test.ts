import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { STATUS_SHARING_VIOLATION, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { MemoryRecordStore } from '../state/memory/memory-record-store.ts';
import { decideOpen } from './decide-open.ts';
import { decideAcknowledge, decideBreaks } from './decide-oplock.ts';
import { DirectoryLeases } from './directory-leases.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import {
  HANDLE_CACHING,
  type LeaseIdentity,
  leaseOplockKey,
  type OplockEntry,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from './oplock.ts';

/** What a lease of a directory can be: held, or told to come down to what is behind the '>'. */
const STATES = ['R', 'RH', 'RH>R', 'RH>-'] as const;
type State = (typeof STATES)[number];

type Operation = 'shared open' | 'unshared open' | 'remove' | 'child';

/** What is left in the end, '!' when the holder is told now, '~' when the operation waits. */
const CELLS: Readonly<Record<Operation, Readonly<Record<State, string>>>> = {
  'shared open': { R: 'R', RH: 'RH', 'RH>R': 'R', 'RH>-': '-' },
  'unshared open': { R: 'R', RH: 'R!~', 'RH>R': 'R~', 'RH>-': '-~' },
  remove: { R: 'R', RH: 'R!~', 'RH>R': 'R~', 'RH>-': '-~' },
  child: { R: '-!', RH: '-!', 'RH>R': '-', 'RH>-': '-' },
};

/** The same from under the key of the lease: of the directory's, or as the child's parent. */
const OWN_CELLS: Readonly<Record<State, string>> = { R: 'R', RH: 'RH', 'RH>R': 'R', 'RH>-': '-' };

const GRANTS: Readonly<Record<string, string>> = {
  R: 'R',
  RH: 'RH',
  RW: 'R',
  RWH: 'RH',
  W: '-',
  H: '-',
  WH: '-',
};

describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, of directories', () => {
  for (const operation of Object.keys(CELLS) as Operation[]) {
    for (const state of STATES) {
      const expected = CELLS[operation][state];
      it(`${operation} by another leaves ${state} with ${expected}`, () => {
        assert.equal(outcome(operation, state, 'other'), expected);
      });

      it(`${operation} under its key leaves ${state} alone`, () => {
        assert.equal(outcome(operation, state, 'lease'), OWN_CELLS[state]);
      });
    }
  }

  it('breaks the leases of several holders, but for the one that is named', () => {
    const two = { ...holder('RH'), oplockKey: 'client:two', lease: identityOf('two') };
    const { oplocks, breaks } = decideBreaks(recordOf(holder('RH'), two), child('two'));
    assert.deepEqual(
      breaks.map(({ oplockKey }) => oplockKey),
      ['client:lease'],
    );
    assert.equal(oplocks[1], two);
  });

  it('takes READ after HANDLE when a child changes while HANDLE is given up', () => {
    const record = recordOf(holder('RH>R'));
    const { oplocks } = decideBreaks(record, child('other'));
    const { next, result } = decideAcknowledge(
      { ...record, oplocks },
      { oplockKey: 'client:lease', streamKey: '', caching: READ_CACHING },
    );
    assert.equal(result.status, STATUS_SUCCESS);
    assert.deepEqual(
      result.breaks.map(({ from, to, needsAcknowledgement }) => [from, to, needsAcknowledgement]),
      [[READ_CACHING, 0, false]],
    );
    assert.equal(next !== 'keep' && next?.oplocks[0]?.caching, 0);
  });

  it('counts the epoch with each break, and not again while it breaks', () => {
    const record = recordOf(holder('RH'));
    const first = decideBreaks(record, child('other'));
    assert.equal(first.breaks[0]?.epoch, 2);
    const second = decideBreaks({ ...record, oplocks: first.oplocks }, child('other'));
    assert.equal(second.oplocks[0]?.epoch, 2);
    assert.deepEqual(second.breaks, []);
  });
});

describe('[MS-FSA] 2.1.5.18.2 Algorithm to Request a Shared Oplock, of directories', () => {
  for (const [asked, expected] of Object.entries(GRANTS)) {
    it(`grants '${expected}' of '${asked}'`, () => {
      assert.equal(granted(undefined, requestOf(asked)), expected);
    });

    it(`grants '${expected}' of '${asked}' beside another lease`, () => {
      const other = { ...holder('RH'), oplockKey: 'client:two', lease: identityOf('two') };
      assert.equal(granted(recordOf(other), requestOf(asked)), expected);
    });
  }

  it('grants nothing of an oplock, nor to a client that knows no leases of directories', () => {
    const caching = READ_CACHING | HANDLE_CACHING;
    assert.equal(granted(undefined, { caching, lease: undefined }), undefined);
    const { lease } = requestOf('RH');
    assert.ok(lease !== undefined);
    const unaware = { caching, lease: { ...lease, coversDirectories: false } };
    assert.equal(granted(undefined, unaware), undefined);
  });
});

describe('directory-lease table', () => {
  it('has a record as long as an open of any process may have a lease', () => {
    const store = new MemoryRecordStore();
    const one = new DirectoryLeases(store, 'one');
    const two = new DirectoryLeases(store, 'two');
    assert.equal(one.get(), undefined);
    one.add();
    two.add();
    two.add();
    two.remove();
    one.remove();
    assert.notEqual(one.get(), undefined);
    two.remove();
    assert.equal(one.get(), undefined);
    assert.throws(() => one.remove(), /more opens/);
  });
});

function outcome(operation: Operation, state: State, key: string): string {
  const record = recordOf(holder(state));
  if (operation === 'shared open' || operation === 'unshared open') {
    const isShared = operation === 'shared open';
    const entry = { ...openOf(`client:${key}`), shareAccess: isShared ? 7 : 0 };
    const { next, result } = decideOpen(record, proposalOf(entry, undefined));
    assert.equal(result.status, isShared ? STATUS_SUCCESS : STATUS_SHARING_VIOLATION);
    const after = next === 'keep' ? record : next;
    return told(after?.oplocks[0], result.breaks.length, result.awaited.length);
  }
  const breaker =
    operation === 'child'
      ? child(key)
      : { ...child(''), operation, oplockKey: `client:${key}`, access: FILE_ALL_ACCESS };
  const { oplocks, breaks, awaited } = decideBreaks(record, breaker);
  return told(oplocks[0], breaks.length, awaited.length);
}

function told(entry: OplockEntry | undefined, breaks: number, awaited: number): string {
  assert.ok(entry !== undefined);
  const left = names(entry.breaking?.target ?? entry.caching);
  return `${left}${breaks > 0 ? '!' : ''}${awaited > 0 ? '~' : ''}`;
}

function granted(record: FileRecord | undefined, request: OplockRequest): string | undefined {
  const { result } = decideOpen(record, proposalOf(openOf('client:lease'), request));
  assert.equal(result.status, STATUS_SUCCESS);
  return result.grant === undefined ? undefined : names(result.grant.caching);
}

function proposalOf(entry: OpenEntry, oplock: OplockRequest | undefined) {
  return {
    entry,
    isDirectory: true,
    effectiveAccess: entry.grantedAccess,
    oplock,
    isNew: false,
    overwrites: false,
    fileSize: 0,
    queuedAt: undefined,
    isContended: false,
  };
}

function child(parentOplockKey: string) {
  return {
    oplockKey: parentOplockKey,
    streamKey: '',
    operation: 'child',
    access: FILE_WRITE_DATA,
    queuedAt: undefined,
    isContended: false,
  } as const;
}

function holder(state: State): OplockEntry {
  const [held = '', to] = state.split('>');
  const target = cachingOf(to ?? '');
  return {
    oplockKey: 'client:lease',
    streamKey: '',
    serverId: 's',
    lease: identityOf('lease'),
    caching: cachingOf(held),
    epoch: 1,
    breaking: to === undefined ? undefined : { breakingTo: target, target, since: 1, begun: 1 },
  };
}

function identityOf(leaseKey: string): LeaseIdentity {
  return { clientGuid: 'client', leaseKey, version: 2 };
}

function requestOf(state: string): OplockRequest {
  const lease = identityOf('lease');
  assert.equal(leaseOplockKey(lease), 'client:lease');
  const rest = { epoch: 0, parentLeaseKey: undefined, coversDirectories: true };
  return { caching: cachingOf(state), lease: { ...lease, ...rest } };
}

function openOf(oplockKey: string): OpenEntry {
  return {
    openId: `open ${oplockKey}`,
    serverId: 's',
    volumeId: 'v',
    path: 'd',
    streamKey: '',
    oplockKey,
    grantedAccess: FILE_GENERIC_READ,
    shareAccess: 7,
    deleteOnClose: false,
  };
}

function recordOf(...oplocks: OplockEntry[]): FileRecord {
  const opens = oplocks.map(({ oplockKey }) => ({ ...openOf(oplockKey), openId: oplockKey }));
  return { isDirectory: true, opens, locks: [], oplocks, deletePending: [], version: 1 };
}

function cachingOf(state: string): number {
  let caching = 0;
  if (state.includes('R')) caching |= READ_CACHING;
  if (state.includes('W')) caching |= WRITE_CACHING;
  if (state.includes('H')) caching |= HANDLE_CACHING;
  return caching;
}

function names(caching: number): string {
  const reads = (caching & READ_CACHING) !== 0 ? 'R' : '';
  const writes = (caching & WRITE_CACHING) !== 0 ? 'W' : '';
  const handles = (caching & HANDLE_CACHING) !== 0 ? 'H' : '';
  return `${reads}${writes}${handles}` || '-';
}
