/** Named streams that outgrow their extended attribute: docs/adr/0007. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run, type Task } from '../../src/base/task.ts';
import { DELETE, FILE_READ_DATA, FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import * as nt from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { setDisposition, setEndOfFile } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import { nextEntry, queryDirectory } from '../../src/fsa/query-directory.ts';
import { readFile, writeFile } from '../../src/fsa/read-write.ts';
import { renameFile } from '../../src/fsa/rename.ts';
import { streamXattr } from '../../src/fsa/stream-backing.ts';
import { encodeMark, markedId, STORE_CREDENTIALS } from '../../src/fsa/stream-store.ts';
import { queryStreams } from '../../src/fsa/streams.ts';
import type { OpenOutcome } from '../../src/fsa/surface.ts';
import { scheduleSweep } from '../../src/fsa/sweep-streams.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
} from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { ENOSPC, type Errno, failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials, Vfs, VfsFile } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { contextOf } from './fsa-suite.ts';

const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};
const LARGE = 200_000;
const ACCESS = FILE_READ_DATA | FILE_WRITE_DATA | DELETE;

const drive = async <T>(task: Task<T>): Promise<T> => run(task);

function volumeOver(vfs: Vfs): Volume {
  return makeVolume({
    id: 'v',
    vfs,
    env: { ...makeVirtualEnv(), clock: makeNodeClock() },
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore(),
  });
}

async function tryOpen(volume: Volume, path: string, how = FILE_OPEN_IF): Promise<OpenOutcome> {
  return drive(
    openFile(volume, contextOf(ME), {
      path,
      desiredAccess: ACCESS,
      fileAttributes: 0,
      shareAccess: 7,
      createDisposition: how,
      createOptions: 0,
      allocationSize: undefined,
      eaBuffer: undefined,
      securityDescriptor: undefined,
      timewarp: undefined,
      cancel: { cancelled: false, onCancel: () => () => {}, waiting() {} },
    }),
  );
}

async function open(volume: Volume, path: string, how = FILE_OPEN_IF): Promise<LocalOpen> {
  const outcome = await tryOpen(volume, path, how);
  assert.ok(outcome.open !== undefined, `${path}: ${nt.statusName(outcome.status)}`);
  return outcome.open;
}

const pattern = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i * 7);

async function put(volume: Volume, path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(volume, path);
  assert.equal((await drive(writeFile(file, [bytes], 0, {}))).status, 0);
  await drive(closeOpen(file));
}

async function get(volume: Volume, path: string): Promise<Uint8Array> {
  const file = await open(volume, path, FILE_OPEN);
  const bytes = new Uint8Array(1_000_000);
  const { count } = await drive(readFile(file, bytes, 0, {}));
  await drive(closeOpen(file));
  return bytes.slice(0, count);
}

async function remove(volume: Volume, path: string): Promise<void> {
  const file = await open(volume, path, FILE_OPEN);
  assert.equal(await drive(setDisposition(file, { delete: true })), 0);
  await drive(closeOpen(file));
}

/** Names in the side store. */
async function stored(vfs: Vfs): Promise<readonly string[]> {
  const options = { access: 'directory' } as const;
  const folder = await vfs.open(STORE_CREDENTIALS, '.semba-streams', options);
  if (failed(folder)) return [];
  const entries = await folder.readDirectory(true);
  folder.close();
  assert.ok(!failed(entries));
  return entries.map(({ name }) => name);
}

