/** Removal and replacement of what is open, as POSIX has it: over the SMB3 POSIX Extensions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { DELETE, FILE_READ_ATTRIBUTES } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_DELETE_PENDING,
  STATUS_FILE_DELETED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
} from '../../src/fscc/create-parameters.ts';
import {
  FileDispositionInformation,
  FileDispositionInformationEx,
  FileEndOfFileInformation,
  FileLinkInformation,
  FileRenameInformation,
  FileStandardInformation,
} from '../../src/fscc/info-classes.ts';
import {
  encodeNewName,
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
  newNameSize,
} from '../../src/fscc/set-information.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { expectStatus, type GetTarget, opened, uniqueName } from './peer.ts';
import { posix, posixTree } from './posix-tests.ts';

export function posixUnlinkTests(target: GetTarget): void {
  describe('SMB3 POSIX Extensions, removal and replacement', () => {
    const remove = async (tree: ClientTree, name: string): Promise<void> => {
      const create = posix(name, {
        desiredAccess: DELETE,
        createDisposition: FILE_OPEN,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      await (await opened(tree, create)).close();
    };
    const write = async (open: ClientOpen, text: string): Promise<void> => {
      expectStatus(await open.write({ offset: 0, data: Buffer.from(text) }), STATUS_SUCCESS);
    };
    const read = async (open: ClientOpen): Promise<string> => {
      const { response } = await open.read({ offset: 0, length: 100 });
      return Buffer.from(response!.data).toString();
    };

    it('takes the name at once, and leaves the file to who has it open', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('unlink');
      const kept = await opened(tree, posix(name));
      await write(kept, 'kept');
      await remove(tree, name);
      const made = await opened(tree, posix(name));
      await write(made, 'made');
      assert.equal(await read(kept), 'kept');
      await kept.close();
      assert.equal(await read(made), 'made');
    });

    it('waits for opens that do not keep to POSIX', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('unlink');
      const windows = await opened(tree, posix(name, { contexts: [] }));
      await remove(tree, name);
      const still = await tree.create(posix(name, { createDisposition: FILE_OPEN }));
      assert.notEqual(still.status, STATUS_OBJECT_NAME_NOT_FOUND);
      await windows.close();
      const gone = await tree.create(posix(name, { createDisposition: FILE_OPEN }));
      expectStatus(gone, STATUS_OBJECT_NAME_NOT_FOUND);
    });

    it('replaces by a rename what is open', async () => {
      const tree = await posixTree(target());
      const [from, to] = [uniqueName('from'), uniqueName('to:*')];
      const replaced = await opened(tree, posix(to));
      await write(replaced, 'replaced');
      const open = await opened(tree, posix(from));
      const buffer = new Uint8Array(newNameSize(to));
      encodeNewName(viewOf(buffer), 0, { name: to, replaceIfExists: true });
      const renamed = await open.setInfo({ fileInfoClass: FileRenameInformation, buffer });
      expectStatus(renamed, STATUS_SUCCESS);
      assert.equal(await read(replaced), 'replaced');
      const access = { desiredAccess: FILE_READ_ATTRIBUTES, createDisposition: FILE_OPEN };
      await (await opened(tree, posix(to, access))).close();
      expectStatus(await tree.create(posix(from, access)), STATUS_OBJECT_NAME_NOT_FOUND);
    });

    const setByPath = async (open: ClientOpen): Promise<void> => {
      const buffer = new Uint8Array(newNameSize('elsewhere'));
      encodeNewName(viewOf(buffer), 0, { name: 'elsewhere', replaceIfExists: true });
      for (const fileInfoClass of [FileRenameInformation, FileLinkInformation]) {
        expectStatus(await open.setInfo({ fileInfoClass, buffer }), STATUS_FILE_DELETED);
      }
      for (const isDeleted of [1, 0]) {
        const disposition = {
          fileInfoClass: FileDispositionInformation,
          buffer: new Uint8Array([isDeleted]),
        };
        expectStatus(await open.setInfo(disposition), STATUS_FILE_DELETED);
      }
    };
    const setByHandle = async (open: ClientOpen): Promise<void> => {
      const size = { fileInfoClass: FileEndOfFileInformation, buffer: new Uint8Array(8) };
      expectStatus(await open.setInfo(size), STATUS_SUCCESS);
      await write(open, 'without a name');
      assert.equal(await read(open), 'without a name');
      const { response } = await open.queryInfo({ fileInfoClass: FileStandardInformation });
      const told = viewOf(response!.buffer);
      assert.deepEqual([told.getUint32(16, true), told.getUint8(20)], [0, 1], 'links, pending');
    };

    it('who has a removed file open cannot touch what has its name now', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('unlink');
      const kept = await opened(tree, posix(name));
      const onClose = { createDisposition: FILE_OPEN, createOptions: FILE_DELETE_ON_CLOSE };
      const second = await opened(tree, posix(name, onClose));
      await remove(tree, name);
      const made = await opened(tree, posix(name));
      await write(made, 'made');
      await setByPath(kept);
      await setByHandle(kept);
      await second.close();
      await kept.close();
      assert.equal(await read(made), 'made');
      await made.close();
      await (await opened(tree, posix(name, { createDisposition: FILE_OPEN }))).close();
    });

    it('who has a replaced file open cannot touch what took its place', async () => {
      const tree = await posixTree(target());
      const [from, to] = [uniqueName('from'), uniqueName('to')];
      const replaced = await opened(tree, posix(to));
      const open = await opened(tree, posix(from));
      await write(open, 'new');
      const buffer = new Uint8Array(newNameSize(to));
      encodeNewName(viewOf(buffer), 0, { name: to, replaceIfExists: true });
      const renamed = await open.setInfo({ fileInfoClass: FileRenameInformation, buffer });
      expectStatus(renamed, STATUS_SUCCESS);
      await setByPath(replaced);
      await setByHandle(replaced);
      assert.equal(await read(open), 'new');
    });

    it('FILE_DISPOSITION_POSIX_SEMANTICS leaves others the file and not its name', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('unlink');
      const plain = { contexts: [], createDisposition: FILE_OPEN };
      const kept = await opened(tree, posix(name, { contexts: [] }));
      const gone = await opened(tree, posix(name, plain));
      const semantics = { fileInfoClass: FileDispositionInformationEx, buffer: new Uint8Array(4) };
      semantics.buffer[0] = FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS;
      expectStatus(await gone.setInfo(semantics), STATUS_SUCCESS);
      await gone.close();
      const made = await opened(tree, posix(name, { contexts: [] }));
      await setByPath(kept);
      await setByHandle(kept);
      await kept.close();
      await made.close();
      await (await opened(tree, posix(name, plain))).close();
    });

    it('a removed folder that is open hears of nothing, and takes no links', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('folder');
      const folder = posix(name, { createOptions: FILE_DIRECTORY_FILE });
      const kept = await opened(tree, folder);
      await remove(tree, name);
      const made = await opened(tree, folder);
      const watch = { completionFilter: 1, outputBufferLength: 1000 };
      expectStatus(await kept.notify(watch), STATUS_DELETE_PENDING);
      await setByPathOfFolder(kept, name);
      await made.close();
      await (await opened(tree, posix(name, { createDisposition: FILE_OPEN }))).close();
    });

    const setByPathOfFolder = async (open: ClientOpen, name: string): Promise<void> => {
      const buffer = new Uint8Array(newNameSize(`${name}2`));
      encodeNewName(viewOf(buffer), 0, { name: `${name}2`, replaceIfExists: false });
      const renamed = await open.setInfo({ fileInfoClass: FileRenameInformation, buffer });
      expectStatus(renamed, STATUS_FILE_DELETED);
    };

    it('moves a folder with what is open in it', async () => {
      const tree = await posixTree(target());
      const [from, to] = [uniqueName('from'), uniqueName('to')];
      const folder = await opened(tree, posix(from, { createOptions: FILE_DIRECTORY_FILE }));
      const file = await opened(tree, posix(`${from}/file`));
      await write(file, 'moved');
      const buffer = new Uint8Array(newNameSize(to));
      encodeNewName(viewOf(buffer), 0, { name: to, replaceIfExists: false });
      const renamed = await folder.setInfo({ fileInfoClass: FileRenameInformation, buffer });
      expectStatus(renamed, STATUS_SUCCESS);
      assert.equal(await read(file), 'moved');
      const gone = new Uint8Array([1]);
      const deletion = { fileInfoClass: FileDispositionInformation, buffer: gone };
      expectStatus(await file.setInfo(deletion), STATUS_SUCCESS);
      await file.close();
      const open = posix(`${to}/file`, { createDisposition: FILE_OPEN });
      expectStatus(await tree.create(open), STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });
}
