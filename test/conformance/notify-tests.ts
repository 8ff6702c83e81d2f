import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import {
  FILE_ALL_ACCESS,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
} from '../../src/fscc/create-parameters.ts';
import {
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
} from '../../src/fscc/notify-filter.ts';
import {
  decodeNotifyInformation,
  FILE_ACTION_ADDED,
  FILE_ACTION_MODIFIED,
  FILE_ACTION_REMOVED,
} from '../../src/fscc/notify-information.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_WATCH_TREE } from '../../src/smb2/wire/constants.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE_ALL = 7;
const NAMES = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;

export function notifyTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.19 Receiving an SMB2 CHANGE_NOTIFY Request', () => {
    it('waits, and tells what another client changes', async () => {
      const { name, folder } = await watchable(target);
      const call = folder.notify({ completionFilter: NAMES, flags: SMB2_WATCH_TREE });
      const interim = await call.interim;
      assert.ok(interim !== undefined && interim.asyncId !== 0n);
      const { tree } = await logOnAt(target());
      await change(tree, `${name}\\sub`, FILE_DIRECTORY_FILE);
      expectStatus(await call, STATUS_SUCCESS);
      assert.deepEqual(await changesOf(call), [{ action: FILE_ACTION_ADDED, name: 'sub' }]);
      await change(tree, `${name}\\sub\\file`, FILE_DELETE_ON_CLOSE);
      assert.deepEqual(await changesOf(folder.notify({ completionFilter: NAMES })), [
        { action: FILE_ACTION_ADDED, name: 'sub\\file' },
        { action: FILE_ACTION_REMOVED, name: 'sub\\file' },
      ]);
    });

    it('tells what was written', async () => {
      const { tree, name, folder } = await watchable(target);
      const file = await opened(tree, {
        name: `${name}\\file`,
        desiredAccess: FILE_ALL_ACCESS,
        shareAccess: SHARE_ALL,
        createDisposition: FILE_CREATE,
      });
      const call = folder.notify({ completionFilter: FILE_NOTIFY_CHANGE_LAST_WRITE });
      await call.interim;
      await file.write({ offset: 0, data: Uint8Array.of(1) });
      assert.deepEqual(await changesOf(call), [{ action: FILE_ACTION_MODIFIED, name: 'file' }]);
    });

    it('fails with STATUS_NOTIFY_ENUM_DIR, and no changes, when they do not fit', async () => {
      const { tree, name, folder } = await watchable(target);
      const call = folder.notify({ completionFilter: NAMES, outputBufferLength: 15 });
      await call.interim;
      await change(tree, `${name}\\ab`, 0);
      const { status, response } = await call;
      expectStatus({ status }, STATUS_NOTIFY_ENUM_DIR);
      assert.equal(response?.buffer.length ?? 0, 0);
    });

    it('fails with STATUS_CANCELLED when it is cancelled', async () => {
      const { folder } = await watchable(target);
      const call = folder.notify({ completionFilter: NAMES });
      await call.interim;
      call.cancel();
      expectStatus(await call, STATUS_CANCELLED);
    });

    it('fails with STATUS_NOTIFY_CLEANUP when the open closes', async () => {
      const { folder } = await watchable(target);
      const call = folder.notify({ completionFilter: NAMES });
      await call.interim;
      expectStatus(await folder.close(), STATUS_SUCCESS);
      expectStatus(await call, STATUS_NOTIFY_CLEANUP);
    });

    it('fails with STATUS_NOTIFY_CLEANUP when the tree or the session ends', async () => {
      for (const end of ['tree', 'session'] as const) {
        const { tree, folder } = await watchable(target);
        const call = folder.notify({ completionFilter: NAMES });
        await call.interim;
        await (end === 'tree' ? tree.disconnect() : tree.session.logoff());
        expectStatus(await call, STATUS_NOTIFY_CLEANUP);
      }
    });

    it('fails with STATUS_DELETE_PENDING when the directory is to be deleted', async () => {
      const { tree, name, folder } = await watchable(target);
      const call = folder.notify({ completionFilter: NAMES });
      await call.interim;
      const options = FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE;
      const other = await opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        shareAccess: SHARE_ALL,
        createDisposition: FILE_OPEN,
        createOptions: options,
      });
      await other.close();
      expectStatus(await call, STATUS_DELETE_PENDING);
      expectStatus(await folder.notify({ completionFilter: NAMES }), STATUS_DELETE_PENDING);
    });

    it('fails with STATUS_INVALID_PARAMETER for a file', async () => {
      const { tree } = await logOnAt(target());
      const file = await opened(tree, {
        name: uniqueName('file'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      expectStatus(await file.notify({ completionFilter: NAMES }), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the buffer exceeds MaxTransactSize', async () => {
      const { tree, folder } = await watchable(target);
      const { maxTransactSize } = tree.session.connection.negotiated!.response;
      const outputBufferLength = maxTransactSize + 1;
      const call = folder.notify({ completionFilter: NAMES, outputBufferLength });
      expectStatus(await call, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_ACCESS_DENIED without FILE_LIST_DIRECTORY', async () => {
      const { folder } = await watchable(target, FILE_READ_ATTRIBUTES);
      expectStatus(await folder.notify({ completionFilter: NAMES }), STATUS_ACCESS_DENIED);
    });

    it('fails with STATUS_FILE_CLOSED when an id does not match', async () => {
      const { tree, folder } = await watchable(target);
      const fileId = { ...folder.fileId, persistent: folder.fileId.persistent ^ 0x10n };
      const altered = new ClientOpen(tree, { ...folder.response, fileId });
      expectStatus(await altered.notify({ completionFilter: NAMES }), STATUS_FILE_CLOSED);
    });
  });
}

interface Watchable {
  readonly tree: ClientTree;
  readonly name: string;
  readonly folder: ClientOpen;
}

/** A new directory, and an open of it that can watch. */
async function watchable(
  target: GetTarget,
  desiredAccess: number = FILE_LIST_DIRECTORY,
): Promise<Watchable> {
  const { tree } = await logOnAt(target());
  const name = uniqueName('watched');
  await change(tree, name, FILE_DIRECTORY_FILE);
  const folder = await opened(tree, {
    name,
    desiredAccess,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  });
  return { tree, name, folder };
}

/** Makes something. */
async function change(tree: ClientTree, name: string, createOptions: number): Promise<void> {
  const open = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_CREATE,
    createOptions,
  });
  await open.close();
}

async function changesOf(
  call: ReturnType<ClientOpen['notify']>,
): Promise<ReturnType<typeof decodeNotifyInformation>> {
  const { response } = await call;
  assert.ok(response !== undefined);
  return decodeNotifyInformation(viewOf(response.buffer), 0, response.buffer.length);
}
