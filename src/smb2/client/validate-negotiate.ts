import { toHex, viewOf } from '../../base/bytes.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import { FSCTL_VALIDATE_NEGOTIATE_INFO } from '../../fscc/fsctl.ts';
import {
  decodeValidateNegotiateResponse,
  encodeValidateNegotiateRequest,
  VALIDATE_NEGOTIATE_RESPONSE_SIZE,
} from '../../fscc/fsctl-validate-negotiate.ts';
import { SMB2_DIALECT_300, SMB2_DIALECT_302 } from '../wire/constants.ts';
import { RELATED_FILE_ID } from '../wire/file-id.ts';
import type { ClientConnection } from './connection.ts';
import type { ClientTree } from './tree.ts';

/**
 * [MS-SMB2] 3.2.5.5: after the first tree connect of dialects 3.0 and 3.0.2 the negotiation, which
 * nobody signed, is told to the server again under the session's key. False: somebody on the way
 * changed it (3.2.5.14.12), and the connection must be closed.
 */
export async function isNegotiationGenuine(
  tree: ClientTree,
  connection: ClientConnection = tree.session.connection,
): Promise<boolean> {
  const channel = tree.session.channelOn(connection);
  const { negotiated } = connection;
  if (negotiated === undefined || channel.signer === undefined) return true;
  const { dialect, request, response } = negotiated;
  if (dialect !== SMB2_DIALECT_300 && dialect !== SMB2_DIALECT_302) return true;
  const input = new Uint8Array(24 + 2 * request.dialects.length);
  encodeValidateNegotiateRequest(viewOf(input), 0, {
    capabilities: request.capabilities,
    clientGuid: Buffer.from(request.clientGuid, 'hex'),
    securityMode: request.securityMode,
    dialects: request.dialects,
  });
  const parameters = {
    ctlCode: FSCTL_VALIDATE_NEGOTIATE_INFO,
    fileId: RELATED_FILE_ID,
    maxOutputResponse: VALIDATE_NEGOTIATE_RESPONSE_SIZE,
    input,
  };
  const protection = tree.encryptData ? {} : { sign: true };
  const reply = await tree.ioctl(parameters, { connection, ...protection });
  // Servers older than the request refuse it, under the session's protection like any answer.
  if (REFUSALS.has(reply.status)) return reply.protection !== 'none';
  if (reply.status !== STATUS_SUCCESS || reply.response === undefined) return false;
  const { output } = reply.response;
  const info = decodeValidateNegotiateResponse(viewOf(output), 0, output.length);
  return (
    info !== undefined &&
    info.capabilities === response.capabilities &&
    info.securityMode === response.securityMode &&
    info.dialect === response.dialectRevision &&
    toHex(info.serverGuid) === response.serverGuid
  );
}

const REFUSALS: ReadonlySet<number> = new Set([
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
]);
