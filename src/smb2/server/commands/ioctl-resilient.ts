import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import { SMB2_DIALECT_202 } from '../../wire/constants.ts';
import { NO_GUID } from '../../wire/guid.ts';
import { decodeNetworkResiliency } from '../../wire/network-resiliency.ts';
import { grantedTimeoutMs } from '../decide-durable.ts';
import { makeDurableRecord, withKept } from '../durable-opens.ts';
import type { Open } from '../state/open.ts';
import type { Ioctl } from './ioctl-call.ts';

/**
 * [MS-SMB2] 3.3.5.15.9 Handling a Resiliency Request: the open waits for its client whatever it
 * caches, and is found again as a durable one of version 1.
 *
 * STATUS_INVALID_DEVICE_REQUEST: the dialect is 2.0.2, or the open is a pipe.
 * STATUS_INVALID_PARAMETER: the input is too short, or asks for more time than the server gives.
 */
export function* requestResiliency({ request, input }: Ioctl, open: Open): Task<NtStatus> {
  const { server, connection } = request;
  if (connection.dialect === SMB2_DIALECT_202) return STATUS_INVALID_DEVICE_REQUEST;
  if (open.localOpen === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const asked = decodeNetworkResiliency(input, 0, input.byteLength);
  const { durableTimeoutMs: defaultMs, durableTimeoutMaxMs: maxMs } = server.options.limits;
  if (asked === undefined || asked.timeoutMs > maxMs) return STATUS_INVALID_PARAMETER;
  const timeoutMs = grantedTimeoutMs(asked.timeoutMs, { defaultMs, maxMs });
  // It waits already, and for longer than the server lives.
  if (open.durable?.kind === 'persistent') return 0;
  const createGuid = open.durable?.createGuid ?? NO_GUID;
  const { serverId } = server.options;
  const record = makeDurableRecord(open, { serverId, kind: 'resilient', createGuid, timeoutMs });
  if (record === undefined) return STATUS_INVALID_PARAMETER;
  const shared = yield* withKept(server, open.localOpen, record);
  if (open.state !== 'connected') return STATUS_FILE_CLOSED;
  yield* server.durableOpens.put(open, shared);
  return 0;
}
