/**
 * Microseconds of the storage calls that SMB requests are made of:
 * `node dist/bench/vfs.js [folder]`.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed } from '../src/vfs/errno.ts';
import { LocalVfs, openLocalVfs } from '../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../src/vfs/memory/memory-vfs.ts';
import type { Credentials, OpenFor, Vfs, VfsFile } from '../src/vfs/vfs.ts';

const ME: Credentials = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const OTHER: Credentials = { uid: 61_001, gid: 61_001, groups: [61_001] };
const ENTRIES = 2000;

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'semba-bench-'));
chmodSync(folder, 0o755);
const local = openLocalVfs(folder);
if (failed(local)) throw new Error(`cannot open ${folder}: ${local}`);
const clock = { fileTime: () => 132_223_104_000_000_000n, monotonicMs: () => 0 };
await bench('local', local);
await bench('memory', new MemoryVfs(clock));
local.close();
rmSync(folder, { recursive: true });

async function bench(name: string, vfs: Vfs): Promise<void> {
  const open = (path: string, access: OpenFor, who = ME): VfsFile => {
    const file = vfs.open(who, path, { access });
    if (failed(file)) throw new Error(`open ${path}: ${file}`);
    return file as VfsFile;
  };
  vfs.makeDirectory(ME, 'dir', 0o777);
  vfs.makeDirectory(ME, 'dir/sub', 0o777);
  for (let i = 0; i < ENTRIES; i++) {
    const options = { access: 'write', createExclusive: true, mode: 0o666 } as const;
    const file = vfs.open(ME, `dir/sub/file-${i}.txt`, options) as VfsFile;
    file.setXattr('user.DOSATTRIB', new Uint8Array(56));
    file.close();
  }
  const path = 'dir/sub/file-1.txt';
  const file = open(path, 'readwrite');
  const metadata = open(path, 'metadata');
  const page = new Uint8Array(4096);
  const chunks = [page.subarray(0, 1000), page.subarray(1000)];
  const megabyte = new Uint8Array(1024 * 1024);
  file.write([megabyte], 0);

  const measure = (what: string, call: () => unknown, rounds = 100_000): void => {
    for (let i = 0; i < rounds / 10; i++) call();
    const start = performance.now();
    for (let i = 0; i < rounds; i++) call();
    const us = ((performance.now() - start) * 1000) / rounds;
    console.log(`${name.padEnd(8)}${what.padEnd(44)}${us.toFixed(2).padStart(10)} us`);
  };
  measure('open metadata + close', () => open(path, 'metadata').close());
  measure('open read + close', () => open(path, 'read').close());
  measure('open readwrite + close', () => open(path, 'readwrite').close());
  measure('open directory + close', () => open('dir/sub', 'directory').close());
  if (vfs instanceof LocalVfs && ME.uid === 0) {
    measure('open metadata + close as another user', () => open(path, 'metadata', OTHER).close());
  }
  measure('open missing', () => vfs.open(ME, 'dir/sub/none', { access: 'metadata' }));
  measure('stat by path', () => vfs.stat(ME, path));
  measure('stat', () => file.stat());
  measure('getXattr', () => file.getXattr('user.DOSATTRIB'));
  measure('getXattr missing', () => file.getXattr('user.none'));
  measure('getXattr of a metadata open', () => metadata.getXattr('user.DOSATTRIB'));
  measure('read 4 KiB', () => file.read(page, 8192));
  measure('write 4 KiB', () => file.write([page], 8192));
  measure('write 4 KiB in 2 chunks', () => file.write(chunks, 8192));
  measure('read 1 MiB', () => file.read(megabyte, 0), 2000);
  measure('write 1 MiB', () => file.write([megabyte], 0), 2000);
  const watch = vfs.watchDirectory('dir/sub');
  if (watch !== undefined) measure('watch.changes()', () => watch.changes());
  watch?.close();
  const create = { access: 'readwrite', createExclusive: true, mode: 0o666 } as const;
  measure(
    'create + close + unlink',
    () => {
      (vfs.open(ME, 'dir/sub/new', create) as VfsFile).close();
      vfs.unlink(ME, 'dir/sub/new');
    },
    20_000,
  );
  const directory = open('dir/sub', 'directory');
  const list = (each: (entry: string) => void): void => {
    for (let rewind = true; ; rewind = false) {
      const entries = directory.readDirectory(rewind) as readonly { name: string }[];
      if (entries.length === 0) return;
      for (const entry of entries) each(entry.name);
    }
  };
  measure(`list ${ENTRIES}`, () => list(() => {}), 200);
  measure(`list ${ENTRIES} with stat`, () => list((entry) => directory.statEntry(entry)), 50);
  const full = (entry: string): void => {
    directory.statEntry(entry);
    directory.getEntryXattr(entry, 'user.DOSATTRIB');
  };
  measure(`list ${ENTRIES} with stat and xattr`, () => list(full), 50);
  for (const each of [file, metadata, directory]) each.close();
}
