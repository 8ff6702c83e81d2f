/**
 * The control plane of a running server: HTTP and JSON on a unix socket in the state folder, which
 * only its owner reaches.
 *
 *   GET    /status                    `ControlStatus`
 *   DELETE /sessions/{id}             204, or 404 when there is none
 *   DELETE /opens/{id}                same
 *   DELETE /shares/{name}/connections same
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { ServerStatus, SmbServer } from '../server/smb-server.ts';

/** The socket's name in the state folder. */
const CONTROL_SOCKET = 'control.sock';
/** Bytes of a request; none has a body. */
const BODY_SIZE_MAX = 1024;

export interface ControlStatus extends ServerStatus {
  readonly name: string;
  readonly pid: number;
  readonly shares: readonly { readonly name: string; readonly path: string | undefined }[];
}

export function controlSocketOf(stateFolder: string): string {
  return join(stateFolder, CONTROL_SOCKET);
}

/** Another server uses this state folder. */
export class StateFolderInUse extends Error {}

/** Listens until `close`. Rejects with `StateFolderInUse`, or the system's error. */
export async function serveControl(
  server: SmbServer,
  stateFolder: string,
): Promise<{ close(): Promise<void> }> {
  const path = controlSocketOf(stateFolder);
  if (await answers(path)) {
    throw new StateFolderInUse(`a server runs already with the state folder ${stateFolder}`);
  }
  rmSync(path, { force: true });
  const app = Fastify({ bodyLimit: BODY_SIZE_MAX });
  addRoutes(app, server);
  await app.listen({ path });
  chmodSync(path, 0o600);
  return { close: () => app.close() };
}

function addRoutes(app: FastifyInstance, server: SmbServer): void {
  app.get('/status', async (): Promise<ControlStatus> => {
    const shares = server.shares.map(({ name, path }) => ({ name, path }));
    return { name: server.name, pid: process.pid, shares, ...(await server.status()) };
  });
  app.delete<{ Params: { readonly id: string } }>('/sessions/:id', async ({ params }, reply) =>
    tell(reply, await server.closeSession(params.id)),
  );
  app.delete<{ Params: { readonly id: string } }>('/opens/:id', async ({ params }, reply) =>
    tell(reply, await server.closeOpen(params.id)),
  );
  app.delete<{ Params: { readonly name: string } }>(
    '/shares/:name/connections',
    async ({ params }, reply) => tell(reply, await server.closeShare(params.name)),
  );
}

function tell(reply: FastifyReply, isDone: boolean): FastifyReply {
  return reply.code(isDone ? 204 : 404).send();
}

/** Whether a server listens there; a dead one leaves its socket behind. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
