import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS, FILE_READ_ATTRIBUTES, READ_CONTROL } from '../../src/dtyp/access-mask.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { grantOplock } from '../../src/fsa/decide-grant.ts';
import { decideAcknowledge, decideBreaks } from '../../src/fsa/decide-oplock.ts';
import type { FileRecord, OpenEntry } from '../../src/fsa/file-record.ts';
import {
  HANDLE_CACHING,
  type OplockEntry,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from '../../src/fsa/oplock.ts';
import {
  BREAK_RULES,
  type BreakingOperation,
  CACHING_STATES,
  type HolderKind,
} from '../../src/fsa/oplock-rules.ts';

const FILE = new URL('../../../test/scenarios/oplock-tables.txt', import.meta.url);
const HEAD = `# What comes of the tables in src/fsa/oplock-rules.ts, every cell of them: [MS-FSA]
# 2.1.4.12 Algorithm to Check for an Oplock Break, 2.1.5.18 Server Requests an Oplock, 2.1.5.19
# Server Acknowledges an Oplock Break. Caching is R, W and H, '-' none; 'RWH>RH' breaks from the one
# to the other, 'RWH>RH>R' must come down further than it was told. A trailing '!' must answer, '~'
# the operation waits for it, '.' nothing changes. After an acknowledgement '!' breaks once more and
# '^' is told of the rest as lost.
# oplock-tables.test.ts compares it; SCENARIOS=write makes it write what it saw.
`;

const OWN = 'own';
const OTHER = 'other';
/** When the breaks that there are began. */
const BEGUN = 1;
const KINDS: readonly HolderKind[] = ['oplock', 'lease'];

/** A holder: caching, and while it breaks what it was told and what is needed of it in the end. */
interface State {
  readonly kind: HolderKind;
  readonly caching: number;
  readonly breakingTo?: number;
  readonly target?: number;
}

/** Every set of caching, also those that nobody can hold. */
const ALL_SETS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/** All that may be asked for. */
const REQUESTS: readonly State[] = KINDS.flatMap((kind) =>
  [...CACHING_STATES[kind]].map((caching) => ({ kind, caching })),
);

/** Everything that a holder can be: T0 to T4 of src/fsa/oplock.ts lead nowhere else. */
const STATES: readonly State[] = reachableStates();

const TABLES: readonly (readonly [string, () => string])[] = [
  ['What an operation takes from a holder under another key', () => breakTable(OTHER, undefined)],
  ['The same when the operation waited before', () => breakTable(OTHER, BEGUN)],
  ['The same when the holder was asked only since it waits', () => breakTable(OTHER, 0)],
  ['What an operation takes from a holder under its own key', () => breakTable(OWN, undefined)],
  ['What an open takes by its access', accessTable],
  ['What is granted beside a holder under another key', besideTable],
  ['What is granted beside an open that caches nothing', openTable],
  ['What a lease has after a request under its own key', raiseTable],
  ['What an acknowledgement comes to', acknowledgeTable],
];

describe('[MS-FSA] 2.1.4.12, 2.1.5.18, 2.1.5.19: every cell of the tables', () => {
  const made = TABLES.map(([title, make]) => `\n## ${title}\n${make()}`);
  if (process.env.SCENARIOS === 'write') writeFileSync(FILE, HEAD + made.join(''));
  const [, ...golden] = readFileSync(FILE, 'utf8').split(/^(?=\n## )/m);

  for (const [index, [title]] of TABLES.entries()) {
    it(title, () => assert.equal(made[index], golden[index]));
  }

  it('has no other table', () => assert.equal(golden.length, TABLES.length));
});

/** Every state that breaks lead to from those that are granted, breaks over breaks included. */
function reachableStates(): readonly State[] {
  const states = new Map<string, State>();
  const add = (state: State): void => {
    if (states.has(nameOf(state))) return;
    states.set(nameOf(state), state);
    for (const operation of operations()) {
      for (const queuedAt of [undefined, BEGUN]) {
        const { oplocks } = broken(state, { operation, key: OTHER, queuedAt });
        add(stateOf(oplocks[0]!));
      }
    }
    for (const caching of ALL_SETS) {
      const next = afterAcknowledgement(state, caching).next;
      if (next !== 'keep' && next !== undefined) add(stateOf(next.oplocks[0]!));
    }
  };
  for (const kind of KINDS) for (const caching of CACHING_STATES[kind]) add({ kind, caching });
  add({ kind: 'lease', caching: 0 });
  return [...states.values()];
}

function operations(): readonly BreakingOperation[] {
  return Object.keys(BREAK_RULES) as BreakingOperation[];
}

function breakTable(key: string, queuedAt: number | undefined): string {
  return table(
    STATES.map(nameOf),
    operations(),
    STATES.map((state) =>
      operations().map((operation) => cellOf(state, { operation, key, queuedAt })),
    ),
  );
}

function accessTable(): string {
  const accesses = [
    ['FILE_READ_ATTRIBUTES', FILE_READ_ATTRIBUTES],
    ['READ_CONTROL', READ_CONTROL],
    ['FILE_ALL_ACCESS', FILE_ALL_ACCESS],
  ] as const;
  return table(
    STATES.map(nameOf),
    accesses.map(([name]) => name),
    STATES.map((state) =>
      accesses.map(([, access]) =>
        cellOf(state, { operation: 'open', key: OTHER, queuedAt: undefined, access }),
      ),
    ),
  );
}

interface Operation {
  readonly operation: BreakingOperation;
  readonly key: string;
  readonly queuedAt: number | undefined;
  readonly access?: number;
}

function broken(state: State, { operation, key, queuedAt, access }: Operation) {
  return decideBreaks(recordOf(entryOf(OWN, state)), {
    oplockKey: key,
    streamKey: '',
    operation,
    access: access ?? FILE_ALL_ACCESS,
    queuedAt,
  });
}

function cellOf(state: State, operation: Operation): string {
  const { oplocks, breaks, awaited } = broken(state, operation);
  const next = stateOf(oplocks[0]!);
  const told = breaks[0];
  assert.ok(breaks.length <= 1);
  const change = nameOf(next) === nameOf(state) ? '.' : nameOf(next);
  const answer = told?.needsAcknowledgement === true ? '!' : '';
  return `${change}${answer}${awaited.length > 0 ? '~' : ''}`;
}

function besideTable(): string {
  return table(
    STATES.map(nameOf),
    REQUESTS.map(nameOf),
    STATES.map((state) =>
      REQUESTS.map((request) => grantedTo(recordOf(entryOf(OWN, state)), request)),
    ),
  );
}

function openTable(): string {
  const accesses = [FILE_READ_ATTRIBUTES, READ_CONTROL, FILE_ALL_ACCESS];
  const beside = accesses.map((access) =>
    REQUESTS.map((request) => {
      const record = { ...recordOf(), opens: [openOf('nobody', access)] };
      return grantedTo(record, request);
    }),
  );
  const awaited = REQUESTS.map((request) => {
    const { grant } = granted(recordOf(), request, OTHER, true);
    return namesOf(grant?.caching ?? 0);
  });
  return table(
    ['FILE_READ_ATTRIBUTES', 'READ_CONTROL', 'FILE_ALL_ACCESS', 'one that waits to get in'],
    REQUESTS.map(nameOf),
    [...beside, awaited],
  );
}

function grantedTo(record: FileRecord, request: State): string {
  const { grant } = granted(record, request, OTHER);
  return namesOf(grant?.caching ?? 0);
}

function granted(record: FileRecord, { kind, caching }: State, key: string, isContended = false) {
  const identity = { clientGuid: 'client', leaseKey: key, version: 2, epoch: 0 } as const;
  const lease = { ...identity, parentLeaseKey: undefined, coversDirectories: false };
  const request: OplockRequest = { caching, lease: kind === 'lease' ? lease : undefined };
  const opener = openOf(key, FILE_ALL_ACCESS);
  const opened = { ...record, opens: [...record.opens, opener] };
  return grantOplock(opened, opener, {
    request,
    access: FILE_ALL_ACCESS,
    isNew: false,
    isOverwritten: false,
    isContended,
    fileSize: 1,
  });
}

function raiseTable(): string {
  const leases = STATES.filter(({ kind }) => kind === 'lease');
  const asked = [{ kind: 'lease', caching: 0 } as const, ...REQUESTS].filter(
    ({ kind }) => kind === 'lease',
  );
  return table(
    leases.map(nameOf),
    asked.map(nameOf),
    leases.map((state) =>
      asked.map((request) => {
        const record = recordOf(entryOf(OWN, state));
        const { oplocks } = granted(record, request, OWN);
        return nameOf(stateOf(oplocks[0]!)).replace('lease ', '');
      }),
    ),
  );
}

function acknowledgeTable(): string {
  const breaking = STATES.filter(({ breakingTo }) => breakingTo !== undefined);
  const idle = STATES.filter(({ breakingTo }) => breakingTo === undefined);
  return table(
    [...breaking, ...idle].map(nameOf),
    ALL_SETS.map(namesOf),
    [...breaking, ...idle].map((state) => ALL_SETS.map((caching) => acknowledged(state, caching))),
  );
}

function acknowledged(state: State, caching: number): string {
  const update = afterAcknowledgement(state, caching);
  const { status, breaks } = update.result;
  if (status !== 0) return statusName(status).replace('STATUS_', '');
  assert.ok(update.next !== 'keep' && update.next !== undefined);
  const next = nameOf(stateOf(update.next.oplocks[0]!)).replace(/^(oplock|lease) /, '');
  const told = breaks.length > 0;
  return `${next}${told && breaks[0]!.needsAcknowledgement ? '!' : told ? '^' : ''}`;
}

function afterAcknowledgement(state: State, caching: number): ReturnType<typeof decideAcknowledge> {
  const record = recordOf(entryOf(OWN, state));
  return decideAcknowledge(record, { oplockKey: OWN, streamKey: '', caching });
}

function nameOf({ kind, caching, breakingTo, target }: State): string {
  const held = `${kind} ${namesOf(caching)}`;
  if (breakingTo === undefined || target === undefined) return held;
  const end = target === breakingTo ? '' : `>${namesOf(target)}`;
  return `${held}>${namesOf(breakingTo)}${end}`;
}

function namesOf(caching: number): string {
  const names =
    ((caching & READ_CACHING) !== 0 ? 'R' : '') +
    ((caching & WRITE_CACHING) !== 0 ? 'W' : '') +
    ((caching & HANDLE_CACHING) !== 0 ? 'H' : '');
  return names === '' ? '-' : names;
}

function stateOf({ lease, caching, breaking }: OplockEntry): State {
  const kind = lease === undefined ? 'oplock' : 'lease';
  if (breaking === undefined) return { kind, caching };
  return { kind, caching, breakingTo: breaking.breakingTo, target: breaking.target };
}

function entryOf(key: string, { kind, caching, breakingTo, target }: State): OplockEntry {
  const breaking =
    breakingTo === undefined || target === undefined
      ? undefined
      : { breakingTo, target, since: BEGUN, begun: BEGUN };
  return {
    oplockKey: key,
    streamKey: '',
    serverId: 's',
    lease: kind === 'lease' ? { clientGuid: 'client', leaseKey: key, version: 2 } : undefined,
    caching,
    epoch: 1,
    breaking,
  };
}

/** The holder's own open is for attributes: what an open alone takes is a table of its own. */
function recordOf(...oplocks: readonly OplockEntry[]): FileRecord {
  const opens = oplocks.map(({ oplockKey }) => openOf(oplockKey, FILE_READ_ATTRIBUTES));
  return { isDirectory: false, opens, locks: [], oplocks, deletePending: [], version: 1 };
}

function openOf(key: string, grantedAccess: number): OpenEntry {
  return {
    openId: `open of ${key}`,
    serverId: 's',
    volumeId: 'v',
    path: 'f',
    streamKey: '',
    oplockKey: key,
    grantedAccess,
    shareAccess: 7,
    deleteOnClose: false,
  };
}

function table(
  rows: readonly string[],
  columns: readonly string[],
  cells: readonly (readonly string[])[],
): string {
  const lines = [['', ...columns], ...rows.map((row, index) => [row, ...cells[index]!])];
  const widths = lines[0]!.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const padded = lines.map((line) => line.map((cell, at) => cell.padEnd(widths[at]!)).join('  '));
  return `${padded.map((line) => line.trimEnd()).join('\n')}\n`;
}
