import { assert } from '../../../base/assert.ts';
import { viewOf } from '../../../base/bytes.ts';
import {
  SMB2_DIALECT_2FF,
  SMB2_DIALECT_202,
  SMB2_DIALECT_210,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_NEGOTIATE,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../../wire/constants.ts';
import { encodeHeader } from '../../wire/header.ts';
import { encodeNegotiateResponse } from '../../wire/negotiate.ts';
import {
  decodeSmb1NegotiateRequest,
  SMB1_DIALECT_SMB_2_002,
  SMB1_DIALECT_SMB_2_WILDCARD,
} from '../../wire/smb1-negotiate.ts';
import { allocateReply, type Reply } from '../reply.ts';
import { sendMessage } from '../sender.ts';
import type { Smb2Server } from '../server.ts';
import { type Connection, DIALECT_WILDCARD } from '../state/connection.ts';
import { guidText } from './negotiate.ts';

/**
 * [MS-SMB2] 3.3.5.3 Receiving an SMB_COM_NEGOTIATE: a client that begins with SMB1 is answered with
 * 2.0.2 or the wildcard 0x02FF, after which it negotiates in SMB2. False where it speaks SMB1 only:
 * the connection ends, semba has no SMB1.
 */
export function answerSmb1Negotiate(
  server: Smb2Server,
  connection: Connection,
  bytes: Uint8Array,
): boolean {
  const dialect = dialectFor(server, bytes);
  if (dialect === undefined) return false;
  if (!connection.window.claim(0n, 1)) return false;
  settle(server, connection, dialect);
  sendMessage(connection, undefined, [replyWith(server, dialect, connection.window.grant(1))]);
  return true;
}

/**
 * The answer 0x02FF to a client whose connection another process goes on with, behind `headroom`
 * bytes. Undefined where that is not the answer.
 */
export function wildcardAnswer(
  server: Smb2Server,
  bytes: Uint8Array,
  headroom: number,
): Uint8Array | undefined {
  if (dialectFor(server, bytes) !== SMB2_DIALECT_2FF) return undefined;
  const reply = replyWith(server, SMB2_DIALECT_2FF, 1);
  return reply.bytes.subarray(reply.start - headroom, reply.end);
}

/** Goes on with a new connection whose client was given `wildcardAnswer`. */
export function goOnAfterWildcard(server: Smb2Server, connection: Connection): void {
  const isFirst = connection.window.claim(0n, 1);
  assert(isFirst && connection.window.grant(1) === 1, 'the connection is new');
  settle(server, connection, SMB2_DIALECT_2FF);
}

function settle(server: Smb2Server, connection: Connection, dialect: number): void {
  connection.dialect = dialect === SMB2_DIALECT_2FF ? DIALECT_WILDCARD : dialect;
  connection.serverSecurityMode = securityModeOf(server);
  connection.clientGuid = '';
  connection.transport.setMessageSizeMax(server.options.limits.unauthenticatedMessageSize);
}

function securityModeOf({ options }: Smb2Server): number {
  const required = options.signing === 'required' ? SMB2_NEGOTIATE_SIGNING_REQUIRED : 0;
  return SMB2_NEGOTIATE_SIGNING_ENABLED | required;
}

function replyWith(server: Smb2Server, dialect: number, credits: number): Reply {
  const { authenticator, env, serverGuid } = server.options;
  const reply = allocateReply(256 + authenticator.hint.length);
  encodeHeader(reply.view, reply.start, {
    creditCharge: 0,
    status: 0,
    command: SMB2_NEGOTIATE,
    credits,
    flags: SMB2_FLAGS_SERVER_TO_REDIR,
    nextCommand: 0,
    messageId: 0n,
    asyncId: 0n,
    treeId: 0,
    sessionId: 0n,
  });
  // Negotiated by SMB1's message, the sizes are those of a server without multi-credit.
  reply.finish(
    encodeNegotiateResponse(reply.view, reply.body, {
      securityMode: securityModeOf(server),
      dialectRevision: dialect,
      serverGuid: guidText(serverGuid),
      capabilities: 0,
      maxTransactSize: 65_536,
      maxReadSize: 65_536,
      maxWriteSize: 65_536,
      systemTime: env.clock.fileTime(),
      serverStartTime: 0n,
      securityBuffer: authenticator.hint,
      contexts: [],
    }),
  );
  return reply;
}

/** Undefined where the bytes are no SMB_COM_NEGOTIATE, or nothing in it is spoken here. */
function dialectFor(server: Smb2Server, bytes: Uint8Array): number | undefined {
  const offered = decodeSmb1NegotiateRequest(viewOf(bytes), 0, bytes.length);
  return offered === undefined ? undefined : chooseDialect(server, offered.dialects);
}

function chooseDialect(server: Smb2Server, offered: readonly string[]): number | undefined {
  const { dialectMin, dialectMax } = server.options;
  if (dialectMax >= SMB2_DIALECT_210 && offered.includes(SMB1_DIALECT_SMB_2_WILDCARD)) {
    return SMB2_DIALECT_2FF;
  }
  const takes202 = dialectMin <= SMB2_DIALECT_202 && offered.includes(SMB1_DIALECT_SMB_2_002);
  return takes202 ? SMB2_DIALECT_202 : undefined;
}