async function baseOf(vfs: Vfs, path: string): Promise<VfsFile> {
  const file = await vfs.open(ME, path, { access: 'metadata' });
  assert.ok(!failed(file));
  return file;
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function local(): { vfs: Vfs; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-streams-'));
  folders.push(folder);
  const vfs = openLocalVfs(folder);
  assert.ok(!failed(vfs));
  return { vfs, folder };
}

function suite(name: string, makeVfs: () => Vfs): void {
  describe(`Large named streams over ${name}`, () => {
    it('moves a stream out when a write does not fit, and keeps what it held', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(1000));
      assert.deepEqual(await stored(vfs), []);
      const stream = await open(volume, 'f:s', FILE_OPEN);
      const tail = pattern(LARGE);
      assert.equal((await drive(writeFile(stream, [tail], 1000, {}))).status, 0);
      await drive(closeOpen(stream));
      assert.equal((await stored(vfs)).length, 1);
      const bytes = await get(volume, 'f:s');
      assert.deepEqual(bytes.slice(0, 1000), pattern(1000));
      assert.deepEqual(bytes.slice(1000), tail);
      // In any case, and through an open that knew the stream when it was small.
      assert.equal((await get(volume, 'F:S')).length, LARGE + 1000);
    });

    it('shows sizes, cuts, grows and empties', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      const stream = await open(volume, 'f:s', FILE_OPEN);
      const { streams } = await drive(queryStreams(stream));
      assert.deepEqual(
        streams.map(({ name, size }) => [name, size]),
        [
          ['::$DATA', 0],
          [':s:$DATA', LARGE],
        ],
      );
      assert.equal(await drive(setEndOfFile(stream, 10)), 0);
      assert.equal(await drive(setEndOfFile(stream, 2 ** 31)), 0);
      await drive(closeOpen(stream));
      const again = await tryOpen(volume, 'f:s', FILE_OPEN);
      assert.ok(again.open !== undefined);
      assert.equal(again.metadata.endOfFile, 2 ** 31);
      await drive(closeOpen(again.open));
      const empty = await open(volume, 'f:s', FILE_OVERWRITE_IF);
      await drive(closeOpen(empty));
      assert.equal((await get(volume, 'f:s')).length, 0);
    });

    it('goes with the stream, with the file, and with an overwritten file', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      await remove(volume, 'f:s');
      assert.deepEqual(await stored(vfs), []);
      await put(volume, 'f:s', pattern(LARGE));
      await put(volume, 'f:t', pattern(LARGE));
      assert.equal((await stored(vfs)).length, 2);
      await remove(volume, 'f');
      assert.deepEqual(await stored(vfs), []);
      await put(volume, 'f:s', pattern(LARGE));
      await drive(closeOpen(await open(volume, 'f', FILE_OVERWRITE_IF)));
      assert.deepEqual(await stored(vfs), []);
    });

    it('follows a rename of the file and of the stream, and goes with what is replaced', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'a:s', pattern(LARGE));
      await put(volume, 'b:s', pattern(LARGE));
      const a = await open(volume, 'a', FILE_OPEN);
      const target = { newName: 'b', replaceIfExists: true };
      assert.equal(await drive(renameFile(a, target)), 0);
      await drive(closeOpen(a));
      assert.equal((await stored(vfs)).length, 1);
      const stream = await open(volume, 'b:s', FILE_OPEN);
      const renamed = await drive(renameFile(stream, { newName: ':t', replaceIfExists: false }));
      assert.equal(renamed, 0);
      assert.equal((await drive(writeFile(stream, [pattern(3)], LARGE, {}))).status, 0);
      await drive(closeOpen(stream));
      assert.equal((await get(volume, 'b:t')).length, LARGE + 3);
      const again = await open(volume, 'b:t', FILE_OPEN);
      assert.equal(await drive(renameFile(again, { newName: ':', replaceIfExists: true })), 0);
      await drive(closeOpen(again));
      assert.equal((await get(volume, 'b')).length, LARGE + 3);
      assert.deepEqual(await stored(vfs), []);
    });

    it('stays for who has the file open when its name goes, and goes with them', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      const kept = await open(volume, 'f:s', FILE_OPEN);
      const file = await open(volume, 'f', FILE_OPEN);
      assert.equal(await drive(setDisposition(file, { delete: true, posixSemantics: true })), 0);
      await drive(closeOpen(file));
      assert.equal((await stored(vfs)).length, 1);
      const { streams } = await drive(queryStreams(kept));
      assert.equal(streams.find(({ name }) => name === ':s:$DATA')?.size, LARGE);
      await drive(closeOpen(kept));
      assert.deepEqual(await stored(vfs), []);
    });

    it('stays while a hard link keeps the file', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      await vfs.link(ME, 'f', 'g');
      await remove(volume, 'f');
      assert.equal((await get(volume, 'g:s')).length, LARGE);
      await remove(volume, 'g');
      assert.deepEqual(await stored(vfs), []);
    });

    it('is not inherited by who copies the attribute', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      await put(volume, 'g', pattern(1));
      const f = await baseOf(vfs, 'f');
      const g = await baseOf(vfs, 'g');
      const mark = await f.getXattr(streamXattr('s'));
      assert.ok(!failed(mark));
      assert.ok(markedId(mark) !== undefined);
      await g.setXattr(streamXattr('s'), mark);
      f.close();
      g.close();
      const missing = await tryOpen(volume, 'g:s', FILE_OPEN);
      assert.equal(missing.status, nt.STATUS_OBJECT_NAME_NOT_FOUND);
      await remove(volume, 'g');
      assert.equal((await get(volume, 'f:s')).length, LARGE, 'the copy took nothing away');
    });

    it('takes no content for a mark', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      const [id] = await stored(vfs);
      const mark = encodeMark(id!);
      await put(volume, 'g:s', mark);
      assert.deepEqual(await get(volume, 'g:s'), mark);
    });

    it('hides its folder', async () => {
      const vfs = makeVfs();
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(LARGE));
      await vfs.makeSymlink(ME, 'door', '.semba-streams');
      for (const path of ['.semba-streams', '.SEMBA-streams', '.semba-streams\\x', 'door']) {
        const outcome = await tryOpen(volume, path, FILE_OPEN);
        assert.equal(outcome.status, nt.STATUS_OBJECT_NAME_NOT_FOUND, path);
      }
      const [id] = await stored(vfs);
      const through = await tryOpen(volume, `door\\${id}`, FILE_OPEN);
      assert.equal(through.status, nt.STATUS_OBJECT_NAME_NOT_FOUND);
      const made = await tryOpen(volume, 'door\\new', FILE_CREATE);
      assert.equal(made.status, nt.STATUS_OBJECT_PATH_NOT_FOUND);
      const root = await open(volume, '', FILE_OPEN);
      const query = { pattern: '*', restart: true, reopen: false };
      assert.equal(await drive(queryDirectory(root, query)), 0);
      const names: string[] = [];
      for (;;) {
        const entry = await nextEntry(root);
        if (entry === undefined) break;
        names.push(entry.name);
      }
      await drive(closeOpen(root));
      assert.deepEqual(names.sort(), ['.', '..', 'door', 'f']);
    });
  });
}

