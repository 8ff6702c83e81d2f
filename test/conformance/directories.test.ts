/** Directories that are read over several turns, while others go on in them. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import { makeNameResolver, type NameResolver } from '../../src/fsa/name-resolver.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { Credentials, OpenOptions, Vfs } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { good } from './vfs-suite.ts';

const FILES = 6000;
const ME: Credentials = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const ANNA: Credentials = { uid: 61_001, gid: 61_001, groups: [] };

describe('a directory that is read in turns', () => {
  let folder: string;
  let vfs: Vfs;
  let names: NameResolver;
  /** Directories opened to be read. */
  let reads: string[];
  /** Between two turns; at each it is told how many there were before. */
  let atPause: (pauses: number) => void;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'semba-directories-'));
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'd'));
    for (let i = 0; i < FILES; i++) writeFileSync(join(folder, 'd', `File ${i}`), '');
    const local = good(openLocalVfs(folder)) as Vfs;
    reads = [];
    vfs = new Proxy(local, {
      get(target, key) {
        if (key === 'open') {
          return (who: Credentials, path: string, options: OpenOptions) => {
            if (options.access === 'directory') reads.push(path);
            return target.open(who, path, options);
          };
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    atPause = () => {};
    let pauses = 0;
    const time = makeVirtualEnv();
    // Every look at the clock is long after the last one, so that each batch ends its turn.
    let nowMs = 0;
    names = makeNameResolver({
      vfs,
      env: {
        ...time,
        clock: { fileTime: () => time.clock.fileTime(), monotonicMs: () => (nowMs += 1000) },
        timers: {
          after: () => ({ cancel: () => {} }),
          async turn() {
            atPause(pauses++);
          },
        },
      },
      directoriesMax: 10,
      namesMax: 100_000,
      shortNames: true,
    });
  });
  afterEach(() => {
    names.close();
    vfs.close();
    rmSync(folder, { recursive: true });
  });

  const resolve = async (path: string, who = ME): Promise<string> => {
    const found = await run(names.resolve(who, path));
    return found.kind === 'found' ? found.path : found.kind;
  };
  const onDisk = (name: string): string => join(folder, 'd', name);

  it('is read once for all who ask meanwhile, and each finds what they look for', async () => {
    const asked = ['d/FILE 7', 'd/file 4000', `D/FILE ${FILES - 1}`, 'd/none', 'd/none/none'];
    assert.deepEqual(await Promise.all(asked.map((path) => resolve(path))), [
      'd/File 7',
      'd/File 4000',
      `d/File ${FILES - 1}`,
      'name-missing',
      'path-missing',
    ]);
    assert.deepEqual(reads, ['', 'd']);
  });

  it('is known as it is at the end, whatever changed on the way', async () => {
    let turns = 0;
    atPause = (pauses) => {
      turns++;
      writeFileSync(onDisk(`Made ${pauses}`), '');
      if (pauses === 0) return;
      rmSync(onDisk(`Made ${pauses - 1}`));
      renameSync(onDisk(`File ${FILES - pauses}`), onDisk(`Renamed ${pauses}`));
      rmSync(onDisk(`File ${pauses}`));
    };
    assert.equal(await resolve('d/none'), 'name-missing');
    assert.ok(turns > 2, `${turns} turns`);
    atPause = () => assert.fail('read again');
    for (let i = 0; i < turns; i++) {
      const isLast = i === turns - 1;
      assert.equal(await resolve(`d/MADE ${i}`), isLast ? `d/Made ${i}` : 'name-missing');
    }
    assert.equal(await resolve(`d/FILE ${FILES - 1}`), 'name-missing');
    assert.equal(await resolve('d/RENAMED 1'), 'd/Renamed 1');
    assert.equal(await resolve('d/FILE 1'), 'name-missing');
    assert.equal(await resolve('d/FILE 0'), 'd/File 0');
  });

  it('begins anew when it changes more than is told', async () => {
    atPause = (pauses) => {
      if (pauses > 0) return;
      for (let i = 0; i < 8300; i++) {
        mkdirSync(onDisk('x'));
        rmSync(onDisk('x'), { recursive: true });
      }
      rmSync(onDisk('File 0'));
      writeFileSync(onDisk('Late'), '');
    };
    assert.equal(await resolve('d/LATE'), 'd/Late');
    assert.equal(await resolve('d/FILE 0'), 'name-missing');
    assert.equal(await resolve('d/FILE 1'), 'd/File 1');
  });

  it('is not there when it goes on the way', async () => {
    atPause = (pauses) => {
      if (pauses === 0) rmSync(join(folder, 'd'), { recursive: true });
    };
    assert.equal(await resolve('d/none'), 'path-missing');
    assert.equal(await resolve('d'), 'name-missing');
  });

  it('stays known when more go than the kernel keeps events for', async () => {
    assert.equal(await resolve('d/none'), 'name-missing');
    atPause = () => assert.fail('read again');
    for (let i = 0; i < 9000; i++) {
      mkdirSync(onDisk('x'));
      rmSync(onDisk('x'), { recursive: true });
      names.removed();
    }
    assert.equal(await resolve('d/FILE 5'), 'd/File 5');
    assert.equal(await resolve('d/X'), 'name-missing');
  });

  it('is read for those who may go through it but not list it', {
    skip: ME.uid === 0 ? false : 'needs root',
  }, async () => {
    chmodSync(join(folder, 'd'), 0o711);
    assert.equal(await resolve('d/FILE 5', ANNA), 'd/File 5');
    mkdirSync(join(folder, 'drop'));
    chownSync(join(folder, 'drop'), ANNA.uid, ANNA.gid);
    chmodSync(join(folder, 'drop'), 0o300);
    assert.equal(await resolve('drop/new', ANNA), 'name-missing');
  });
});
