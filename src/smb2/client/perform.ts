import type { Timers } from '../../env/ports.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import { SMB2_FLAGS_REPLAY_OPERATION } from '../wire/constants.ts';
import type { ClientConnection } from './connection.ts';
import type { ClientOpen } from './open.ts';
import type { HeaderFields, Reply } from './request.ts';
import type { ClientSession } from './session.ts';
import type { TreeSendOptions } from './tree.ts';

/** Milliseconds that a channel which left a request unanswered has to answer an ECHO. */
const ECHO_TIME_MS = 5_000;
/** Milliseconds between two tries while the server is busy with what the lost channel sent. */
const BUSY_PAUSE_MS = 100;
const BUSY_TRIES_MAX = 100;

const REPLAY: HeaderFields = { flags: SMB2_FLAGS_REPLAY_OPERATION };

/** `isRepeated`: it was sent more than once, and the server may have done it before. */
export type Performed<R> = Reply<R> & { readonly isRepeated: boolean };

/**
 * Sends a request, and on another channel of the session again when its own is lost before the
 * answer came: [MS-SMB2] 3.2.7.1 Handling a Network Disconnect. Only for what does no harm when the
 * server did it before: reads, writes, queries, CREATEs with a CreateGuid, LOCKs with a sequence,
 * changes of a handle that stay as they are when repeated.
 */
export async function perform<R>(
  session: ClientSession,
  send: (options: TreeSendOptions) => PromiseLike<Reply<R>>,
  first: ClientConnection = session.idlest,
): Promise<Performed<R>> {
  let connection = first;
  let isRepeated = false;
  for (let tries = 1; ; tries++) {
    const { channelSequence } = session;
    const reply = await send(isRepeated ? { connection, header: REPLAY } : { connection });
    if (reply.status === STATUS_FILE_NOT_AVAILABLE && tries <= BUSY_TRIES_MAX) {
      // 3.3.5.2.10: numbered before another channel was lost, and overtaken by what came after.
      if (session.channelSequence !== channelSequence) continue;
      // The same: the server still works on what the lost channel sent.
      if (isRepeated) {
        await pause(connection.timers);
        continue;
      }
    }
    if (!(await isLost(connection, reply)) || !session.lose(connection)) {
      return { ...reply, isRepeated };
    }
    isRepeated = true;
    connection = session.idlest;
  }
}

/** An open file to which requests can be repeated: `FileHandle`, or an open of one session. */
export interface OpenFile {
  /** The one that its requests go out in now. */
  readonly session: ClientSession;
  perform<R>(
    send: (open: ClientOpen, options: TreeSendOptions) => PromiseLike<Reply<R>>,
    first?: ClientConnection,
  ): Promise<Performed<R>>;
}

/** A file that ends with its session. */
export function withinSession(open: ClientOpen): OpenFile {
  const { session } = open.tree;
  return {
    session,
    perform: (send, first) => perform(session, (options) => send(open, options), first),
  };
}

/**
 * Sends a request that must not be sent again. Undefined: its channel was lost, who knows whether
 * the server did it, and the session has another channel.
 */
export async function attempt<R>(
  session: ClientSession,
  send: (options: TreeSendOptions) => PromiseLike<Reply<R>>,
): Promise<Reply<R> | undefined> {
  const connection = session.idlest;
  const reply = await send({ connection });
  if (!(await isLost(connection, reply)) || !session.lose(connection)) return reply;
  return undefined;
}

function pause(timers: Timers): Promise<void> {
  return new Promise((resolve) => timers.after(BUSY_PAUSE_MS, resolve));
}

/** Whether the reply says nothing about the request, but that its channel is of no use. */
async function isLost(connection: ClientConnection, reply: Reply<unknown>): Promise<boolean> {
  if (reply.header !== undefined) return false;
  if (reply.status === STATUS_CONNECTION_DISCONNECTED) return true;
  if (reply.status !== STATUS_IO_TIMEOUT) return false;
  const { status } = await connection.echo({ timeoutMs: ECHO_TIME_MS });
  if (status === STATUS_SUCCESS) return false;
  connection.abort('the channel does not answer');
  return true;
}
