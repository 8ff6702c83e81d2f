import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { run, type Task } from '../../src/base/task.ts';
import {
  FILE_ALL_ACCESS,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
} from '../../src/dtyp/access-mask.ts';
import { DACL_SECURITY_INFORMATION } from '../../src/dtyp/security-descriptor.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { setEas } from '../../src/fsa/ea.ts';
import { setBasic, setDisposition, setEndOfFile } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { changeNotify } from '../../src/fsa/notify.ts';
import type { Taken } from '../../src/fsa/notify-list.ts';
import { openFile } from '../../src/fsa/open.ts';
import { writeFile } from '../../src/fsa/read-write.ts';
import { linkFile, renameFile } from '../../src/fsa/rename.ts';
import { querySecurity, setSecurity } from '../../src/fsa/security.ts';
import type { CancelSignal } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_NOT_CONTENT_INDEXED } from '../../src/fscc/file-attributes.ts';
import * as filters from '../../src/fscc/notify-filter.ts';
import * as information from '../../src/fscc/notify-information.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { contextOf } from '../conformance/fsa-suite.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';

const FILE = new URL('../../../test/scenarios/notify.txt', import.meta.url);
const ME = contextOf({ uid: 1000, gid: 1000, groups: [] });
const SHARE_ALL = 7;
const TIME = 132_000_000_000_000_000n;

describe('[MS-FSA] 2.1.5.11 Server Requests Change Notifications for a Directory', () => {
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

interface Watcher {
  readonly open: LocalOpen;
  readonly waiting: Cancel[];
}

class Cancel implements CancelSignal {
  cancelled = false;
  #listener = (): void => {};

  onCancel(listener: () => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  waiting(): void {}

  cancel(): void {
    this.cancelled = true;
    this.#listener();
  }
}

/** One volume and those who watch it. */
class Stage {
  readonly told: string[] = [];
  readonly #volume: Volume = makeVolume({
    id: 'v',
    vfs: new MemoryVfs(makeNodeClock()),
    env: makeVirtualEnv(),
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore(),
  });
  readonly #watchers: Map<string, Watcher> = new Map();

  async act(line: string): Promise<void> {
    const [verb = '', subject = '', ...rest] = line.split(' ');
    switch (verb) {
      case 'watch':
        await this.#watch(subject, rest);
        break;
      case 'next':
        this.#request(subject, ['0', ...rest]);
        break;
      case 'again':
        this.#request(subject, rest);
        break;
      case 'cancel':
        this.#watcher(subject).waiting.shift()?.cancel();
        break;
      case 'close':
        await run(closeOpen(this.#watcher(subject).open));
        break;
      default:
        await this.#change(verb, subject, rest[0] ?? '');
    }
    // Requests that were woken run as microtasks.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everything ends, and nothing is left behind. */
  async end(): Promise<void> {
    for (const { open } of this.#watchers.values()) await run(closeOpen(open));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(this.#volume.changeNotifyList.isEmpty, 'somebody still watches');
    for (const { waiting } of this.#watchers.values()) assert.equal(waiting.length, 0);
  }

  async #watch(name: string, [directory = '', ...options]: readonly string[]): Promise<void> {
    const list = options.includes('no-list') ? 0 : FILE_LIST_DIRECTORY;
    const path = directory === '.' ? '' : directory;
    const open = await this.#open(path, { access: list | FILE_READ_ATTRIBUTES });
    this.#watchers.set(name, { open, waiting: [] });
    this.#request(name, options);
  }

  #request(name: string, [filter = '', ...options]: readonly string[]): void {
    const { open, waiting } = this.#watcher(name);
    const size = options.find((option) => option.startsWith('size='))?.slice(5);
    const cancel = new Cancel();
    waiting.push(cancel);
    const outcome = run(
      changeNotify(open, {
        outputBufferSize: Number(size ?? 1000),
        watchTree: options.includes('tree'),
        completionFilter: filter.split(',').reduce((mask, word) => mask | filterOf(word), 0),
        cancel,
      }),
    );
    const answered = (taken: Taken): void => {
      const at = waiting.indexOf(cancel);
      if (at >= 0) waiting.splice(at, 1);
      this.told.push(`${name}: ${describeTaken(taken)}`);
    };
    if (outcome instanceof Promise) void outcome.then(answered);
    else answered(outcome);
  }

  #watcher(name: string): Watcher {
    const watcher = this.#watchers.get(name);
    assert.ok(watcher !== undefined, `nobody is called ${name}`);
    return watcher;
  }

  async #change(verb: string, path: string, argument: string): Promise<void> {
    switch (verb) {
      case 'create':
        return this.#with(path, { disposition: FILE_CREATE });
      case 'mkdir':
        return this.#with(path, { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE });
      case 'overwrite':
        return this.#with(path, { disposition: FILE_OVERWRITE });
      case 'delete':
        return this.#with(path, { options: FILE_DELETE_ON_CLOSE });
      case 'mark':
        return this.#with(path, {}, (open) => setDisposition(open, { delete: true }));
      case 'unlink':
        return this.#with(path, {}, (open) =>
          setDisposition(open, { delete: true, posixSemantics: true }),
        );
      case 'write':
        return this.#with(path, {}, function* (open) {
          return (yield* writeFile(open, [Buffer.from(argument)], 0, {})).status;
        });
      case 'truncate':
        return this.#with(path, {}, (open) => setEndOfFile(open, 1));
      case 'attributes':
        return this.#with(path, {}, (open) =>
          setBasic(open, { ...NO_CHANGE, attributes: FILE_ATTRIBUTE_NOT_CONTENT_INDEXED }),
        );
      case 'times':
        return this.#with(path, {}, (open) =>
          setBasic(open, {
            ...NO_CHANGE,
            creationTime: TIME,
            lastAccessTime: TIME,
            lastWriteTime: TIME,
          }),
        );
      case 'ea':
        return this.#with(path, {}, (open) =>
          setEas(open, [{ flags: 0, name: 'EA', value: Buffer.from('x') }]),
        );
      case 'security':
        return this.#with(path, {}, setSameSecurity);
      case 'rename':
      case 'replace':
        return this.#with(path, {}, (open) =>
          renameFile(open, { newName: argument, replaceIfExists: verb === 'replace' }),
        );
      case 'link':
        return this.#with(path, {}, (open) =>
          linkFile(open, { newName: argument, replaceIfExists: false }),
        );
      default:
        assert.fail(`what is '${verb}'?`);
    }
  }

  /** Opens, acts, closes; all of it has to succeed. */
  async #with(path: string, how: How, act?: (open: LocalOpen) => Task<number>): Promise<void> {
    const open = await this.#open(path, how);
    if (act !== undefined) assert.equal(statusName(await run(act(open))), 'STATUS_SUCCESS', path);
    await run(closeOpen(open));
  }

  async #open(path: string, how: How): Promise<LocalOpen> {
    const outcome = await run(
      openFile(this.#volume, ME, {
        path,
        desiredAccess: how.access ?? FILE_ALL_ACCESS,
        fileAttributes: 0,
        shareAccess: SHARE_ALL,
        createDisposition: how.disposition ?? FILE_OPEN,
        createOptions: how.options ?? 0,
        allocationSize: undefined,
        eaBuffer: undefined,
        securityDescriptor: undefined,
        timewarp: undefined,
        cancel: new Cancel(),
      }),
    );
    assert.equal(statusName(outcome.status), 'STATUS_SUCCESS', path);
    assert.ok(outcome.open !== undefined);
    return outcome.open;
  }
}

