import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isPromise, run, type Task } from '../../src/base/task.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { breakHandleCaching } from '../../src/fsa/break-caching.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { setDisposition, setEndOfFile } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { lockRanges } from '../../src/fsa/lock.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import {
  HANDLE_CACHING,
  type OplockBreak,
  type OplockGrant,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from '../../src/fsa/oplock.ts';
import { acknowledgeBreak } from '../../src/fsa/oplock-breaks.ts';
import { readFile, writeFile } from '../../src/fsa/read-write.ts';
import { renameFile } from '../../src/fsa/rename.ts';
import type { CancelSignal } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { contextOf } from '../conformance/fsa-suite.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';

const FILE = new URL('../../../test/scenarios/oplock.txt', import.meta.url);
const ME = contextOf({ uid: 1000, gid: 1000, groups: [] });
const EPOCH = 0x10;

describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break', () => {
  const text = readFileSync(FILE, 'utf8');
  const [head = '', ...scenarios] = text.split(/^(?=## )/m);
  const seen: string[] = [];
  for (const scenario of scenarios) {
    const title = scenario.slice(3, scenario.indexOf('\n'));
    it(title, async () => {
      const result = await play(scenario);
      seen.push(result);
      if (process.env.SCENARIOS !== 'write') assert.equal(result, scenario);
      else if (seen.length === scenarios.length) writeFileSync(FILE, head + seen.join(''));
    });
  }
});

/** The scenario with what happened in it. */
async function play(scenario: string): Promise<string> {
  const stage = new Stage();
  const out: string[] = [];
  for (const line of scenario.trimEnd().split('\n')) {
    if (line.startsWith('  ')) continue;
    out.push(line);
    if (line === '' || line.startsWith('#')) continue;
    await stage.act(line);
    for (const told of stage.told.splice(0)) out.push(`  ${told}`);
  }
  await stage.end();
  return `${out.join('\n')}\n${scenario.endsWith('\n\n') ? '\n' : ''}`;
}

class Cancel implements CancelSignal {
  cancelled = false;
  readonly #waits: () => void;
  #listeners: (() => void)[] = [];
  #isTold = false;

  constructor(waits: () => void) {
    this.#waits = waits;
  }

  onCancel(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  waiting(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#waits();
  }

  cancel(): void {
    this.cancelled = true;
    for (const listener of this.#listeners) listener();
  }
}

/** One volume, its opens by name, and what their holders are told. */
class Stage {
  readonly told: string[] = [];
  readonly #env = makeVirtualEnv();
  readonly #volume: Volume = makeVolume({
    id: 'v',
    vfs: new MemoryVfs(this.#env.clock),
    env: this.#env,
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore({ strict: true }),
  });
  readonly #opens: Map<string, LocalOpen> = new Map();
  readonly #pending: Map<string, Cancel> = new Map();

  constructor() {
    this.#volume.oplockBreaks.connect({ indicateBreak: (told) => this.#indicated(told) });
  }

  async act(line: string): Promise<void> {
    const [verb = '', name = '', ...rest] = line.split(' ');
    const argument = rest[0] ?? '';
    switch (verb) {
      case 'mkdir':
        await this.#makeDirectory(name);
        break;
      case 'open':
        this.#start(name, this.#open(name, rest));
        break;
      case 'pass':
        this.#env.timers.advance(Number(name) * 1000);
        break;
      case 'cancel':
        this.#pending.get(name)?.cancel();
        break;
      case 'close':
        this.#start(name, this.#close(this.#named(name)));
        this.#opens.delete(name);
        break;
      default:
        this.#start(name, this.#change(verb, name, argument));
    }
    // Who was woken runs in microtasks.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everything ends, and nothing is left behind. */
  async end(): Promise<void> {
    for (const open of this.#opens.values()) await run(closeOpen(open));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([...this.#pending.keys()], [], 'somebody still waits');
    // What was granted to those who waited until now.
    for (const open of this.#opens.values()) await run(closeOpen(open));
    const records = await this.#volume.files.scan('');
    assert.deepEqual([...records], [], 'a record is left');
    assert.equal(
      this.#env.log.entries.filter(({ level }) => level === 'error').length,
      0,
      'a bug was logged',
    );
  }

  /** Runs what may wait; says how it ended. */
  #start(name: string, task: Task<string>): void {
    const outcome = run(task);
    const ended = (result: string): void => {
      this.#pending.delete(name);
      this.told.push(`${name}: ${result}`);
    };
    if (isPromise(outcome)) void outcome.then(ended);
    else ended(outcome);
  }

  #cancelOf(name: string): Cancel {
    const cancel = new Cancel(() => this.told.push(`${name} waits`));
    this.#pending.set(name, cancel);
    return cancel;
  }

  *#open(name: string, [path = '', ...words]: readonly string[]): Task<string> {
    const outcome = yield* openFile(this.#volume, ME, {
      path,
      desiredAccess: accessOf(words),
      fileAttributes: 0,
      shareAccess: words.includes('alone') ? 0 : words.includes('read-shared') ? 1 : 7,
      createDisposition: dispositionOf(words),
      createOptions: words.includes('delete-on-close') ? FILE_DELETE_ON_CLOSE : 0,
      allocationSize: undefined,
      eaBuffer: undefined,
      securityDescriptor: undefined,
      timewarp: undefined,
      oplock: oplockOf(words),
      cancel: this.#cancelOf(name),
    });
    if (outcome.status !== 0) return statusName(outcome.status);
    const { open } = outcome as { readonly open: LocalOpen };
    this.#opens.set(name, open);
    if (this.#volume.oplockBreaks.isUnclaimed(open)) this.#volume.oplockBreaks.claim(open);
    return describeGrant(open.oplock);
  }

  *#close(open: LocalOpen): Task<string> {
    if ((open.createOptions & FILE_DELETE_ON_CLOSE) !== 0) {
      yield* breakHandleCaching(open, this.#cancelOf(this.#nameOf(open)));
    }
    yield* closeOpen(open);
    return 'closed';
  }

  *#change(verb: string, name: string, argument: string): Task<string> {
    const open = this.#named(name);
    const cancel = this.#cancelOf(name);
    switch (verb) {
      case 'ack':
        return statusName(yield* acknowledgeBreak(open, cachingOf(argument)));
      case 'write':
        return statusName((yield* writeFile(open, [Buffer.from('data')], 0, {})).status);
      case 'read':
        return statusName((yield* readFile(open, new Uint8Array(4), 0, {})).status);
      case 'truncate':
        return statusName(yield* setEndOfFile(open, 1));
      case 'lock': {
        const range = { offset: 0n, length: 1n, exclusive: true };
        return statusName(yield* lockRanges(open, [range], { failImmediately: true, cancel }));
      }
      case 'delete':
        return statusName(yield* setDisposition(open, { delete: true, cancel }));
      case 'rename':
      case 'replace': {
        const replaceIfExists = verb === 'replace';
        const target = { newName: argument, replaceIfExists, cancel };
        return statusName(yield* renameFile(open, target));
      }
      default:
        assert.fail(`what is '${verb}'?`);
    }
  }

