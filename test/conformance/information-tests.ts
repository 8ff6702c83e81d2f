import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANNOT_DELETE,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_CLOSED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SUCCESS,
  statusName,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
} from '../../src/fscc/create-parameters.ts';
import { decodeDirectoryEntries } from '../../src/fscc/directory-information.ts';
import { FILE_ATTRIBUTE_READONLY } from '../../src/fscc/file-attributes.ts';
import {
  decodeAllInformation,
  decodeBasicInformation,
  decodeStandardInformation,
} from '../../src/fscc/file-information.ts';
import * as classes from '../../src/fscc/info-classes.ts';
import {
  encodeBasicInformation,
  encodeDisposition,
  encodeFileSize,
  encodeNewName,
  newNameSize,
} from '../../src/fscc/set-information.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { rawRequest } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
  SMB2_DIALECT_210,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
  SMB2_SET_INFO,
} from '../../src/smb2/wire/constants.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE_ALL = 7;

export function informationTests(target: GetTarget): void {
  queryDirectoryTests(target);
  queryInfoTests(target);
  setInfoTests(target);
}

interface Scratch {
  readonly tree: ClientTree;
  readonly name: string;
  readonly open: ClientOpen;
}

async function scratch(target: GetTarget, createOptions: number = 0): Promise<Scratch> {
  const { tree } = await logOnAt(target());
  const name = uniqueName('info');
  const open = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_CREATE,
    createOptions,
  });
  return { tree, name, open };
}

async function folderWith(target: GetTarget, names: readonly string[]): Promise<Scratch> {
  const folder = await scratch(target, FILE_DIRECTORY_FILE);
  for (const name of names) {
    const file = await opened(folder.tree, {
      name: `${folder.name}\\${name}`,
      desiredAccess: FILE_ALL_ACCESS,
      createDisposition: FILE_CREATE,
    });
    await file.close();
  }
  return folder;
}

function again(tree: ClientTree, name: string, desiredAccess: number): Promise<ClientOpen> {
  return opened(tree, {
    name,
    desiredAccess,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
  });
}

const LISTING_CLASSES = [1, 2, 3, 12, 37, 38, 60];
const NAMES = ['alpha', 'beta', 'gamma'];

function namesIn(infoClass: number, buffer: Uint8Array): readonly string[] {
  const files = decodeDirectoryEntries(infoClass, viewOf(buffer), 0, buffer.length);
  assert.ok(files !== undefined, 'a list of entries');
  return files.map(({ name }) => name);
}

