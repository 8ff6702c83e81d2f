/**
 * What every Vfs has to do, after the port's own comments (src/vfs/vfs.ts) and the POSIX calls that
 * it is shaped after. A backend runs it with `vfsSuite(name, makeVfs)`.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import {
  E2BIG,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENODATA,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  ENXIO,
  EPERM,
  ERANGE,
  type Errno,
  ESTALE,
  EXDEV,
  failed,
} from '../../src/vfs/errno.ts';
import type {
  Credentials,
  DirectoryEntry,
  DirectoryWatch,
  FileStat,
  OpenFor,
  OpenOptions,
  Vfs,
  VfsFile,
} from '../../src/vfs/vfs.ts';

export interface MadeVfs {
  readonly vfs: Vfs;
  /** Whom the suite acts as; somebody who may change everything below the root. */
  readonly credentials: Credentials;
  /** Removes what the backend made outside of the process. */
  remove(): void;
}

const KiB = 1024;
const TiB = 2 ** 40;

export function vfsSuite(name: string, makeVfs: () => MadeVfs): void {
  describe(`Vfs ${name}`, () => {
    let made: MadeVfs;
    let vfs: Vfs;
    let me: Credentials;
    let openFiles: VfsFile[] = [];
    let folder = '';
    let folders = 0;

    before(() => {
      made = makeVfs();
      vfs = made.vfs;
      me = made.credentials;
    });

    beforeEach(async () => {
      for (const file of openFiles) file.close();
      openFiles = [];
      folder = `folder${++folders}`;
      assert.equal(await vfs.makeDirectory(me, folder, 0o755), 0);
    });

    after(() => {
      for (const file of openFiles) file.close();
      vfs.close();
      made.remove();
    });

    const at = (path: string): string => `${folder}/${path}`;

    async function open(path: string, options: OpenOptions): Promise<VfsFile> {
      const file = await vfs.open(me, path, options);
      assert.ok(!failed(file), `open ${path}: ${String(file)}`);
      openFiles.push(file);
      return file;
    }

    const refusal = async (path: string, access: OpenFor, more = {}): Promise<unknown> => {
      const file = await vfs.open(me, path, { access, ...more });
      if (!failed(file)) openFiles.push(file);
      return file;
    };

    const create = (path: string, access: OpenFor = 'readwrite'): Promise<VfsFile> =>
      open(path, { access, createExclusive: true, mode: 0o644 });

    async function createWith(path: string, text: string): Promise<VfsFile> {
      const file = await create(path);
      assert.equal(await file.write([bytes(text)], 0), text.length);
      return file;
    }

    async function content(file: VfsFile, offset = 0, length = 64 * KiB): Promise<string> {
      const target = new Uint8Array(length);
      const count = good(await file.read(target, offset));
      return new TextDecoder('latin1').decode(target.subarray(0, count));
    }

    async function list(path: string): Promise<DirectoryEntry[]> {
      const directory = await open(path, { access: 'directory' });
      const all: DirectoryEntry[] = [];
      for (;;) {
        const entries = good(await directory.readDirectory(false));
        if (entries.length === 0) return all;
        all.push(...entries);
      }
    }

    const names = async (path: string): Promise<string[]> =>
      (await list(path)).map((entry) => entry.name).sort();

    const statOf = async (path: string, noFollow = false) =>
      good(await vfs.stat(me, path, { noFollow }));

    describe('open', () => {
      it('fails with ENOENT for a missing file and for a missing directory in the path', async () => {
        for (const access of ['metadata', 'read', 'write', 'readwrite', 'directory'] as const) {
          assert.equal(await refusal(at('missing'), access), ENOENT);
          assert.equal(await refusal(at('missing/file'), access), ENOENT);
        }
      });

      it('creates a file with mode and owner, and fails with EEXIST the second time', async () => {
        const file = await open(at('new'), {
          access: 'readwrite',
          createExclusive: true,
          mode: 0o600,
        });
        const stat = good(await file.stat());
        assert.equal(stat.type, 'file');
        assert.equal(stat.mode, 0o600);
        assert.equal(stat.uid, me.uid);
        assert.equal(stat.gid, me.gid);
        assert.equal(stat.size, 0);
        assert.equal(stat.links, 1);
        assert.equal(await refusal(at('new'), 'readwrite', { createExclusive: true }), EEXIST);
      });

      it('fails with EEXIST when creating over a directory, a link or the root', async () => {
        await vfs.makeDirectory(me, at('directory'), 0o755);
        await vfs.makeSymlink(me, at('dangling'), 'nowhere');
        for (const path of [at('directory'), at('dangling'), '']) {
          assert.equal(await refusal(path, 'write', { createExclusive: true }), EEXIST);
        }
        assert.deepEqual(await names(folder), ['dangling', 'directory']);
      });

      it('fails with EINVAL when creating for metadata or as a directory', async () => {
        for (const access of ['metadata', 'directory'] as const) {
          assert.equal(await refusal(at('x'), access, { createExclusive: true }), EINVAL);
        }
      });

      it('fails with ENOTDIR for a file as a directory, and below a file', async () => {
        await create(at('file'));
        assert.equal(await refusal(at('file'), 'directory'), ENOTDIR);
        assert.equal(await refusal(at('file/x'), 'read'), ENOTDIR);
        assert.equal(await refusal(at('file/x'), 'write', { createExclusive: true }), ENOTDIR);
      });

      it('fails with EISDIR for the data of a directory, but opens its metadata', async () => {
        for (const access of ['read', 'write', 'readwrite'] as const) {
          assert.equal(await refusal(folder, access), EISDIR);
          assert.equal(await refusal('', access), EISDIR);
        }
        const file = await open(folder, { access: 'metadata' });
        assert.equal(good(await file.stat()).type, 'directory');
        assert.equal(await file.readDirectory(false), ENOTDIR);
      });

      it('opens the root by the empty path', async () => {
        const root = await open('', { access: 'directory' });
        assert.equal(good(await root.stat()).type, 'directory');
        assert.deepEqual(await root.statEntry(folder), await statOf(folder));
      });

      it('keeps meaning the same file when its name moves or goes', async () => {
        const file = await createWith(at('a'), 'content');
        await vfs.rename(me, at('a'), at('b'), { replace: false });
        assert.equal(await content(file), 'content');
        await vfs.unlink(me, at('b'));
        assert.equal(await content(file), 'content');
        assert.equal(good(await file.stat()).links, 0);
        assert.equal(await file.write([bytes('more')], 7), 4);
      });

      it('fails with EBADF for data that the open is not for', async () => {
        await createWith(at('file'), 'content');
        const reader = await open(at('file'), { access: 'read' });
        assert.equal(await reader.write([bytes('x')], 0), EBADF);
        assert.equal(await reader.truncate(0), EBADF);
        assert.equal(await reader.allocate(10), EBADF);
        assert.equal(await reader.zero(0, 1, true), EBADF);
        const metadata = await open(at('file'), { access: 'metadata' });
        assert.equal(await metadata.read(new Uint8Array(1), 0), EBADF);
        assert.equal(await metadata.write([bytes('x')], 0), EBADF);
        assert.equal(await metadata.seekData(0), EBADF);
        assert.equal(await metadata.seekHole(0), EBADF);
        assert.equal(await reader.readDirectory(false), ENOTDIR);
      });

      it('asserts that a closed file is used no more', async () => {
        const file = good(await vfs.open(me, folder, { access: 'metadata' })) as VfsFile;
        file.close();
        assert.throws(() => file.close(), /closed/);
        assert.throws(() => file.stat(), /closed/);
      });
    });

    describe('paths', () => {
      it('never leave the root through dots', async () => {
        for (const path of ['..', '../x', `${folder}/../..`, `${folder}/../../etc`, '/', '/etc']) {
          assert.equal(await refusal(path, 'metadata'), EXDEV, path);
          assert.equal(await vfs.stat(me, path), EXDEV, path);
          assert.equal(vfs.watchDirectory(path), undefined, path);
        }
        for (const path of ['../x', `${folder}/../../x`]) {
          assert.ok(failed(await vfs.makeDirectory(me, path, 0o755)), path);
          assert.ok(failed(await vfs.makeSymlink(me, path, 't')), path);
          assert.ok(failed(await vfs.rename(me, folder, path, { replace: true })), path);
          assert.ok(failed(await vfs.rename(me, path, at('x'), { replace: true })), path);
          assert.ok(failed(await refusal(path, 'write', { createExclusive: true })), path);
        }
        for (const path of ['..', '.', at('..'), at('.'), '/x', at('')]) {
          assert.equal(await vfs.unlink(me, path), EINVAL, path);
          assert.equal(await vfs.removeDirectory(me, path), EINVAL, path);
          assert.equal(await vfs.makeDirectory(me, path, 0o755), EINVAL, path);
          assert.equal(await vfs.rename(me, folder, path, { replace: true }), EINVAL, path);
        }
      });

      it('never leave the root through symbolic links', async () => {
        await vfs.makeSymlink(me, at('absolute'), '/');
        await vfs.makeSymlink(me, at('up'), '../..');
        await vfs.makeSymlink(me, at('chain'), 'up');
        await vfs.makeSymlink(me, at('magic'), '/proc/self/root');
        for (const link of ['absolute', 'up', 'chain', 'magic']) {
          for (const path of [at(link), at(`${link}/etc`)]) {
            assert.equal(await refusal(path, 'metadata'), EXDEV, path);
            assert.equal(await refusal(path, 'directory'), EXDEV, path);
            assert.equal(await refusal(path, 'read'), EXDEV, path);
            assert.equal(await vfs.stat(me, path), EXDEV, path);
          }
          const inside = at(`${link}/x`);
          assert.equal(await vfs.makeDirectory(me, inside, 0o755), EXDEV);
          assert.equal(await vfs.unlink(me, inside), EXDEV);
          assert.equal(await vfs.removeDirectory(me, inside), EXDEV);
          assert.equal(await vfs.rename(me, inside, at('y'), { replace: true }), EXDEV);
          assert.equal(await vfs.rename(me, folder, inside, { replace: true }), EXDEV);
          assert.equal(await vfs.link(me, inside, at('y')), EXDEV);
          assert.equal(await vfs.makeSymlink(me, inside, 't'), EXDEV);
          assert.equal(await vfs.readLink(me, inside), EXDEV);
          assert.equal(vfs.watchDirectory(at(link)), undefined);
        }
      });

      it('follow symbolic links that stay beneath the root', async () => {
        await createWith(at('file'), 'content');
        await vfs.makeSymlink(me, at('link'), 'file');
        await vfs.makeSymlink(me, at('around'), `../${folder}/link`);
        assert.equal(await content(await open(at('around'), { access: 'read' })), 'content');
        assert.equal((await statOf(at('link'))).type, 'file');
        assert.equal((await statOf(at('link'), true)).type, 'symlink');
      });

      it('fail with ELOOP for links in a circle', async () => {
        await vfs.makeSymlink(me, at('a'), 'b');
        await vfs.makeSymlink(me, at('b'), 'a');
        assert.equal(await refusal(at('a'), 'read'), ELOOP);
        assert.equal(await vfs.stat(me, at('a')), ELOOP);
      });

      it('fail with ENAMETOOLONG for a long name or path', async () => {
        const long = 'n'.repeat(300);
        assert.equal(await refusal(at(long), 'read'), ENAMETOOLONG);
        assert.equal(await refusal(at(long), 'write', { createExclusive: true }), ENAMETOOLONG);
        assert.equal(await vfs.makeDirectory(me, at(long), 0o755), ENAMETOOLONG);
      });

      it('fail with EINVAL for a NUL in a name', async () => {
        assert.equal(await refusal(at('a\0b'), 'write', { createExclusive: true }), EINVAL);
        assert.equal(await vfs.makeDirectory(me, at('a\0b'), 0o755), EINVAL);
      });
    });

    describe('names', () => {
      const NAMES = [
        'plain.txt',
        ' spaces and. dots. ',
        'back\\slash:colon*?"<>|',
        'CASE',
        'case',
        'tab\tnewline\n',
        'é',
        'e\u0301',
        'ß€日本語',
        '😀 pair',
        'lone high \ud800',
        '\udc00 lone low',
        'reversed \udc00\ud800',
        'escape \udc80 and \udcff',
        'replacement \ufffd',
        '\uffff\ufffe\ufeff',
        '\u007f\u0080\u07ff\u0800',
        'é'.repeat(100),
      ];

      it('come back as they went, whatever UTF-16 they hold', async () => {
        for (const each of NAMES) await createWith(at(each), each.length.toString());
        assert.deepEqual(await names(folder), [...NAMES].sort());
        const directory = await open(folder, { access: 'directory' });
        for (const each of NAMES) {
          const file = await open(at(each), { access: 'read' });
          assert.equal(await content(file), each.length.toString());
          assert.deepEqual(await directory.statEntry(each), await file.stat());
        }
        for (const each of NAMES) assert.equal(await vfs.unlink(me, at(each)), 0);
      });

      it('come back as they went in link targets and watches', async () => {
        const watch = vfs.watchDirectory(folder);
        for (const [index, each] of NAMES.entries()) {
          assert.equal(await vfs.makeSymlink(me, at(`link${index}`), each), 0);
          assert.equal(await vfs.readLink(me, at(`link${index}`)), each);
          assert.equal(await vfs.makeDirectory(me, at(each), 0o755), 0);
        }
        const changes = watch?.changes() ?? [];
        assert.ok(changes !== 'unknown');
        const seen = changes.map((change) => change.name);
        if (watch !== undefined) for (const each of NAMES) assert.ok(seen.includes(each), each);
        watch?.close();
      });
    });

    describe('data', () => {
      it('reads what was written, short only at the end', async () => {
        const file = await createWith(at('file'), 'hello world');
        assert.equal(await content(file, 0, 5), 'hello');
        assert.equal(await content(file, 6, 100), 'world');
        assert.equal(await content(file, 11), '');
        assert.equal(await content(file, 5000), '');
        assert.equal(await content(file, 0, 0), '');
      });

      it('writes into and reads from the middle of larger buffers', async () => {
        const file = await create(at('file'));
        const pool = bytes('0123456789');
        assert.equal(await file.write([pool.subarray(2, 4), pool.subarray(7, 9)], 0), 4);
        const target = bytes('..........');
        assert.equal(await file.read(target.subarray(3, 7), 0), 4);
        assert.equal(new TextDecoder().decode(target), '...2378...');
      });

      it('gathers chunks in order, thousands of them and empty ones too', async () => {
        const file = await create(at('file'));
        const chunks = Array.from({ length: 3000 }, (_, i) => bytes(i % 7 === 0 ? '' : `${i},`));
        const all = chunks.map((chunk) => new TextDecoder().decode(chunk)).join('');
        assert.equal(await file.write(chunks, 10), all.length);
        assert.equal(await content(file, 10), all);
        assert.equal(await content(file, 0, 10), '\0'.repeat(10));
        assert.equal(await file.write([], 0), 0);
        assert.equal(await file.write([new Uint8Array(0)], 5_000_000), 0);
      });

      it('keeps large contents, through another open too', async () => {
        const file = await create(at('file'));
        const big = new Uint8Array(3 * 1024 * KiB + 17);
        for (let i = 0; i < big.length; i++) big[i] = (i * 31 + (i >> 9)) & 0xff;
        assert.equal(
          await file.write([big.subarray(0, 1_000_001), big.subarray(1_000_001)], 3),
          big.length,
        );
        const target = new Uint8Array(big.length + 100);
        const reader = await open(at('file'), { access: 'read' });
        assert.equal(await reader.read(target, 3), big.length);
        assert.ok(Buffer.from(target.buffer, 0, big.length).equals(big));
      });

      it('holds offsets beyond 2^32 in sparse files', async () => {
        if (!vfs.capabilities.sparseFiles) return;
        const file = await create(at('file'));
        assert.equal(await file.write([bytes('far')], TiB + 5), 3);
        assert.equal(good(await file.stat()).size, TiB + 8);
        assert.ok(good(await file.stat()).allocated < 1024 * KiB);
        assert.equal(await content(file, TiB + 4, 10), '\0far');
        assert.equal(await content(file, TiB / 2, 3), '\0\0\0');
        assert.ok(good(await file.seekData(0)) > TiB - 128 * KiB);
        assert.equal(await file.seekHole(0), 0);
        assert.equal(await file.truncate(3), 0);
        assert.equal(await content(file), '\0\0\0');
      });

      it('truncates and extends with zeroes', async () => {
        const file = await createWith(at('file'), 'hello world');
        assert.equal(await file.truncate(5), 0);
        assert.equal(await content(file), 'hello');
        assert.equal(await file.truncate(8), 0);
        assert.equal(await content(file), 'hello\0\0\0');
        assert.equal(good(await file.stat()).size, 8);
      });

      it('syncs', async () => {
        const file = await createWith(at('file'), 'x');
        assert.equal(await file.sync(true), 0);
        assert.equal(await file.sync(false), 0);
        assert.equal(await (await open(folder, { access: 'directory' })).sync(false), 0);
        assert.equal(await (await open(folder, { access: 'metadata' })).sync(false), 0);
        assert.equal(await (await open(at('file'), { access: 'metadata' })).sync(true), 0);
      });

      it('may be closed while a call is under way', async () => {
        const file = good(
          await vfs.open(me, at('f'), { access: 'write', createExclusive: true }),
        ) as VfsFile;
        await file.write([new Uint8Array(64 * KiB)], 0);
        const synced = file.sync(true);
        file.close();
        assert.equal(await synced, 0);
      });

      it('allocates without changing the size', async () => {
        const file = await createWith(at('file'), 'abc');
        assert.equal(await file.allocate(0), 0);
        assert.equal(await file.allocate(256 * KiB), 0);
        const stat = good(await file.stat());
        assert.equal(stat.size, 3);
        assert.ok(stat.allocated >= 256 * KiB);
      });

      it('zeroes ranges, inside the file only, and gives storage back when it punches', async () => {
        for (const punch of [false, true]) {
          const file = await create(at(`file${punch}`));
          await file.write([new Uint8Array(512 * KiB).fill(0x41)], 0);
          const before = good(await file.stat()).allocated;
          assert.equal(await file.zero(100, 256 * KiB, punch), 0);
          assert.equal(await content(file, 99, 3), 'A\0\0');
          assert.equal(await content(file, 100 + 256 * KiB - 1, 2), '\0A');
          const after = good(await file.stat());
          assert.equal(after.size, 512 * KiB);
          if (punch) assert.ok(after.allocated < before, `${after.allocated} < ${before}`);
          else assert.ok(after.allocated >= before);
          assert.equal(await file.zero(512 * KiB - 1, 1000, punch), 0);
          assert.equal(good(await file.stat()).size, 512 * KiB);
          assert.equal(await file.zero(0, 0, punch), 0);
        }
      });

      it('finds data and holes', async () => {
        const file = await create(at('file'));
        assert.equal(await file.seekData(0), ENXIO);
        await file.write([new Uint8Array(64 * KiB).fill(1)], 128 * KiB);
        assert.equal(await file.truncate(1024 * KiB), 0);
        assert.equal(await file.seekData(0), 128 * KiB);
        assert.equal(await file.seekData(130 * KiB), 130 * KiB);
        assert.equal(await file.seekHole(0), 0);
        assert.equal(await file.seekHole(128 * KiB), 192 * KiB);
        assert.equal(await file.seekData(192 * KiB), ENXIO);
        assert.equal(await file.seekHole(1024 * KiB), ENXIO);
        const full = await createWith(at('full'), 'x');
        assert.equal(await full.seekHole(0), 1);
      });

      it('copies inside the store', async () => {
        const source = await createWith(at('source'), 'hello world');
        const target = await createWith(at('target'), '.........');
        assert.equal(await target.copyFrom(source, { from: 6, to: 2, length: 5 }), 5);
        assert.equal(await content(target), '..world..');
        assert.equal(await target.copyFrom(source, { from: 6, to: 9, length: 100 }), 5);
        assert.equal(await target.copyFrom(source, { from: 11, to: 0, length: 5 }), 0);
        assert.equal(await target.copyFrom(source, { from: 0, to: 0, length: 0 }), 0);
        assert.equal(await target.copyFrom(target, { from: 2, to: 4, length: 5 }), 5);
        assert.equal(await content(target), '..wowor' + 'ld' + 'world');
        const reader = await open(at('target'), { access: 'read' });
        assert.equal(await reader.copyFrom(source, { from: 0, to: 0, length: 5 }), EBADF);
      });
    });

    describe('stat and metadata', () => {
      it('tells one file by device and inode through every way', async () => {
        const file = await createWith(at('file'), 'abc');
        const metadata = await open(at('file'), { access: 'metadata' });
        const directory = await open(folder, { access: 'directory' });
        const stat = good(await file.stat());
        assert.deepEqual(await metadata.stat(), stat);
        assert.deepEqual(await statOf(at('file')), stat);
        assert.deepEqual(await directory.statEntry('file'), stat);
        assert.equal((await list(folder))[0]!.inode, stat.inode);
        const other = good(await (await create(at('other'))).stat());
        assert.equal(other.device, stat.device);
        assert.notEqual(other.inode, stat.inode);
      });

      it('fails where there is nothing', async () => {
        await create(at('file'));
        assert.equal(await vfs.stat(me, at('missing')), ENOENT);
        assert.equal(await vfs.stat(me, at('file/x')), ENOTDIR);
        const directory = await open(folder, { access: 'directory' });
        assert.equal(await directory.statEntry('missing'), ENOENT);
        for (const entry of ['', '.', '..', 'a/b']) {
          assert.equal(await directory.statEntry(entry), EINVAL);
          assert.equal(await directory.getEntryXattr(entry, 'user.x'), EINVAL);
        }
      });

      it('sets each time for itself, to the nanosecond or near it', async () => {
        for (const access of ['readwrite', 'metadata', 'read'] as const) {
          const file = await (access === 'readwrite' ? create(at('f')) : open(at('f'), { access }));
          const second = 1_000_000_000n;
          assert.equal(await file.setTimes(second * 1_234_567_890n + 100n, undefined), 0);
          assert.equal(await file.setTimes(undefined, second * 2_000_000_000n + 999_999_900n), 0);
          const stat = good(await file.stat());
          assert.equal(stat.accessTimeNs, second * 1_234_567_890n + 100n);
          assert.equal(stat.modifyTimeNs, second * 2_000_000_000n + 999_999_900n);
          assert.equal(await file.setTimes(undefined, -second - 100n), 0);
          assert.equal(good(await file.stat()).modifyTimeNs, -second - 100n);
        }
      });

      it('sets modes and owners, through metadata opens too', async () => {
        await create(at('file'));
        for (const access of ['readwrite', 'metadata'] as const) {
          const file = await open(at('file'), { access });
          assert.equal(await file.setMode(access === 'metadata' ? 0o600 : 0o640), 0);
          assert.equal(good(await file.stat()).mode, access === 'metadata' ? 0o600 : 0o640);
          assert.equal(await file.setOwner(undefined, undefined), 0);
          assert.equal(await file.setOwner(me.uid, me.gid), 0);
          assert.equal(good(await file.stat()).uid, me.uid);
        }
      });

      it('moves the times that POSIX moves', async () => {
        const file = await createWith(at('file'), 'abc');
        const old = 1_000_000_000n;
        await file.setTimes(old, old);
        await file.write([bytes('x')], 0);
        const stat = good(await file.stat());
        assert.ok(stat.modifyTimeNs > old);
        assert.ok(stat.changeTimeNs > old);
        if (stat.birthTimeNs !== undefined) assert.ok(stat.birthTimeNs > old);
        const directory = await open(folder, { access: 'directory' });
        await directory.setTimes(old, old);
        await create(at('another'));
        assert.ok(good(await directory.stat()).modifyTimeNs > old);
      });

      it('tells about the file system', async () => {
        const stat = good(await vfs.fileSystemStat());
        assert.ok(stat.blockSize > 0 && stat.blocks >= stat.blocksFree);
        assert.ok(stat.blocksFree >= stat.blocksAvailable && stat.blocksAvailable > 0);
        assert.equal(stat.nameLengthMax, 255);
        assert.equal(stat.readOnly, false);
      });
    });

    describe('extended attributes', () => {
      it('come back through every way to the file', async () => {
        const file = await create(at('file'));
        assert.equal(await file.getXattr('user.x'), ENODATA);
        assert.equal(await file.removeXattr('user.x'), ENODATA);
        assert.equal(await file.setXattr('user.x', bytes('one')), 0);
        assert.equal(await file.setXattr('user.x', bytes('value')), 0);
        assert.equal(await file.setXattr('user.ü 😀', bytes('')), 0);
        const directory = await open(folder, { access: 'directory' });
        const ways = [file];
        for (const access of ['metadata', 'read', 'write'] as const) {
          ways.push(await open(at('file'), { access }));
        }
        for (const way of ways) {
          assert.deepEqual(await way.getXattr('user.x'), bytes('value'));
          assert.deepEqual(await way.getXattr('user.ü 😀'), bytes(''));
          assert.deepEqual([...good(await way.listXattrs())].sort(), ['user.x', 'user.ü 😀']);
        }
        assert.deepEqual(await directory.getEntryXattr('file', 'user.x'), bytes('value'));
        assert.equal(await directory.getEntryXattr('file', 'user.y'), ENODATA);
        assert.equal(await directory.getEntryXattr('missing', 'user.x'), ENOENT);
        const metadata = ways[1]!;
        assert.equal(await metadata.setXattr('user.m', bytes('m')), 0);
        assert.equal(await metadata.removeXattr('user.x'), 0);
        assert.deepEqual([...good(await file.listXattrs())].sort(), ['user.m', 'user.ü 😀']);
      });

      it('belong to directories too', async () => {
        for (const access of ['directory', 'metadata'] as const) {
          const directory = await open(folder, { access });
          assert.equal(await directory.setXattr('user.d', bytes(access)), 0);
          assert.deepEqual(await directory.getXattr('user.d'), bytes(access));
        }
        const root = await open('', { access: 'directory' });
        assert.deepEqual(await root.getEntryXattr(folder, 'user.d'), bytes('metadata'));
      });

      it('of a link are never those of its target', async () => {
        await (await create(at('file'))).setXattr('user.x', bytes('value'));
        await vfs.makeSymlink(me, at('link'), 'file');
        const directory = await open(folder, { access: 'directory' });
        assert.ok(failed(await directory.getEntryXattr('link', 'user.x')));
        const link = await open(at('link'), { access: 'metadata', noFollow: true });
        assert.ok(failed(await link.getXattr('user.x')));
        const target = await open(at('link'), { access: 'metadata' });
        assert.deepEqual(await target.getXattr('user.x'), bytes('value'));
      });

      it('hold values of some KiB and refuse values beyond the limit', async () => {
        const file = await create(at('file'));
        const value = new Uint8Array(3000).map((_, i) => i & 0xff);
        assert.equal(await file.setXattr('user.x', value), 0);
        assert.deepEqual(await file.getXattr('user.x'), value);
        const tooLong = new Uint8Array(vfs.capabilities.xattrSizeMax + 1);
        const result = (await file.setXattr('user.y', tooLong)) as Errno;
        assert.ok([E2BIG, ENOSPC, ERANGE].includes(result), String(result));
      });
    });

    describe('directories', () => {
      it('are made, listed with types, and removed', async () => {
        assert.deepEqual(await names(folder), []);
        assert.equal(await vfs.makeDirectory(me, at('directory'), 0o750), 0);
        assert.equal(await vfs.makeDirectory(me, at('directory'), 0o750), EEXIST);
        assert.equal(await vfs.makeDirectory(me, at('missing/directory'), 0o750), ENOENT);
        assert.equal(await vfs.makeDirectory(me, '', 0o750), EEXIST);
        await create(at('file'));
        await vfs.makeSymlink(me, at('link'), 'file');
        const stat = await statOf(at('directory'));
        assert.equal(stat.type, 'directory');
        assert.equal(stat.mode, 0o750);
        assert.equal(stat.uid, me.uid);
        const types = new Map((await list(folder)).map((entry) => [entry.name, entry.type]));
        for (const type of ['directory', 'file'] as const) {
          assert.ok([type, undefined].includes(types.get(type) as typeof type));
        }
        assert.ok(['symlink', undefined].includes(types.get('link') as 'symlink'));
        assert.equal(await vfs.removeDirectory(me, at('directory')), 0);
        assert.deepEqual(await names(folder), ['file', 'link']);
      });

      it('are not removed when they are files, missing, full or the root', async () => {
        await create(at('file'));
        await vfs.makeSymlink(me, at('link'), '.');
        assert.equal(await vfs.removeDirectory(me, at('file')), ENOTDIR);
        assert.equal(await vfs.removeDirectory(me, at('link')), ENOTDIR);
        assert.equal(await vfs.removeDirectory(me, at('missing')), ENOENT);
        assert.equal(await vfs.removeDirectory(me, folder), ENOTEMPTY);
        assert.equal(await vfs.removeDirectory(me, ''), EBUSY);
      });

      it('take nothing new once they are removed', async () => {
        await vfs.makeDirectory(me, at('directory'), 0o755);
        const directory = await open(at('directory'), { access: 'directory' });
        assert.equal(await vfs.removeDirectory(me, at('directory')), 0);
        assert.deepEqual(await directory.readDirectory(true), []);
        assert.equal(await refusal(at('directory/x'), 'write', { createExclusive: true }), ENOENT);
      });

      it('list thousands of entries once each, and again after a rewind', async () => {
        const all: string[] = [];
        for (let i = 0; i < 5000; i++) {
          const each = `entry number ${i} with quite a long name to fill buffers`;
          all.push(each);
          if (i % 5 === 0) await vfs.makeDirectory(me, at(each), 0o755);
          else
            (
              good(
                await vfs.open(me, at(each), { access: 'write', createExclusive: true }),
              ) as VfsFile
            ).close();
        }
        const directory = await open(folder, { access: 'directory' });
        for (let pass = 0; pass < 2; pass++) {
          const seen: string[] = [];
          for (let rewind = true; ; rewind = false) {
            const entries = good(await directory.readDirectory(rewind));
            if (entries.length === 0) break;
            for (const entry of entries) seen.push(entry.name);
          }
          assert.equal(seen.length, all.length);
          assert.deepEqual(seen.sort(), [...all].sort());
        }
        assert.deepEqual(await directory.readDirectory(false), []);
      });

      it('can be rewound in the middle', async () => {
        for (const each of ['a', 'b', 'c']) await create(at(each));
        const directory = await open(folder, { access: 'directory' });
        const first = good(await directory.readDirectory(false));
        assert.deepEqual(await directory.readDirectory(true), first);
      });
    });

    describe('unlink', () => {
      it('removes files and links, not their targets', async () => {
        await create(at('file'));
        await vfs.makeSymlink(me, at('link'), 'file');
        assert.equal(await vfs.unlink(me, at('link')), 0);
        assert.deepEqual(await names(folder), ['file']);
        assert.equal(await vfs.unlink(me, at('file')), 0);
        assert.equal(await vfs.unlink(me, at('file')), ENOENT);
        assert.equal(await vfs.unlink(me, at('missing/file')), ENOENT);
      });

      it('removes only what is meant, and tells a link for itself', async () => {
        await create(at('file'));
        await vfs.makeSymlink(me, at('link'), 'file');
        const { inode } = good(await vfs.stat(me, at('file')));
        const isFile = (stat: FileStat): boolean => stat.inode === inode;
        assert.equal(await vfs.unlink(me, at('link'), isFile), ESTALE);
        assert.equal(await vfs.unlink(me, at('missing'), isFile), ENOENT);
        assert.equal(await vfs.unlink(me, at('file'), isFile), 0);
        assert.deepEqual(await names(folder), ['link']);
      });

      it('fails with EISDIR for a directory and the root', async () => {
        await vfs.makeDirectory(me, at('directory'), 0o755);
        assert.equal(await vfs.unlink(me, at('directory')), EISDIR);
        assert.equal(await vfs.unlink(me, ''), EISDIR);
      });
    });

    describe('rename', () => {
      it('moves files and directories between directories', async () => {
        await createWith(at('file'), 'content');
        await vfs.makeDirectory(me, at('directory'), 0o755);
        const target = at('directory/moved');
        assert.equal(await vfs.rename(me, at('file'), target, { replace: false }), 0);
        assert.equal(await vfs.rename(me, at('directory'), at('d2'), { replace: false }), 0);
        assert.equal(await content(await open(at('d2/moved'), { access: 'read' })), 'content');
        assert.deepEqual(await names(folder), ['d2']);
      });

      it('fails with EEXIST on a target unless it may replace it', async () => {
        await createWith(at('a'), 'from a');
        await createWith(at('b'), 'from b');
        assert.equal(await vfs.rename(me, at('a'), at('b'), { replace: false }), EEXIST);
        assert.equal(await content(await open(at('b'), { access: 'read' })), 'from b');
        assert.equal(await vfs.rename(me, at('a'), at('b'), { replace: true }), 0);
        assert.equal(await content(await open(at('b'), { access: 'read' })), 'from a');
        assert.deepEqual(await names(folder), ['b']);
      });

      it('replaces only what rename(2) replaces', async () => {
        await create(at('file'));
        for (const each of ['d1', 'd2', 'full']) await vfs.makeDirectory(me, at(each), 0o755);
        await create(at('full/x'));
        const replace = { replace: true };
        assert.equal(await vfs.rename(me, at('file'), at('d1'), replace), EISDIR);
        assert.equal(await vfs.rename(me, at('d1'), at('file'), replace), ENOTDIR);
        assert.equal(await vfs.rename(me, at('d1'), at('full'), replace), ENOTEMPTY);
        assert.equal(await vfs.rename(me, at('d1'), at('d2'), replace), 0);
        assert.equal(await vfs.rename(me, at('full'), at('full/x/y'), replace), ENOTDIR);
        assert.equal(await vfs.rename(me, at('d2'), at('d2/inside'), replace), EINVAL);
        assert.equal(await vfs.rename(me, at('d2'), at('d2/inside'), { replace: false }), EINVAL);
        assert.equal(await vfs.rename(me, at('missing'), at('x'), replace), ENOENT);
        assert.equal(await vfs.rename(me, at('file'), at('missing/x'), replace), ENOENT);
        assert.equal(await vfs.rename(me, '', at('x'), replace), EBUSY);
        assert.equal(await vfs.rename(me, at('file'), '', replace), EBUSY);
        assert.deepEqual(await names(folder), ['d2', 'file', 'full']);
      });

      it('moves a link itself', async () => {
        await vfs.makeSymlink(me, at('link'), '/outside');
        assert.equal(await vfs.rename(me, at('link'), at('moved'), { replace: false }), 0);
        assert.equal(await vfs.readLink(me, at('moved')), '/outside');
      });

      it('changes nothing between two names of one file', async () => {
        await create(at('a'));
        await vfs.link(me, at('a'), at('b'));
        assert.equal(await vfs.rename(me, at('a'), at('b'), { replace: true }), 0);
        assert.deepEqual(await names(folder), ['a', 'b']);
      });
    });

    describe('links', () => {
      it('gives one file several names', async () => {
        if (!vfs.capabilities.hardLinks) return;
        const file = await createWith(at('a'), 'content');
        assert.equal(await vfs.link(me, at('a'), at('b')), 0);
        assert.equal(good(await file.stat()).links, 2);
        assert.equal((await statOf(at('b'))).inode, good(await file.stat()).inode);
        assert.equal(await vfs.link(me, at('a'), at('b')), EEXIST);
        assert.equal(await vfs.link(me, at('missing'), at('c')), ENOENT);
        assert.equal(await vfs.link(me, folder, at('c')), EPERM);
        assert.equal(await vfs.unlink(me, at('a')), 0);
        assert.equal(await content(await open(at('b'), { access: 'read' })), 'content');
      });

      it('makes symbolic links, opens them as themselves and reads them', async () => {
        assert.equal(await vfs.makeSymlink(me, at('link'), 'tar/get'), 0);
        assert.equal(await vfs.makeSymlink(me, at('link'), 'other'), EEXIST);
        assert.equal(await vfs.makeSymlink(me, at('empty'), ''), ENOENT);
        assert.equal(await vfs.readLink(me, at('link')), 'tar/get');
        assert.equal(await vfs.readLink(me, at('missing')), ENOENT);
        assert.equal(await vfs.readLink(me, folder), EINVAL);
        const link = await open(at('link'), { access: 'metadata', noFollow: true });
        const stat = good(await link.stat());
        assert.equal(stat.type, 'symlink');
        assert.equal(stat.size, 7);
        assert.equal(await refusal(at('link'), 'read', { noFollow: true }), ELOOP);
        const directory = await open(folder, { access: 'directory' });
        assert.deepEqual(await directory.statEntry('link'), stat);
      });

      it('follows no link in a path with noLinks', async () => {
        good(await vfs.makeDirectory(me, at('real'), 0o755));
        good(await vfs.makeDirectory(me, at('real/below'), 0o755));
        good(await vfs.makeSymlink(me, at('link'), 'real'));
        for (const access of ['metadata', 'directory'] as const) {
          assert.equal(await refusal(at('link'), access, { noLinks: true }), ELOOP);
          assert.equal(await refusal(at('link/below'), access, { noLinks: true }), ELOOP);
          await open(at('real/below'), { access, noLinks: true });
        }
        const link = await open(at('link'), { access: 'metadata', noLinks: true, noFollow: true });
        assert.equal(good(await link.stat()).type, 'symlink');
      });
    });

    describe('watchDirectory', () => {
      let watches: DirectoryWatch[] = [];
      const watch = (path: string): DirectoryWatch => {
        const made = vfs.watchDirectory(path);
        assert.ok(made !== undefined, `no watch of ${path}`);
        watches.push(made);
        return made;
      };
      beforeEach(() => {
        for (const each of watches) each.close();
        watches = [];
      });

      it('tells names that appear and go, in order and once', async () => {
        const here = watch(folder);
        assert.deepEqual(here.changes(), []);
        await create(at('file'));
        await vfs.makeDirectory(me, at('directory'), 0o755);
        await vfs.rename(me, at('file'), at('renamed'), { replace: false });
        await vfs.rename(me, at('renamed'), at('directory/away'), { replace: false });
        await vfs.rename(me, at('directory/away'), at('back'), { replace: false });
        await vfs.unlink(me, at('back'));
        await vfs.removeDirectory(me, at('directory'));
        assert.deepEqual(here.changes(), [
          { name: 'file', present: true },
          { name: 'directory', present: true },
          { name: 'file', present: false },
          { name: 'renamed', present: true },
          { name: 'renamed', present: false },
          { name: 'back', present: true },
          { name: 'back', present: false },
          { name: 'directory', present: false },
        ]);
        assert.deepEqual(here.changes(), []);
      });

      it('tells nothing of writes, nor of what happens below or before', async () => {
        const file = await create(at('file'));
        await vfs.makeDirectory(me, at('directory'), 0o755);
        const here = watch(folder);
        await file.write([bytes('x')], 0);
        await create(at('directory/file'));
        assert.deepEqual(here.changes(), []);
      });

      it('serves several watches of one directory', async () => {
        const first = watch(folder);
        await create(at('a'));
        const second = vfs.watchDirectory(folder)!;
        await create(at('b'));
        assert.deepEqual(second.changes(), [{ name: 'b', present: true }]);
        second.close();
        await create(at('c'));
        const seen = first.changes();
        assert.ok(seen !== 'unknown');
        assert.deepEqual(
          seen.map((change) => change.name),
          ['a', 'b', 'c'],
        );
      });

      it('has asked for all of them once one is asked', async () => {
        await vfs.makeDirectory(me, at('directory'), 0o755);
        const above = watch(folder);
        const below = watch(at('directory'));
        await create(at('directory/file'));
        assert.deepEqual(above.changes(), []);
        assert.deepEqual(below.changesKnown(), [{ name: 'file', present: true }]);
        assert.deepEqual(below.changesKnown(), []);
      });

      it('knows no more once the directory is removed or moved', async () => {
        await vfs.makeDirectory(me, at('removed'), 0o755);
        await vfs.makeDirectory(me, at('moved'), 0o755);
        const removed = watch(at('removed'));
        const moved = watch(at('moved'));
        await vfs.removeDirectory(me, at('removed'));
        await vfs.rename(me, at('moved'), at('elsewhere'), { replace: false });
        for (let i = 0; i < 2; i++) {
          assert.equal(removed.changes(), 'unknown');
          assert.equal(moved.changes(), 'unknown');
        }
        await vfs.makeDirectory(me, at('removed'), 0o755);
        assert.deepEqual(watch(at('removed')).changes(), []);
      });

      it('says unknown once when more changed than it keeps, and goes on', async () => {
        const here = watch(folder);
        for (let i = 0; i < 8300; i++) {
          await vfs.makeDirectory(me, at('x'), 0o755);
          await vfs.removeDirectory(me, at('x'));
        }
        assert.equal(here.changes(), 'unknown');
        await vfs.makeDirectory(me, at('x'), 0o755);
        assert.deepEqual(here.changes(), [{ name: 'x', present: true }]);
      });

      it('watches directories only', async () => {
        await create(at('file'));
        assert.equal(vfs.watchDirectory(at('file')), undefined);
        assert.equal(vfs.watchDirectory(at('missing')), undefined);
      });
    });
  });
}

/** The result of a call that must not fail. */
export function good<T>(result: T | Errno): T {
  assert.ok(!failed(result), `failed with ${String(result)}`);
  return result as T;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