suite('memory', () => new MemoryVfs(makeNodeClock()));
suite('local', () => local().vfs);

describe('The sweep of streams', () => {
  it('takes what two sweeps did not find, and nothing that is there or young', async () => {
    let hours = 0n;
    const clock = { ...makeNodeClock(), fileTime: () => (1_000_000n + hours) * 36_000_000_000n };
    const vfs = new MemoryVfs(clock);
    const env = makeVirtualEnv();
    const volume = { ...volumeOver(vfs), env: { ...env, clock } };
    await vfs.makeDirectory(ME, 'd', 0o755);
    for (const path of ['stays:s', 'moves:s', 'd\\goes:s', 'goes:s']) {
      await put(volume, path, pattern(LARGE));
    }
    const sweep = async (): Promise<number> => {
      const swept = scheduleSweep(volume);
      env.timers.advance(60_000);
      swept.cancel();
      return (await stored(vfs)).length;
    };
    await vfs.rename(ME, 'moves', 'd/moved', { replace: false });
    await vfs.unlink(ME, 'goes');
    await vfs.unlink(ME, 'd/goes');
    await put(volume, 'goes', pattern(1));
    assert.equal(await sweep(), 4, 'too young');
    hours += 2n;
    assert.equal(await sweep(), 4, 'only noted');
    hours += 2n;
    assert.equal(await sweep(), 2);
    assert.equal((await get(volume, 'stays:s')).length, LARGE);
    assert.equal((await get(volume, 'd\\moved:s')).length, LARGE);
  });

  it('comes again each day', async () => {
    const env = makeVirtualEnv();
    const vfs = new MemoryVfs(env.clock);
    const volume = { ...volumeOver(vfs), env };
    await put(volume, 'goes:s', pattern(LARGE));
    await vfs.unlink(ME, 'goes');
    const swept = scheduleSweep(volume);
    const left: number[] = [];
    for (let day = 0; day < 3; day++) {
      env.timers.advance(86_400_000);
      left.push((await stored(vfs)).length);
    }
    assert.deepEqual(left, [1, 1, 0], 'too young, noted, gone');
    swept.cancel();
    assert.equal(env.timers.pending, 0);
  });
});

describe('Large named streams and a store that fails', () => {
  for (const operation of ['open', 'write', 'setXattr', 'sync']) {
    it(`keeps the old content and leaves nothing when ${operation} fails`, async () => {
      let armed = false;
      const fault = (op: string, path: string): Errno | undefined =>
        armed && op === operation && (op !== 'open' || path.startsWith('.semba-streams/'))
          ? ENOSPC
          : undefined;
      const vfs = new MemoryVfs(makeNodeClock(), { fault });
      const volume = volumeOver(vfs);
      await put(volume, 'f:s', pattern(1000));
      const stream = await open(volume, 'f:s', FILE_OPEN);
      armed = true;
      const { status } = await drive(writeFile(stream, [pattern(LARGE)], 500, {}));
      armed = false;
      assert.equal(status, nt.STATUS_DISK_FULL);
      await drive(closeOpen(stream));
      assert.deepEqual(await get(volume, 'f:s'), pattern(1000));
      assert.deepEqual(await stored(vfs), []);
    });
  }
});

describe('Large named streams on a disk', () => {
  it('go by nobody else: the folder and the files are the server’s', async () => {
    const { vfs, folder } = local();
    await put(volumeOver(vfs), 'f:s', pattern(LARGE));
    const store = join(folder, '.semba-streams');
    assert.equal(lstatSync(store).mode & 0o7777, 0o1700);
    const [name] = readdirSync(store);
    assert.equal(lstatSync(join(store, name!)).mode & 0o7777, 0o1600);
  });

  it('do not come back with a file of the same name that a local process made', async () => {
    const { vfs, folder } = local();
    const volume = volumeOver(vfs);
    await put(volume, 'f:s', pattern(LARGE));
    rmSync(join(folder, 'f'));
    writeFileSync(join(folder, 'f'), 'new');
    const outcome = await tryOpen(volume, 'f:s', FILE_OPEN);
    assert.equal(outcome.status, nt.STATUS_OBJECT_NAME_NOT_FOUND);
    copyFileSync(join(folder, 'f'), join(folder, 'g'));
    symlinkSync('g', join(folder, 'h'));
    assert.equal((await get(volume, 'h')).length, 3);
  });
});
