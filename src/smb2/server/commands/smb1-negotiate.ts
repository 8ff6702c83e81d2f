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
import { allocateReply } from '../reply.ts';
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
  const offered = decodeSmb1NegotiateRequest(viewOf(bytes), 0, bytes.length);
  if (offered === undefined) return false;
  const dialect = chooseDialect(server, offered.dialects);
  if (dialect === undefined) return false;
  if (!connection.window.claim(0n, 1)) return false;
  const required = server.options.signing === 'required';
  const { authenticator, env, limits, serverGuid } = server.options;
  connection.dialect = dialect === SMB2_DIALECT_2FF ? DIALECT_WILDCARD : dialect;
  connection.serverSecurityMode =
    SMB2_NEGOTIATE_SIGNING_ENABLED | (required ? SMB2_NEGOTIATE_SIGNING_REQUIRED : 0);
  connection.clientGuid = '';
  connection.transport.setMessageSizeMax(limits.unauthenticatedMessageSize);
  const reply = allocateReply(256 + authenticator.hint.length);
  encodeHeader(reply.view, reply.start, {
    creditCharge: 0,
    status: 0,
    command: SMB2_NEGOTIATE,
    credits: connection.window.grant(1),
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
      securityMode: connection.serverSecurityMode,
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
  sendMessage(connection, undefined, [reply]);
  return true;
}

function chooseDialect(server: Smb2Server, offered: readonly string[]): number | undefined {
  const { dialectMin, dialectMax } = server.options;
  if (dialectMax >= SMB2_DIALECT_210 && offered.includes(SMB1_DIALECT_SMB_2_WILDCARD)) {
    return SMB2_DIALECT_2FF;
  }
  const takes202 = dialectMin <= SMB2_DIALECT_202 && offered.includes(SMB1_DIALECT_SMB_2_002);
  return takes202 ? SMB2_DIALECT_202 : undefined;
}
