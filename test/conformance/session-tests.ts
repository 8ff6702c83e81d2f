import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  isError,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { ClientConnection } from '../../src/smb2/client/connection.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { withHeader } from '../../src/smb2/client/request.ts';
import {
  type CreateParameters,
  createRequest,
  rawRequest,
  sessionSetupRequest,
  treeConnectRequest,
  treeDisconnectRequest,
} from '../../src/smb2/client/requests.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_SESSION_FLAG_BINDING,
  SMB2_SESSION_FLAG_IS_NULL,
  SMB2_SESSION_SETUP,
  SMB2_SHARE_TYPE_DISK,
  SMB2_SHARE_TYPE_PIPE,
  SMB2_TREE_CONNECT,
} from '../../src/smb2/wire/constants.ts';
import type { SessionSetupRequest } from '../../src/smb2/wire/session-setup.ts';
import {
  expectDisconnect,
  expectStatus,
  type GetTarget,
  initiatorFor,
  logOnAt,
  negotiated,
  opened,
  sessionAt,
  treeOf,
  uniqueName,
} from './peer.ts';

const CLIENT_GUID = '00112233445566778899aabbccddeeff';

export function sessionTests(target: GetTarget): void {
  setupTests(target);
  reauthenticationTests(target);
  bindingTests(target);
  logoffTests(target);
  treeTests(target);
}

/** Shared with nobody: whether it is still open shows at the next one's CREATE. */
const exclusive = (name: string): CreateParameters => ({
  name,
  desiredAccess: FILE_ALL_ACCESS,
  createDisposition: FILE_OPEN_IF,
  createOptions: FILE_DELETE_ON_CLOSE,
});

function setup(body: Partial<SessionSetupRequest>): ReturnType<typeof sessionSetupRequest> {
  return sessionSetupRequest({
    flags: 0,
    securityMode: 1,
    capabilities: 0,
    previousSessionId: 0n,
    securityBuffer: new Uint8Array(0),
    ...body,
  });
}

/** The first half of a logon: the server has a session, and nobody is in it. */
async function halfWay(target: GetTarget, connection: ClientConnection): Promise<bigint> {
  const hint = connection.negotiated!.response.securityBuffer;
  const securityBuffer = await initiatorFor(target()).first(hint);
  const reply = await connection.call(setup({ securityBuffer }));
  expectStatus(reply, STATUS_MORE_PROCESSING_REQUIRED);
  assert.notEqual(reply.header!.sessionId, 0n);
  return reply.header!.sessionId;
}

function setupTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.5 Receiving an SMB2 SESSION_SETUP Request', () => {
    it('fails with STATUS_LOGON_FAILURE when the password is wrong', async () => {
      const session = new ClientSession(await negotiated(target()));
      const result = await session.setup(initiatorFor(target(), 'wrong'));
      expectStatus(result, STATUS_LOGON_FAILURE);
    });

    it('fails with STATUS_LOGON_FAILURE when the user is unknown', async () => {
      const session = new ClientSession(await negotiated(target()));
      const initiator = initiatorFor({ ...target(), user: uniqueName('nobody') });
      expectStatus(await session.setup(initiator), STATUS_LOGON_FAILURE);
    });

    it('fails with STATUS_USER_SESSION_DELETED when the session id is unknown', async () => {
      const connection = await negotiated(target());
      const hint = connection.negotiated!.response.securityBuffer;
      const securityBuffer = await initiatorFor(target()).first(hint);
      const request = withHeader(setup({ securityBuffer }), { sessionId: 0x1234_5678n });
      expectStatus(await connection.call(request), STATUS_USER_SESSION_DELETED);
    });

    it('refuses a token that is none, and lives on', async () => {
      const connection = await negotiated(target());
      const securityBuffer = new Uint8Array(40).fill(0x55);
      const { status } = await connection.call(setup({ securityBuffer }));
      assert.ok(isError(status));
      expectStatus(await connection.echo(), STATUS_SUCCESS);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const connection = await negotiated(target());
      const body = new Uint8Array(24);
      body[0] = 24;
      const reply = await connection.call(rawRequest(SMB2_SESSION_SETUP, body));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the token lies outside the message', async () => {
      const connection = await negotiated(target());
      const body = new Uint8Array(32);
      body.set([25, 0], 0);
      body.set([88, 0, 200, 0], 12);
      const reply = await connection.call(rawRequest(SMB2_SESSION_SETUP, body));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('gives several users a session each on one connection', async () => {
      const connection = await negotiated(target());
      const ids = new Set<bigint>();
      for (let i = 0; i < 3; i++) {
        const session = new ClientSession(connection);
        expectStatus(await session.setup(initiatorFor(target())), STATUS_SUCCESS);
        await treeOf(session, target());
        ids.add(session.sessionId);
      }
      assert.equal(ids.size, 3);
    });

    it('says that a session is anonymous, and lets it reach IPC$ alone', async () => {
      const session = new ClientSession(await negotiated(target()));
      const nobody = initiatorFor({ ...target(), user: '', password: '' });
      expectStatus(await session.setup(nobody, { anonymous: true }), STATUS_SUCCESS);
      assert.notEqual(session.sessionFlags & SMB2_SESSION_FLAG_IS_NULL, 0);
      const { host, share } = target();
      const pipes = await ClientTree.connect(session, `\\\\${host}\\IPC$`);
      expectStatus(pipes, STATUS_SUCCESS);
      const disk = await ClientTree.connect(session, `\\\\${host}\\${share}`);
      expectStatus(disk, STATUS_ACCESS_DENIED);
    });
  });

  describe('[MS-SMB2] 3.3.5.2.9 Verifying the Session', () => {
    it('fails with STATUS_USER_SESSION_DELETED when the session is unknown', async () => {
      const connection = await negotiated(target());
      const header = { sessionId: 0x7777n };
      const request = withHeader(treeConnectRequest({ flags: 0, path: '\\\\x\\y' }), header);
      expectStatus(await connection.call(request), STATUS_USER_SESSION_DELETED);
    });

    it('fails with STATUS_USER_SESSION_DELETED when there is none', async () => {
      const connection = await negotiated(target());
      const reply = await connection.call(treeDisconnectRequest());
      expectStatus(reply, STATUS_USER_SESSION_DELETED);
    });

    it('fails while the logon is half way', async () => {
      const connection = await negotiated(target());
      const sessionId = await halfWay(target, connection);
      const path = `\\\\${target().host}\\${target().share}`;
      const request = withHeader(treeConnectRequest({ flags: 0, path }), { sessionId });
      assert.ok(isError((await connection.call(request)).status));
    });

    it("fails with STATUS_USER_SESSION_DELETED on another's connection", async () => {
      const { session } = await logOnAt(target());
      const connection = await negotiated(target());
      const header = { sessionId: session.sessionId };
      const request = withHeader(treeDisconnectRequest(), header);
      expectStatus(await connection.call(request), STATUS_USER_SESSION_DELETED);
    });
  });
}

function reauthenticationTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication, reauthentication', () => {
    for (const protection of ['plain', 'signing', 'encryption']) {
      it(`keeps tree connects, opens and keys: ${protection}`, async () => {
        const options = protection === 'plain' ? {} : { [protection]: 'required' };
        const { session, tree } = await logOnAt(target(), options);
        const open = await opened(tree, exclusive(uniqueName('reauth')));
        expectStatus(await session.reauthenticate(initiatorFor(target())), STATUS_SUCCESS);
        const reply = await open.write({ offset: 0, data: Uint8Array.of(1) });
        expectStatus(reply, STATUS_SUCCESS);
        expectStatus(await open.close(), STATUS_SUCCESS);
      });
    }

    it('ends the session when it fails', async () => {
      const { connection, session } = await logOnAt(target(), {
        connection: { verify: 'report' },
      });
      const result = await session.reauthenticate(initiatorFor(target(), 'wrong'));
      expectStatus(result, STATUS_LOGON_FAILURE);
      const header = { sessionId: session.sessionId };
      const reply = await connection.call(withHeader(treeDisconnectRequest(), header));
      expectStatus(reply, STATUS_USER_SESSION_DELETED);
    });

    it('signs the answer that ends the session', async () => {
      const { session } = await logOnAt(target(), { connection: { verify: 'report' } });
      const { reply } = await session.reauthenticate(initiatorFor(target(), 'wrong'));
      assert.equal(reply.protection, 'signed');
    });
  });

  describe('[MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication, PreviousSessionId', () => {
    it('closes the earlier session and its opens', async () => {
      const first = await logOnAt(target());
      const name = uniqueName('previous');
      await opened(first.tree, exclusive(name));
      const second = await logOnAt(target());
      const refused = await ClientOpen.create(second.tree, exclusive(name));
      expectStatus(refused, STATUS_SHARING_VIOLATION);

      const previousSessionId = first.session.sessionId;
      const third = await logOnAt(target(), { previousSessionId });
      const open = await opened(third.tree, exclusive(name));
      expectStatus(await open.close(), STATUS_SUCCESS);
      expectStatus(await first.tree.disconnect(), STATUS_USER_SESSION_DELETED);
    });

    it('minds no session that is gone', async () => {
      await logOnAt(target(), { previousSessionId: 0x1234_5678n });
    });
  });
}

