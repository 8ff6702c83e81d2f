/** READ and WRITE whose data goes by RDMA, beside the message: [MS-SMB2] 3.2.4.6, 3.2.4.7. */
import { encodeBufferDescriptors } from '../transport/buffer-descriptor.ts';
import type { Rdma, Registration } from '../transport/rdma.ts';
import {
  SMB2_CHANNEL_RDMA_V1,
  SMB2_CHANNEL_RDMA_V1_INVALIDATE,
  SMB2_DIALECT_300,
} from '../wire/constants.ts';
import type { ReadResponse } from '../wire/read.ts';
import type { WriteResponse } from '../wire/write.ts';
import type { Call } from './call.ts';
import type { ClientConnection } from './connection.ts';
import {
  type PlacedData,
  type ReadParameters,
  readPlacedRequest,
  type WriteOptions,
  writePlacedRequest,
} from './transfer-requests.ts';
import type { ClientTree, TreeSendOptions } from './tree.ts';

/** Bytes of data for which registering memory pays; Windows takes as much. */
const PLACED_SIZE_MIN = 4096;

/** Undefined: the data goes in the response. */
export function readPlaced(
  tree: ClientTree,
  parameters: ReadParameters,
  options: TreeSendOptions,
): Call<ReadResponse> | undefined {
  if (parameters.channel !== undefined) return undefined;
  const connection = options.connection ?? tree.session.connection;
  const rdma = rdmaFor(tree, parameters.length, { ...options, connection });
  if (rdma === undefined) return undefined;
  const memory = Buffer.allocUnsafeSlow(parameters.length);
  const registration = rdma.register(memory, 'peer-writes');
  if (registration === undefined) return undefined;
  const placed = place(connection, registration, memory);
  const call = tree.call(readPlacedRequest(parameters, placed), options);
  call.then(() => registration.deregister());
  return call;
}

/** Undefined: the data goes in the request. */
export function writePlaced(
  tree: ClientTree,
  parameters: WriteOptions,
  options: TreeSendOptions,
): Call<WriteResponse> | undefined {
  const { data } = parameters;
  const connection = options.connection ?? tree.session.connection;
  const rdma = rdmaFor(tree, data.length, { ...options, connection });
  const registration = rdma?.register(data, 'peer-reads');
  if (registration === undefined) return undefined;
  const placed = place(connection, registration, data);
  const call = tree.call(writePlacedRequest(parameters, placed), options);
  call.then(() => registration.deregister());
  return call;
}

/**
 * What a signature or encryption would have to protect never goes beside the message that carries
 * it: the condition of 3.2.4.6 and 3.2.4.7.
 */
function rdmaFor(
  tree: ClientTree,
  length: number,
  { connection, sign, encrypt }: TreeSendOptions & { readonly connection: ClientConnection },
): Rdma | undefined {
  const { rdma, negotiated } = connection;
  if (rdma === undefined || length < PLACED_SIZE_MIN) return undefined;
  if (negotiated === undefined || negotiated.dialect < SMB2_DIALECT_300) return undefined;
  const { signingRequired, encryptData } = tree.session.channelOn(connection);
  const isProtected = signingRequired || encryptData || tree.encryptData;
  return isProtected || sign === true || encrypt === true ? undefined : rdma;
}

function place(
  { rdma, negotiated }: ClientConnection,
  { descriptors }: Registration,
  memory: Uint8Array,
): PlacedData {
  const invalidates = rdma?.takesInvalidation === true && negotiated?.dialect !== SMB2_DIALECT_300;
  const channel = invalidates ? SMB2_CHANNEL_RDMA_V1_INVALIDATE : SMB2_CHANNEL_RDMA_V1;
  return { channel, channelInfo: encodeBufferDescriptors(descriptors), memory };
}