interface How {
  readonly access?: number;
  readonly disposition?: number;
  readonly options?: number;
}

const NO_CHANGE = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};

function* setSameSecurity(open: LocalOpen): Task<number> {
  const { descriptor } = yield* querySecurity(open, DACL_SECURITY_INFORMATION);
  assert.ok(descriptor !== undefined);
  return yield* setSecurity(open, DACL_SECURITY_INFORMATION, descriptor);
}

/** 'last-write' is FILE_NOTIFY_CHANGE_LAST_WRITE. */
function filterOf(word: string): number {
  if (word === '0') return 0;
  const name = `FILE_NOTIFY_CHANGE_${word.toUpperCase().replaceAll('-', '_')}`;
  const filter = (filters as Readonly<Record<string, number>>)[name];
  assert.ok(filter !== undefined, `what is ${word}?`);
  return filter;
}

function describeTaken({ status, changes, size }: Taken): string {
  assert.ok(status === 0 || (changes.length === 0 && size === 0));
  if (status !== 0) return statusName(status);
  const view = new DataView(new ArrayBuffer(size));
  assert.equal(information.encodeNotifyInformation(view, 0, size, changes), size);
  return changes.map(({ action, name }) => `${ACTIONS[action]} ${name}`).join(', ');
}

const ACTIONS: Readonly<Record<number, string>> = {
  [information.FILE_ACTION_ADDED]: 'added',
  [information.FILE_ACTION_REMOVED]: 'removed',
  [information.FILE_ACTION_MODIFIED]: 'modified',
  [information.FILE_ACTION_RENAMED_OLD_NAME]: 'old-name',
  [information.FILE_ACTION_RENAMED_NEW_NAME]: 'new-name',
  [information.FILE_ACTION_ADDED_STREAM]: 'added-stream',
  [information.FILE_ACTION_REMOVED_STREAM]: 'removed-stream',
  [information.FILE_ACTION_MODIFIED_STREAM]: 'modified-stream',
};
