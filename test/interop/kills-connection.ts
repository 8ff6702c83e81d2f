/** What the clients of kills.ts have in common: how they connect, and where they draw from. */
import { createInitiator } from '../../src/auth/authenticator.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeRandom } from '../../src/env/node/node-random.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { STATUS_CONNECTION_DISCONNECTED, statusName } from '../../src/erref/ntstatus.ts';
import { type BreakNotification, ClientConnection } from '../../src/smb2/client/connection.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';

const HOST = '127.0.0.1';
const SHARE = 'share_ca';

/** Workers of a busy machine take more than a minute to start. */
export const PATIENCE_MS = 300_000;

/** The connection ended before the answer came. */
export class Lost extends Error {}

/** Repeatable draws: a seed tells a whole run, but for the moments of the kills. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  below(end: number): number {
    // xorshift32
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % end;
  }

  hex(length: number): string {
    const byte = (): string => this.below(256).toString(16).padStart(2, '0');
    return Array.from({ length }, byte).join('');
  }
}

export async function connectAs(options: {
  readonly port: number;
  readonly clientGuid: string;
  readonly previousSessionId?: bigint | undefined;
  readonly onBreak?: (notification: BreakNotification) => void;
}): Promise<ClientTree> {
  const { port, clientGuid, previousSessionId = 0n, onBreak } = options;
  const [clock, random, timers] = [makeNodeClock(), makeNodeRandom(), nodeTimers];
  const tcp = { host: HOST, port, timers, timeoutMs: 5_000 };
  const sizes = { messageSizeMax: 0xff_ffff, messageTimeMs: 60_000 };
  const connection = await ClientConnection.open(
    (listener) => connectTcp({ ...tcp, ...sizes }, listener),
    { timers, random, timeoutMs: PATIENCE_MS, ...(onBreak === undefined ? {} : { onBreak }) },
  ).catch(() => {
    throw new Lost('no connection');
  });
  mustSucceed((await connection.negotiate({ clientGuid })).status, 'NEGOTIATE');
  const session = new ClientSession(connection);
  const initiator = createInitiator({
    random,
    clock,
    userName: 'torture1',
    domainName: '',
    secret: 'torture1pw',
    targetName: `cifs/${HOST}`,
  });
  mustSucceed((await session.setup(initiator, { previousSessionId })).status, 'SESSION_SETUP');
  const { status, tree } = await ClientTree.connect(session, `\\\\${HOST}\\${SHARE}`);
  mustSucceed(status, 'TREE_CONNECT');
  return tree!;
}

function mustSucceed(status: number, what: string): void {
  if (status === STATUS_CONNECTION_DISCONNECTED) throw new Lost(what);
  if (status !== 0) throw new Error(`${what}: ${statusName(status)}`);
}
