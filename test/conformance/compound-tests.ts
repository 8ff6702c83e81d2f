import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { type Request, withHeader } from '../../src/smb2/client/request.ts';
import {
  cancelRequest,
  closeRequest,
  createRequest,
  echoRequest,
  flushRequest,
  lockRequest,
} from '../../src/smb2/client/requests.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE_ALL = 7;
const CLOSE = closeRequest({ flags: 0, fileId: RELATED_FILE_ID });
const READ = readRequest({ fileId: RELATED_FILE_ID, offset: 0, length: 16 });
const WRITE = writeRequest({ fileId: RELATED_FILE_ID, offset: 0, data: Buffer.from('data') });
const EXCLUSIVE = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
const UNLOCK = { ...EXCLUSIVE, flags: SMB2_LOCKFLAG_UNLOCK };

const create = (name: string, desiredAccess: number = FILE_ALL_ACCESS): Request<unknown> =>
  createRequest({
    name,
    desiredAccess,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN_IF,
    ...(desiredAccess === FILE_ALL_ACCESS ? { createOptions: FILE_DELETE_ON_CLOSE } : {}),
  });
const openMissing = (): Request<unknown> =>
  createRequest({
    name: uniqueName('missing'),
    desiredAccess: FILE_GENERIC_READ,
    createDisposition: FILE_OPEN,
  });

async function outcomes(
  tree: ClientTree,
  requests: readonly Request<unknown>[],
  related: boolean,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const call of tree.compound(requests, { related })) {
    names.push(statusName((await call).status));
  }
  return names;
}

const names = (...statuses: readonly NtStatus[]): readonly string[] => statuses.map(statusName);

export function compoundTests(target: GetTarget): void {
  relatedTests(target);
  unrelatedTests(target);
  asyncTests(target);
}

function relatedTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.2.7.2 Handling Compounded Related Requests', () => {
    for (const protection of ['plain', 'signing', 'encryption']) {
      it(`gives each request the open of the first one: ${protection}`, async () => {
        const options = protection === 'plain' ? {} : { [protection]: 'required' };
        const { tree } = await logOnAt(target(), options);
        const requests = [create(uniqueName('related')), WRITE, READ, CLOSE];
        assert.deepEqual(await outcomes(tree, requests, true), names(0, 0, 0, 0));
      });
    }

    it('fails all that need the open when the CREATE failed, with its status', async () => {
      const { tree } = await logOnAt(target());
      const failed = names(
        STATUS_OBJECT_NAME_NOT_FOUND,
        STATUS_OBJECT_NAME_NOT_FOUND,
        STATUS_OBJECT_NAME_NOT_FOUND,
      );
      assert.deepEqual(await outcomes(tree, [openMissing(), READ, CLOSE], true), failed);
    });

    it('goes on with the open when a request in the middle failed', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('middle');
      const owner = await opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        shareAccess: SHARE_ALL,
        createDisposition: FILE_OPEN_IF,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      const requests = [create(name, FILE_GENERIC_READ), WRITE, READ, CLOSE];
      const expected = names(0, STATUS_ACCESS_DENIED, STATUS_END_OF_FILE, 0);
      assert.deepEqual(await outcomes(tree, requests, true), expected);
      await owner.close();
    });

    it('fails with STATUS_FILE_CLOSED behind a CLOSE', async () => {
      const { tree } = await logOnAt(target());
      const requests = [create(uniqueName('closed')), CLOSE, READ];
      assert.deepEqual(await outcomes(tree, requests, true), names(0, 0, STATUS_FILE_CLOSED));
    });

    it('takes the open that a later request names', async () => {
      const { tree } = await logOnAt(target());
      const file = await opened(tree, {
        name: uniqueName('named'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_OPEN_IF,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      const requests = [flushRequest(file.fileId), WRITE, READ, CLOSE];
      assert.deepEqual(await outcomes(tree, requests, true), names(0, 0, 0, 0));
    });

    it('fails with STATUS_INVALID_PARAMETER when the first request is related', async () => {
      const { tree } = await logOnAt(target());
      const flags = SMB2_FLAGS_RELATED_OPERATIONS;
      const requests = [withHeader(create(uniqueName('first')), { flags }), CLOSE];
      const expected = names(STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER);
      assert.deepEqual(await outcomes(tree, requests, true), expected);
    });

    it('marks the responses to related requests as related', async () => {
      const { tree } = await logOnAt(target());
      const calls = tree.compound([create(uniqueName('marked')), CLOSE], { related: true });
      const flags: number[] = [];
      for (const call of calls) flags.push((await call).header!.flags);
      assert.deepEqual(
        flags.map((one) => (one & SMB2_FLAGS_RELATED_OPERATIONS) !== 0),
        [false, true],
      );
    });
  });
}

function unrelatedTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.2.7.1 Handling Compounded Unrelated Requests', () => {
    it('answers each on its own', async () => {
      const { tree } = await logOnAt(target());
      const requests = [echoRequest(), openMissing(), echoRequest(), READ];
      const expected = names(0, STATUS_OBJECT_NAME_NOT_FOUND, 0, STATUS_FILE_CLOSED);
      assert.deepEqual(await outcomes(tree, requests, false), expected);
    });

    it('takes session and tree connect of each request', async () => {
      const { tree } = await logOnAt(target());
      const lost = withHeader(openMissing(), { sessionId: 0x1234n });
      const requests = [openMissing(), lost, openMissing()];
      const missing = STATUS_OBJECT_NAME_NOT_FOUND;
      const expected = names(missing, STATUS_USER_SESSION_DELETED, missing);
      assert.deepEqual(await outcomes(tree, requests, false), expected);
    });

    it('serves a compound of many requests', async () => {
      const { tree } = await logOnAt(target());
      const requests = Array.from({ length: 64 }, () => echoRequest());
      const statuses = await outcomes(tree, requests, false);
      assert.deepEqual(new Set(statuses), new Set(names(0)));
    });
  });
}

/** Two opens of one file, the first of which holds an exclusive lock. */
async function contended(
  target: GetTarget,
  options: Parameters<typeof logOnAt>[1] = {},
): Promise<{
  readonly tree: ClientTree;
  readonly holder: ClientOpen;
  readonly waiter: ClientOpen;
}> {
  const { tree } = await logOnAt(target(), options);
  const parameters = {
    name: uniqueName('lock'),
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN_IF,
    createOptions: FILE_DELETE_ON_CLOSE,
  };
  const holder = await opened(tree, parameters);
  const waiter = await opened(tree, parameters);
  expectStatus(await holder.lock([EXCLUSIVE]), STATUS_SUCCESS);
  return { tree, holder, waiter };
}

function asyncTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.4.2 Sending an Interim Response for an Asynchronous Operation', () => {
    for (const protection of ['plain', 'signing', 'encryption']) {
      it(`tells a lock that waits, and that it was granted: ${protection}`, async () => {
        const options = protection === 'plain' ? {} : { [protection]: 'required' };
        const { holder, waiter } = await contended(target, options);
        const call = waiter.lock([EXCLUSIVE]);
        const interim = await call.interim;
        assert.equal(interim?.status, STATUS_PENDING);
        assert.notEqual(interim?.asyncId, 0n);
        expectStatus(await holder.lock([UNLOCK]), STATUS_SUCCESS);
        const reply = await call;
        expectStatus(reply, STATUS_SUCCESS);
        assert.notEqual(reply.header!.flags & SMB2_FLAGS_ASYNC_COMMAND, 0);
        assert.equal(reply.header!.asyncId, interim!.asyncId);
        assert.equal(reply.header!.credits, 0, 'the credits came with the interim response');
      });
    }

    it('answers the requests before the one that waits, at the end of a compound', async () => {
      const { tree, waiter, holder } = await contended(target);
      const lock = lockRequest({ fileId: waiter.fileId, locks: [EXCLUSIVE] });
      const [echo, call] = tree.compound([echoRequest(), lock]);
      expectStatus(await echo, STATUS_SUCCESS);
      assert.notEqual(await call.interim, undefined);
      await holder.lock([UNLOCK]);
      expectStatus(await call, STATUS_SUCCESS);
    });

    it('fails a lock that would wait in the middle of a compound', async () => {
      const { tree, waiter } = await contended(target);
      const lock = lockRequest({ fileId: waiter.fileId, locks: [EXCLUSIVE] });
      const statuses = await outcomes(tree, [lock, echoRequest()], false);
      assert.deepEqual(statuses, names(STATUS_INTERNAL_ERROR, 0));
    });

    it('sends none where the lock is not to wait', async () => {
      const { waiter } = await contended(target);
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
      const call = waiter.lock([{ ...EXCLUSIVE, flags }]);
      assert.equal(await call.interim, undefined);
      expectStatus(await call, STATUS_LOCK_NOT_GRANTED);
    });
  });

  describe('[MS-SMB2] 3.3.5.16 Receiving an SMB2 CANCEL Request', () => {
    for (const protection of ['plain', 'signing', 'encryption']) {
      it(`ends a lock that waits with STATUS_CANCELLED: ${protection}`, async () => {
        const options = protection === 'plain' ? {} : { [protection]: 'required' };
        const { waiter } = await contended(target, options);
        const call = waiter.lock([EXCLUSIVE]);
        await call.interim;
        call.cancel();
        expectStatus(await call, STATUS_CANCELLED);
        expectStatus(await waiter.close(), STATUS_SUCCESS);
      });
    }

    it('leaves the range free for the next one', async () => {
      const { holder, waiter } = await contended(target);
      const call = waiter.lock([EXCLUSIVE]);
      await call.interim;
      call.cancel();
      await call;
      await holder.lock([UNLOCK]);
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
      expectStatus(await holder.lock([{ ...EXCLUSIVE, flags }]), STATUS_SUCCESS);
    });

    it('answers nothing to a CANCEL of nothing', async () => {
      const { connection, session } = await logOnAt(target());
      const { channel } = session;
      for (const header of [{ messageId: 0x7fffn }, { messageId: 0n, asyncId: 0x7777n }]) {
        connection.sendUntracked(cancelRequest(), { channel, header });
      }
      expectStatus(await connection.echo({ channel }), STATUS_SUCCESS);
      assert.equal(connection.closedReason, undefined);
    });

    it('costs no credit', async () => {
      const { connection, session } = await logOnAt(target());
      const { channel } = session;
      const before = connection.creditsAvailable;
      const header = { messageId: 0n, asyncId: 1n };
      for (let i = 0; i < 2_000; i++) {
        connection.sendUntracked(cancelRequest(), { channel, header });
      }
      const request = withHeader(echoRequest(), { credits: 1 });
      expectStatus(await connection.call(request, { channel }), STATUS_SUCCESS);
      assert.equal(connection.creditsAvailable, before);
    });
  });

  describe('[MS-SMB2] 3.3.4.17 and 3.3.5.10: a wait whose open goes', () => {
    it('ends with STATUS_RANGE_NOT_LOCKED at a CLOSE', async () => {
      const { waiter } = await contended(target);
      const call = waiter.lock([EXCLUSIVE]);
      await call.interim;
      expectStatus(await waiter.close(), STATUS_SUCCESS);
      expectStatus(await call, STATUS_RANGE_NOT_LOCKED);
    });

    it('ends with STATUS_RANGE_NOT_LOCKED at a TREE_DISCONNECT', async () => {
      const { tree, waiter } = await contended(target);
      const call = waiter.lock([EXCLUSIVE]);
      await call.interim;
      expectStatus(await tree.disconnect(), STATUS_SUCCESS);
      expectStatus(await call, STATUS_RANGE_NOT_LOCKED);
    });

    it('ends with STATUS_RANGE_NOT_LOCKED at a LOGOFF', async () => {
      const { tree, waiter } = await contended(target);
      const call = waiter.lock([EXCLUSIVE]);
      await call.interim;
      expectStatus(await tree.session.logoff(), STATUS_SUCCESS);
      expectStatus(await call, STATUS_RANGE_NOT_LOCKED);
    });
  });
}
