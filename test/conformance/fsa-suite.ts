/**
 * What the object store has to do over any Vfs, operation by operation: [MS-FSA] and, where it is
 * silent, what smbtorture expects of Windows. A backend runs it with `fsaSuite(name, makeVfs)`.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { run, type Task } from '../../src/base/task.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  MAXIMUM_ALLOWED,
  READ_CONTROL,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import {
  DACL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  parseSecurityDescriptor,
  type SecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { SID_EVERYONE, unixUserSid } from '../../src/dtyp/sid.ts';
import type { Env } from '../../src/env/ports.ts';
import * as nt from '../../src/erref/ntstatus.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { type EaQuery, queryEas, setEas, tellEas } from '../../src/fsa/ea.ts';
import {
  copyRange,
  queryAllocatedRanges,
  setSparse,
  setZeroData,
} from '../../src/fsa/fs-control.ts';
import {
  queryMetadata,
  setAllocation,
  setBasic,
  setDisposition,
  setEndOfFile,
  setMode,
  setPosition,
} from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { lockRanges, unlockRanges } from '../../src/fsa/lock.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import { currentName } from '../../src/fsa/open-paths.ts';
import { nextEntry, queryDirectory, ungetEntry } from '../../src/fsa/query-directory.ts';
import { flushFile, readFile, writeFile } from '../../src/fsa/read-write.ts';
import { linkFile, renameFile } from '../../src/fsa/rename.ts';
import { queryMaximalAccess, querySecurity, setSecurity } from '../../src/fsa/security.ts';
import type { SecurityContext } from '../../src/fsa/security-context.ts';
import { queryStreams } from '../../src/fsa/streams.ts';
import type { CancelSignal, OpenOutcome, OpenParams } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import { queryVolume } from '../../src/fsa/volume-information.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NO_INTERMEDIATE_BUFFERING,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_BY_FILE_ID,
  FILE_OPEN_IF,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_OVERWRITTEN,
  FILE_SEQUENTIAL_ONLY,
  FILE_SHARE_READ,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
  FILE_SYNCHRONOUS_IO_ALERT,
  FILE_SYNCHRONOUS_IO_NONALERT,
  FILE_WRITE_THROUGH,
} from '../../src/fscc/create-parameters.ts';
import * as attribute from '../../src/fscc/file-attributes.ts';
import type { FileMetadata } from '../../src/fscc/file-metadata.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { failed } from '../../src/vfs/errno.ts';
import type { Credentials, Vfs } from '../../src/vfs/vfs.ts';

export interface FsaBackend {
  readonly vfs: Vfs;
  readonly credentials: Credentials;
  readonly env: Env;
  /** Removes what the backend made outside of the process. */
  remove(): void;
}

const SHARE_ALL = 7;
const UNCHANGED = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};
const ALL_EAS: EaQuery = { names: [], index: undefined, restart: true, single: false };
const RW = FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;
const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };

class Cancel implements CancelSignal {
  cancelled = false;
  isWaiting = false;
  #listeners: (() => void)[] = [];

  onCancel(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {};
  }

  waiting(): void {
    this.isWaiting = true;
  }

