import {
  type BufferDescriptor,
  decodeBufferDescriptors,
  describedSize,
} from '../transport/buffer-descriptor.ts';
import {
  SMB2_CHANNEL_RDMA_V1,
  SMB2_CHANNEL_RDMA_V1_INVALIDATE,
  SMB2_DIALECT_300,
} from '../wire/constants.ts';

/** A READ or WRITE whose Channel field is not SMB2_CHANNEL_NONE. */
export interface ChannelRequest {
  /** 3.x: the field is reserved before. */
  readonly dialect: number;
  /** The underlying connection is RDMA. */
  readonly isRdma: boolean;
  /** It came signed or encrypted. */
  readonly isProtected: boolean;
  readonly channel: number;
  /** As sent; undefined when it is not in the message. */
  readonly channelInfo: Uint8Array | undefined;
  /** Bytes of data: Length of a READ, RemainingBytes of a WRITE; and the most there may be. */
  readonly length: number;
  readonly lengthMax: number;
}

export interface ChannelMemory {
  readonly descriptors: readonly BufferDescriptor[];
  /** The token to give back with the response, whatever its status. */
  readonly invalidates: number | undefined;
}

/**
 * Which memory of the peer the data of a READ goes to, or that of a WRITE comes from. Undefined:
 * STATUS_INVALID_PARAMETER.
 *
 * [MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request, 3.3.5.13 Receiving an SMB2 WRITE Request;
 * SMB2_CHANNEL_RDMA_TRANSFORM is not supported (IsRDMATransformSupported is FALSE).
 *
 * Deviation: a signed or encrypted request is refused. Its data would go beside what protects the
 * message; clients never ask for that (3.2.4.6, 3.2.4.7).
 */
export function decideChannel(request: ChannelRequest): ChannelMemory | undefined {
  const { dialect, isRdma, isProtected, channel, channelInfo, length, lengthMax } = request;
  const isInvalidating = channel === SMB2_CHANNEL_RDMA_V1_INVALIDATE;
  if (channel !== SMB2_CHANNEL_RDMA_V1 && !isInvalidating) return undefined;
  if (isInvalidating && dialect === SMB2_DIALECT_300) return undefined;
  if (!isRdma || isProtected) return undefined;
  if (length === 0 || length > lengthMax || channelInfo === undefined) return undefined;
  const descriptors = decodeBufferDescriptors(channelInfo);
  if (descriptors === undefined || describedSize(descriptors) < length) return undefined;
  return { descriptors, invalidates: isInvalidating ? descriptors[0]?.token : undefined };
}
