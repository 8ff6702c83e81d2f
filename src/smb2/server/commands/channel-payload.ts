/** READ and WRITE whose data goes by RDMA, beside the message: [MS-SMB2] 3.3.5.12, 3.3.5.13. */
import { takeBuffer } from '../../../base/buffer-pool.ts';
import { pad } from '../../../base/bytes.ts';
import type { RegisteredRegion, Sendable } from '../../../base/io-buffer.ts';
import { type Task, wait } from '../../../base/task.ts';
import type { NtStatus } from '../../../erref/ntstatus.ts';
import { SMB2_CHANNEL_NONE, SMB2_DIALECT_300 } from '../../wire/constants.ts';
import { encodeReadResponseHead, READ_RESPONSE_HEAD } from '../../wire/read.ts';
import { decideChannel } from '../decide-channel.ts';
import type { Request } from '../request.ts';
import type { Connection } from '../state/connection.ts';

/** Whether the Channel field says that data is not in the message. [MS-SMB2] 2.2.19, 2.2.21. */
export function usesChannel({ dialect }: Connection, channel: number): boolean {
  return channel !== SMB2_CHANNEL_NONE && dialect >= SMB2_DIALECT_300;
}

export interface NamedMemory {
  readonly channel: number;
  readonly channelInfo: Uint8Array | undefined;
  /** Bytes of data. */
  readonly length: number;
}

/** The peer's memory that the request names. Undefined: STATUS_INVALID_PARAMETER. */
export function regionOf(request: Request, named: NamedMemory): RegisteredRegion | undefined {
  const { connection } = request;
  const { rdma } = connection.transport;
  const memory = decideChannel({
    ...named,
    dialect: connection.dialect,
    isRdma: rdma !== undefined,
    isProtected: request.isProtected,
    lengthMax: connection.maxReadSize,
  });
  if (memory === undefined) return undefined;
  request.invalidates = memory.invalidates;
  return rdma?.region(memory.descriptors);
}

/** Memory for data on its way; it counts against the connection while the request waits. */
export function stage(request: Request, length: number): Uint8Array {
  const memory = takeBuffer(length).subarray(0, length);
  request.stagedSize = length;
  return memory;
}

/**
 * Puts what was read into the peer's memory and answers how much it is. Undefined: the transport
 * could not, the connection ends.
 */
export function* placeRead(
  request: Request,
  region: RegisteredRegion,
  data: Sendable,
): Task<NtStatus | undefined> {
  const isPlaced = yield* wait(region.write(data, 0));
  if (!isPlaced) return undefined;
  const reply = request.room(READ_RESPONSE_HEAD + 1);
  const end = encodeReadResponseHead(reply.view, reply.body, 0, data.length);
  // The odd StructureSize promises one byte of Buffer.
  reply.finish(pad(reply.view, end, end + 1));
  return 0;
}

/** What is to be written, out of the peer's memory. Undefined: as in `placeRead`. */
export function* fetchWrite(
  request: Request,
  region: RegisteredRegion,
  length: number,
): Task<Uint8Array | undefined> {
  const data = stage(request, length);
  return (yield* wait(region.read(data, 0))) ? data : undefined;
}