  async #makeDirectory(path: string): Promise<void> {
    const outcome = await run(
      openFile(this.#volume, ME, {
        path,
        desiredAccess: FILE_ALL_ACCESS,
        fileAttributes: 0,
        shareAccess: 7,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DIRECTORY_FILE,
        allocationSize: undefined,
        eaBuffer: undefined,
        securityDescriptor: undefined,
        timewarp: undefined,
        cancel: new Cancel(() => {}),
      }),
    );
    assert.ok(outcome.open !== undefined);
    await run(closeOpen(outcome.open));
  }

  #indicated(told: OplockBreak): boolean {
    const lease = told.lease === undefined ? undefined : `lease ${told.lease.leaseKey}`;
    const holder = [...this.#opens].find(([, open]) => open.oplockKey === told.oplockKey);
    if (holder === undefined) return false;
    const epoch = told.lease?.version === 2 ? ` epoch ${told.epoch - EPOCH}` : '';
    const answer = told.needsAcknowledgement ? ', must answer' : '';
    const change = `${namesOf(told.from)} -> ${namesOf(told.to)}`;
    this.told.push(`${lease ?? holder[0]} breaks ${change}${epoch}${answer}`);
    return true;
  }

  #nameOf(open: LocalOpen): string {
    for (const [name, other] of this.#opens) if (other === open) return name;
    assert.fail('an open without a name');
  }

  #named(name: string): LocalOpen {
    const open = this.#opens.get(name);
    assert.ok(open !== undefined, `nobody is called ${name}`);
    return open;
  }
}

const LEVELS: Readonly<Record<string, number>> = {
  'level-ii': READ_CACHING,
  exclusive: READ_CACHING | WRITE_CACHING,
  batch: READ_CACHING | WRITE_CACHING | HANDLE_CACHING,
};

/** 'batch', or 'lease=KEY:RWH' with 'v2' for its version. */
function oplockOf(words: readonly string[]): OplockRequest | undefined {
  for (const word of words) {
    const caching = LEVELS[word];
    if (caching !== undefined) return { caching, lease: undefined };
    const lease = /^lease=(\w+):(\w+)$/.exec(word);
    if (lease === null) continue;
    const [, leaseKey = '', state = ''] = lease;
    const version = words.includes('v2') ? 2 : 1;
    const identity = { clientGuid: 'client', leaseKey, version, epoch: EPOCH } as const;
    const rest = { parentLeaseKey: undefined, coversDirectories: version === 2 };
    return { caching: cachingOf(state), lease: { ...identity, ...rest } };
  }
  return undefined;
}

function accessOf(words: readonly string[]): number {
  if (words.includes('attributes')) return FILE_READ_ATTRIBUTES | SYNCHRONIZE;
  if (words.includes('to-delete')) return DELETE;
  return words.includes('to-read') ? FILE_GENERIC_READ : FILE_ALL_ACCESS;
}

function dispositionOf(words: readonly string[]): number {
  if (words.includes('overwrite')) return FILE_OVERWRITE;
  return words.includes('existing') ? FILE_OPEN : FILE_OPEN_IF;
}

function describeGrant(grant: OplockGrant | undefined): string {
  if (grant === undefined) return 'opened';
  const { lease, caching, epoch, isBreaking } = grant;
  if (lease === undefined) return `opened, ${namesOf(caching)}`;
  const counted = lease.version === 2 ? ` epoch ${epoch - EPOCH}` : '';
  const state = isBreaking ? ', breaking' : '';
  return `opened, lease ${lease.leaseKey} ${namesOf(caching)}${counted}${state}`;
}

function cachingOf(names: string): number {
  let caching = 0;
  if (names.includes('R')) caching |= READ_CACHING;
  if (names.includes('W')) caching |= WRITE_CACHING;
  if (names.includes('H')) caching |= HANDLE_CACHING;
  return caching;
}

function namesOf(caching: number): string {
  const read = (caching & READ_CACHING) !== 0 ? 'R' : '';
  const write = (caching & WRITE_CACHING) !== 0 ? 'W' : '';
  const handle = (caching & HANDLE_CACHING) !== 0 ? 'H' : '';
  return `${read}${write}${handle}` || 'none';
}
