import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Clock } from '../../src/env/ports.ts';
import {
  EACCES,
  EIO,
  ENODATA,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENXIO,
  EROFS,
  type Errno,
  failed,
} from '../../src/vfs/errno.ts';
import { type LocalVfs, openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials, DirectoryEntry, FileStat, OpenFor, VfsFile } from '../../src/vfs/vfs.ts';
import { bytes, good, type MadeVfs, vfsSuite } from './vfs-suite.ts';

const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

/** Starts in 2020 and goes on by a millisecond whenever it is asked. */
function testClock(): Clock {
  let now = 132_223_104_000_000_000n;
  return {
    fileTime: () => {
      now += 10_000n;
      return now;
    },
    monotonicMs: () => Number(now / 10_000n),
  };
}

/** In 2200: nothing that changed did so just now. */
const LATER: Clock = { fileTime: () => 189_000_000_000_000_000n, monotonicMs: () => 0 };

interface MadeLocal extends MadeVfs {
  readonly vfs: LocalVfs;
  readonly folder: string;
}

function makeLocal(options = {}): MadeLocal {
  const folder = mkdtempSync(join(tmpdir(), 'semba-vfs-'));
  const vfs = good(openLocalVfs(folder, options)) as LocalVfs;
  const remove = (): void => rmSync(folder, { recursive: true });
  return { vfs, credentials: ME, folder, remove };
}

vfsSuite('memory', () => ({ vfs: new MemoryVfs(testClock()), credentials: ME, remove() {} }));
vfsSuite('local', () => makeLocal());
vfsSuite('local, writing in threads', () => makeLocal({ threadWriteSize: 1 }));
vfsSuite('local, remembering attributes', () => makeLocal({ clock: LATER }));

describe('openLocalVfs with a clock', () => {
  const NAME = 'user.semba.test';

  it('answers attributes from memory until somebody changes the file', () => {
    const { vfs, folder, remove } = makeLocal({ clock: LATER });
    writeFileSync(join(folder, 'file'), 'x');
    const directory = good(vfs.open(ME, '', { access: 'directory' })) as VfsFile;
    for (const access of ['metadata', 'read'] as const) {
      const file = good(vfs.open(ME, 'file', { access })) as VfsFile;
      for (const text of ['one', 'another', 'one']) {
        setFileAttribute(join(folder, 'file'), ['-n', NAME, '-v', text]);
        for (let i = 0; i < 3; i++) {
          assert.equal(textOf(file.getXattr(NAME, good(file.stat()) as FileStat)), text);
          assert.equal(listed(directory, NAME), text);
        }
      }
      setFileAttribute(join(folder, 'file'), ['-x', NAME]);
      for (let i = 0; i < 3; i++) {
        assert.equal(file.getXattr(NAME, good(file.stat()) as FileStat), ENODATA);
        assert.equal(listed(directory, NAME), ENODATA);
      }
      file.close();
    }
    directory.close();
    vfs.close();
    remove();
  });
});

/** As another process, and as often as it takes for the kernel's clock to tell it from before. */
function setFileAttribute(path: string, change: readonly string[]): void {
  const before = statSync(path, { bigint: true }).ctimeNs;
  execFileSync('setfattr', [...change, path]);
  while (statSync(path, { bigint: true }).ctimeNs === before) chmodSync(path, 0o644);
}

function listed(directory: VfsFile, xattr: string): string | Errno {
  let found: string | Errno = ENOENT;
  for (let rewind = true; ; rewind = false) {
    const entries = good(directory.readDirectory(rewind)) as readonly DirectoryEntry[];
    if (entries.length === 0) return found;
    for (const { name } of entries) {
      const stat = good(directory.statEntry(name)) as FileStat;
      found = textOf(directory.getEntryXattr(name, xattr, stat));
    }
  }
}

function textOf(value: unknown): string | Errno {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : (value as Errno);
}