  cancel(): void {
    this.cancelled = true;
    for (const listener of this.#listeners) listener();
  }
}

export function fsaSuite(name: string, makeBackend: () => FsaBackend): void {
  describe(`Object store over ${name}`, () => {
    let backend: FsaBackend;
    let volume: Volume;
    let store: MemoryRecordStore;
    let me: SecurityContext;
    let opens: LocalOpen[] = [];
    let folder = '';
    let folders = 0;

    before(() => {
      backend = makeBackend();
      store = new MemoryRecordStore({ strict: true });
      volume = makeVolume({
        id: 'v',
        vfs: backend.vfs,
        env: backend.env,
        options: DEFAULT_VOLUME_OPTIONS,
        serverId: 'server1',
        store,
      });
      me = contextOf(backend.credentials);
    });

    after(() => {
      volume.names.close();
      volume.vfs.close();
      backend.remove();
    });

    beforeEach(async () => {
      folder = `Folder${++folders}`;
      await close(
        await opened('', { createOptions: FILE_DIRECTORY_FILE, disposition: FILE_CREATE }),
      );
    });

    afterEach(async () => {
      for (const open of opens) await run(closeOpen(open));
      opens = [];
      assert.deepEqual([...(await volume.files.scan(''))], [], 'records are left');
    });

    interface Asked extends Partial<OpenParams> {
      readonly disposition?: number;
      readonly access?: number;
      readonly security?: SecurityContext;
    }

    /** Opens `path` below the test's own folder. */
    async function open(path: string, asked: Asked = {}): Promise<OpenOutcome> {
      const { disposition = FILE_OPEN_IF, access = FILE_ALL_ACCESS, security = me } = asked;
      const below = path === '' || path.startsWith(':') ? folder + path : `${folder}\\${path}`;
      const outcome = await run(
        openFile(volume, security, {
          path: below,
          desiredAccess: access,
          fileAttributes: 0,
          shareAccess: SHARE_ALL,
          createDisposition: disposition,
          createOptions: 0,
          allocationSize: undefined,
          eaBuffer: undefined,
          securityDescriptor: undefined,
          timewarp: undefined,
          cancel: NEVER,
          ...asked,
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

    async function close(file: LocalOpen): Promise<void> {
      assert.equal(await run(closeOpen(file)), 0);
    }

    async function make(path: string, content = '', asked: Asked = {}): Promise<void> {
      const file = await opened(path, { disposition: FILE_CREATE, ...asked });
      if (content !== '') assert.equal(await write(file, content), 0);
      await close(file);
    }

    async function makeDirectory(path: string): Promise<void> {
      await make(path, '', { createOptions: FILE_DIRECTORY_FILE });
    }

    async function write(file: LocalOpen, content: string, offset = 0): Promise<number> {
      const chunks = [Buffer.from(content)];
      return (await run(writeFile(file, chunks, offset, {}))).status;
    }

    async function read(file: LocalOpen): Promise<string> {
      const target = new Uint8Array(1000);
      const { status, count } = await run(readFile(file, target, 0, {}));
      if (status === nt.STATUS_END_OF_FILE) return '';
      assert.equal(statusName(status), 'STATUS_SUCCESS');
      return Buffer.from(target.subarray(0, count)).toString();
    }

    async function contentOf(path: string): Promise<string> {
      const file = await opened(path, { disposition: FILE_OPEN, access: FILE_READ_DATA });
      const content = await read(file);
      await close(file);
      return content;
    }

    async function metadata(file: LocalOpen): Promise<FileMetadata> {
      const outcome = await run(queryMetadata(file));
      assert.equal(outcome.status, 0);
      return outcome.metadata!;
    }

    async function fails(status: number, path: string, asked: Asked = {}): Promise<void> {
      const outcome = await open(path, asked);
      assert.equal(statusName(outcome.status), statusName(status), path);
    }

    async function is(status: number, task: Task<number>): Promise<void> {
      assert.equal(statusName(await run(task)), statusName(status));
    }

    async function list(pattern = '*'): Promise<string[]> {
      const directory = await opened('', { access: FILE_LIST_DIRECTORY, disposition: FILE_OPEN });
      const query = { pattern, restart: false, reopen: false };
      const names: string[] = [];
      if ((await run(queryDirectory(directory, query))) === 0) {
        for (let e = await nextEntry(directory); e !== undefined; e = await nextEntry(directory)) {
          names.push(e.name);
        }
      }
      await close(directory);
      return names.sort();
    }

    describe('[MS-FSA] 2.1.5.1 Server Requests an Open of a File', () => {
      const dispositions: readonly (readonly [number, boolean, number])[] = [
        [FILE_SUPERSEDE, true, FILE_SUPERSEDED],
        [FILE_SUPERSEDE, false, FILE_CREATED],
        [FILE_OPEN, true, FILE_OPENED],
        [FILE_OPEN, false, -nt.STATUS_OBJECT_NAME_NOT_FOUND],
        [FILE_CREATE, true, -nt.STATUS_OBJECT_NAME_COLLISION],
        [FILE_CREATE, false, FILE_CREATED],
        [FILE_OPEN_IF, true, FILE_OPENED],
        [FILE_OPEN_IF, false, FILE_CREATED],
        [FILE_OVERWRITE, true, FILE_OVERWRITTEN],
        [FILE_OVERWRITE, false, -nt.STATUS_OBJECT_NAME_NOT_FOUND],
        [FILE_OVERWRITE_IF, true, FILE_OVERWRITTEN],
        [FILE_OVERWRITE_IF, false, FILE_CREATED],
      ];
      for (const [disposition, exists, expected] of dispositions) {
        const stands = exists ? 'stands' : 'does not';
        it(`disposition ${disposition} of a file that ${stands}`, async () => {
          if (exists) await make('a', 'content');
          const outcome = await open('A', { disposition });
          const action = outcome.open !== undefined ? outcome.createAction : -outcome.status;
          assert.equal(action, expected);
          if (outcome.open === undefined) return;
          const keeps = expected === FILE_OPENED;
          assert.equal(await read(outcome.open), keeps ? 'content' : '');
          assert.deepEqual(await list(), ['.', '..', exists ? 'a' : 'A']);
        });
      }

      it('tells FILE_OBJECT_PATH_NOT_FOUND from OBJECT_NAME_NOT_FOUND', async () => {
        await make('file');
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'x', { disposition: FILE_OPEN });
        await fails(nt.STATUS_OBJECT_PATH_NOT_FOUND, 'x\\y');
        await fails(nt.STATUS_OBJECT_PATH_NOT_FOUND, 'x\\y', { disposition: FILE_OPEN });
        await fails(nt.STATUS_OBJECT_PATH_NOT_FOUND, 'file\\y', { disposition: FILE_OPEN });
        await fails(nt.STATUS_OBJECT_PATH_NOT_FOUND, 'file\\y');
      });

      it('minds whether a directory or a file is asked for', async () => {
        await make('file');
        await makeDirectory('dir');
        const asDirectory = { createOptions: FILE_DIRECTORY_FILE, disposition: FILE_OPEN };
        await fails(nt.STATUS_NOT_A_DIRECTORY, 'file', asDirectory);
        await fails(nt.STATUS_NOT_A_DIRECTORY, 'FILE', asDirectory);
        await fails(nt.STATUS_FILE_IS_A_DIRECTORY, 'dir', {
          createOptions: FILE_NON_DIRECTORY_FILE,
        });
        await fails(nt.STATUS_FILE_IS_A_DIRECTORY, 'dir::$DATA', { disposition: FILE_OPEN });
        await fails(nt.STATUS_OBJECT_NAME_COLLISION, 'dir', { disposition: FILE_CREATE });
        await fails(nt.STATUS_OBJECT_NAME_COLLISION, 'dir', { disposition: FILE_OVERWRITE_IF });
        const dir = await opened('dir', { disposition: FILE_OPEN });
        assert.equal(dir.isDirectory, true);
        const { attributes, endOfFile } = await metadata(dir);
        assert.deepEqual([attributes, endOfFile], [attribute.FILE_ATTRIBUTE_DIRECTORY, 0]);
      });

      const refused: readonly (readonly [string, number, Asked])[] = [
        ['no access', nt.STATUS_ACCESS_DENIED, { access: 0 }],
        ['an invalid access bit', nt.STATUS_ACCESS_DENIED, { access: 0x0800_0000 }],
        ['an invalid attribute', nt.STATUS_INVALID_PARAMETER, { fileAttributes: 0x40 }],
        ['an invalid option', nt.STATUS_INVALID_PARAMETER, { createOptions: 0x0100_0000 }],
        ['an invalid share mode', nt.STATUS_INVALID_PARAMETER, { shareAccess: 8 }],
        ['an invalid disposition', nt.STATUS_INVALID_PARAMETER, { disposition: 6 }],
        ['an open by id', nt.STATUS_NOT_SUPPORTED, { createOptions: FILE_OPEN_BY_FILE_ID }],
        [
          'directory and file at once',
          nt.STATUS_INVALID_PARAMETER,
          { createOptions: FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE },
        ],
        [
          'overwriting a directory',
          nt.STATUS_INVALID_PARAMETER,
          { createOptions: FILE_DIRECTORY_FILE, disposition: FILE_OVERWRITE_IF },
        ],
        [
          'delete on close without DELETE',
          nt.STATUS_INVALID_PARAMETER,
          { createOptions: FILE_DELETE_ON_CLOSE, access: FILE_READ_DATA },
        ],
        ['a snapshot', nt.STATUS_OBJECT_NAME_NOT_FOUND, { timewarp: 10_000n }],
        [
          'a broken descriptor',
          nt.STATUS_INVALID_PARAMETER,
          { securityDescriptor: new Uint8Array(9) },
        ],
        ['a broken EA list', nt.STATUS_EA_LIST_INCONSISTENT, { eaBuffer: new Uint8Array(7) }],
      ];
      for (const [what, status, asked] of refused) {
        it(`refuses ${what} with ${statusName(status)}`, async () => {
          await fails(status, 'a', asked);
          assert.deepEqual(await list(), ['.', '..']);
        });
      }

      it('keeps the case a name was made with and finds it in any', async () => {
        await makeDirectory('Some Ördner');
        await make('Some Ördner\\FILE.txt', 'x');
        const file = await opened('SOME öRDNER\\file.TXT', { disposition: FILE_OPEN });
        assert.equal(currentName(file), `${folder}\\Some Ördner\\FILE.txt`);
        await fails(nt.STATUS_OBJECT_NAME_COLLISION, 'some ördner\\File.txt', {
          disposition: FILE_CREATE,
        });
      });

      it('sees what others make, rename and remove in the store', async () => {
        const { vfs, credentials } = backend;
        const inOther = (path: string): string => `${folder}/${path}`;
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'NAME', { disposition: FILE_OPEN });
        await vfs.makeDirectory(credentials, inOther('Name'), 0o755);
        await opened('NAME', { disposition: FILE_OPEN }).then(close);
        await vfs.makeDirectory(credentials, inOther('Name/Below'), 0o755);
        await opened('name\\below', { disposition: FILE_OPEN }).then(close);
        await vfs.rename(credentials, inOther('Name'), inOther('Moved'), { replace: false });
        await fails(nt.STATUS_OBJECT_PATH_NOT_FOUND, 'name\\below', { disposition: FILE_OPEN });
        await opened('MOVED\\below', { disposition: FILE_OPEN }).then(close);
        await vfs.makeDirectory(credentials, inOther('Name'), 0o755);
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'name\\below', { disposition: FILE_OPEN });
        await vfs.removeDirectory(credentials, inOther('Moved/Below'));
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'moved\\below', { disposition: FILE_OPEN });
      });

      it('shows reserved characters of the disk as private ones and finds them', async () => {
        const { vfs, credentials } = backend;
        await vfs.makeDirectory(credentials, `${folder}/a:b`, 0o755);
        await vfs.makeDirectory(credentials, `${folder}/end.`, 0o755);
        assert.deepEqual(await list(), ['.', '..', 'a\uf022b', 'end\uf029']);
        await opened('A\uf022B', { disposition: FILE_OPEN }).then(close);
        await opened('END\uf029', { disposition: FILE_OPEN }).then(close);
        await make('new\uf021');
        assert.ok(!failed(await vfs.stat(credentials, `${folder}/new*`)));
      });

      it('lets share modes decide, and overwrites only what they admit', async () => {
        await make('a', 'content');
        const reader = await opened('a', { access: FILE_READ_DATA, shareAccess: FILE_SHARE_READ });
        await fails(nt.STATUS_SHARING_VIOLATION, 'a', { access: FILE_WRITE_DATA });
        await fails(nt.STATUS_SHARING_VIOLATION, 'a', {
          access: FILE_READ_DATA,
          disposition: FILE_OVERWRITE,
        });
        assert.equal(await read(reader), 'content');
        await opened('a', { access: FILE_READ_ATTRIBUTES | SYNCHRONIZE });
      });

      it('overwrites hidden and system files only for who names them so', async () => {
        const hidden = attribute.FILE_ATTRIBUTE_HIDDEN;
        await make('a', 'content', { fileAttributes: hidden });
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { disposition: FILE_OVERWRITE });
        assert.equal(await contentOf('a'), 'content');
        const over = await opened('a', { disposition: FILE_OVERWRITE, fileAttributes: hidden });
        const { attributes, endOfFile } = await metadata(over);
        assert.deepEqual([attributes, endOfFile], [hidden | attribute.FILE_ATTRIBUTE_ARCHIVE, 0]);
      });

      it('lets a read-only file be made, read and not written', async () => {
        const readOnly = { fileAttributes: attribute.FILE_ATTRIBUTE_READONLY };
        const file = await opened('a', { disposition: FILE_CREATE, ...readOnly });
        assert.equal(await write(file, 'content'), 0);
        await close(file);
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { access: FILE_WRITE_DATA });
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { access: FILE_APPEND_DATA });
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { disposition: FILE_SUPERSEDE });
        const most = await opened('a', { access: MAXIMUM_ALLOWED });
        assert.equal(most.grantedAccess, FILE_ALL_ACCESS & ~0x46);
        const deletes = { access: DELETE, createOptions: FILE_DELETE_ON_CLOSE };
        await fails(nt.STATUS_CANNOT_DELETE, 'a', deletes);
        await fails(nt.STATUS_CANNOT_DELETE, 'b', { ...deletes, ...readOnly });
        await is(nt.STATUS_CANNOT_DELETE, setDisposition(most, { delete: true }));
        await is(0, setDisposition(most, { delete: true, ignoreReadOnly: true }));
      });

      it('gives no more than the share allows', async () => {
        await make('a', 'content');
        const reads = { ...me, maximalAccess: 0x0012_00a9 };
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { security: reads, access: FILE_WRITE_DATA });
        await fails(nt.STATUS_ACCESS_DENIED, 'b', { security: reads, access: FILE_READ_DATA });
        await fails(nt.STATUS_ACCESS_DENIED, 'a', {
          security: reads,
          access: FILE_READ_DATA,
          disposition: FILE_OVERWRITE_IF,
        });
        const most = await opened('a', { security: reads, access: MAXIMUM_ALLOWED });
        assert.equal(most.grantedAccess, 0x0012_00a9);
        assert.equal(await read(most), 'content');
      });

