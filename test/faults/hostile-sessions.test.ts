/** What somebody with an account of his own, or with none, tries on sessions of others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { type Channel, type Request, withHeader } from '../../src/smb2/client/request.ts';
import {
  createRequest,
  echoRequest,
  leaseBreakRequest,
  sessionSetupRequest,
} from '../../src/smb2/client/requests.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { readRequest } from '../../src/smb2/client/transfer-requests.ts';
import { SMB2_FLAGS_RELATED_OPERATIONS } from '../../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import { lease, RWH } from '../conformance/oplock-peer.ts';
import { CLIENT_GUID } from './durable-client.ts';
import {
  assertStatus,
  openFile,
  pattern,
  type RigOptions,
  type RigUser,
  tryOpen,
  until,
  withRig,
} from './rig.ts';

const TIMEOUT_MS = 30_000;
const LEASE_KEY = 'c3'.repeat(16);
const SETUP = { flags: 0, securityMode: 1, capabilities: 0, previousSessionId: 0n };
const REQUIRED: RigOptions = { server: { signing: 'required', allowAnonymous: true } };

describe('[MS-SMB2] 3.3.5.2.1.1 Decrypting the Message', { timeout: TIMEOUT_MS }, () => {
  it("refuses what one session encrypts in another's name", async () => {
    await withRig(REQUIRED, async (rig) => {
      const connection = await rig.connect({}, { verify: 'report' });
      const victim = await rig.logOn(connection);
      const tree = await rig.tree(victim);
      const { channel } = await rig.logOn(connection, { user: 'torture2' });
      const ids = { sessionId: victim.sessionId, treeId: tree.treeId };
      const desiredAccess = FILE_GENERIC_READ;
      const create = createRequest({
        name: 'stolen',
        desiredAccess,
        createDisposition: FILE_OPEN_IF,
      });
      for (const request of [echoRequest(), create] as readonly Request<unknown>[]) {
        const { status } = await connection.call(withHeader(request, ids), {
          channel,
          encrypt: true,
        });
        assertStatus(status, STATUS_ACCESS_DENIED);
      }
    });
  });
});

describe('[MS-SMB2] 3.3.5.5.2 Reauthenticating an Existing Session', {
  timeout: TIMEOUT_MS,
}, () => {
  /** With the keys of one's own session one would speak for whom one only relays. */
  for (const first of ['torture2', ''] satisfies RigUser[]) {
    it(`ends the session of ${first || 'nobody'} that another user wants`, async () => {
      await withRig(REQUIRED, async (rig) => {
        const connection = await rig.connect({}, { verify: 'report' });
        const session = await rig.logOn(connection, { user: first });
        const { status } = await session.reauthenticate(rig.initiator('torture1'));
        assertStatus(status, STATUS_ACCESS_DENIED);
        assert.equal(rig.engine.sessions.size, 0);
      });
    });
  }

  it('lets a user be nobody for a while, and nobody else after that', async () => {
    await withRig(REQUIRED, async (rig) => {
      const connection = await rig.connect({}, { verify: 'report' });
      const session = await rig.logOn(connection);
      for (const user of ['', 'torture1', ''] satisfies RigUser[]) {
        assertStatus((await session.reauthenticate(rig.initiator(user))).status, 0);
      }
      const { status } = await session.reauthenticate(rig.initiator('torture2'));
      assertStatus(status, STATUS_ACCESS_DENIED);
    });
  });
});

describe('[MS-SMB2] 3.3.5.2.7.2 Handling Compounded Related Requests', () => {
  it("gives no open of another session to a request that follows another's", async () => {
    await withRig({}, async (rig) => {
      const connection = await rig.connect();
      const [mine, other] = [await rig.logOn(connection), await rig.logOn(connection)];
      const [tree, otherTree] = [await rig.tree(mine), await rig.tree(other)];
      const open = await openFile(tree, { name: 'mine' });
      assertStatus((await open.write({ offset: 0, data: pattern(16) })).status, 0);
      const { treeId } = tree;
      const ids = { sessionId: mine.sessionId, treeId };
      const read = (fileId: typeof open.fileId) => readRequest({ fileId, offset: 0, length: 16 });
      const theirs = { sessionId: other.sessionId, treeId: otherTree.treeId };
      const flags = SMB2_FLAGS_RELATED_OPERATIONS;
      const requests = [
        withHeader(read(open.fileId), ids),
        withHeader(echoRequest(), theirs),
        withHeader(read(RELATED_FILE_ID), { ...theirs, flags }),
      ] as const;
      const calls = connection.compound(requests, { channel: unsigned(mine), sign: false });
      const statuses = [];
      for (const call of calls) statuses.push((await call).status);
      assert.equal(statuses[0], 0);
      assert.notEqual(statuses[2], 0);
      assertStatus((await open.close()).status, 0);
    });
  });
});

describe('[MS-SMB2] 3.3.4.7 Object Store Indicates a Lease Break, a ClientGuid that others use', () => {
  const offer = { clientGuid: CLIENT_GUID };
  const desiredAccess = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
  const held = { name: 'leased', desiredAccess, ...lease(LEASE_KEY, RWH) };

  it('tells the user who has the lease, on no connection of another', async () => {
    await withRig({}, async (rig) => {
      const told: string[] = [];
      const connect = (who: string) => rig.connect(offer, { onBreak: () => void told.push(who) });
      // The older ones come first: one half way through its logon, and one of another user.
      const stranger = await connect('stranger');
      const { securityBuffer } = stranger.negotiated!.response;
      const first = await rig.initiator().first(securityBuffer);
      await stranger.call(sessionSetupRequest({ ...SETUP, securityBuffer: first }));
      await rig.logOn(await connect('intruder'), { user: 'torture2' });
      const holder = await rig.logOn(await connect('holder'));
      const open = await openFile(await rig.tree(holder), held);
      void tryOpen(await rig.tree(), { name: 'leased' });
      await until(() => told.length > 0);
      assert.deepEqual(told, ['holder']);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('takes no acknowledgement of another user: STATUS_OBJECT_NAME_NOT_FOUND', async () => {
    await withRig({}, async (rig) => {
      let breaks = 0;
      const connection = await rig.connect(offer, { onBreak: () => void breaks++ });
      const open = await openFile(await rig.tree(await rig.logOn(connection)), held);
      const intruder = await rig.logOn(await rig.connect(offer), { user: 'torture2' });
      const intrudersTree = await rig.tree(intruder);
      const waiting = tryOpen(await rig.tree(), { name: 'leased' });
      await until(() => breaks > 0);
      const acknowledgement = leaseBreakRequest({ leaseKey: LEASE_KEY, leaseState: 0 });
      const { status } = await intrudersTree.call(acknowledgement);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      assertStatus((await open.tree.call(acknowledgement)).status, 0);
      assertStatus((await waiting).status, 0);
    });
  });
});

describe('the log', { timeout: TIMEOUT_MS }, () => {
  it('takes no more of a claimed name than a line of text', async () => {
    await withRig({}, async (rig) => {
      const session = new ClientSession(await rig.connect());
      const name = `\u009b31m\n${'x'.repeat(20_000)}`;
      const { status } = await session.setup(rig.initiator(name, 'guess'));
      assertStatus(status, STATUS_LOGON_FAILURE);
      const [line] = rig.logged.filter((text) => text.startsWith('logon failed'));
      assert.match(line!, /^logon failed \\u009b31m\\u000ax{90,104}… /);
    });
  });
});

function unsigned(session: ClientSession): Channel {
  return { ...session.channel, signer: undefined };
}