describe('MemoryVfs options', () => {
  it('fails with ENOSPC when the capacity is used up, after writing what fits', () => {
    const vfs = new MemoryVfs(testClock(), { capacity: 256 * 1024 });
    const file = vfs.open(ME, 'a', { access: 'readwrite', createExclusive: true }) as VfsFile;
    assert.equal(file.write([new Uint8Array(200 * 1024)], 0), 200 * 1024);
    assert.equal(file.write([new Uint8Array(100 * 1024)], 200 * 1024), 56 * 1024);
    assert.equal(file.write([new Uint8Array(1)], 256 * 1024), ENOSPC);
    assert.equal(file.allocate(257 * 1024), ENOSPC);
    assert.equal((vfs.fileSystemStat() as { blocksFree: number }).blocksFree, 0);
    assert.equal(file.truncate(0), 0);
    assert.equal(file.allocate(256 * 1024), 0);
    assert.equal(file.write([new Uint8Array(256 * 1024)], 0), 256 * 1024);
    vfs.rename(ME, 'a', 'b', { replace: false });
    vfs.unlink(ME, 'b');
    assert.equal((vfs.fileSystemStat() as { blocksFree: number }).blocksFree, 64);
  });

  it('fails with EROFS for each change when it is read-only', () => {
    const vfs = new MemoryVfs(testClock(), { readOnly: true });
    const root = vfs.open(ME, '', { access: 'directory' }) as VfsFile;
    assert.equal(vfs.open(ME, 'a', { access: 'write', createExclusive: true }), EROFS);
    assert.equal(vfs.makeDirectory(ME, 'a', 0o755), EROFS);
    assert.equal(vfs.unlink(ME, 'a'), EROFS);
    assert.equal(root.setXattr('user.x', bytes('x')), EROFS);
    assert.equal(root.setTimes(1n, 1n), EROFS);
    assert.deepEqual(root.readDirectory(false), []);
    assert.equal((vfs.fileSystemStat() as { readOnly: boolean }).readOnly, true);
  });

  it('fails where the fault hook says so', () => {
    const asked: string[] = [];
    const fault = (operation: string, path: string): Errno | undefined => {
      asked.push(`${operation} ${path}`);
      return operation === 'read' ? EIO : undefined;
    };
    const vfs = new MemoryVfs(testClock(), { fault });
    const file = vfs.open(ME, 'a', { access: 'readwrite', createExclusive: true }) as VfsFile;
    assert.equal(file.write([bytes('x')], 0), 1);
    assert.equal(file.read(new Uint8Array(1), 0), EIO);
    assert.deepEqual(asked, ['open a', 'write a', 'read a']);
  });
});

describe('openLocalVfs', () => {
  it('fails with ENOENT or ENOTDIR when there is no such folder', () => {
    assert.equal(openLocalVfs('/nowhere/at/all'), ENOENT);
    assert.equal(openLocalVfs(process.execPath), ENOTDIR);
  });

  it('keeps open files usable after close, and leaves no descriptor', () => {
    const before = readdirSync('/proc/self/fd').length;
    const { vfs, folder, remove } = makeLocal();
    writeFileSync(join(folder, 'file'), 'content');
    const watch = vfs.watchDirectory('');
    const file = vfs.open(ME, 'file', { access: 'metadata' }) as VfsFile;
    watch?.close();
    vfs.close();
    assert.equal(file.setXattr('user.x', bytes('x')), 0);
    assert.deepEqual(file.getXattr('user.x'), bytes('x'));
    file.close();
    assert.equal(readdirSync('/proc/self/fd').length, before);
    remove();
  });
});

