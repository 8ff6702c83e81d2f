import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import {
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
} from '../../src/fscc/create-parameters.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { rawRequest } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_CLOSE,
  SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
  SMB2_FLUSH,
  SMB2_LOCK,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_READ,
  SMB2_WRITE,
} from '../../src/smb2/wire/constants.ts';
import { encodeReadRequest } from '../../src/smb2/wire/read.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE_ALL = 7;
const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

export function fileTests(target: GetTarget): void {
  readTests(target);
  writeTests(target);
  closeTests(target);
  lockTests(target);
}

/** A new file of `size` bytes that goes with its last close. */
async function scratch(
  target: GetTarget,
  size: number = 100,
  options: Parameters<typeof logOnAt>[1] = {},
): Promise<{ readonly tree: ClientTree; readonly name: string; readonly file: ClientOpen }> {
  const { tree } = await logOnAt(target(), options);
  const name = uniqueName('scratch');
  const file = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_CREATE,
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  if (size > 0) {
    const data = Uint8Array.from({ length: size }, (_, i) => i);
    expectStatus(await file.write({ offset: 0, data }), STATUS_SUCCESS);
  }
  return { tree, name, file };
}

function again(tree: ClientTree, name: string, desiredAccess: number): Promise<ClientOpen> {
  return opened(tree, {
    name,
    desiredAccess,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
  });
}

function folderOf(tree: ClientTree): Promise<ClientOpen> {
  return opened(tree, {
    name: '',
    desiredAccess: FILE_GENERIC_READ,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  });
}

/** An open whose ids are the server's, but for some bits. */
function altered(file: ClientOpen, part: 'persistent' | 'volatile'): ClientOpen {
  const fileId = { ...file.fileId, [part]: file.fileId[part] ^ 0x10n };
  return new ClientOpen(file.tree, { ...file.response, fileId });
}

function readTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request', () => {
    it('reads what there is, up to the end of the file', async () => {
      const { file } = await scratch(target);
      const { response } = await file.read({ offset: 90, length: 100 });
      assert.deepEqual([...response!.data], [90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
    });

    it('fails with STATUS_END_OF_FILE at the end', async () => {
      const { file } = await scratch(target);
      expectStatus(await file.read({ offset: 100, length: 1 }), STATUS_END_OF_FILE);
      expectStatus(await file.read({ offset: 1_000_000, length: 1 }), STATUS_END_OF_FILE);
    });

    it('fails with STATUS_END_OF_FILE when there is less than MinimumCount', async () => {
      const { file } = await scratch(target);
      const short = { offset: 90, length: 100 };
      expectStatus(await file.read({ ...short, minimumCount: 11 }), STATUS_END_OF_FILE);
      expectStatus(await file.read({ ...short, minimumCount: 10 }), STATUS_SUCCESS);
    });

    it('reads nothing where nothing is asked for', async () => {
      const { file } = await scratch(target);
      const reply = await file.read({ offset: 0, length: 0 });
      expectStatus(reply, STATUS_SUCCESS);
      assert.equal(reply.response!.data.length, 0);
    });

    it('reads zeros from a hole', async () => {
      const { file } = await scratch(target, 0);
      await file.write({ offset: 200_000, data: Uint8Array.of(1) });
      const { response } = await file.read({ offset: 100_000, length: 1_000 });
      assert.deepEqual(new Set(response!.data), new Set([0]));
    });

    for (const part of ['persistent', 'volatile'] as const) {
      it(`fails with STATUS_FILE_CLOSED when the ${part} id does not match`, async () => {
        const { file } = await scratch(target);
        const stranger = altered(file, part);
        expectStatus(await stranger.read({ offset: 0, length: 1 }), STATUS_FILE_CLOSED);
      });
    }

    it('fails with STATUS_ACCESS_DENIED without FILE_READ_DATA', async () => {
      const { tree, name } = await scratch(target);
      const writer = await again(tree, name, FILE_WRITE_DATA | FILE_READ_ATTRIBUTES);
      expectStatus(await writer.read({ offset: 0, length: 1 }), STATUS_ACCESS_DENIED);
      await writer.close();
    });

    it('fails with STATUS_INVALID_DEVICE_REQUEST on a folder', async () => {
      const { tree } = await scratch(target);
      const folder = await folderOf(tree);
      const reply = await folder.read({ offset: 0, length: 1 });
      expectStatus(reply, STATUS_INVALID_DEVICE_REQUEST);
    });

    it('fails with STATUS_INVALID_PARAMETER beyond MaxReadSize', async () => {
      const { tree, file } = await scratch(target);
      const { maxReadSize } = tree.session.connection.negotiated!.response;
      const beyond = { offset: 0, length: maxReadSize + 1 };
      const header = { creditCharge: 1 };
      expectStatus(await file.read(beyond, { header }), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER beyond what a file can hold', async () => {
      const { file } = await scratch(target);
      const body = new Uint8Array(49);
      const view = viewOf(body);
      encodeReadRequest(view, 0, {
        flags: 0,
        length: 1,
        offset: 0,
        fileId: file.fileId,
        minimumCount: 0,
        channel: 0,
        remainingBytes: 0,
        channelInfo: new Uint8Array(0),
      });
      view.setBigUint64(8, 0xffff_ffff_ffff_fff0n, true);
      const reply = await file.tree.call(rawRequest(SMB2_READ, body));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER over a channel that TCP is not', async () => {
      const { file } = await scratch(target);
      const rdma = { offset: 0, length: 1, channel: 1, channelInfo: new Uint8Array(16) };
      expectStatus(await file.read(rdma), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_READ, new Uint8Array(49)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

function writeTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.13 Receiving an SMB2 WRITE Request', () => {
    it('writes at the offset, and makes the file longer', async () => {
      const { file } = await scratch(target, 10);
      const reply = await file.write({ offset: 8, data: Uint8Array.of(1, 2, 3, 4) });
      assert.equal(reply.response?.count, 4);
      const { response } = await file.read({ offset: 0, length: 100 });
      assert.deepEqual([...response!.data], [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4]);
    });

    it('writes nothing where nothing is given, and keeps the length', async () => {
      const { file } = await scratch(target, 10);
      const reply = await file.write({ offset: 1_000, data: new Uint8Array(0) });
      expectStatus(reply, STATUS_SUCCESS);
      assert.equal(reply.response?.count, 0);
      const closed = await file.close({ flags: SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB });
      assert.equal(closed.response?.endOfFile, 10);
    });

    it('writes the largest payload that it negotiated', async () => {
      const { tree, file } = await scratch(target, 0);
      const { maxWriteSize } = tree.session.connection.negotiated!.response;
      const data = new Uint8Array(Math.min(maxWriteSize, 8 * 1024 * 1024)).fill(0xab);
      const reply = await file.write({ offset: 0, data });
      assert.equal(reply.response?.count, data.length);
      const { response } = await file.read({ offset: 0, length: data.length });
      assert.equal(Buffer.compare(response!.data, data), 0);
    });

    it('fails with STATUS_INVALID_PARAMETER beyond MaxWriteSize', async () => {
      const { file } = await scratch(target, 0, { dialects: [0x0202] });
      const reply = await file.write({ offset: 0, data: new Uint8Array(65_537) });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { file } = await scratch(target);
      const stranger = altered(file, 'volatile');
      const reply = await stranger.write({ offset: 0, data: Uint8Array.of(1) });
      expectStatus(reply, STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_ACCESS_DENIED without the right to', async () => {
      const { tree, name } = await scratch(target);
      const reader = await again(tree, name, FILE_READ_DATA);
      const reply = await reader.write({ offset: 0, data: Uint8Array.of(1) });
      expectStatus(reply, STATUS_ACCESS_DENIED);
      await reader.close();
    });

    it('appends with FILE_APPEND_DATA alone', async () => {
      const { tree, name } = await scratch(target, 10);
      const appender = await again(tree, name, FILE_APPEND_DATA);
      const reply = await appender.write({ offset: 10, data: Uint8Array.of(1) });
      expectStatus(reply, STATUS_SUCCESS);
      await appender.close();
    });

    it('fails with STATUS_INVALID_PARAMETER when the data lies outside the message', async () => {
      const { file } = await scratch(target);
      const body = new Uint8Array(56);
      const view = viewOf(body);
      view.setUint16(0, 49, true);
      view.setUint16(2, 112, true);
      view.setUint32(4, 100, true);
      view.setBigUint64(16, file.fileId.persistent, true);
      view.setBigUint64(24, file.fileId.volatile, true);
      const reply = await file.tree.call(rawRequest(SMB2_WRITE, body));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('refuses an offset that no file reaches', async () => {
      const { file } = await scratch(target);
      const { status } = await file.write({ offset: MAX_OFFSET, data: Uint8Array.of(1) });
      assert.notEqual(status, STATUS_SUCCESS);
    });
  });
}

function closeTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.10 Receiving an SMB2 CLOSE Request', () => {
    it('tells the attributes only when asked', async () => {
      const { tree, name, file } = await scratch(target, 77);
      const other = await again(tree, name, FILE_READ_DATA);
      const silent = await other.close();
      assert.equal(silent.response?.flags, 0);
      assert.equal(silent.response?.endOfFile, 0);
      const told = await file.close({ flags: SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB });
      assert.equal(told.response?.flags, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB);
      assert.equal(told.response?.endOfFile, 77);
      assert.notEqual(told.response?.lastWriteTime, 0n);
    });

    it('has ended, and deleted, for requests that follow without waiting for its answer', async () => {
      const { tree, name, file } = await scratch(target);
      const closing = file.close();
      const again = file.close();
      const making = opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        shareAccess: 0,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      expectStatus(await closing, STATUS_SUCCESS);
      expectStatus(await again, STATUS_FILE_CLOSED);
      expectStatus(await (await making).close(), STATUS_SUCCESS);
    });

    it('fails with STATUS_FILE_CLOSED the second time', async () => {
      const { file } = await scratch(target);
      expectStatus(await file.close(), STATUS_SUCCESS);
      expectStatus(await file.close(), STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_CLOSE, Uint8Array.of(24, 0, 0, 0)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-SMB2] 3.3.5.11 Receiving an SMB2 FLUSH Request', () => {
    it('flushes a file that may be written', async () => {
      const { file } = await scratch(target);
      expectStatus(await file.flush(), STATUS_SUCCESS);
    });

    it('fails with STATUS_ACCESS_DENIED on one that may not', async () => {
      const { tree, name } = await scratch(target);
      const reader = await again(tree, name, FILE_READ_DATA);
      expectStatus(await reader.flush(), STATUS_ACCESS_DENIED);
      await reader.close();
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { file } = await scratch(target);
      expectStatus(await altered(file, 'persistent').flush(), STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_FLUSH, Uint8Array.of(23, 0, 0, 0)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

const NOW = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | NOW;
const SHARED = SMB2_LOCKFLAG_SHARED_LOCK | NOW;
const range = (offset: bigint, length: bigint, flags: number): LockElement => ({
  offset,
  length,
  flags,
});
type LockElement = Parameters<ClientOpen['lock']>[0][number];

function lockTests(target: GetTarget): void {
  const REFUSED: readonly (readonly [string, readonly LockElement[], NtStatus])[] = [
    ['no lock is named', [], STATUS_INVALID_PARAMETER],
    ['a lock has no flags', [range(0n, 1n, 0)], STATUS_INVALID_PARAMETER],
    ['a lock is shared and exclusive', [range(0n, 1n, EXCLUSIVE | 1)], STATUS_INVALID_PARAMETER],
    ['a flag is unknown', [range(0n, 1n, EXCLUSIVE | 0x40)], STATUS_INVALID_PARAMETER],
    [
      'several would wait',
      [range(0n, 1n, SMB2_LOCKFLAG_SHARED_LOCK), range(5n, 1n, SMB2_LOCKFLAG_SHARED_LOCK)],
      STATUS_INVALID_PARAMETER,
    ],
    [
      'an unlock has another flag',
      [range(0n, 1n, SMB2_LOCKFLAG_UNLOCK | NOW)],
      STATUS_INVALID_PARAMETER,
    ],
    [
      'the range ends beyond 2^64',
      [range(0xffff_ffff_ffff_ffffn, 2n, EXCLUSIVE)],
      STATUS_INVALID_LOCK_RANGE,
    ],
    [
      'what is to be unlocked is not locked',
      [range(0n, 1n, SMB2_LOCKFLAG_UNLOCK)],
      STATUS_RANGE_NOT_LOCKED,
    ],
  ];

  describe('[MS-SMB2] 3.3.5.14 Receiving an SMB2 LOCK Request', () => {
    for (const [condition, locks, status] of REFUSED) {
      it(`fails when ${condition}`, async () => {
        const { file } = await scratch(target);
        expectStatus(await file.lock(locks), status);
      });
    }

    it('fails with STATUS_LOCK_NOT_GRANTED when another open holds the range', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_GENERIC_READ);
      expectStatus(await file.lock([range(10n, 10n, EXCLUSIVE)]), STATUS_SUCCESS);
      expectStatus(await other.lock([range(19n, 1n, SHARED)]), STATUS_LOCK_NOT_GRANTED);
      expectStatus(await other.lock([range(20n, 1n, EXCLUSIVE)]), STATUS_SUCCESS);
      await other.close();
    });

    it('grants shared locks on the same range', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_GENERIC_READ);
      expectStatus(await file.lock([range(0n, 10n, SHARED)]), STATUS_SUCCESS);
      expectStatus(await other.lock([range(5n, 10n, SHARED)]), STATUS_SUCCESS);
      expectStatus(await other.lock([range(5n, 1n, EXCLUSIVE)]), STATUS_LOCK_NOT_GRANTED);
      await other.close();
    });

    it('grants all of several locks or none', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_GENERIC_READ);
      await file.lock([range(50n, 1n, EXCLUSIVE)]);
      const several = [range(0n, 1n, EXCLUSIVE), range(50n, 1n, EXCLUSIVE)];
      expectStatus(await other.lock(several), STATUS_LOCK_NOT_GRANTED);
      expectStatus(await file.lock([range(0n, 1n, EXCLUSIVE)]), STATUS_SUCCESS);
      await other.close();
    });

    it('unlocks exactly the ranges that were locked', async () => {
      const { file } = await scratch(target);
      await file.lock([range(0n, 10n, EXCLUSIVE)]);
      const part = [range(0n, 5n, SMB2_LOCKFLAG_UNLOCK)];
      expectStatus(await file.lock(part), STATUS_RANGE_NOT_LOCKED);
      const whole = [range(0n, 10n, SMB2_LOCKFLAG_UNLOCK)];
      expectStatus(await file.lock(whole), STATUS_SUCCESS);
    });

    it('lets go of the locks at the close', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_GENERIC_READ);
      await other.lock([range(0n, 10n, EXCLUSIVE)]);
      await other.close();
      expectStatus(await file.lock([range(0n, 10n, EXCLUSIVE)]), STATUS_SUCCESS);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { file } = await scratch(target);
      const stranger = altered(file, 'volatile');
      expectStatus(await stranger.lock([range(0n, 1n, EXCLUSIVE)]), STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER when it names more locks than it holds', async () => {
      const { file } = await scratch(target);
      const body = new Uint8Array(48);
      viewOf(body).setUint16(0, 48, true);
      viewOf(body).setUint16(2, 9, true);
      const reply = await file.tree.call(rawRequest(SMB2_LOCK, body));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-FSA] 2.1.4.10 Algorithm for Determining If a Range Access Conflicts', () => {
    it('fails reads and writes of what another open holds exclusively', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_ALL_ACCESS);
      await file.lock([range(10n, 10n, EXCLUSIVE)]);
      const data = Uint8Array.of(1);
      expectStatus(await other.read({ offset: 10, length: 1 }), STATUS_FILE_LOCK_CONFLICT);
      expectStatus(await other.write({ offset: 19, data }), STATUS_FILE_LOCK_CONFLICT);
      expectStatus(await other.read({ offset: 20, length: 1 }), STATUS_SUCCESS);
      expectStatus(await file.write({ offset: 10, data }), STATUS_SUCCESS);
      await other.close();
    });

    it('fails writes alone of what is locked for sharing, for its holder too', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_ALL_ACCESS);
      await file.lock([range(10n, 10n, SHARED)]);
      const data = Uint8Array.of(1);
      expectStatus(await other.read({ offset: 10, length: 1 }), STATUS_SUCCESS);
      expectStatus(await other.write({ offset: 10, data }), STATUS_FILE_LOCK_CONFLICT);
      expectStatus(await file.write({ offset: 10, data }), STATUS_FILE_LOCK_CONFLICT);
      await other.close();
    });
  });

  describe('[MS-FSA] 2.1.5.5 Server Requests Closing an Open', () => {
    it('deletes the file with the last open when one was to delete it', async () => {
      const { tree, name, file } = await scratch(target);
      const other = await again(tree, name, FILE_READ_DATA);
      await file.close();
      expectStatus(await other.read({ offset: 0, length: 1 }), STATUS_SUCCESS);
      await other.close();
      const made = await opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_OPEN_IF,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      assert.equal(made.response.endOfFile, 0);
      await made.close();
    });
  });
}
