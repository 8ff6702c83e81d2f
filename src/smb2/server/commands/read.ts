import { recycle } from '../../../base/buffer-pool.ts';
import { pad } from '../../../base/bytes.ts';
import type { FileRange, RegisteredRegion } from '../../../base/io-buffer.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import { type ReadOptions, rangeToRead, readFile } from '../../../fsa/read-write.ts';
import type { Pipe } from '../../../rpce/pipe.ts';
import {
  SMB2_READFLAG_READ_UNBUFFERED,
  SMB2_READFLAG_REQUEST_COMPRESSED,
} from '../../wire/constants.ts';
import {
  decodeReadChannelInfo,
  decodeReadRequest,
  encodeReadResponseHead,
  READ_RESPONSE_HEAD,
  type ReadRequest,
} from '../../wire/read.ts';
import { waitForPipe } from '../pipe-wait.ts';
import type { Reply } from '../reply.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import { placeRead, regionOf, stage, usesChannel } from './channel-payload.ts';

/** Bytes of a READ for which two further system calls cost less than a copy. */
const RANGE_SIZE_MIN = 65_536;

/**
 * [MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request. Undefined: the data could not be put where the
 * peer wants it, and the connection ends.
 */
export function* handleRead(request: Request): Task<NtStatus | undefined> {
  const { connection } = request;
  const read = decodeReadRequest(request.view, request.body, request.end);
  if (read === undefined) return STATUS_INVALID_PARAMETER;
  const isBeside = usesChannel(connection, read.channel);
  const region = isBeside ? regionOfRead(request, read) : undefined;
  const open = request.findOpen(read.fileId);
  if (typeof open === 'number') return open;
  if (!isBeside && read.length > connection.maxTransactSize) return STATUS_INVALID_PARAMETER;
  if (!request.chargeCovers(read.length)) return STATUS_INVALID_PARAMETER;
  if (read.offset === undefined) return STATUS_INVALID_PARAMETER;
  if (isBeside) {
    if (region === undefined) return STATUS_INVALID_PARAMETER;
    return yield* readToRegion(request, open, { ...read, offset: read.offset, region });
  }
  if (open.pipe !== undefined) return yield* readPipe(request, open.pipe, read.length);
  if (open.localOpen === undefined) return STATUS_FILE_CLOSED;

  if (read.length >= RANGE_SIZE_MIN && mayTakeRange(request, read)) {
    const range = rangeToRead(open.localOpen, read.offset, read.length);
    if (range !== undefined) return answerRange(request, range);
  }
  const { readPadding } = connection;
  const reply = request.room(READ_RESPONSE_HEAD + readPadding + Math.max(1, read.length));
  const dataAt = reply.body + READ_RESPONSE_HEAD + readPadding;
  const target = reply.bytes.subarray(dataAt, dataAt + read.length);
  const { status, count } = yield* readFile(open.localOpen, target, read.offset, optionsOf(read));
  if (status !== 0) return status;
  encodeReadResponseHead(reply.view, reply.body, count);
  if (readPadding > 0) padHead(reply, dataAt);
  if ((read.flags & SMB2_READFLAG_REQUEST_COMPRESSED) !== 0) {
    request.compressReply = compresses(request);
  }
  reply.finish(dataAt + count);
  return 0;
}

/** The response ends with the file's range. */
function answerRange(request: Request, range: FileRange): NtStatus {
  const reply = request.room(READ_RESPONSE_HEAD);
  reply.finish(encodeReadResponseHead(reply.view, reply.body, range.length));
  reply.file = range;
  return 0;
}

/** What is signed, encrypted, compressed or compounded has to pass through memory. */
function mayTakeRange(request: Request, { flags }: ReadRequest): boolean {
  const { connection, treeConnect } = request;
  if (connection.transport.sendsFiles !== true || treeConnect?.share.sendFile !== true)
    return false;
  const isPlain = request.isAlone && !request.isProtected && connection.readPadding === 0;
  return isPlain && flags === 0;
}

function optionsOf({ minimumCount, flags }: ReadRequest): ReadOptions {
  return { minimumCount, unbuffered: (flags & SMB2_READFLAG_READ_UNBUFFERED) !== 0 };
}

function compresses({ connection, treeConnect }: Request): boolean {
  const { compression = 'off' } = treeConnect?.share ?? {};
  return connection.compression !== undefined && compression !== 'off';
}

/** Moves DataOffset to where the data stands: clients must not take its place for granted. */
function padHead({ view, body, start }: Reply, dataAt: number): void {
  pad(view, body + READ_RESPONSE_HEAD, dataAt);
  view.setUint8(body + 2, dataAt - start);
}

/** A message that is longer than the client's buffer comes in parts: STATUS_BUFFER_OVERFLOW. */
function* readPipe(request: Request, pipe: Pipe, length: number): Task<NtStatus> {
  const message = yield* waitForPipe(request, pipe, length);
  if (typeof message === 'number') return message;
  const reply = request.room(READ_RESPONSE_HEAD + message.bytes.length);
  const dataAt = encodeReadResponseHead(reply.view, reply.body, message.bytes.length);
  reply.bytes.set(message.bytes, dataAt);
  reply.finish(dataAt + message.bytes.length);
  return message.more ? STATUS_BUFFER_OVERFLOW : 0;
}

/** Where the data is to go; undefined: the request breaks the rules for it. */
function regionOfRead(
  request: Request,
  { channel, length }: ReadRequest,
): RegisteredRegion | undefined {
  const channelInfo = decodeReadChannelInfo(request.view, request.body, request.end);
  return regionOf(request, { channel, channelInfo, length });
}

interface RegionRead extends ReadRequest {
  readonly offset: number;
  readonly region: RegisteredRegion;
}

/** The data goes beside the response, which tells how much it is. */
function* readToRegion(
  request: Request,
  { pipe, localOpen }: Open,
  read: RegionRead,
): Task<NtStatus | undefined> {
  const { region, length, offset } = read;
  if (pipe !== undefined) {
    const message = yield* waitForPipe(request, pipe, length);
    if (typeof message === 'number') return message;
    const placed = yield* placeRead(request, region, message.bytes);
    return placed === 0 && message.more ? STATUS_BUFFER_OVERFLOW : placed;
  }
  if (localOpen === undefined) return STATUS_FILE_CLOSED;
  const range = mayTakeRange(request, read) ? rangeToRead(localOpen, offset, length) : undefined;
  if (range !== undefined) return yield* placeRead(request, region, range);
  const memory = stage(request, length);
  const { status, count } = yield* readFile(localOpen, memory, offset, optionsOf(read));
  const isRead = status === 0;
  const answer = isRead ? yield* placeRead(request, region, memory.subarray(0, count)) : status;
  recycle(memory);
  return answer;
}