      it('reserves storage and stores EAs with the new file', async () => {
        const eaBuffer = Uint8Array.from([0, 0, 0, 0, 0, 1, 2, 0, 0x41, 0, 7, 8]);
        const outcome = await open('a', { allocationSize: 1024 * 1024, eaBuffer });
        assert.ok(outcome.open !== undefined);
        assert.equal(outcome.metadata.allocationSize, 1024 * 1024);
        const { eas } = await run(queryEas(outcome.open, ALL_EAS));
        assert.deepEqual(eas, [{ flags: 0, name: 'A', value: Uint8Array.from([7, 8]) }]);
      });
    });

    describe('[MS-FSA] 2.1.5.3 Read, 2.1.5.4 Write, 2.1.5.7 Flush', () => {
      it('reads what was written, up to the end', async () => {
        const file = await opened('a');
        assert.equal(await write(file, 'hello', 2), 0);
        assert.equal(await read(file), '\0\0hello');
        assert.equal(await write(file, '!', -1), 0);
        assert.equal(await read(file), '\0\0hello!');
        const two = new Uint8Array(2);
        const at = async (offset: number, minimumCount: number): Promise<number> =>
          (await run(readFile(file, two, offset, { minimumCount }))).status;
        assert.equal(await at(8, 0), nt.STATUS_END_OF_FILE);
        assert.equal(await at(7, 0), 0);
        assert.equal(await at(7, 2), nt.STATUS_END_OF_FILE);
        assert.equal((await run(readFile(file, new Uint8Array(0), 99, {}))).status, 0);
        await is(0, flushFile(file));
      });

      it('wants the access that the open was granted', async () => {
        await make('a', 'x');
        const reader = await opened('a', { access: FILE_READ_DATA });
        assert.equal(await write(reader, 'y'), nt.STATUS_ACCESS_DENIED);
        await is(nt.STATUS_ACCESS_DENIED, flushFile(reader));
        await is(nt.STATUS_ACCESS_DENIED, setEndOfFile(reader, 0));
        const writer = await opened('a', { access: FILE_WRITE_DATA });
        const { status } = await run(readFile(writer, new Uint8Array(1), 0, {}));
        assert.equal(status, nt.STATUS_ACCESS_DENIED);
        const directory = await opened('', { disposition: FILE_OPEN });
        const outcome = await run(readFile(directory, new Uint8Array(1), 0, {}));
        assert.equal(outcome.status, nt.STATUS_INVALID_DEVICE_REQUEST);
      });

      it('fails with STATUS_FILE_CLOSED after the close, which may come twice', async () => {
        const file = await opened('a');
        await close(file);
        await close(file);
        assert.equal(await write(file, 'x'), nt.STATUS_FILE_CLOSED);
        assert.equal((await run(queryMetadata(file))).status, nt.STATUS_FILE_CLOSED);
      });
    });

    describe('[MS-FSA] 2.1.5.8 Byte-range locks', () => {
      const range = { offset: 0n, length: 10n, exclusive: true };
      const now = { failImmediately: true, cancel: NEVER };

      it('forbid reading and writing to others', async () => {
        const a = await opened('a');
        const b = await opened('a');
        assert.equal(await write(a, 'content'), 0);
        await is(0, lockRanges(a, [range], now));
        assert.equal(await write(b, 'x'), nt.STATUS_FILE_LOCK_CONFLICT);
        const outcome = await run(readFile(b, new Uint8Array(1), 9, {}));
        assert.equal(outcome.status, nt.STATUS_FILE_LOCK_CONFLICT);
        await is(nt.STATUS_LOCK_NOT_GRANTED, lockRanges(b, [range], now));
        await close(a);
        await is(0, lockRanges(b, [range], now));
      });

      it('wait for an unlock, a cancel or the close', async () => {
        const a = await opened('a');
        const b = await opened('a');
        await is(0, lockRanges(a, [range], now));
        const waiting = async (cancel: Cancel): Promise<number> =>
          run(lockRanges(b, [range], { failImmediately: false, cancel }));
        const first = new Cancel();
        const granted = waiting(first);
        assert.equal(first.isWaiting, true);
        await is(0, unlockRanges(a, [range]));
        assert.equal(await granted, 0);
        await is(0, unlockRanges(b, [range]));
        await is(0, lockRanges(a, [range], now));
        const second = new Cancel();
        const cancelled = waiting(second);
        second.cancel();
        assert.equal(await cancelled, nt.STATUS_CANCELLED);
        const closed = waiting(new Cancel());
        await close(b);
        assert.equal(statusName(await closed), 'STATUS_RANGE_NOT_LOCKED');
      });
    });

    describe('[MS-FSA] 2.1.5.5 Closing, and deletion', () => {
      it('deletes on close, with the last open', async () => {
        const a = await opened('a', { createOptions: FILE_DELETE_ON_CLOSE });
        const b = await opened('a');
        await close(a);
        await fails(nt.STATUS_DELETE_PENDING, 'a', { disposition: FILE_OPEN });
        await fails(nt.STATUS_DELETE_PENDING, 'a', { disposition: FILE_CREATE });
        assert.equal((await metadata(b)).deletePending, true);
        await close(b);
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'a', { disposition: FILE_OPEN });
      });

      it('deletes by disposition, unless that is taken back', async () => {
        const a = await opened('a');
        await is(0, setDisposition(a, { delete: true }));
        assert.equal((await metadata(a)).numberOfLinks, 0);
        await is(0, setDisposition(a, { delete: false }));
        assert.equal((await metadata(a)).numberOfLinks, 1);
        await close(a);
        assert.deepEqual(await list(), ['.', '..', 'a']);
        const noDelete = await opened('a', { access: RW });
        await is(nt.STATUS_ACCESS_DENIED, setDisposition(noDelete, { delete: true }));
      });

      it('keeps a directory that has entries, and lets none in while it goes', async () => {
        await makeDirectory('d');
        await make('d\\x');
        const directory = await opened('d', { disposition: FILE_OPEN });
        await is(nt.STATUS_DIRECTORY_NOT_EMPTY, setDisposition(directory, { delete: true }));
        await close(await opened('d\\x', { createOptions: FILE_DELETE_ON_CLOSE }));
        await is(0, setDisposition(directory, { delete: true }));
        await fails(nt.STATUS_DELETE_PENDING, 'd\\y');
        await close(directory);
        assert.deepEqual(await list(), ['.', '..']);
      });

      it('deletes at once with POSIX semantics', async () => {
        const a = await opened('a');
        const b = await opened('a');
        assert.equal(await write(b, 'still'), 0);
        await is(0, setDisposition(a, { delete: true, posixSemantics: true }));
        await close(a);
        assert.deepEqual(await list(), ['.', '..']);
        await make('a', 'new');
        assert.equal(await read(b), 'still');
      });

      it('leaves a file alone that came to stand under the name', async () => {
        const { vfs, credentials } = backend;
        const a = await opened('a', { createOptions: FILE_DELETE_ON_CLOSE });
        const moved = [`${folder}/a`, `${folder}/moved`] as const;
        await vfs.rename(credentials, ...moved, { replace: false });
        await vfs.makeDirectory(credentials, `${folder}/a`, 0o755);
        await close(a);
        assert.deepEqual(await list(), ['.', '..', 'a', 'moved']);
      });
    });

    describe('[MS-FSA] 2.1.5.6.3 Directory listings', () => {
      it('tell each entry once, . and .. first, with what CREATE tells', async () => {
        await make('file', 'content', { fileAttributes: attribute.FILE_ATTRIBUTE_HIDDEN });
        await makeDirectory('dir');
        await make('.dot');
        const directory = await opened('', { disposition: FILE_OPEN });
        await is(0, queryDirectory(directory, { pattern: '*', restart: false, reopen: false }));
        const first = await nextEntry(directory);
        assert.equal(first?.name, '.');
        ungetEntry(directory);
        assert.equal((await nextEntry(directory))?.name, '.');
        assert.equal((await nextEntry(directory))?.name, '..');
        const entries = new Map<string, FileMetadata>();
        for (let e = await nextEntry(directory); e !== undefined; e = await nextEntry(directory)) {
          entries.set(e.name, e);
        }
        assert.deepEqual([...entries.keys()].sort(), ['.dot', 'dir', 'file']);
        for (const [entryName, entry] of entries) {
          const file = await opened(entryName, { disposition: FILE_OPEN });
          const told = await metadata(file);
          for (const key of Object.keys(told) as (keyof FileMetadata)[]) {
            if (key !== 'lastAccessTime')
              assert.equal(entry[key], told[key], `${entryName} ${key}`);
          }
          await close(file);
        }
        assert.ok(entries.get('.dot')!.attributes & attribute.FILE_ATTRIBUTE_HIDDEN);
        const more = queryDirectory(directory, { pattern: '', restart: false, reopen: false });
        await is(nt.STATUS_NO_MORE_FILES, more);
        await is(0, queryDirectory(directory, { pattern: '', restart: true, reopen: false }));
        assert.equal((await nextEntry(directory))?.name, '.');
      });

      it('match patterns, and names without wildcards in any case', async () => {
        for (const each of ['one.txt', 'Two.TXT', 'three.doc']) await make(each);
        assert.deepEqual(await list('*.txt'), ['Two.TXT', 'one.txt']);
        assert.deepEqual(await list('t*'), ['Two.TXT', 'three.doc']);
        assert.deepEqual(await list('two.txt'), ['Two.TXT']);
        assert.deepEqual(await list('four'), []);
        const directory = await opened('', { disposition: FILE_OPEN });
        const query = { pattern: 'four', restart: false, reopen: false };
        await is(nt.STATUS_NO_SUCH_FILE, queryDirectory(directory, query));
        await is(0, queryDirectory(directory, { ...query, pattern: 'one.*', reopen: true }));
        assert.equal((await nextEntry(directory))?.name, 'one.txt');
        assert.equal(await nextEntry(directory), undefined);
      });

      it('tell names without a stat', async () => {
        await make('a', 'content');
        const directory = await opened('', { disposition: FILE_OPEN });
        const query = { pattern: 'a*', restart: false, reopen: false, namesOnly: true };
        await is(0, queryDirectory(directory, query));
        const entry = await nextEntry(directory);
        assert.deepEqual([entry?.name, entry?.endOfFile], ['a', 0]);
      });

      it('are refused for files and without FILE_LIST_DIRECTORY', async () => {
        const query = { pattern: '*', restart: false, reopen: false };
        await is(nt.STATUS_INVALID_PARAMETER, queryDirectory(await opened('a'), query));
        const blind = await opened('', { disposition: FILE_OPEN, access: FILE_READ_ATTRIBUTES });
        await is(nt.STATUS_ACCESS_DENIED, queryDirectory(blind, query));
      });
    });

    describe('[MS-FSA] 2.1.5.15 Setting of file information', () => {
      const NONE = UNCHANGED;
      const TIME = 132_000_000_000_000_000n;

      it('keeps times and attributes', async () => {
        const file = await opened('a');
        const attributes = attribute.FILE_ATTRIBUTE_SYSTEM;
        const change = { ...NONE, creationTime: TIME, lastWriteTime: TIME + 1n, attributes };
        await is(0, setBasic(file, { ...change, lastAccessTime: TIME + 2n }));
        const told = await metadata(file);
        assert.equal(told.creationTime, TIME);
        assert.equal(told.lastWriteTime, TIME + 1n);
        assert.equal(told.lastAccessTime, TIME + 2n);
        assert.equal(told.attributes, attributes);
        await is(0, setBasic(file, { ...NONE, attributes: attribute.FILE_ATTRIBUTE_NORMAL }));
        await is(0, setBasic(file, NONE));
        const after = await metadata(file);
        assert.equal(after.attributes, attribute.FILE_ATTRIBUTE_NORMAL);
        assert.equal(after.creationTime, TIME);
        await close(file);
        const again = await opened('a');
        assert.equal((await metadata(again)).creationTime, TIME);
      });

      it('refuses what a file or directory cannot be, and times that are none', async () => {
        const file = await opened('a');
        const directory = await opened('', { disposition: FILE_OPEN });
        const isDirectory = { ...NONE, attributes: attribute.FILE_ATTRIBUTE_DIRECTORY };
        const isTemporary = { ...NONE, attributes: attribute.FILE_ATTRIBUTE_TEMPORARY };
        await is(nt.STATUS_INVALID_PARAMETER, setBasic(file, isDirectory));
        await is(nt.STATUS_INVALID_PARAMETER, setBasic(directory, isTemporary));
        await is(nt.STATUS_INVALID_PARAMETER, setBasic(file, { ...NONE, lastWriteTime: -3n }));
        const reader = await opened('a', { access: FILE_READ_DATA });
        await is(nt.STATUS_ACCESS_DENIED, setBasic(reader, NONE));
      });

      it('leaves a write time alone that was set through the open, until it is thawed', async () => {
        const file = await opened('a');
        const other = await opened('a');
        await is(0, setBasic(file, { ...NONE, lastWriteTime: TIME }));
        assert.equal(await write(file, 'x'), 0);
        await is(0, setEndOfFile(file, 5));
        assert.equal((await metadata(other)).lastWriteTime, TIME);
        assert.equal(await write(other, 'y'), 0);
        const moved = (await metadata(file)).lastWriteTime;
        assert.notEqual(moved, TIME);
        assert.equal(await write(file, 'z'), 0);
        assert.equal((await metadata(file)).lastWriteTime, moved);
        await is(0, setBasic(file, { ...NONE, lastWriteTime: TIME }));
        await is(0, setBasic(file, { ...NONE, lastWriteTime: -2n }));
        assert.equal(await write(file, 'z'), 0);
        assert.notEqual((await metadata(file)).lastWriteTime, TIME);
        await is(0, setBasic(other, { ...NONE, lastWriteTime: -1n }));
        const frozen = (await metadata(file)).lastWriteTime;
        assert.equal(await write(other, 'z'), 0);
        assert.equal((await metadata(file)).lastWriteTime, frozen);
      });

      it('keeps a ChangeTime until another open changes the file', async () => {
        const file = await opened('a');
        const other = await opened('a');
        const attributes = attribute.FILE_ATTRIBUTE_SYSTEM;
        await is(0, setBasic(file, { ...NONE, changeTime: TIME, attributes }));
        assert.equal((await metadata(other)).changeTime, TIME);
        await is(0, setBasic(file, { ...NONE, lastWriteTime: TIME + 1n }));
        assert.equal(await write(file, 'x'), 0);
        await is(0, setEndOfFile(file, 5));
        const told = await metadata(other);
        assert.deepEqual([told.changeTime, told.lastWriteTime], [TIME, TIME + 1n]);
        assert.equal(told.attributes, attributes);
        const listed = await opened('', { disposition: FILE_OPEN });
        await is(0, queryDirectory(listed, { pattern: 'a', restart: true, reopen: false }));
        assert.equal((await nextEntry(listed))?.changeTime, TIME);
        // A file system counts its ctime in steps; within one nothing can be told apart.
        for (;;) {
          assert.equal(await write(other, 'y'), 0);
          if ((await metadata(file)).changeTime !== TIME) break;
        }
      });

      it('freezes the ChangeTime and thaws it', async () => {
        const file = await opened('a');
        await is(0, setBasic(file, { ...NONE, changeTime: TIME }));
        await is(0, setBasic(file, { ...NONE, changeTime: -2n }));
        while ((await metadata(file)).changeTime === TIME) await write(file, 'x');
        await is(0, setBasic(file, { ...NONE, changeTime: -1n }));
        const { changeTime } = await metadata(file);
        await is(0, setBasic(file, { ...NONE, lastWriteTime: TIME }));
        await is(0, setEas(file, [{ flags: 0, name: 'E', value: Buffer.from('x') }]));
        assert.equal((await metadata(file)).changeTime, changeTime);
      });

      it('sets end and allocation', async () => {
        const file = await opened('a');
        await is(0, setEndOfFile(file, 10));
        assert.equal((await metadata(file)).endOfFile, 10);
        const { lastWriteTime } = await metadata(file);
        await is(0, setAllocation(file, 64 * 1024));
        const more = await metadata(file);
        assert.deepEqual([more.endOfFile, more.allocationSize], [10, 64 * 1024]);
        assert.equal(more.lastWriteTime, lastWriteTime);
        await is(0, setAllocation(file, 0));
        const less = await metadata(file);
        assert.deepEqual([less.endOfFile, less.allocationSize], [0, 0]);
      });

      it('sets the mode, but not whether the open is synchronous or buffered', async () => {
        const file = await opened('a');
        await is(0, setMode(file, FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY));
        assert.equal(file.mode, FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY);
        await is(0, setMode(file, 0));
        assert.equal(file.mode, 0);
        for (const mode of [1, 8, FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT]) {
          await is(nt.STATUS_INVALID_PARAMETER, setMode(file, mode));
        }
        const createOptions = FILE_SYNCHRONOUS_IO_ALERT | FILE_NO_INTERMEDIATE_BUFFERING;
        const synchronous = await opened('a', { createOptions });
        await is(nt.STATUS_INVALID_PARAMETER, setMode(synchronous, FILE_WRITE_THROUGH));
        await is(0, setMode(synchronous, FILE_SYNCHRONOUS_IO_NONALERT | FILE_WRITE_THROUGH));
        const expected = FILE_SYNCHRONOUS_IO_NONALERT | FILE_NO_INTERMEDIATE_BUFFERING;
        assert.equal(synchronous.mode, expected);
      });

      it('keeps a position, at a sector where the open is not buffered', async () => {
        const file = await opened('a');
        await is(0, setPosition(file, 5n));
        await is(nt.STATUS_INVALID_PARAMETER, setPosition(file, -1n));
        const unbuffered = await opened('a', { createOptions: FILE_NO_INTERMEDIATE_BUFFERING });
        await is(0, setPosition(unbuffered, 1024n));
        await is(nt.STATUS_INVALID_PARAMETER, setPosition(unbuffered, 5n));
      });
    });

    describe('[MS-FSA] 2.1.5.15.11 Rename and 2.1.5.15.6 link', () => {
      const to = (
        newName: string,
        replaceIfExists = false,
      ): { newName: string; replaceIfExists: boolean } => ({
        newName: `${folder}\\${newName}`,
        replaceIfExists,
      });

      it('moves a file with all its opens', async () => {
        await makeDirectory('d');
        const file = await opened('a');
        const other = await opened('a');
        await is(0, renameFile(file, to('D\\b')));
        assert.equal(currentName(other), `${folder}\\d\\b`);
        await is(0, setDisposition(other, { delete: true }));
        await close(file);
        await close(other);
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'd\\b', { disposition: FILE_OPEN });
        assert.deepEqual(await list(), ['.', '..', 'd']);
      });

      it('changes the case of a name', async () => {
        const file = await opened('name');
        await is(0, renameFile(file, to('NAME')));
        assert.deepEqual(await list(), ['.', '..', 'NAME']);
      });

      it('replaces only what it may', async () => {
        await make('b', 'old');
        await makeDirectory('d');
        await make('r', '', { fileAttributes: attribute.FILE_ATTRIBUTE_READONLY });
        const file = await opened('a');
        await is(nt.STATUS_OBJECT_NAME_COLLISION, renameFile(file, to('B')));
        await is(nt.STATUS_ACCESS_DENIED, renameFile(file, to('d', true)));
        await is(nt.STATUS_ACCESS_DENIED, renameFile(file, to('r', true)));
        const open2 = await opened('b');
        await is(nt.STATUS_ACCESS_DENIED, renameFile(file, to('b', true)));
        await close(open2);
        await is(0, renameFile(file, to('b', true)));
        await is(nt.STATUS_OBJECT_PATH_NOT_FOUND, renameFile(file, to('none\\b')));
        await is(nt.STATUS_OBJECT_NAME_INVALID, renameFile(file, to('x*')));
        const reader = await opened('b', { access: FILE_READ_DATA });
        await is(nt.STATUS_ACCESS_DENIED, renameFile(reader, to('c')));
      });

      it('leaves a directory where it is while something is open below', async () => {
        await makeDirectory('d');
        const below = await opened('d\\x');
        const directory = await opened('d', { disposition: FILE_OPEN });
        await is(nt.STATUS_ACCESS_DENIED, renameFile(directory, to('e')));
        await close(below);
        await is(0, renameFile(directory, to('e')));
        await opened('E\\X', { disposition: FILE_OPEN });
      });

      it('fails with STATUS_SHARING_VIOLATION while the directory is open for DELETE', async () => {
        const file = await opened('a');
        await opened('', { disposition: FILE_OPEN, access: DELETE });
        await is(nt.STATUS_SHARING_VIOLATION, renameFile(file, to('b')));
      });

      it('gives a file one more name, and deletes names one by one', async () => {
        const file = await opened('a');
        assert.equal(await write(file, 'content'), 0);
        await is(0, linkFile(file, to('b')));
        await is(nt.STATUS_OBJECT_NAME_COLLISION, linkFile(file, to('b')));
        assert.equal((await metadata(file)).numberOfLinks, 2);
        await is(0, setDisposition(file, { delete: true }));
        assert.equal(await contentOf('b'), 'content');
        await close(file);
        assert.deepEqual(await list(), ['.', '..', 'b']);
        const directory = await opened('', { disposition: FILE_OPEN });
        await is(nt.STATUS_FILE_IS_A_DIRECTORY, linkFile(directory, to('x')));
      });
    });

    describe('named streams', () => {
      const streamsOf = async (path: string): Promise<string[]> => {
        const file = await opened(path, { disposition: FILE_OPEN, access: FILE_READ_ATTRIBUTES });
        const { status, streams } = await run(queryStreams(file));
        assert.equal(status, 0);
        await close(file);
        return streams.map((stream) => `${stream.name} ${stream.size}`).sort();
      };

      it('are made with their file, written, read, listed and deleted', async () => {
        const stream = await opened('a:Stream', { disposition: FILE_CREATE });
        assert.equal(await write(stream, 'data', 2), 0);
        assert.equal(await read(stream), '\0\0data');
        await is(0, setEndOfFile(stream, 3));
        assert.equal((await metadata(stream)).endOfFile, 3);
        assert.equal(currentName(stream), `${folder}\\a:Stream`);
        await close(stream);
        assert.deepEqual(await streamsOf('a'), ['::$DATA 0', ':Stream:$DATA 3']);
        await fails(nt.STATUS_OBJECT_NAME_NOT_FOUND, 'a:none', { disposition: FILE_OPEN });
        await fails(nt.STATUS_OBJECT_NAME_COLLISION, 'a:stream', { disposition: FILE_CREATE });
        const again = await opened('A:STREAM:$data', { createOptions: FILE_DELETE_ON_CLOSE });
        assert.equal(await read(again), '\0\0d');
        await close(again);
        assert.deepEqual(await streamsOf('a'), ['::$DATA 0']);
      });

      it('share by stream, and go when the file is overwritten', async () => {
        const stream = await opened('a:s', { shareAccess: 0, access: FILE_WRITE_DATA });
        await fails(nt.STATUS_SHARING_VIOLATION, 'a:S', { access: FILE_WRITE_DATA });
        await opened('a', { shareAccess: 0, access: FILE_WRITE_DATA }).then(close);
        await fails(nt.STATUS_SHARING_VIOLATION, 'a', { access: DELETE });
        await close(stream);
        await opened('a', { disposition: FILE_OVERWRITE }).then(close);
        assert.deepEqual(await streamsOf('a'), ['::$DATA 0']);
      });

      it('live on directories too', async () => {
        const stream = await opened(':s', { disposition: FILE_OPEN_IF });
        assert.equal(await write(stream, 'data'), 0);
        await close(stream);
        assert.deepEqual(await streamsOf(''), [':s:$DATA 4']);
        const directory = { createOptions: FILE_DIRECTORY_FILE, disposition: FILE_OPEN };
        await fails(nt.STATUS_NOT_A_DIRECTORY, ':s', directory);
      });

      it('are renamed, also to the file itself', async () => {
        const stream = await opened('a:one');
        assert.equal(await write(stream, 'data'), 0);
        await make('a:two', 'full');
        await make('a:three');
        const name = (newName: string, replaceIfExists = false) => ({ newName, replaceIfExists });
        await is(nt.STATUS_OBJECT_NAME_COLLISION, renameFile(stream, name(':two')));
        await is(nt.STATUS_INVALID_PARAMETER, renameFile(stream, name(':two', true)));
        await is(0, renameFile(stream, name(':THREE:$DATA', true)));
        assert.equal(await read(stream), 'data');
        assert.deepEqual(await streamsOf('a'), ['::$DATA 0', ':THREE:$DATA 4', ':two:$DATA 4']);
        await is(0, renameFile(stream, name(':', true)));
        assert.equal(await read(stream), 'data');
        await close(stream);
        assert.equal(await contentOf('a'), 'data');
      });

      it('keep a file from being renamed while they are open', async () => {
        const stream = await opened('a:s');
        const file = await opened('a');
        const target = { newName: `${folder}\\b`, replaceIfExists: false };
        await is(nt.STATUS_ACCESS_DENIED, renameFile(file, target));
        await close(stream);
        await is(0, renameFile(file, target));
      });

      it('grow beyond what the store keeps in an attribute', async () => {
        const stream = await opened('a:s');
        const limit = volume.vfs.capabilities.xattrSizeMax;
        const { status } = await run(writeFile(stream, [new Uint8Array(limit)], 0, {}));
        assert.equal(statusName(status), 'STATUS_SUCCESS');
        await is(nt.STATUS_SUCCESS, setEndOfFile(stream, 2 * limit));
      });
    });

    describe('[MS-FSA] 2.1.5.15.5 Extended attributes', () => {
      it('are set, replaced without regard to case, and deleted', async () => {
        const file = await opened('a');
        const ea = (eaName: string, value: string) => ({
          flags: 0,
          name: eaName,
          value: Uint8Array.from(Buffer.from(value)),
        });
        await is(0, setEas(file, [ea('One', '1'), ea('Two', '2')]));
        await is(0, setEas(file, [ea('ONE', 'uno'), ea('two', '')]));
        const { eas } = await run(queryEas(file, ALL_EAS));
        assert.deepEqual(eas, [ea('One', 'uno')]);
        const outcome = await run(queryMetadata(file, { withEaSize: true }));
        assert.equal(outcome.metadata?.eaSize, 4 + 5 + 6);
        await is(nt.STATUS_INVALID_EA_NAME, setEas(file, [ea('a*b', '1')]));
        await is(nt.STATUS_ACCESS_DENIED, setEas(file, [ea('DosAttrib', '1')]));
        await is(0, setBasic(file, { ...ZERO_BASIC, attributes: 2 }));
        assert.equal((await run(queryEas(file, ALL_EAS))).eas.length, 1);
      });

      it('tells EAs by name, by index, and on from where it was', async () => {
        const file = await opened('a');
        const names = async (asked: Partial<EaQuery>) => {
          const { status, eas } = await run(queryEas(file, { ...ALL_EAS, ...asked }));
          return status === 0 ? eas.map(({ name }) => name).join(' ') : statusName(status);
        };
        assert.equal(await names({}), 'STATUS_NO_EAS_ON_FILE');
        const eas = ['ONE', 'TWO', 'THREE'].map((name) => ({
          flags: 0,
          name,
          value: Buffer.from('value'),
        }));
        await is(0, setEas(file, eas));
        const [first, second, third] = (await names({})).split(' ');
        assert.equal(await names({ single: true }), first);
        tellEas(file, 1);
        assert.equal(await names({ restart: false, single: true }), second);
        tellEas(file, 1);
        assert.equal(await names({ restart: false }), third);
        tellEas(file, 1);
        assert.equal(await names({ restart: false }), 'STATUS_NO_MORE_EAS');
        assert.equal(await names({ index: 2 }), `${second} ${third}`);
        assert.equal(await names({ index: 2, single: true }), second);
        assert.equal(await names({ index: 4 }), 'STATUS_NONEXISTENT_EA_ENTRY');
        const asked = await run(queryEas(file, { ...ALL_EAS, names: ['two', 'FOUR'] }));
        assert.deepEqual(
          asked.eas.map(({ name, value }) => [name, value.length]),
          [
            ['TWO', 5],
            ['FOUR', 0],
          ],
        );
      });

      it('lists EaSize as a client set it last', async () => {
        const file = await opened('a');
        const listed = async () => {
          const directory = await opened('', { disposition: FILE_OPEN });
          await is(0, queryDirectory(directory, { pattern: 'a', restart: true, reopen: false }));
          return (await nextEntry(directory))?.eaSize;
        };
        await is(0, setEas(file, [{ flags: 0, name: 'E', value: Buffer.from('value') }]));
        await is(0, setBasic(file, { ...UNCHANGED, attributes: attribute.FILE_ATTRIBUTE_HIDDEN }));
        assert.equal(await listed(), 4 + 5 + 6);
        await is(0, setEas(file, [{ flags: 0, name: 'E', value: Buffer.alloc(0) }]));
        assert.equal(await listed(), 0);
      });
    });

    describe('[MS-FSA] 2.1.5.14 and 2.1.5.17 Security', () => {
      const everyone = (mask: number): SecurityDescriptor => ({
        control: 0x8004,
        owner: undefined,
        group: undefined,
        sacl: undefined,
        dacl: { revision: 2, aces: [{ type: 0, flags: 3, mask, sid: SID_EVERYONE }] },
      });

      it('tells permissions as a descriptor, until one is set', async () => {
        const file = await opened('a');
        const info = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        const first = await run(querySecurity(file, info));
        const made = parseSecurityDescriptor(first.descriptor!);
        assert.equal(made?.owner, unixUserSid(backend.credentials.uid));
        const next = securityDescriptorBytes(everyone(FILE_READ_DATA | READ_CONTROL));
        await is(0, setSecurity(file, DACL_SECURITY_INFORMATION, next));
        const second = parseSecurityDescriptor((await run(querySecurity(file, info))).descriptor!);
        assert.equal(second?.owner, made?.owner);
        assert.equal(second?.dacl?.aces.length, 1);
        await close(file);
        await fails(nt.STATUS_ACCESS_DENIED, 'a', { access: FILE_WRITE_DATA });
        const reader = await opened('a', { access: MAXIMUM_ALLOWED });
        assert.equal(reader.grantedAccess & (FILE_READ_DATA | FILE_WRITE_DATA), FILE_READ_DATA);
        // DELETE comes from the directory.
        assert.ok(reader.grantedAccess & DELETE);
        const { access } = await run(queryMaximalAccess(reader));
        assert.equal(access & FILE_WRITE_DATA, 0);
      });

      it('hands a stored descriptor down to what is made below', async () => {
        await makeDirectory('d');
        const directory = await opened('d', { disposition: FILE_OPEN });
        const sd = securityDescriptorBytes(everyone(FILE_ALL_ACCESS));
        await is(0, setSecurity(directory, DACL_SECURITY_INFORMATION, sd));
        const file = await opened('d\\x');
        const { descriptor } = await run(querySecurity(file, DACL_SECURITY_INFORMATION));
        const ace = parseSecurityDescriptor(descriptor!)?.dacl?.aces[0];
        assert.ok(ace !== undefined && 'sid' in ace && ace.sid === SID_EVERYONE);
        await makeDirectory('e');
        const closed = await opened('e', { disposition: FILE_OPEN });
        const readOnly = securityDescriptorBytes(everyone(0x0012_00a9));
        await is(0, setSecurity(closed, DACL_SECURITY_INFORMATION, readOnly));
        await fails(nt.STATUS_ACCESS_DENIED, 'e\\x');
      });

      it('wants the rights that it is about', async () => {
        const file = await opened('a', { access: FILE_READ_DATA });
        const { status } = await run(querySecurity(file, DACL_SECURITY_INFORMATION));
        assert.equal(status, nt.STATUS_ACCESS_DENIED);
        const sd = securityDescriptorBytes(everyone(1));
        await is(nt.STATUS_ACCESS_DENIED, setSecurity(file, DACL_SECURITY_INFORMATION, sd));
        const owner = await opened('a');
        const broken = setSecurity(owner, DACL_SECURITY_INFORMATION, new Uint8Array(3));
        await is(nt.STATUS_INVALID_SECURITY_DESCR, broken);
      });
    });

    describe('[MS-FSA] 2.1.5.10 FsControl', () => {
      it('makes files sparse, zeroes and tells what is allocated', async () => {
        const file = await opened('a');
        const unit = 64 * 1024;
        await run(writeFile(file, [new Uint8Array(4 * unit).fill(1)], 0, {}));
        const whole = await run(queryAllocatedRanges(file, 0, 9 * unit, 9));
        assert.deepEqual(whole.ranges, [{ offset: 0, length: 4 * unit }]);
        await is(0, setSparse(file, true));
        assert.ok((await metadata(file)).attributes & attribute.FILE_ATTRIBUTE_SPARSE_FILE);
        await is(0, setZeroData(file, unit, 2 * unit));
        const target = new Uint8Array(2);
        await run(readFile(file, target, unit - 1, {}));
        assert.deepEqual([...target], [1, 0]);
        const { ranges, more } = await run(queryAllocatedRanges(file, 0, 9 * unit, 1));
        const holes = ranges[0]?.length === unit;
        assert.equal(more, holes);
        await is(nt.STATUS_INVALID_PARAMETER, setZeroData(file, 2, 1));
      });

      it('copies within the store', async () => {
        const source = await opened('a');
        const target = await opened('b');
        assert.equal(await write(source, '0123456789'), 0);
        const copy = (sourceOffset: number, targetOffset: number, length: number) =>
          run(copyRange(source, target, { sourceOffset, targetOffset, length }));
        assert.deepEqual(await copy(2, 1, 5), { status: 0, count: 5 });
        assert.equal(await read(target), '\x0023456');
        assert.equal((await copy(8, 0, 3)).status, nt.STATUS_INVALID_VIEW_SIZE);
        const within = { sourceOffset: 0, targetOffset: 2, length: 6 };
        assert.equal((await run(copyRange(source, source, within))).status, 0);
        assert.equal(await read(source), '0101234589');
      });
    });

    it('tells about the volume', async () => {
      const { status, information } = await run(queryVolume(volume));
      assert.equal(status, 0);
      assert.equal(information?.bytesPerSector, 512);
      assert.ok(information.totalUnits >= information.actualAvailableUnits);
    });
  });
}

const ZERO_BASIC = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};

export function contextOf(credentials: Credentials): SecurityContext {
  return {
    userSid: 'S-1-5-21-1-2-3-1000',
    groupSids: [SID_EVERYONE, unixUserSid(credentials.uid)],
    privileges: [],
    credentials,
    maximalAccess: FILE_ALL_ACCESS,
  };
}
