import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import { FILE_READ_DATA } from '../../src/dtyp/access-mask.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import type { Env } from '../../src/env/ports.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import type { OpenOutcome } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import { FILE_CREATE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials, DirectoryWatch, Vfs } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { contextOf, fsaSuite } from './fsa-suite.ts';
import { linksSuite } from './links-suite.ts';

const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

function testEnv(): Env {
  return { ...makeVirtualEnv(), clock: makeNodeClock() };
}

function localVfs(): { vfs: Vfs; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-fsa-'));
  const vfs = openLocalVfs(folder);
  assert.ok(!failed(vfs));
  return { vfs, remove: () => rmSync(folder, { recursive: true }) };
}

/** What a proxy stands for: stores take their own files only. */
const RAW = new WeakMap<object, object>();

/** A store whose every call takes a while. */
function slow(vfs: Vfs): Vfs {
  const proxy = new Proxy(vfs, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (key === 'close' || key === 'watchDirectory') return value.bind(target);
      return async (...args: unknown[]) => {
        await new Promise<void>((resolve) => setImmediate(resolve));
        const raw = args.map((arg) => RAW.get(arg as object) ?? arg);
        const result = await value.apply(target, raw);
        return key === 'open' && typeof result === 'object' ? slow(result as Vfs) : result;
      };
    },
  });
  RAW.set(proxy, vfs);
  return proxy;
}

/** A store that cannot watch. */
function unwatched(vfs: Vfs): Vfs {
  return new Proxy(vfs, {
    get(target, key) {
      if (key === 'watchDirectory') return (): DirectoryWatch | undefined => undefined;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const memory = (): Vfs => new MemoryVfs(makeNodeClock());
const backend = (vfs: Vfs) => ({ vfs, credentials: ME, env: testEnv(), remove() {} });

fsaSuite('memory', () => backend(memory()));
fsaSuite('memory that answers later', () => backend(slow(memory())));
fsaSuite('memory that cannot watch', () => backend(unwatched(memory())));
fsaSuite('local', () => ({ ...backend(memory()), ...localVfs() }));

linksSuite('memory', () => backend(memory()));
linksSuite('memory that answers later', () => backend(slow(memory())));
linksSuite('local', () => ({ ...backend(memory()), ...localVfs() }));

/** Counts the calls that reach the store. */
function counted(vfs: Vfs, calls: string[]): Vfs {
  return new Proxy(vfs, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        calls.push(String(key));
        const result = value.apply(target, args);
        return key === 'open' && typeof result === 'object' ? counted(result, calls) : result;
      };
    },
  });
}

function tryOpen(volume: Volume, path: string, createDisposition: number): OpenOutcome {
  const outcome = run(
    openFile(volume, contextOf(ME), {
      path,
      desiredAccess: FILE_READ_DATA,
      fileAttributes: 0,
      shareAccess: 7,
      createDisposition,
      createOptions: 0,
      allocationSize: undefined,
      eaBuffer: undefined,
      securityDescriptor: undefined,
      timewarp: undefined,
      cancel: { cancelled: false, onCancel: () => () => {}, waiting() {} },
    }),
  );
  assert.ok(!(outcome instanceof Promise), 'an open suspended over a synchronous store');
  return outcome;
}

describe('what an open costs', () => {
  const calls: string[] = [];
  const volume = makeVolume({
    id: 'v',
    vfs: counted(memory(), calls),
    env: testEnv(),
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore(),
  });

  it('is four calls for a file that stands, and one for its close', () => {
    const made = tryOpen(volume, 'a', FILE_CREATE);
    assert.ok(made.open !== undefined);
    run(closeOpen(made.open));
    calls.length = 0;
    const { open } = tryOpen(volume, 'a', FILE_OPEN);
    assert.ok(open !== undefined);
    assert.deepEqual(calls, ['open', 'stat', 'getXattr', 'getXattr']);
    calls.length = 0;
    run(closeOpen(open));
    assert.deepEqual(calls, ['close']);
  });

  it('is one call for a file that is missing, in a directory that is remembered', () => {
    tryOpen(volume, 'missing', FILE_OPEN);
    calls.length = 0;
    tryOpen(volume, 'absent', FILE_OPEN);
    assert.deepEqual(calls, ['open']);
  });
});