describe('LocalVfs and special files', () => {
  it('neither blocks on nor touches a FIFO, and tells its metadata', () => {
    const { vfs, folder, remove } = makeLocal();
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    for (const access of ['read', 'write', 'readwrite'] as const) {
      assert.equal(vfs.open(ME, 'fifo', { access }), ENXIO);
    }
    assert.equal(vfs.open(ME, 'fifo', { access: 'directory' }), ENOTDIR);
    const file = vfs.open(ME, 'fifo', { access: 'metadata' }) as VfsFile;
    assert.equal((file.stat() as { type: string }).type, 'other');
    assert.equal(file.setMode(0o600), 0);
    file.close();
    vfs.close();
    remove();
  });

  it('shows names that are no UTF-8, and finds them again', () => {
    const { vfs, folder, remove } = makeLocal();
    const odd = [
      Buffer.from([0xff, 0xfe, 0x41]),
      Buffer.from([0xc3, 0x28]),
      Buffer.from([0xed, 0xb2, 0x80]),
      Buffer.from([0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]),
      Buffer.from([0xf5, 0x80, 0x80, 0x80]),
      Buffer.from([0xe2, 0x82]),
      Buffer.from([0xc0, 0xaf]),
    ];
    for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'x');
    const directory = good(vfs.open(ME, '', { access: 'directory' }));
    const entries = good(directory.readDirectory(false));
    assert.equal(new Set(entries.map((entry) => entry.name)).size, odd.length);
    for (const { name } of entries) {
      assert.ok(!failed(directory.statEntry(name)), JSON.stringify(name));
      assert.equal(vfs.unlink(ME, name), 0);
    }
    directory.close();
    vfs.close();
    remove();
  });

  it('reads what is not in the page cache through a thread', async () => {
    const { vfs, folder, remove } = makeLocal();
    const size = 8 * 1024 * 1024;
    writeFileSync(join(folder, 'big'), new Uint8Array(size).fill(7));
    execFileSync(
      'dd',
      [`of=${join(folder, 'big')}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'],
      { stdio: 'ignore' },
    );
    const file = vfs.open(ME, 'big', { access: 'read' }) as VfsFile;
    const target = new Uint8Array(size + 10);
    const read = file.read(target, 0);
    assert.equal(await read, size);
    assert.ok(target.subarray(0, size).every((byte) => byte === 7));
    file.close();
    vfs.close();
    remove();
  });
});

const root = ME.uid === 0;
describe('LocalVfs credentials', { skip: root ? false : 'needs root' }, () => {
  const A: Credentials = { uid: 61_001, gid: 61_001, groups: [] };
  const B: Credentials = { uid: 61_002, gid: 61_002, groups: [] };
  const C: Credentials = { uid: 61_003, gid: 61_003, groups: [7, 61_001] };
  let made: MadeLocal;
  const open = (who: Credentials, path: string, access: OpenFor): VfsFile | Errno => {
    const file = made.vfs.open(who, path, { access });
    if (!failed(file)) file.close();
    return file;
  };

  before(() => {
    made = makeLocal();
    chmodSync(made.folder, 0o777);
    const file = made.vfs.open(A, 'file', {
      access: 'readwrite',
      createExclusive: true,
      mode: 0o600,
    }) as VfsFile;
    assert.equal(file.write([bytes('secret')], 0), 6);
    file.close();
  });
  after(() => {
    made.vfs.close();
    made.remove();
  });

  it('makes files and directories as their owner', () => {
    assert.equal(made.vfs.makeDirectory(A, 'directory', 0o700), 0);
    for (const path of ['file', 'directory']) {
      const stat = good(made.vfs.stat(A, path));
      assert.deepEqual([stat.uid, stat.gid], [A.uid, A.gid]);
    }
  });

  it('fails with EACCES for another user, whose metadata open needs no right to read', () => {
    assert.ok(!failed(open(A, 'file', 'readwrite')));
    for (const access of ['read', 'write', 'readwrite'] as const) {
      assert.equal(open(B, 'file', access), EACCES);
    }
    assert.ok(!failed(open(B, 'file', 'metadata')));
    assert.equal(open(B, 'directory', 'directory'), EACCES);
    assert.equal(made.vfs.stat(B, 'directory/x'), EACCES);
    assert.equal(made.vfs.makeDirectory(B, 'directory/x', 0o755), EACCES);
    assert.equal(made.vfs.rename(B, 'file', 'directory/x', { replace: false }), EACCES);
  });

  it('counts supplementary groups', () => {
    const file = made.vfs.open(A, 'file', { access: 'metadata' }) as VfsFile;
    assert.equal(file.setMode(0o640), 0);
    file.close();
    assert.ok(!failed(open(C, 'file', 'read')));
    assert.equal(open(C, 'file', 'readwrite'), EACCES);
    assert.equal(open(B, 'file', 'read'), EACCES);
  });

  it('opens a write-only file for writing', () => {
    const file = made.vfs.open(A, 'drop', {
      access: 'write',
      createExclusive: true,
      mode: 0o222,
    }) as VfsFile;
    file.setMode(0o222);
    file.close();
    assert.ok(!failed(open(B, 'drop', 'write')));
    assert.equal(open(B, 'drop', 'readwrite'), EACCES);
  });

  it('goes back to the process itself after each call', () => {
    assert.equal(open(B, 'file', 'read'), EACCES);
    assert.ok(!failed(open(ME, 'file', 'read')));
    mkdirSync(join(made.folder, 'directory', 'by-process'));
    const stat = good(made.vfs.stat(ME, 'directory/by-process'));
    assert.deepEqual([stat.uid, stat.gid], [0, ME.gid]);
  });
});

describe('LocalVfs races', () => {
  it('never shows the outside while a directory is swapped for a link to it', async () => {
    const { vfs, folder, remove } = makeLocal();
    const outside = mkdtempSync(join(tmpdir(), 'semba-outside-'));
    writeFileSync(join(outside, 'file'), 'outside');
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real', 'file'), 'inside');
    symlinkSync(outside, join(folder, 'evil'));
    symlinkSync('real', join(folder, 'name'));
    const swap = `for (;;) { fs.rmSync('name'); fs.symlinkSync('real', 'name'); fs.rmSync('name'); fs.symlinkSync(${JSON.stringify(outside)}, 'name'); }`;
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['-e', `const fs = require('fs'); ${swap}`], {
      cwd: folder,
      stdio: 'ignore',
    });
    const seen = new Map<string, number>();
    const target = new Uint8Array(20);
    for (const end = performance.now() + 500; performance.now() < end; ) {
      const file = vfs.open(ME, 'name/file', { access: 'read' });
      let outcome = String(file);
      if (!failed(file)) {
        const count = (await file.read(target, 0)) as number;
        outcome = new TextDecoder().decode(target.subarray(0, count));
        file.close();
      }
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      assert.ok(failed(vfs.unlink(ME, 'name/none')));
    }
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(seen.get('outside'), undefined, JSON.stringify([...seen]));
    vfs.close();
    remove();
    rmSync(outside, { recursive: true });
  });
});
