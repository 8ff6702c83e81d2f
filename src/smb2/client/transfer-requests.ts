/**
 * READ and WRITE ([MS-SMB2] 2.2.19, 2.2.21) as values for `ClientConnection`: with the file's
 * bytes in the messages, or placed beside them by RDMA.
 */
import { SMB2_READ, SMB2_WRITE } from '../wire/constants.ts';
import type { FileId } from '../wire/file-id.ts';
import {
  decodeReadResponse,
  encodeReadRequest,
  type ReadRequest,
  type ReadResponse,
} from '../wire/read.ts';
import {
  decodeWriteResponse,
  encodeChannelWriteRequest,
  encodeWriteRequestHead,
  WRITE_REQUEST_HEAD,
  type WriteResponse,
} from '../wire/write.ts';
import { FIXED_SIZE_MAX, type Request } from './request.ts';

export type ReadParameters = Pick<ReadRequest, 'fileId' | 'length'> &
  Partial<Omit<ReadRequest, 'offset'>> & {
    readonly offset: number;
    readonly channelInfo?: Uint8Array;
  };

export function readRequest(parameters: ReadParameters): Request<ReadResponse> {
  const body = {
    flags: 0,
    minimumCount: 0,
    channel: 0,
    remainingBytes: 0,
    channelInfo: NO_BYTES,
    ...parameters,
  };
  return {
    command: SMB2_READ,
    size: FIXED_SIZE_MAX + body.channelInfo.length,
    chargedSize: body.length,
    encode: (view, at) => encodeReadRequest(view, at, body),
    decode: decodeReadResponse,
  };
}

export interface WriteOptions {
  readonly fileId: FileId;
  readonly offset: number;
  /** Sent without a copy: not to be changed until the reply has come. */
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly remainingBytes?: number;
}

/** Memory that a READ fills, or a WRITE is filled from, beside the messages: RDMA. */
export interface PlacedData {
  /** SMB2_CHANNEL_RDMA_V1 or SMB2_CHANNEL_RDMA_V1_INVALIDATE. */
  readonly channel: number;
  /** The descriptors of `memory`. */
  readonly channelInfo: Uint8Array;
  readonly memory: Uint8Array;
}

/** [MS-SMB2] 3.2.4.6: the response tells how much of the memory is filled (3.2.5.11). */
export function readPlacedRequest(
  parameters: ReadParameters,
  { channel, channelInfo, memory }: PlacedData,
): Request<ReadResponse> {
  const remainingBytes = memory.length;
  const request = readRequest({ ...parameters, channel, channelInfo, remainingBytes });
  return {
    ...request,
    decode(view, at, end) {
      const response = request.decode(view, at, end);
      if (response === undefined || response.dataRemaining > memory.length) return undefined;
      return { ...response, data: memory.subarray(0, response.dataRemaining) };
    },
  };
}

/** [MS-SMB2] 3.2.4.7: all of the memory is written. */
export function writePlacedRequest(
  { fileId, offset, flags = 0 }: Omit<WriteOptions, 'data'>,
  { channel, channelInfo, memory }: PlacedData,
): Request<WriteResponse> {
  const body = { fileId, offset, flags, channel, channelInfo, remainingBytes: memory.length };
  return {
    command: SMB2_WRITE,
    size: WRITE_REQUEST_HEAD + channelInfo.length,
    chargedSize: memory.length,
    encode: (view, at) => encodeChannelWriteRequest(view, at, body),
    decode: decodeWriteResponse,
  };
}

export function writeRequest(options: WriteOptions): Request<WriteResponse> {
  const { fileId, offset, data, flags = 0, remainingBytes = 0 } = options;
  const body = { fileId, offset, length: data.length, flags, remainingBytes };
  const isEmpty = data.length === 0;
  return {
    command: SMB2_WRITE,
    size: WRITE_REQUEST_HEAD + 1,
    // The odd StructureSize promises one byte of Buffer, and servers insist on it.
    payload: isEmpty ? ONE_ZERO : data,
    chargedSize: data.length,
    encode: (view, at) => encodeWriteRequestHead(view, at, body),
    decode: decodeWriteResponse,
  };
}

const NO_BYTES = new Uint8Array(0);
const ONE_ZERO = new Uint8Array(1);
