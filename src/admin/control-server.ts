/**
 * The control plane of a running server: HTTP and JSON on a unix socket in the state folder, which
 * only its owner reaches.
 *
 *   GET    /status                    `ControlStatus`
 *   POST   /reload                    `ReloadReport`; 422 and what is wrong with the configuration
 *   POST   /upgrade                   `UpgradeRequest`: `UpgradeReport`; 409 and why not
 *   DELETE /sessions/{id}             204; 404 when there is none; 503 when a worker is silent
 *   DELETE /opens/{id}                same
 *   DELETE /shares/{name}/connections same
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { z } from 'zod';
import { makePrivateFolder } from '../server/atomic-file.ts';
import type { ReloadReport } from '../server/reload.ts';
import type { ServerStatus, SmbServer } from '../server/smb-server.ts';
import {
  UpgradeProblem,
  type UpgradeReport,
  type UpgradeRequest,
} from '../server/upgrade/upgrade.ts';
import { SilentWorkersError } from '../server/workers/control-workers.ts';

/** The socket's name in the state folder. */
const CONTROL_SOCKET = 'control.sock';
/** unix(7): what `sun_path` holds before its zero byte. Node cuts what is longer. */
const SOCKET_PATH_SIZE_MAX = 107;
const PRIVATE_FILE_MODE = 0o600;
/** Bytes of a request; the longest has a path. */
const BODY_SIZE_MAX = 16 * 1024;

export interface ControlStatus extends ServerStatus {
  readonly name: string;
  readonly pid: number;
  readonly shares: readonly { readonly name: string; readonly path: string | undefined }[];
}

export function controlSocketOf(stateFolder: string): string {
  return join(stateFolder, CONTROL_SOCKET);
}

/** No server can use this state folder, or another one does. */
export class StateFolderError extends Error {}

/** Reads the configuration again; rejects with `ConfigProblem` when it is wrong. */
export type Reload = () => Promise<ReloadReport>;

/** The configuration cannot be taken over: nothing changed. */
export class ConfigProblem extends Error {}

/** What the process does for whoever asks. */
export interface ControlJobs {
  readonly reload: Reload;
  /** Rejects with `UpgradeProblem`. */
  readonly upgrade: (request: UpgradeRequest) => Promise<UpgradeReport>;
}

export interface ControlServer {
  /** Rejects with `StateFolderError`, or the system's error. */
  listen(): Promise<void>;
  /** Another process may listen in its place; who has asked gets the answer still. */
  letGo(): void;
  close(): Promise<void>;
}

/** Listens from `listen` to `close`. Rejects with `StateFolderError`. */
export async function makeControl(
  server: SmbServer,
  stateFolder: string,
  { reload, upgrade }: ControlJobs,
): Promise<ControlServer> {
  const path = controlSocketOf(stateFolder);
  if (Buffer.byteLength(path) > SOCKET_PATH_SIZE_MAX) {
    const bytesMax = SOCKET_PATH_SIZE_MAX - CONTROL_SOCKET.length - 1;
    throw new StateFolderError(
      `state folder ${stateFolder}: expected a path of at most ${bytesMax} bytes`,
    );
  }
  const app = Fastify({ bodyLimit: BODY_SIZE_MAX });
  addRoutes(app, server);
  app.post('/reload', async (_, reply) => {
    try {
      return await reload();
    } catch (error) {
      if (!(error instanceof ConfigProblem)) throw error;
      return reply.code(422).type('text/plain').send(error.message);
    }
  });
  app.post('/upgrade', async ({ body }, reply) => {
    const request = upgradeRequest.safeParse(body ?? {});
    if (!request.success) return reply.code(400).type('text/plain').send(request.error.message);
    try {
      return await upgrade(request.data);
    } catch (error) {
      if (!(error instanceof UpgradeProblem)) throw error;
      return reply.code(409).type('text/plain').send(error.message);
    }
  });
  await app.ready();
  const listen = async (): Promise<void> => {
    if (await answers(path)) {
      throw new StateFolderError(`a server runs already with the state folder ${stateFolder}`);
    }
    makePrivateFolder(stateFolder);
    rmSync(path, { force: true });
    await app.listen({ path });
    chmodSync(path, PRIVATE_FILE_MODE);
  };
  // The socket's file goes at once, before another process makes its own.
  return { listen, letGo: () => void app.server.close(), close: () => app.close() };
}

const upgradeRequest: z.ZodType<UpgradeRequest> = z.strictObject({
  program: z.string().optional(),
  timeMs: z.number().positive().optional(),
});

function addRoutes(app: FastifyInstance, server: SmbServer): void {
  app.get('/status', async (): Promise<ControlStatus> => {
    const shares = server.shares.map(({ name, path }) => ({ name, path }));
    return { name: server.name, pid: process.pid, shares, ...(await server.status()) };
  });
  app.delete<{ Params: { readonly id: string } }>('/sessions/:id', async ({ params }, reply) =>
    tellEnd(reply, server.closeSession(params.id)),
  );
  app.delete<{ Params: { readonly id: string } }>('/opens/:id', async ({ params }, reply) =>
    tellEnd(reply, server.closeOpen(params.id)),
  );
  app.delete<{ Params: { readonly name: string } }>(
    '/shares/:name/connections',
    async ({ params }, reply) => tellEnd(reply, server.closeShare(params.name)),
  );
}

/** 503 and who does not answer, where what is asked for may be there. */
async function tellEnd(reply: FastifyReply, end: Promise<boolean>): Promise<FastifyReply> {
  try {
    return tell(reply, await end);
  } catch (error) {
    if (!(error instanceof SilentWorkersError)) throw error;
    return reply.code(503).type('text/plain').send(error.message);
  }
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
