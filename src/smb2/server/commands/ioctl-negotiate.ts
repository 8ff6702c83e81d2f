import { isIPv4 } from 'node:net';
import { toHex } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../../../erref/ntstatus.ts';
import {
  encodeNetworkInterfaces,
  NETWORK_INTERFACE_INFO_SIZE,
  RDMA_CAPABLE,
  RSS_CAPABLE,
} from '../../../fscc/fsctl-network-interfaces.ts';
import {
  decodeValidateNegotiateRequest,
  encodeValidateNegotiateResponse,
  VALIDATE_NEGOTIATE_RESPONSE_SIZE,
} from '../../../fscc/fsctl-validate-negotiate.ts';
import { SMB2_DIALECT_300, SMB2_DIALECT_311 } from '../../wire/constants.ts';
import { FILE_ID_ALL_ONES } from '../ids.ts';
import type { NetworkInterface } from '../options.ts';
import type { Ioctl } from './ioctl-call.ts';

const NO_GUID = '00000000000000000000000000000000';

/**
 * [MS-SMB2] 3.3.5.15.12 Handling a Validate Negotiate Info Request. What differs from the NEGOTIATE
 * that arrived was changed on the way: the connection ends without an answer.
 */
export function* validateNegotiate(call: Ioctl): Task<NtStatus | undefined> {
  const { request, ioctl, input } = call;
  const { connection, server } = request;
  if (ioctl.fileId.volatile !== FILE_ID_ALL_ONES) return STATUS_INVALID_PARAMETER;
  const asked = decodeValidateNegotiateRequest(input, 0, input.byteLength);
  if (asked === undefined) return STATUS_INVALID_PARAMETER;
  if (ioctl.maxOutputResponse < VALIDATE_NEGOTIATE_RESPONSE_SIZE) return STATUS_INVALID_PARAMETER;
  if (connection.dialect === SMB2_DIALECT_311) return undefined;
  const capabilities = connection.dialect >= SMB2_DIALECT_300 ? connection.clientCapabilities : 0;
  const clientGuid = connection.clientGuid === '' ? NO_GUID : connection.clientGuid;
  const isSame =
    (connection.dialect < SMB2_DIALECT_300 || asked.capabilities === capabilities) &&
    (connection.clientGuid === '' || toHex(asked.clientGuid) === clientGuid) &&
    asked.securityMode === connection.clientSecurityMode &&
    asked.dialects.length === connection.clientDialects.length &&
    asked.dialects.every((dialect, i) => dialect === connection.clientDialects[i]);
  if (!isSame) return undefined;
  call.output(VALIDATE_NEGOTIATE_RESPONSE_SIZE, (view, at) => {
    encodeValidateNegotiateResponse(view, at, {
      capabilities: connection.serverCapabilities,
      serverGuid: server.options.serverGuid,
      securityMode: connection.serverSecurityMode,
      dialect: connection.dialect,
    });
  });
  return 0;
}

/** [MS-SMB2] 3.3.5.15.11 Handling a Query Network Interface Request. */
export function* queryInterfaces(call: Ioctl): Task<NtStatus> {
  const { request, ioctl } = call;
  if (request.connection.dialect < SMB2_DIALECT_300) return STATUS_NOT_SUPPORTED;
  if (ioctl.fileId.volatile !== FILE_ID_ALL_ONES) return STATUS_INVALID_PARAMETER;
  if (request.treeConnect === undefined) return STATUS_FILE_CLOSED;
  const interfaces = request.server.options.networkInterfaces(
    request.connection.transport.localAddress,
  );
  const size = interfaces.length * NETWORK_INTERFACE_INFO_SIZE;
  if (size > ioctl.maxOutputResponse) return STATUS_BUFFER_TOO_SMALL;
  call.output(size, (view, at) => {
    encodeNetworkInterfaces(view, at, interfaces.map(toWire));
  });
  return 0;
}

function toWire(one: NetworkInterface): {
  readonly ifIndex: number;
  readonly capability: number;
  readonly linkSpeed: bigint;
  readonly address: Uint8Array;
} {
  return {
    ifIndex: one.index,
    capability: (one.rssCapable ? RSS_CAPABLE : 0) | (one.rdmaCapable ? RDMA_CAPABLE : 0),
    linkSpeed: one.linkSpeedBitsPerSecond,
    address: addressBytes(one.address),
  };
}

/** Four or sixteen bytes of an address as text. */
function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const bytes = new Uint8Array(16);
  for (const [i, word] of [...left, ...middle, ...right].slice(0, 8).entries()) {
    const value = Number.parseInt(word, 16);
    bytes[2 * i] = value >>> 8;
    bytes[2 * i + 1] = value & 0xff;
  }
  return bytes;
}
