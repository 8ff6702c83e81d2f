import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { DEFAULT_LIMITS, type Limits } from '../../src/base/limits.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_TOO_MANY_OPENED_FILES,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { echoRequest } from '../../src/smb2/client/requests.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/wire/constants.ts';
import { startServer } from './local-server.ts';
import {
  closeConnections,
  connectTo,
  expectDisconnect,
  expectStatus,
  initiatorFor,
  logOnAt,
  negotiated,
  opened,
  sessionAt,
  type Target,
  treeOf,
  uniqueName,
} from './peer.ts';

const EXCLUSIVE = { offset: 0n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };

/** Each limit of base/limits.ts that a client meets at a server, reached. */
export function limitsSuite(): void {
  describe('limits', () => {
    afterEach(closeConnections);

    const withLimits = async (
      limits: Partial<Limits>,
      use: (target: Target) => Promise<void>,
    ): Promise<void> => {
      const server = await startServer('memory', limits);
      try {
        await use(server.target);
      } finally {
        closeConnections();
        await server.stop();
      }
    };
    const parameters = (): Parameters<typeof opened>[1] => ({
      name: uniqueName('limit'),
      desiredAccess: FILE_ALL_ACCESS,
      shareAccess: 7,
      createDisposition: FILE_OPEN_IF,
    });

    it('opensPerSessionMax: STATUS_TOO_MANY_OPENED_FILES', () =>
      withLimits({ opensPerSessionMax: 2 }, async (target) => {
        const { tree } = await logOnAt(target);
        const first = await opened(tree, parameters());
        await opened(tree, parameters());
        const third = await ClientOpen.create(tree, parameters());
        expectStatus(third, STATUS_TOO_MANY_OPENED_FILES);
        await first.close();
        await opened(tree, parameters());
      }));

    it('opensMax: STATUS_INSUFFICIENT_RESOURCES', () =>
      withLimits({ opensMax: 2 }, async (target) => {
        const one = await logOnAt(target);
        const other = await logOnAt(target);
        await opened(one.tree, parameters());
        await opened(other.tree, parameters());
        const third = await ClientOpen.create(one.tree, parameters());
        expectStatus(third, STATUS_INSUFFICIENT_RESOURCES);
      }));

    it('treeConnectsPerSessionMax: STATUS_INSUFFICIENT_RESOURCES', () =>
      withLimits({ treeConnectsPerSessionMax: 2 }, async (target) => {
        const session = await sessionAt(target);
        await treeOf(session, target);
        await treeOf(session, target);
        const path = `\\\\${target.host}\\${target.share}`;
        const third = await ClientTree.connect(session, path);
        expectStatus(third, STATUS_INSUFFICIENT_RESOURCES);
      }));

    it('sessionsPerConnectionMax: STATUS_INSUFFICIENT_RESOURCES', () =>
      withLimits({ sessionsPerConnectionMax: 2 }, async (target) => {
        const connection = await negotiated(target);
        for (const status of [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES]) {
          const session = new ClientSession(connection);
          expectStatus(await session.setup(initiatorFor(target)), status);
        }
      }));

    it('asyncRequestsMax: STATUS_INSUFFICIENT_RESOURCES', () =>
      withLimits({ asyncRequestsMax: 1 }, async (target) => {
        const { tree } = await logOnAt(target);
        const file = parameters();
        const holder = await opened(tree, file);
        const waiter = await opened(tree, file);
        await holder.lock([EXCLUSIVE]);
        assert.notEqual(await waiter.lock([EXCLUSIVE]).interim, undefined);
        expectStatus(await waiter.lock([EXCLUSIVE]), STATUS_INSUFFICIENT_RESOURCES);
      }));

    it('compoundMax: ends the connection', () =>
      withLimits({ compoundMax: 4 }, async (target) => {
        const { connection } = await logOnAt(target);
        connection.compound(Array.from({ length: 5 }, () => echoRequest()));
        await expectDisconnect(connection);
      }));

    it('securityTokenSize: STATUS_INVALID_PARAMETER', () =>
      withLimits({ securityTokenSize: 16 }, async (target) => {
        const session = new ClientSession(await negotiated(target));
        const result = await session.setup(initiatorFor(target));
        expectStatus(result, STATUS_INVALID_PARAMETER);
      }));

    it('creditsMax: grants no more', () =>
      withLimits({ creditsMax: 16 }, async (target) => {
        const { connection, session } = await logOnAt(target);
        for (let i = 0; i < 20; i++) {
          expectStatus(await connection.echo({ channel: session.channel }), STATUS_SUCCESS);
        }
        assert.ok(connection.creditsAvailable <= 16, `${connection.creditsAvailable}`);
      }));

    it('connectionsPerAddressMax: refuses the next one', () =>
      withLimits({ connectionsPerAddressMax: 1 }, async (target) => {
        await negotiated(target);
        const second = await connectTo(target);
        await expectDisconnect(second);
      }));

    it('unauthenticatedMessageSize: ends the connection', () =>
      withLimits({ unauthenticatedMessageSize: 1024 }, async (target) => {
        const connection = await negotiated(target);
        connection.sendRaw(new Uint8Array(1025));
        await expectDisconnect(connection);
      }));

    it('unauthenticatedTimeMs: ends the connection of who does not log on', () =>
      withLimits({ unauthenticatedTimeMs: 50 }, async (target) => {
        await expectDisconnect(await negotiated(target));
      }));

    it('transactSizeMax: is what NEGOTIATE offers', () =>
      withLimits({ transactSizeMax: 2 * 65_536 }, async (target) => {
        const connection = await negotiated(target);
        assert.equal(connection.negotiated!.response.maxReadSize, 2 * 65_536);
        assert.notEqual(DEFAULT_LIMITS.transactSizeMax, 2 * 65_536);
      }));
  });
}