function bindingTests(target: GetTarget): void {
  const offer = { dialects: [0x0311], clientGuid: CLIENT_GUID };

  describe('[MS-SMB2] 3.3.5.5.2 Binding a Connection to an Existing Session', () => {
    for (const dialect of [0x0300, 0x0311]) {
      it(`serves the session on both, dialect ${dialect.toString(16)}`, async () => {
        const both = { ...offer, dialects: [dialect], signing: 'required' } as const;
        const { session, tree } = await logOnAt(target(), both);
        const second = await negotiated(target(), both);
        expectStatus(await session.bind(second, initiatorFor(target())), STATUS_SUCCESS);
        const open = await opened(tree, exclusive(uniqueName('bound')));
        const data = Buffer.from('channels');
        const written = await open.write({ offset: 0, data }, { connection: second });
        expectStatus(written, STATUS_SUCCESS);
        assert.equal(written.protection, 'signed');
        const read = await open.read({ offset: 0, length: 100 });
        assert.equal(Buffer.compare(read.response!.data, data), 0);
      });
    }

    it('keeps the session when one of its connections ends', async () => {
      const { connection, session, tree } = await logOnAt(target(), offer);
      const second = await negotiated(target(), offer);
      expectStatus(await session.bind(second, initiatorFor(target())), STATUS_SUCCESS);
      const open = await opened(tree, exclusive(uniqueName('survivor')));
      connection.close();
      await connection.closed;
      const reply = await open.write({ offset: 0, data: Uint8Array.of(1) }, { connection: second });
      expectStatus(reply, STATUS_SUCCESS);
    });

    it('fails with STATUS_LOGON_FAILURE and keeps the session', async () => {
      const { session, tree } = await logOnAt(target(), offer);
      const second = await negotiated(target(), offer);
      const result = await session.bind(second, initiatorFor(target(), 'wrong'));
      expectStatus(result, STATUS_LOGON_FAILURE);
      expectStatus(await tree.disconnect(), STATUS_SUCCESS);
    });

    it('fails with STATUS_REQUEST_NOT_ACCEPTED in 2.1', async () => {
      const session = await sessionAt(target(), { ...offer, dialects: [0x0210] });
      const second = await negotiated(target(), { ...offer, dialects: [0x0210] });
      const result = await session.bind(second, initiatorFor(target()));
      expectStatus(result, STATUS_REQUEST_NOT_ACCEPTED);
    });

    it('fails with STATUS_REQUEST_NOT_ACCEPTED on a connection that has it', async () => {
      const session = await sessionAt(target(), offer);
      const result = await session.bind(session.connection, initiatorFor(target()));
      expectStatus(result, STATUS_REQUEST_NOT_ACCEPTED);
    });

    it('fails with STATUS_USER_SESSION_DELETED for another client', async () => {
      const session = await sessionAt(target(), offer);
      const clientGuid = 'ffeeddccbbaa99887766554433221100';
      const second = await negotiated(target(), { ...offer, clientGuid });
      const result = await session.bind(second, initiatorFor(target()));
      expectStatus(result, STATUS_USER_SESSION_DELETED);
    });

    it('fails with STATUS_INVALID_PARAMETER in another dialect', async () => {
      const session = await sessionAt(target(), { ...offer, dialects: [0x0300] });
      const second = await negotiated(target(), { ...offer, dialects: [0x0302] });
      const result = await session.bind(second, initiatorFor(target()));
      expectStatus(result, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER over another cipher', async () => {
      const session = await sessionAt(target(), { ...offer, ciphers: [1] });
      const second = await negotiated(target(), { ...offer, ciphers: [2] });
      const result = await session.bind(second, initiatorFor(target()));
      expectStatus(result, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_ACCESS_DENIED when its signature is wrong', async () => {
      const session = await sessionAt(target(), offer);
      const second = await negotiated(target(), {
        ...offer,
        connection: { verify: 'report' },
      });
      const tamperSigned = (message: Uint8Array): Uint8Array => {
        message[50]! ^= 1;
        return message;
      };
      const result = await session.bind(second, initiatorFor(target()), {
        send: {
          channel: session.channel,
          sign: true,
          tamperSigned,
        },
      });
      expectStatus(result, STATUS_ACCESS_DENIED);
    });

    it('fails with STATUS_INVALID_PARAMETER when it is not signed', async () => {
      const session = await sessionAt(target(), offer);
      const second = await negotiated(target(), offer);
      const { sessionId } = session;
      const request = withHeader(setup({ flags: SMB2_SESSION_FLAG_BINDING }), { sessionId });
      expectStatus(await second.call(request), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_USER_SESSION_DELETED when the session is unknown', async () => {
      const second = await negotiated(target(), offer);
      const header = { sessionId: 0x9999n };
      const request = withHeader(setup({ flags: SMB2_SESSION_FLAG_BINDING }), header);
      expectStatus(await second.call(request), STATUS_USER_SESSION_DELETED);
    });
  });
}

function logoffTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.6 Receiving an SMB2 LOGOFF Request', () => {
    for (const protection of ['plain', 'signing', 'encryption']) {
      it(`closes what the session has open: ${protection}`, async () => {
        const options = protection === 'plain' ? {} : { [protection]: 'required' };
        const { session, tree } = await logOnAt(target(), options);
        const other = await logOnAt(target());
        const name = uniqueName('logoff');
        await opened(tree, exclusive(name));
        const refused = await ClientOpen.create(other.tree, exclusive(name));
        expectStatus(refused, STATUS_SHARING_VIOLATION);
        expectStatus(await session.logoff(), STATUS_SUCCESS);
        await opened(other.tree, exclusive(name));
      });
    }

    it('fails with STATUS_USER_SESSION_DELETED the second time', async () => {
      const session = await sessionAt(target());
      expectStatus(await session.logoff(), STATUS_SUCCESS);
      expectStatus(await session.logoff(), STATUS_USER_SESSION_DELETED);
    });

    it('leaves the connection to the next user', async () => {
      const session = await sessionAt(target());
      await session.logoff();
      const next = new ClientSession(session.connection);
      expectStatus(await next.setup(initiatorFor(target())), STATUS_SUCCESS);
    });
  });

  describe('[MS-SMB2] 3.3.7.1 Handling Loss of a Connection', () => {
    it('closes what the session had open', async () => {
      const { connection, tree } = await logOnAt(target());
      const other = await logOnAt(target());
      const name = uniqueName('loss');
      await opened(tree, exclusive(name));
      connection.close();
      // The server learns of it in its own time: until then the file is in use.
      for (;;) {
        const { status, open } = await ClientOpen.create(other.tree, exclusive(name));
        if (open !== undefined) break;
        expectStatus({ status }, STATUS_SHARING_VIOLATION);
      }
    });
  });
}

function treeTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.7 Receiving an SMB2 TREE_CONNECT Request', () => {
    it('tells kind and rights of a share, whatever the case of its name', async () => {
      const session = await sessionAt(target());
      const disk = await treeOf(session, target(), target().share.toUpperCase());
      assert.equal(disk.response.shareType, SMB2_SHARE_TYPE_DISK);
      assert.equal(disk.response.maximalAccess & FILE_ALL_ACCESS, FILE_ALL_ACCESS);
      const pipes = await treeOf(session, target(), 'ipc$');
      assert.equal(pipes.response.shareType, SMB2_SHARE_TYPE_PIPE);
      assert.notEqual(pipes.treeId, disk.treeId);
    });

    it('fails with STATUS_BAD_NETWORK_NAME when there is no such share', async () => {
      const session = await sessionAt(target());
      const path = `\\\\${target().host}\\${uniqueName('none')}`;
      expectStatus(await ClientTree.connect(session, path), STATUS_BAD_NETWORK_NAME);
    });

    it('fails with STATUS_INVALID_PARAMETER when the path is malformed', async () => {
      const session = await sessionAt(target());
      const path = Uint8Array.of(9, 0, 0, 0, 72, 0, 3, 0, 92, 0, 92);
      const reply = await session.connection.call(rawRequest(SMB2_TREE_CONNECT, path), {
        channel: session.channel,
        sign: true,
      });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('disconnects a 3.1.1 client that does not sign it', async () => {
      const session = await sessionAt(target(), { dialects: [0x0311] });
      const path = `\\\\${target().host}\\${target().share}`;
      void ClientTree.connect(session, path, { sign: false });
      await expectDisconnect(session.connection);
    });

    it('connects the same share several times', async () => {
      const session = await sessionAt(target());
      const ids = new Set<number>();
      for (let i = 0; i < 5; i++) ids.add((await treeOf(session, target())).treeId);
      assert.equal(ids.size, 5);
    });
  });

  describe('[MS-SMB2] 3.3.5.8 Receiving an SMB2 TREE_DISCONNECT Request', () => {
    it('closes what was opened through it', async () => {
      const { session, tree } = await logOnAt(target());
      const name = uniqueName('tree');
      const open = await opened(tree, exclusive(name));
      expectStatus(await tree.disconnect(), STATUS_SUCCESS);
      expectStatus(await open.flush(), STATUS_NETWORK_NAME_DELETED);
      const again = await treeOf(session, target());
      await opened(again, exclusive(name));
    });

    it('fails with STATUS_NETWORK_NAME_DELETED the second time', async () => {
      const { tree } = await logOnAt(target());
      expectStatus(await tree.disconnect(), STATUS_SUCCESS);
      expectStatus(await tree.disconnect(), STATUS_NETWORK_NAME_DELETED);
    });
  });

  describe('[MS-SMB2] 3.3.5.2.11 Verifying the Tree Connect', () => {
    it('fails with STATUS_NETWORK_NAME_DELETED when the tree connect is unknown', async () => {
      const { tree } = await logOnAt(target());
      const parameters = { name: '', desiredAccess: 0x80, createDisposition: 1, shareAccess: 7 };
      const request = withHeader(createRequest(parameters), { treeId: tree.treeId + 999 });
      expectStatus(await tree.call(request), STATUS_NETWORK_NAME_DELETED);
    });

    it('fails with STATUS_FILE_CLOSED for an open of another tree connect', async () => {
      const { session, tree } = await logOnAt(target());
      const open = await opened(tree, exclusive(uniqueName('other')));
      const second = await treeOf(session, target());
      const elsewhere = new ClientOpen(second, open.response);
      expectStatus(await elsewhere.read({ offset: 0, length: 1 }), STATUS_FILE_CLOSED);
      expectStatus(await open.flush(), STATUS_SUCCESS);
    });
  });
}
