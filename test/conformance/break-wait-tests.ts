/** Requests that wait for others' caching to break: what is told meanwhile, and in what order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { DELETE, FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { FileRenameInformation, FileStandardInformation } from '../../src/fscc/info-classes.ts';
import { encodeNewName, newNameSize } from '../../src/fscc/set-information.ts';
import {
  closeRequest,
  createRequest,
  echoRequest,
  queryInfoRequest,
  setInfoRequest,
} from '../../src/smb2/client/requests.ts';
import { SMB2_FLAGS_ASYNC_COMMAND } from '../../src/smb2/wire/constants.ts';
import { type FileId, RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import {
  create,
  LEASE_KEY,
  type Listener,
  lease,
  listening,
  R,
  RH,
  RWH,
  reopen,
} from './oplock-peer.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const CLOSE = closeRequest({ flags: 0, fileId: RELATED_FILE_ID });

export function breakWaitTests(target: GetTarget): void {
  waitingCreateTests(target);
  waitingRenameTests(target);
}

async function acknowledge({ tree }: Listener, leaseState: number): Promise<void> {
  expectStatus(
    await tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState }),
    STATUS_SUCCESS,
  );
}

function waitingCreateTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.2.7 Handling Compounded Requests, a CREATE that waits', () => {
    it('tells that it waits, and is answered together with those behind it', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('middle');
      await opened(holder.tree, create(name, lease(LEASE_KEY, RWH)));
      const query = queryInfoRequest({
        fileId: { persistent: 1n, volatile: 2n },
        fileInfoClass: FileStandardInformation,
      });
      const requests = [createRequest(reopen(name)), query, CLOSE];
      const [waiting, queried, closed] = tree.compound(requests, { related: true });
      const interim = await waiting!.interim;
      assert.equal(interim?.status, STATUS_PENDING);
      await holder.nextBreak();
      await acknowledge(holder, RH);
      const reply = await waiting!;
      expectStatus(reply, STATUS_SUCCESS);
      assert.notEqual(reply.header!.flags & SMB2_FLAGS_ASYNC_COMMAND, 0);
      assert.equal(reply.header!.asyncId, interim!.asyncId);
      assert.equal(reply.header!.credits, 0, 'the credits came with the interim response');
      // [MS-SMB2] 3.3.5.2.7.2: the FileId of a related request is the one before's.
      expectStatus(await queried!, STATUS_SUCCESS);
      expectStatus(await closed!, STATUS_SUCCESS);
    });

    it('answers what stands before it first', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('middle');
      await opened(holder.tree, create(name, lease(LEASE_KEY, RWH)));
      const requests = [echoRequest(), createRequest(reopen(name)), echoRequest()];
      const [before, waiting, behind] = tree.compound(requests);
      expectStatus(await before!, STATUS_SUCCESS);
      assert.equal((await waiting!.interim)?.status, STATUS_PENDING);
      await holder.nextBreak();
      await acknowledge(holder, RH);
      expectStatus(await waiting!, STATUS_SUCCESS);
      expectStatus(await behind!, STATUS_SUCCESS);
    });
  });
}

function renameRequest(fileId: FileId, name: string): ReturnType<typeof setInfoRequest> {
  const buffer = new Uint8Array(newNameSize(name));
  encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: false });
  return setInfoRequest({ fileId, fileInfoClass: FileRenameInformation, buffer });
}

function waitingRenameTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.21 Receiving an SMB2 SET_INFO Request, a rename that waits', () => {
    it('waits for the acknowledgment without an interim response', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('rename');
      await opened(holder.tree, create(name, lease(LEASE_KEY, RH)));
      const open = await opened(tree, reopen(name, { desiredAccess: DELETE }));
      const call = tree.call(renameRequest(open.fileId, uniqueName('renamed')));
      const interim = call.interim;
      await holder.nextBreak();
      await acknowledge(holder, R);
      const reply = await call;
      expectStatus(reply, STATUS_SUCCESS);
      assert.equal(await interim, undefined);
      assert.equal(reply.header!.flags & SMB2_FLAGS_ASYNC_COMMAND, 0);
    });

    for (const isLast of [true, false]) {
      it(`waits as the ${isLast ? 'last' : 'middle'} one of a compound, too`, async () => {
        const holder = await listening(target);
        const { tree } = await logOnAt(target());
        const name = uniqueName('rename');
        await opened(holder.tree, create(name, lease(LEASE_KEY, RH)));
        const access = { desiredAccess: FILE_ALL_ACCESS };
        const rename = renameRequest(RELATED_FILE_ID, uniqueName('renamed'));
        const requests = [createRequest(reopen(name, access)), rename];
        const calls = tree.compound(isLast ? requests : [...requests, CLOSE], { related: true });
        const interims = calls.map(({ interim }) => interim);
        await holder.nextBreak();
        await acknowledge(holder, R);
        for (const call of calls) expectStatus(await call, STATUS_SUCCESS);
        for (const interim of interims) assert.equal(await interim, undefined);
      });
    }

    it('is cancelled by its message id', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('rename');
      await opened(holder.tree, create(name, lease(LEASE_KEY, RH)));
      const open = await opened(tree, reopen(name, { desiredAccess: DELETE }));
      const call = tree.call(renameRequest(open.fileId, uniqueName('renamed')));
      await holder.nextBreak();
      call.cancel();
      expectStatus(await call, STATUS_CANCELLED);
    });
  });
}
