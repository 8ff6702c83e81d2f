/** [MS-FSA] 2.1.5.7 Server Requests Flushing Cached Data: what is asked of the store, and when. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type MaybePromise, run } from '../../src/base/task.ts';
import { FILE_ADD_FILE, FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { flushFile, writeFile } from '../../src/fsa/read-write.ts';
import { renameFile } from '../../src/fsa/rename.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { EBADF, type Errno, failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { Credentials, OpenOptions, Vfs, VfsFile } from '../../src/vfs/vfs.ts';
import { VolumeRig } from './volume-rig.ts';

const SERVER: Credentials = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
/** More than an attribute holds anywhere. */
const LARGE = 100_000;

describe('[MS-FSA] 2.1.5.7 Server Requests Flushing Cached Data', () => {
  let folder: string;
  let vfs: Vfs;
  let rig: VolumeRig;
  /** Paths that were synced, '*' for all there is. */
  let synced: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'semba-flush-'));
    synced = [];
    const local = openLocalVfs(folder);
    assert.ok(!failed(local));
    vfs = recording(local, (path) => synced.push(path));
    rig = new VolumeRig('memory', {}, { vfs });
  });
  afterEach(async () => {
    await rig.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (path: string, desiredAccess?: number): Promise<LocalOpen> => {
    const asked = desiredAccess === undefined ? {} : { desiredAccess };
    const { open: opened, status } = await rig.open(path, asked);
    assert.equal(status, 0, path);
    return opened!;
  };
  const directory = async (path: string, asked: object = {}): Promise<LocalOpen> => {
    const createOptions = FILE_DIRECTORY_FILE;
    const { open: opened, status } = await rig.open(path, { createOptions, ...asked });
    assert.equal(status, 0, path);
    return opened!;
  };
  const flushed = async (opened: LocalOpen): Promise<readonly string[]> => {
    synced.length = 0;
    assert.equal(await run(flushFile(opened)), 0);
    return synced;
  };
  const write = async (opened: LocalOpen, size: number, writeThrough = false): Promise<void> => {
    const { status } = await run(writeFile(opened, [new Uint8Array(size)], 0, { writeThrough }));
    assert.equal(status, 0);
  };

  it('makes the name of a new file safe with it, once', async () => {
    await rig.make('d', { createOptions: FILE_DIRECTORY_FILE });
    const file = await open('d\\f');
    assert.deepEqual(await flushed(file), ['d/f', 'd']);
    assert.deepEqual(await flushed(file), ['d/f']);
    assert.deepEqual(await flushed(await open('d\\f')), ['d/f'], 'somebody else made it');
  });

  it('makes the name of a renamed file safe', async () => {
    await rig.make('d', { createOptions: FILE_DIRECTORY_FILE });
    const file = await open('f');
    await flushed(file);
    const newName = 'd\\g';
    assert.equal(await run(renameFile(file, { newName, replaceIfExists: false })), 0);
    assert.deepEqual(await flushed(file), ['f', 'd']);
    assert.deepEqual(await flushed(file), ['f']);
  });

  it('makes a stream in an attribute safe with its file', async () => {
    const file = await open('f');
    await flushed(file);
    const stream = await open('f:s');
    await write(stream, 10);
    assert.deepEqual([...new Set(await flushed(stream))], ['f', '']);
    assert.deepEqual(await flushed(stream), ['f']);
    synced.length = 0;
    await write(stream, 10, true);
    assert.deepEqual(synced, ['f'], 'written through');
  });

  it('makes a large stream safe: content, the name of that, and the mark', async () => {
    const stream = await open('f:s');
    await flushed(stream);
    await write(stream, 10);
    synced.length = 0;
    await write(stream, LARGE);
    const isContent = (path: string): boolean => /^\.semba-streams\/[0-9a-f]{32}$/.test(path);
    const kinds = (): string[] => synced.map((path) => (isContent(path) ? 'content' : path));
    assert.deepEqual(kinds(), ['', 'content', '.semba-streams'], 'before it is marked');
    await flushed(stream);
    assert.deepEqual(kinds(), ['content', 'f']);
    synced.length = 0;
    await write(stream, LARGE, true);
    assert.deepEqual(kinds(), ['content', 'f'], 'written through');
  });

  it('makes the names in a directory safe that was opened for adding some', async () => {
    await rig.make('d', { createOptions: FILE_DIRECTORY_FILE });
    const added = { desiredAccess: FILE_ADD_FILE, createDisposition: FILE_OPEN };
    assert.deepEqual(await flushed(await directory('d', added)), ['d']);
  });

  it('flushes everything by the root', async () => {
    const root = { desiredAccess: FILE_ADD_FILE, createDisposition: FILE_OPEN };
    assert.deepEqual(await flushed(await directory('', root)), ['*']);
  });

  it('asks nothing of the store without strict_sync', async () => {
    await rig.close();
    const local = openLocalVfs(folder);
    assert.ok(!failed(local));
    vfs = recording(local, (path) => synced.push(path));
    rig = new VolumeRig('memory', { strictSync: false }, { vfs });
    const stream = await open('f:s', FILE_WRITE_DATA);
    await write(stream, LARGE, true);
    assert.deepEqual(await flushed(stream), []);
    assert.deepEqual(synced, []);
  });

  it('writes what is pinned only, and knows what keeps nothing', async () => {
    writeFileSync(join(folder, 'file'), 'x');
    symlinkSync('file', join(folder, 'link'));
    const outcome = async (path: string): Promise<0 | Errno> => {
      const file = await vfs.open(SERVER, path, { access: 'metadata', noFollow: true });
      assert.ok(!failed(file));
      const result = await file.sync(false);
      file.close();
      return result;
    };
    assert.equal(await outcome('file'), 0);
    assert.equal(await outcome(''), 0);
    assert.equal(await outcome('link'), EBADF);
    assert.equal(await vfs.sync?.(), 0);
  });
});

/** Tells of each sync, by the path that was opened. */
function recording(vfs: Vfs, tell: (path: string) => void): Vfs {
  const told = (path: string, file: VfsFile): VfsFile =>
    intercept(file, 'sync', (dataOnly: boolean) => {
      tell(path);
      return file.sync(dataOnly);
    });
  const opening = intercept(
    vfs,
    'open',
    async (who: Credentials, path: string, options: OpenOptions) => {
      const file = await vfs.open(who, path, options);
      return failed(file) ? file : told(path, file);
    },
  );
  return intercept(opening, 'sync', (): MaybePromise<0 | Errno> => {
    tell('*');
    return vfs.sync?.() ?? 0;
  });
}

function intercept<T extends object>(target: T, name: keyof T, call: unknown): T {
  return new Proxy(target, {
    get(inner, key) {
      if (key === name) return call;
      const value: unknown = Reflect.get(inner, key);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}