function queryDirectoryTests(target: GetTarget): void {
  const query = { fileInformationClass: classes.FileIdBothDirectoryInformation };

  describe('[MS-SMB2] 3.3.5.18 Receiving an SMB2 QUERY_DIRECTORY Request', () => {
    for (const fileInformationClass of LISTING_CLASSES) {
      it(`lists all entries in information class ${fileInformationClass}`, async () => {
        const { open } = await folderWith(target, NAMES);
        const names: string[] = [];
        let reply = await open.queryDirectory({ fileInformationClass });
        // On a machine that is busy a server's time for one answer may end after one entry.
        while (reply.status === STATUS_SUCCESS) {
          names.push(...namesIn(fileInformationClass, reply.response!.buffer));
          reply = await open.queryDirectory({ fileInformationClass });
        }
        assert.deepEqual(names.toSorted(), ['.', '..', ...NAMES]);
        expectStatus(reply, STATUS_NO_MORE_FILES);
      });
    }

    it('goes on where the last answer ended, one entry at a time', async () => {
      const { open } = await folderWith(target, NAMES);
      const names: string[] = [];
      for (;;) {
        const reply = await open.queryDirectory({ ...query, flags: SMB2_RETURN_SINGLE_ENTRY });
        if (reply.response === undefined) {
          expectStatus(reply, STATUS_NO_MORE_FILES);
          break;
        }
        names.push(...namesIn(37, reply.response.buffer));
      }
      assert.deepEqual(names.sort(), ['.', '..', ...NAMES]);
    });

    it('goes on where the last answer was full', async () => {
      const { open } = await folderWith(target, NAMES);
      const names: string[] = [];
      for (;;) {
        const reply = await open.queryDirectory({ ...query, outputBufferLength: 240 });
        if (reply.response === undefined) break;
        names.push(...namesIn(37, reply.response.buffer));
      }
      assert.deepEqual(names.sort(), ['.', '..', ...NAMES]);
    });

    it('begins again with SMB2_RESTART_SCANS', async () => {
      const { open } = await folderWith(target, NAMES);
      const first = await open.queryDirectory(query);
      const second = await open.queryDirectory({ ...query, flags: SMB2_RESTART_SCANS });
      assert.deepEqual(namesIn(37, second.response!.buffer), namesIn(37, first.response!.buffer));
    });

    it('gives what matches the pattern of the first query', async () => {
      const { open } = await folderWith(target, NAMES);
      const { response } = await open.queryDirectory({ ...query, fileName: '*ET*' });
      assert.deepEqual(namesIn(37, response!.buffer), ['beta']);
    });

    it('fails with STATUS_NO_SUCH_FILE when nothing ever matched', async () => {
      const { open } = await folderWith(target, NAMES);
      const none = { ...query, fileName: 'nothing' };
      expectStatus(await open.queryDirectory(none), STATUS_NO_SUCH_FILE);
    });

    const REFUSED: readonly (readonly [string, object, NtStatus])[] = [
      ['the information class is unknown', { fileInformationClass: 99 }, STATUS_INVALID_INFO_CLASS],
      [
        'the information class is of a file',
        { fileInformationClass: 4 },
        STATUS_INVALID_INFO_CLASS,
      ],
      ['the buffer holds no entry at all', { outputBufferLength: 50 }, STATUS_INFO_LENGTH_MISMATCH],
    ];
    for (const [condition, parameters, status] of REFUSED) {
      it(`fails when ${condition}`, async () => {
        const { open } = await folderWith(target, NAMES);
        expectStatus(await open.queryDirectory({ ...query, ...parameters }), status);
      });
    }

    it('fails with STATUS_INVALID_PARAMETER on a file', async () => {
      const { open } = await scratch(target);
      expectStatus(await open.queryDirectory(query), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_ACCESS_DENIED without FILE_LIST_DIRECTORY', async () => {
      const { tree, name } = await folderWith(target, []);
      const open = await again(tree, name, FILE_READ_ATTRIBUTES);
      expectStatus(await open.queryDirectory(query), STATUS_ACCESS_DENIED);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { open } = await folderWith(target, []);
      await open.close();
      expectStatus(await open.queryDirectory(query), STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const body = new Uint8Array(33);
      expectStatus(
        await tree.call(rawRequest(SMB2_QUERY_DIRECTORY, body)),
        STATUS_INVALID_PARAMETER,
      );
    });
  });
}

/** [MS-FSCC] 2.4 classes that any file answers, and their sizes without names. */
const FILE_CLASSES = [
  ['FileBasicInformation', 4, 40],
  ['FileStandardInformation', 5, 24],
  ['FileInternalInformation', 6, 8],
  ['FileEaInformation', 7, 4],
  ['FileAccessInformation', 8, 4],
  ['FilePositionInformation', 14, 8],
  ['FileModeInformation', 16, 4],
  ['FileAlignmentInformation', 17, 4],
  ['FileCompressionInformation', 28, 16],
  ['FileNetworkOpenInformation', 34, 56],
  ['FileAttributeTagInformation', 35, 8],
] as const;

const VOLUME_CLASSES = [
  ['FileFsVolumeInformation', 1],
  ['FileFsSizeInformation', 3],
  ['FileFsDeviceInformation', 4],
  ['FileFsAttributeInformation', 5],
  ['FileFsFullSizeInformation', 7],
  ['FileFsObjectIdInformation', 8],
  ['FileFsSectorSizeInformation', 11],
] as const;

function queryInfoTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.20.1 Handling SMB2_0_INFO_FILE', () => {
    for (const [name, fileInfoClass, size] of FILE_CLASSES) {
      it(`answers ${name} in ${size} bytes and in no fewer`, async () => {
        const { open } = await scratch(target);
        const fits = await open.queryInfo({ fileInfoClass, outputBufferLength: size });
        expectStatus(fits, STATUS_SUCCESS);
        assert.equal(fits.response!.buffer.length, size);
        const short = await open.queryInfo({ fileInfoClass, outputBufferLength: size - 1 });
        expectStatus(short, STATUS_INFO_LENGTH_MISMATCH);
      });
    }

    it('answers FileAllInformation, and cuts its name with STATUS_BUFFER_OVERFLOW', async () => {
      const { open, name } = await scratch(target);
      await open.write({ offset: 0, data: new Uint8Array(123) });
      const whole = await open.queryInfo({ fileInfoClass: 18 });
      const { buffer } = whole.response!;
      const all = decodeAllInformation(viewOf(buffer), 0, buffer.length)!;
      assert.equal(all.endOfFile, 123);
      assert.equal(all.name, `\\${name}`);
      const cut = await open.queryInfo({ fileInfoClass: 18, outputBufferLength: 104 });
      expectStatus(cut, STATUS_BUFFER_OVERFLOW);
      assert.equal(cut.response!.buffer.length, 104);
    });

    it('lists the unnamed stream of a file', async () => {
      const { open } = await scratch(target);
      const { response } = await open.queryInfo({ fileInfoClass: 22 });
      const text = Buffer.from(response!.buffer).toString('utf16le');
      assert.ok(text.includes('::$DATA'));
    });

    it('fails with STATUS_INVALID_INFO_CLASS for what is no class', async () => {
      const { open } = await scratch(target);
      for (const fileInfoClass of [0, 99, 200]) {
        expectStatus(await open.queryInfo({ fileInfoClass }), STATUS_INVALID_INFO_CLASS);
      }
    });

    it('fails with STATUS_NOT_SUPPORTED for classes that SMB2 does not carry', async () => {
      const { open } = await scratch(target);
      const listing = [1, 2, 3, 12, 37, 38, 50, 60, 78, 79, 80, 81];
      const onlySet = [10, 11, 13, 19, 20, 39, 40, 64, 65, 72];
      const local = [26, 27, 29, 31, 33, 36, 44, 46, 54];
      for (const fileInfoClass of [...listing, ...onlySet, ...local]) {
        expectStatus(await open.queryInfo({ fileInfoClass }), STATUS_NOT_SUPPORTED);
      }
      for (const fileInfoClass of [23, 24, 25, 32]) {
        expectStatus(await open.queryInfo({ fileInfoClass }), STATUS_INVALID_PARAMETER);
      }
    });

    it('fails with STATUS_NOT_SUPPORTED for FileIdInformation before 3.0', async () => {
      const { tree } = await logOnAt(target(), { dialects: [SMB2_DIALECT_210] });
      const open = await opened(tree, {
        name: '',
        desiredAccess: FILE_READ_ATTRIBUTES,
        createDisposition: FILE_OPEN,
      });
      expectStatus(await open.queryInfo({ fileInfoClass: 59 }), STATUS_NOT_SUPPORTED);
      expectStatus(await open.queryInfo({ fileInfoClass: 6 }), STATUS_SUCCESS);
    });

    it('fails with STATUS_ACCESS_DENIED without FILE_READ_ATTRIBUTES', async () => {
      const { tree, name } = await scratch(target);
      const open = await again(tree, name, FILE_READ_DATA);
      for (const fileInfoClass of [4, 18, 34, 35]) {
        expectStatus(await open.queryInfo({ fileInfoClass }), STATUS_ACCESS_DENIED);
      }
      expectStatus(await open.queryInfo({ fileInfoClass: 5 }), STATUS_SUCCESS);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { open } = await scratch(target);
      await open.close();
      expectStatus(await open.queryInfo({ fileInfoClass: 5 }), STATUS_FILE_CLOSED);
    });
  });

  describe('[MS-SMB2] 3.3.5.20.2 Handling SMB2_0_INFO_FILESYSTEM', () => {
    for (const [name, fileInfoClass] of VOLUME_CLASSES) {
      it(`answers ${name}`, async () => {
        const { open } = await scratch(target);
        const infoType = SMB2_0_INFO_FILESYSTEM;
        const reply = await open.queryInfo({ infoType, fileInfoClass });
        expectStatus(reply, STATUS_SUCCESS);
        const short = await open.queryInfo({ infoType, fileInfoClass, outputBufferLength: 2 });
        expectStatus(short, STATUS_INFO_LENGTH_MISMATCH);
      });
    }

    it('fails with STATUS_INVALID_INFO_CLASS for what is no class', async () => {
      const { open } = await scratch(target);
      const reply = await open.queryInfo({ infoType: SMB2_0_INFO_FILESYSTEM, fileInfoClass: 99 });
      expectStatus(reply, STATUS_INVALID_INFO_CLASS);
    });

    it('fails with STATUS_NOT_SUPPORTED for what is not queried over SMB2', async () => {
      const { open } = await scratch(target);
      for (const fileInfoClass of [2, 9, 10]) {
        const reply = await open.queryInfo({ infoType: SMB2_0_INFO_FILESYSTEM, fileInfoClass });
        expectStatus(reply, STATUS_NOT_SUPPORTED);
      }
    });

    it('lets nobody set a volume', async () => {
      const { open } = await scratch(target);
      const set = (fileInfoClass: number) =>
        open.setInfo({
          infoType: SMB2_0_INFO_FILESYSTEM,
          fileInfoClass,
          buffer: new Uint8Array(64),
        });
      for (const own of [6, 8]) expectStatus(await set(own), STATUS_ACCESS_DENIED);
      for (const local of [2, 9, 10]) expectStatus(await set(local), STATUS_NOT_SUPPORTED);
      for (const none of [1, 5, 99]) expectStatus(await set(none), STATUS_INVALID_INFO_CLASS);
    });
  });

  describe('[MS-SMB2] 3.3.5.20.3 Handling SMB2_0_INFO_SECURITY', () => {
    const query = { infoType: SMB2_0_INFO_SECURITY, fileInfoClass: 0, additionalInformation: 7 };

    it('answers a self-relative security descriptor', async () => {
      const { open } = await scratch(target);
      const { response } = await open.queryInfo(query);
      assert.equal(response!.buffer[0], 1);
      assert.ok(response!.buffer.length >= 20);
    });

    it('fails with STATUS_BUFFER_TOO_SMALL and tells the size it takes', async () => {
      const { open } = await scratch(target);
      const whole = await open.queryInfo(query);
      const small = await open.queryInfo({ ...query, outputBufferLength: 8 });
      expectStatus(small, STATUS_BUFFER_TOO_SMALL);
      const { contexts, data } = small.error!;
      const size = contexts[0]?.data ?? data;
      assert.equal(viewOf(size).getUint32(0, true), whole.response!.buffer.length);
    });

    it('fails with STATUS_ACCESS_DENIED without READ_CONTROL', async () => {
      const { tree, name } = await scratch(target);
      const open = await again(tree, name, FILE_READ_DATA);
      expectStatus(await open.queryInfo(query), STATUS_ACCESS_DENIED);
    });
  });

  describe('[MS-SMB2] 3.3.5.20 Receiving an SMB2 QUERY_INFO Request', () => {
    it('fails with STATUS_NOT_SUPPORTED for quotas', async () => {
      const { open } = await scratch(target);
      const reply = await open.queryInfo({ infoType: SMB2_0_INFO_QUOTA, fileInfoClass: 32 });
      expectStatus(reply, STATUS_NOT_SUPPORTED);
    });

    it('tells of a pipe what is a file information class, and no more', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      const name = { name: 'srvsvc', desiredAccess: 3, createDisposition: FILE_OPEN };
      const pipe = await opened(tree, name);
      const standard = { fileInfoClass: classes.FileStandardInformation };
      expectStatus(await pipe.queryInfo(standard), STATUS_SUCCESS);
      for (const infoType of [SMB2_0_INFO_FILESYSTEM, SMB2_0_INFO_SECURITY, SMB2_0_INFO_QUOTA]) {
        const reply = await pipe.queryInfo({ ...standard, infoType });
        expectStatus(reply, STATUS_NOT_SUPPORTED);
      }
      const reply = await pipe.queryInfo({ ...standard, infoType: 9 });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the type is unknown', async () => {
      const { open } = await scratch(target);
      const reply = await open.queryInfo({ infoType: 9, fileInfoClass: 4 });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER beyond MaxTransactSize', async () => {
      const { tree, open } = await scratch(target);
      const { maxTransactSize } = tree.session.connection.negotiated!.response;
      const beyond = { fileInfoClass: 4, outputBufferLength: maxTransactSize + 1 };
      const reply = await open.queryInfo(beyond, { header: { creditCharge: 1 } });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_QUERY_INFO, new Uint8Array(41)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

function newName(name: string, replaceIfExists: boolean = false): Uint8Array {
  const buffer = new Uint8Array(newNameSize(name));
  encodeNewName(viewOf(buffer), 0, { name, replaceIfExists });
  return buffer;
}

function fileSize(size: bigint): Uint8Array {
  const buffer = new Uint8Array(8);
  encodeFileSize(viewOf(buffer), 0, size);
  return buffer;
}

function disposition(deletes: boolean): Uint8Array {
  const buffer = new Uint8Array(1);
  encodeDisposition(viewOf(buffer), 0, deletes);
  return buffer;
}

const UNCHANGED = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};

function basic(changes: Partial<typeof UNCHANGED>): Uint8Array {
  const buffer = new Uint8Array(40);
  encodeBasicInformation(viewOf(buffer), 0, { ...UNCHANGED, ...changes });
  return buffer;
}

async function sizeOf(open: ClientOpen): Promise<number> {
  const { response } = await open.queryInfo({ fileInfoClass: 5 });
  const { buffer } = response!;
  return decodeStandardInformation(viewOf(buffer), 0, buffer.length)!.endOfFile;
}

function setInfoTests(target: GetTarget): void {
  sizeTests(target);
  nameTests(target);
  dispositionTests(target);

  describe('[MS-SMB2] 3.3.5.21 Receiving an SMB2 SET_INFO Request', () => {
    it('sets times and attributes, and leaves alone what is 0', async () => {
      const { open } = await scratch(target);
      const lastWriteTime = 132_000_000_000_000_000n;
      const before = await open.queryInfo({ fileInfoClass: 4 });
      const set = { fileInfoClass: classes.FileBasicInformation, buffer: basic({ lastWriteTime }) };
      expectStatus(await open.setInfo(set), STATUS_SUCCESS);
      const after = await open.queryInfo({ fileInfoClass: 4 });
      const [old, now] = [before, after].map(
        ({ response }) => decodeBasicInformation(viewOf(response!.buffer), 0, 40)!,
      );
      assert.equal(now!.lastWriteTime, lastWriteTime);
      assert.equal(now!.creationTime, old!.creationTime);
    });

    const SHORT = [
      ['FileBasicInformation', 4, 35],
      ['FileRenameInformation', 10, 19],
      ['FileDispositionInformation', 13, 0],
      ['FilePositionInformation', 14, 7],
      ['FileModeInformation', 16, 3],
      ['FileAllocationInformation', 19, 7],
      ['FileEndOfFileInformation', 20, 7],
    ] as const;
    for (const [name, fileInfoClass, size] of SHORT) {
      it(`fails with STATUS_INFO_LENGTH_MISMATCH for ${name} of ${size} bytes`, async () => {
        const { open } = await scratch(target);
        const reply = await open.setInfo({ fileInfoClass, buffer: new Uint8Array(size) });
        expectStatus(reply, STATUS_INFO_LENGTH_MISMATCH);
      });
    }

    it('fails with STATUS_INVALID_INFO_CLASS for what cannot be set', async () => {
      const { open } = await scratch(target);
      for (const fileInfoClass of [5, 18, 99]) {
        const reply = await open.setInfo({ fileInfoClass, buffer: new Uint8Array(64) });
        expectStatus(reply, STATUS_INVALID_INFO_CLASS);
      }
    });

    it('fails with STATUS_NOT_SUPPORTED for quotas as a class', async () => {
      const { open } = await scratch(target);
      const reply = await open.setInfo({ fileInfoClass: 32, buffer: new Uint8Array(64) });
      expectStatus(reply, STATUS_NOT_SUPPORTED);
    });

    it('fails with STATUS_PRIVILEGE_NOT_HELD for FileValidDataLengthInformation', async () => {
      const { open } = await scratch(target);
      const reply = await open.setInfo({ fileInfoClass: 39, buffer: fileSize(0n) });
      expectStatus(reply, STATUS_PRIVILEGE_NOT_HELD);
    });

    const NEEDS = [
      ['FileBasicInformation', 4, basic({}), FILE_READ_DATA],
      ['FileRenameInformation', 10, newName('x'), FILE_READ_DATA],
      ['FileDispositionInformation', 13, disposition(true), FILE_READ_DATA],
      ['FileEndOfFileInformation', 20, fileSize(1n), FILE_WRITE_ATTRIBUTES],
      ['FileAllocationInformation', 19, fileSize(1n), FILE_WRITE_ATTRIBUTES],
    ] as const;
    for (const [name, fileInfoClass, buffer, desiredAccess] of NEEDS) {
      it(`fails with STATUS_ACCESS_DENIED for ${name} without the right to`, async () => {
        const { tree, name: file } = await scratch(target);
        const open = await again(tree, file, desiredAccess);
        expectStatus(await open.setInfo({ fileInfoClass, buffer }), STATUS_ACCESS_DENIED);
      });
    }

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { open } = await scratch(target);
      await open.close();
      const reply = await open.setInfo({ fileInfoClass: 20, buffer: fileSize(0n) });
      expectStatus(reply, STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_SET_INFO, new Uint8Array(33)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

function sizeTests(target: GetTarget): void {
  describe('[MS-FSA] 2.1.5.15.5 FileEndOfFileInformation', () => {
    it('makes a file longer with zeros, and shorter', async () => {
      const { open } = await scratch(target);
      await open.write({ offset: 0, data: Uint8Array.of(1, 2, 3) });
      const set = (size: bigint): PromiseLike<{ readonly status: number }> =>
        open.setInfo({ fileInfoClass: 20, buffer: fileSize(size) });
      expectStatus(await set(10n), STATUS_SUCCESS);
      assert.equal(await sizeOf(open), 10);
      const { response } = await open.read({ offset: 0, length: 100 });
      assert.deepEqual([...response!.data], [1, 2, 3, 0, 0, 0, 0, 0, 0, 0]);
      expectStatus(await set(2n), STATUS_SUCCESS);
      assert.equal(await sizeOf(open), 2);
    });

    it('fails with STATUS_INVALID_PARAMETER below 0', async () => {
      const { open } = await scratch(target);
      const reply = await open.setInfo({ fileInfoClass: 20, buffer: fileSize(-1n) });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-FSA] 2.1.5.15.1 FileAllocationInformation', () => {
    it('cuts a file that is longer', async () => {
      const { open } = await scratch(target);
      await open.write({ offset: 0, data: new Uint8Array(10_000) });
      const reply = await open.setInfo({ fileInfoClass: 19, buffer: fileSize(0n) });
      expectStatus(reply, STATUS_SUCCESS);
      assert.equal(await sizeOf(open), 0);
    });
  });
}

function nameTests(target: GetTarget): void {
  const rename = classes.FileRenameInformation;
  describe('[MS-FSA] 2.1.5.15.11 FileRenameInformation', () => {
    it('gives the file its new name, in another folder too', async () => {
      const folder = await folderWith(target, ['file']);
      const file = await again(folder.tree, `${folder.name}\\file`, FILE_ALL_ACCESS);
      const name = uniqueName('renamed');
      const set = { fileInfoClass: rename, buffer: newName(name) };
      expectStatus(await file.setInfo(set), STATUS_SUCCESS);
      await (await again(folder.tree, name, FILE_GENERIC_READ)).close();
      const parameters = {
        name: `${folder.name}\\file`,
        desiredAccess: FILE_GENERIC_READ,
        createDisposition: FILE_OPEN,
      };
      const gone = await ClientOpen.create(folder.tree, parameters);
      expectStatus(gone, STATUS_OBJECT_NAME_NOT_FOUND);
    });

    it('takes a name that starts at the root', async () => {
      const { tree, open } = await scratch(target);
      const to = uniqueName('rooted');
      const set = { fileInfoClass: rename, buffer: newName(`\\${to}`) };
      expectStatus(await open.setInfo(set), STATUS_SUCCESS);
      await open.close();
      await (await again(tree, to, FILE_READ_DATA)).close();
    });

    it('fails with STATUS_OBJECT_NAME_COLLISION unless it may replace', async () => {
      const { tree, name, open } = await scratch(target);
      const other = await scratch(target);
      await other.open.close();
      const set = { fileInfoClass: rename, buffer: newName(other.name) };
      expectStatus(await open.setInfo(set), STATUS_OBJECT_NAME_COLLISION);
      const replacing = { fileInfoClass: rename, buffer: newName(other.name, true) };
      expectStatus(await open.setInfo(replacing), STATUS_SUCCESS);
      await open.close();
      const gone = await ClientOpen.create(tree, {
        name,
        desiredAccess: FILE_GENERIC_READ,
        createDisposition: FILE_OPEN,
      });
      expectStatus(gone, STATUS_OBJECT_NAME_NOT_FOUND);
    });

    it('fails with STATUS_ACCESS_DENIED when a folder has an open file in it', async () => {
      const folder = await folderWith(target, ['file']);
      const file = await again(folder.tree, `${folder.name}\\file`, FILE_GENERIC_READ);
      const set = { fileInfoClass: rename, buffer: newName(uniqueName('moved')) };
      expectStatus(await folder.open.setInfo(set), STATUS_ACCESS_DENIED);
      await file.close();
      expectStatus(await folder.open.setInfo(set), STATUS_SUCCESS);
    });

    it('fails when the new name is none', async () => {
      const { open } = await scratch(target);
      for (const name of ['a*b', 'missing-folder\\x']) {
        const { status } = await open.setInfo({ fileInfoClass: rename, buffer: newName(name) });
        assert.notEqual(status, STATUS_SUCCESS, statusName(status));
      }
    });

    it('fails with STATUS_INVALID_PARAMETER when it names a root directory', async () => {
      const { open } = await scratch(target);
      const buffer = newName(uniqueName('rooted'));
      buffer[8] = 1;
      const reply = await open.setInfo({ fileInfoClass: rename, buffer });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

function dispositionTests(target: GetTarget): void {
  const fileInfoClass = classes.FileDispositionInformation;
  describe('[MS-FSA] 2.1.5.15.3 FileDispositionInformation', () => {
    it('deletes at the last close, unless taken back', async () => {
      for (const deletes of [true, false]) {
        const { tree, name, open } = await scratch(target);
        await open.setInfo({ fileInfoClass, buffer: disposition(true) });
        if (!deletes) await open.setInfo({ fileInfoClass, buffer: disposition(false) });
        await open.close();
        const { status } = await ClientOpen.create(tree, {
          name,
          desiredAccess: FILE_READ_DATA,
          createDisposition: FILE_OPEN,
        });
        expectStatus({ status }, deletes ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS);
      }
    });

    it('fails with STATUS_DIRECTORY_NOT_EMPTY when a folder is not', async () => {
      const { open } = await folderWith(target, ['file']);
      const reply = await open.setInfo({ fileInfoClass, buffer: disposition(true) });
      expectStatus(reply, STATUS_DIRECTORY_NOT_EMPTY);
    });

    it('fails with STATUS_CANNOT_DELETE when a file is read-only', async () => {
      const { tree } = await scratch(target);
      const open = await opened(tree, {
        name: uniqueName('read-only'),
        desiredAccess: DELETE | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES,
        fileAttributes: FILE_ATTRIBUTE_READONLY,
        createDisposition: FILE_CREATE,
      });
      const reply = await open.setInfo({ fileInfoClass, buffer: disposition(true) });
      expectStatus(reply, STATUS_CANNOT_DELETE);
    });

    it('is what FILE_DELETE_ON_CLOSE asks for', async () => {
      const { tree } = await scratch(target);
      const open = await opened(tree, {
        name: uniqueName('on-close'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      expectStatus(await open.close(), STATUS_SUCCESS);
    });
  });
}
