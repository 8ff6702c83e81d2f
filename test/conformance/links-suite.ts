/**
 * Links and other reparse points in the object store: [MS-FSA] 2.1.5.1 and 2.1.5.10, over any Vfs
 * that has symbolic links.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { type MaybePromise, run } from '../../src/base/task.ts';
import { DELETE, FILE_ALL_ACCESS, FILE_READ_ATTRIBUTES } from '../../src/dtyp/access-mask.ts';
import * as nt from '../../src/erref/ntstatus.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { queryMetadata } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import { nextEntry, queryDirectory } from '../../src/fsa/query-directory.ts';
import { readFile, writeFile } from '../../src/fsa/read-write.ts';
import { deleteReparsePoint, getReparsePoint, setReparsePoint } from '../../src/fsa/reparse.ts';
import type { OpenOutcome, StoppedOnLink } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_REPARSE_POINT,
} from '../../src/fscc/file-attributes.ts';
import type { DirectoryEntryData } from '../../src/fscc/file-metadata.ts';
import {
  encodeSymlinkReparseData,
  IO_REPARSE_TAG_NFS,
  IO_REPARSE_TAG_SYMLINK,
  type SymlinkReparseData,
  symlinkReparseDataSize,
} from '../../src/fscc/reparse-data.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { type Errno, failed } from '../../src/vfs/errno.ts';
import { contextOf, type FsaBackend } from './fsa-suite.ts';

const NEVER = { cancelled: false, onCancel: () => () => {}, waiting() {} };

export function linksSuite(name: string, makeBackend: () => FsaBackend): void {
  describe(`Links over ${name}`, () => {
    let backend: FsaBackend;
    let volume: Volume;
    let opens: LocalOpen[] = [];
    let folder = '';
    let folders = 0;

    before(() => {
      backend = makeBackend();
      volume = volumeOf(true);
    });

    after(() => {
      volume.names.close();
      volume.vfs.close();
      backend.remove();
    });

    beforeEach(async () => {
      folder = `folder${++folders}`;
      await vfsDo((vfs, me) => vfs.makeDirectory(me, folder, 0o755));
    });

    afterEach(async () => {
      for (const open of opens) await run(closeOpen(open));
      opens = [];
      assert.deepEqual([...(await volume.files.scan(''))], [], 'records are left');
    });

    function volumeOf(followLinks: boolean): Volume {
      return makeVolume({
        id: 'v',
        vfs: backend.vfs,
        env: backend.env,
        options: { ...DEFAULT_VOLUME_OPTIONS, followLinks },
        serverId: 'server1',
        store: new MemoryRecordStore({ strict: true }),
      });
    }

    async function vfsDo<T>(
      call: (vfs: Volume['vfs'], me: FsaBackend['credentials']) => MaybePromise<T | Errno>,
    ): Promise<T> {
      const result = await call(backend.vfs, backend.credentials);
      assert.ok(!failed(result), `errno ${String(result)}`);
      return result;
    }

    const link = (at: string, target: string) =>
      vfsDo((vfs, me) => vfs.makeSymlink(me, `${folder}/${at}`, target));
    const textOf = (at: string) => vfsDo((vfs, me) => vfs.readLink(me, `${folder}/${at}`));

    interface Asked {
      readonly disposition?: number;
      readonly access?: number;
      readonly options?: number;
      readonly on?: Volume;
    }

    async function open(path: string, asked: Asked = {}): Promise<OpenOutcome> {
      const outcome = await run(
        openFile(asked.on ?? volume, contextOf(backend.credentials), {
          path: path === '' ? folder : `${folder}\\${path}`,
          desiredAccess: asked.access ?? FILE_ALL_ACCESS,
          fileAttributes: 0,
          shareAccess: 7,
          createDisposition: asked.disposition ?? FILE_OPEN,
          createOptions: asked.options ?? 0,
          allocationSize: undefined,
          eaBuffer: undefined,
          securityDescriptor: undefined,
          timewarp: undefined,
          cancel: NEVER,
        }),
      );
      if (outcome.open !== undefined) opens.push(outcome.open);
      return outcome;
    }

    async function opened(path: string, asked: Asked = {}): Promise<LocalOpen> {
      const outcome = await open(path, asked);
      assert.equal(statusName(outcome.status), 'STATUS_SUCCESS', path);
      return outcome.open!;
    }

    const itself = (path: string, asked: Asked = {}) =>
      opened(path, { ...asked, options: (asked.options ?? 0) | FILE_OPEN_REPARSE_POINT });

    async function make(path: string, options = 0): Promise<LocalOpen> {
      return itself(path, { disposition: FILE_CREATE, options });
    }

    async function fails(status: number, path: string, asked: Asked = {}): Promise<OpenOutcome> {
      const outcome = await open(path, asked);
      assert.equal(statusName(outcome.status), statusName(status), path);
      return outcome;
    }

    async function stops(path: string, asked: Asked = {}): Promise<StoppedOnLink> {
      const outcome = await fails(nt.STATUS_STOPPED_ON_SYMLINK, path, asked);
      assert.ok('link' in outcome && outcome.link !== undefined);
      return outcome.link;
    }

    async function list(on = volume): Promise<Map<string, DirectoryEntryData>> {
      const directory = await opened('', { on });
      const query = { pattern: '*', restart: false, reopen: false };
      const entries = new Map<string, DirectoryEntryData>();
      assert.equal(await run(queryDirectory(directory, query)), 0);
      for (let e = await nextEntry(directory); e !== undefined; e = await nextEntry(directory)) {
        entries.set(e.name, e);
      }
      return entries;
    }

    async function is(status: number, task: Parameters<typeof run<number>>[0]): Promise<void> {
      assert.equal(statusName(await run(task)), statusName(status));
    }

    async function reparseData(file: LocalOpen): Promise<Uint8Array> {
      const { status, data } = await run(getReparsePoint(file));
      assert.equal(statusName(status), 'STATUS_SUCCESS');
      return data;
    }

    async function tagOf(file: LocalOpen): Promise<number> {
      const { metadata } = await run(queryMetadata(file));
      const isSet = (metadata!.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
      assert.equal(isSet, metadata!.reparseTag !== 0);
      return metadata!.reparseTag;
    }

    describe('[MS-FSA] 2.1.5.1 links on disk', () => {
      it('follows a link that stays in the share', async () => {
        await make('file');
        await link('l', 'file');
        const file = await opened('l');
        assert.equal(await tagOf(file), 0);
        assert.equal((await list()).get('l')!.attributes & FILE_ATTRIBUTE_REPARSE_POINT, 0);
      });

      it('tells the client of one that leads out of the share', async () => {
        await link('out', '../../etc');
        const stopped = await stops('out\\passwd');
        assert.equal(stopped.substituteName, '..\\..\\etc');
        assert.equal(stopped.isRelative, true);
        assert.equal(stopped.unparsedPathLength, 2 * '\\passwd'.length);
        assert.equal((await stops('out')).unparsedPathLength, 0);
        await link('root', '/');
        assert.equal((await stops('ROOT\\x\\y')).unparsedPathLength, 2 * '\\x\\y'.length);
      });

      it('tells the client of one that leads to nothing, whatever it wants there', async () => {
        await link('d', 'missing/');
        await link('l', 'missing');
        for (const disposition of [FILE_OPEN, FILE_OPEN_IF, FILE_CREATE]) {
          assert.equal((await stops('l', { disposition })).substituteName, 'missing');
          const below = await stops('d\\x', { disposition });
          assert.equal(below.unparsedPathLength, 2 * '\\x'.length);
        }
      });

      it('counts a stream and a trailing separator as unparsed', async () => {
        await link('l', 'missing');
        assert.equal((await stops('l:stream')).unparsedPathLength, 2 * ':stream'.length);
        assert.equal((await stops('l\\')).unparsedPathLength, 2);
        assert.equal((await stops('x\\..\\l\\y')).unparsedPathLength, 2 * '\\y'.length);
      });

      it('stops at the first link that the server does not follow', async () => {
        await vfsDo((vfs, me) => vfs.makeDirectory(me, `${folder}/real`, 0o755));
        await link('a', 'real');
        await link('real/b', 'nowhere');
        assert.equal((await stops('a\\b\\c')).unparsedPathLength, 2 * '\\c'.length);
      });

      it('opens a link itself with FILE_OPEN_REPARSE_POINT', async () => {
        await link('l', 'missing');
        const file = await itself('l');
        assert.equal(await tagOf(file), IO_REPARSE_TAG_SYMLINK);
        const { status } = await run(readFile(file, new Uint8Array(4), 0, {}));
        assert.equal(statusName(status), 'STATUS_END_OF_FILE');
        const written = await run(writeFile(file, [new Uint8Array(4)], 0, {}));
        assert.equal(statusName(written.status), 'STATUS_NOT_SUPPORTED');
        assert.deepEqual(await reparseData(file), symlink(relative('missing')));
      });

      it('knows the link of a directory', async () => {
        await vfsDo((vfs, me) => vfs.makeDirectory(me, `${folder}/real`, 0o755));
        await link('l', 'real');
        await link('gone', 'missing/');
        for (const name of ['l', 'gone']) {
          await itself(name, { options: FILE_DIRECTORY_FILE });
          const options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT;
          await fails(nt.STATUS_FILE_IS_A_DIRECTORY, name, { options });
        }
        const entry = (await list()).get('gone')!;
        const both = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
        assert.equal(entry.attributes & both, both);
      });

      it('deletes the link, not what it leads to', async () => {
        await make('file');
        await link('l', 'file');
        const file = await itself('l', { access: DELETE, options: FILE_DELETE_ON_CLOSE });
        await run(closeOpen(file));
        const names = [...(await list()).keys()];
        assert.ok(names.includes('file') && !names.includes('l'));
      });

      it('refuses to overwrite a link itself', async () => {
        await link('l', 'missing');
        const asked = { disposition: FILE_OVERWRITE, options: FILE_OPEN_REPARSE_POINT };
        await fails(nt.STATUS_ACCESS_DENIED, 'l', asked);
      });

      it('lists what is not followed as reparse points', async () => {
        await link('out', '/etc');
        await link('dangling', 'missing');
        const entries = await list();
        for (const name of ['out', 'dangling']) {
          assert.equal(entries.get(name)!.reparseTag, IO_REPARSE_TAG_SYMLINK, name);
          assert.ok(entries.get(name)!.attributes & FILE_ATTRIBUTE_REPARSE_POINT, name);
        }
      });

      it('leaves every link to clients where the share says so', async () => {
        const on = volumeOf(false);
        await vfsDo((vfs, me) => vfs.makeDirectory(me, `${folder}/real`, 0o755));
        await make('real\\file');
        await link('d', 'real');
        await link('f', 'real/file');
        assert.equal((await stops('f', { on })).substituteName, 'real\\file');
        assert.equal((await stops('d\\file', { on })).unparsedPathLength, 2 * '\\file'.length);
        assert.equal((await stops('D', { on })).unparsedPathLength, 0);
        for (const disposition of [FILE_CREATE, FILE_OPEN_IF]) {
          await stops('d\\new', { on, disposition });
          await stops('f', { on, disposition });
        }
        await stops('d', { on, access: FILE_READ_ATTRIBUTES });
        const entry = (await list(on)).get('d')!;
        assert.ok(entry.attributes & FILE_ATTRIBUTE_DIRECTORY);
        assert.equal(entry.reparseTag, IO_REPARSE_TAG_SYMLINK);
        const file = await itself('d', { on, options: FILE_DIRECTORY_FILE });
        assert.equal(await tagOf(file), IO_REPARSE_TAG_SYMLINK);
        for (const open of opens) await run(closeOpen(open));
        on.names.close();
      });
    });

    describe('[MS-FSA] 2.1.5.10.38 FSCTL_SET_REPARSE_POINT', () => {
      it('makes a link on disk of a new file', async () => {
        const file = await make('l');
        await is(0, setReparsePoint(file, symlink(relative('..\\x'))));
        assert.equal(await textOf('l'), '../x');
        assert.equal(await tagOf(file), IO_REPARSE_TAG_SYMLINK);
        assert.deepEqual(await reparseData(file), symlink(relative('..\\x')));
        const again = await itself('l');
        assert.equal(again.fileKey, file.fileKey);
        // Two opens now: the link cannot be replaced, and its new data stands nowhere.
        const changed = setReparsePoint(again, symlink(relative('y')));
        await is(nt.STATUS_SHARING_VIOLATION, changed);
        await run(closeOpen(file));
        await is(0, setReparsePoint(again, symlink(relative('y'))));
        assert.equal(await textOf('l'), 'y');
      });

      it('makes a directory link of an empty directory', async () => {
        const file = await make('l', FILE_DIRECTORY_FILE);
        await is(0, setReparsePoint(file, symlink(relative('x'))));
        assert.equal(await textOf('l'), 'x/');
        await run(closeOpen(file));
        assert.equal((await stops('l\\y')).substituteName, 'x');
        await itself('l', { options: FILE_DIRECTORY_FILE });
      });

      it('fails with STATUS_DIRECTORY_NOT_EMPTY when something is in it', async () => {
        const file = await make('d', FILE_DIRECTORY_FILE);
        await make('d\\x');
        await is(nt.STATUS_DIRECTORY_NOT_EMPTY, setReparsePoint(file, symlink(relative('x'))));
      });

      it('keeps what would lead out of the share beside the file', async () => {
        const file = await make('l');
        const data = symlink(relative('..\\..\\etc'));
        await is(0, setReparsePoint(file, data));
        assert.deepEqual(await reparseData(file), data);
        await run(closeOpen(file));
        const stat = await vfsDo((vfs, me) => vfs.stat(me, `${folder}/l`, { noFollow: true }));
        assert.equal(stat.type, 'file');
        const stopped = await stops('l');
        assert.equal(stopped.substituteName, '..\\..\\etc');
        assert.equal(stopped.unparsedPathLength, 0);
        assert.equal((await list()).get('l')!.reparseTag, IO_REPARSE_TAG_SYMLINK);
      });

      it('keeps the link of a file with content beside it', async () => {
        const file = await make('l');
        await run(writeFile(file, [Buffer.from('content')], 0, {}));
        await is(0, setReparsePoint(file, symlink(relative('x'))));
        assert.equal((await run(queryMetadata(file))).metadata!.endOfFile, 7);
        assert.equal((await stops('l')).substituteName, 'x');
        await itself('l');
      });

      it('keeps other tags as they are, and nobody follows them', async () => {
        const file = await make('fifo');
        const data = buffer(IO_REPARSE_TAG_NFS, Buffer.from('FIFO\0\0\0\0'));
        await is(0, setReparsePoint(file, data));
        assert.equal(await tagOf(file), IO_REPARSE_TAG_NFS);
        assert.deepEqual(await reparseData(file), data);
        assert.equal((await list()).get('fifo')!.reparseTag, IO_REPARSE_TAG_NFS);
        await fails(nt.STATUS_IO_REPARSE_TAG_NOT_HANDLED, 'fifo');
        const other = symlink(relative('x'));
        await is(nt.STATUS_IO_REPARSE_TAG_MISMATCH, setReparsePoint(file, other));
      });

      it('wants the same GUID for a tag that is not of Microsoft', async () => {
        const file = await make('x');
        await is(0, setReparsePoint(file, guidBuffer(1)));
        await is(0, setReparsePoint(file, guidBuffer(1)));
        await is(nt.STATUS_REPARSE_ATTRIBUTE_CONFLICT, setReparsePoint(file, guidBuffer(2)));
      });

      it('fails with STATUS_IO_REPARSE_DATA_INVALID when the lengths disagree', async () => {
        const file = await make('x');
        const data = symlink(relative('y'));
        for (let size = 0; size < data.length; size++) {
          const cut = data.subarray(0, size);
          await is(nt.STATUS_IO_REPARSE_DATA_INVALID, setReparsePoint(file, cut));
        }
        const invalid = setReparsePoint(file, guidBuffer(1, 1));
        await is(nt.STATUS_IO_REPARSE_TAG_INVALID, invalid);
      });

      it('fails with STATUS_ACCESS_DENIED without write access', async () => {
        await run(closeOpen(await make('x')));
        const file = await itself('x', { access: FILE_READ_ATTRIBUTES });
        await is(nt.STATUS_ACCESS_DENIED, setReparsePoint(file, symlink(relative('y'))));
      });
    });

    describe('[MS-FSA] 2.1.5.10.5 FSCTL_DELETE_REPARSE_POINT', () => {
      for (const [what, options] of [
        ['file', 0],
        ['directory', FILE_DIRECTORY_FILE],
      ] as const) {
        it(`makes a ${what} of a link on disk`, async () => {
          const file = await make('l', options);
          await is(0, setReparsePoint(file, symlink(relative('x'))));
          const none = buffer(IO_REPARSE_TAG_SYMLINK, new Uint8Array(0));
          await is(0, deleteReparsePoint(file, none));
          await is(nt.STATUS_NOT_A_REPARSE_POINT, deleteReparsePoint(file, none));
          assert.equal(file.isDirectory, what === 'directory');
          await run(closeOpen(file));
          assert.equal(await tagOf(await opened('l', { options })), 0);
        });
      }

      it('makes a file of a reparse point of any tag again', async () => {
        const file = await make('x');
        await is(0, setReparsePoint(file, buffer(IO_REPARSE_TAG_NFS, new Uint8Array(8))));
        const other = buffer(IO_REPARSE_TAG_SYMLINK, new Uint8Array(0));
        await is(nt.STATUS_IO_REPARSE_TAG_MISMATCH, deleteReparsePoint(file, other));
        const data = buffer(IO_REPARSE_TAG_NFS, new Uint8Array(8));
        await is(nt.STATUS_IO_REPARSE_DATA_INVALID, deleteReparsePoint(file, data));
        await is(0, deleteReparsePoint(file, buffer(IO_REPARSE_TAG_NFS, new Uint8Array(0))));
        const { status } = await run(getReparsePoint(file));
        assert.equal(statusName(status), 'STATUS_NOT_A_REPARSE_POINT');
        await opened('x');
      });
    });
  });
}

function relative(name: string): SymlinkReparseData {
  return { substituteName: name, printName: name, isRelative: true };
}

function symlink(data: SymlinkReparseData): Uint8Array {
  const bytes = new Uint8Array(symlinkReparseDataSize(data));
  encodeSymlinkReparseData(viewOf(bytes), 0, data);
  return bytes;
}

function buffer(tag: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  viewOf(bytes).setUint32(0, tag, true);
  viewOf(bytes).setUint16(4, data.length, true);
  bytes.set(data, 8);
  return bytes;
}

function guidBuffer(guid: number, tag = 0x1234): Uint8Array {
  const bytes = new Uint8Array(24);
  viewOf(bytes).setUint32(0, tag, true);
  bytes[8] = guid;
  return bytes;
}
