import { equalBytes, LE, put, slice, viewOf } from '../../base/bytes.ts';
import { decodeUtf16, utf16Bytes } from '../../base/utf16le.ts';
import {
  SMB2_COMPRESSION_CAPABILITIES,
  SMB2_ENCRYPTION_CAPABILITIES,
  SMB2_NETNAME_NEGOTIATE_CONTEXT_ID,
  SMB2_POSIX_EXTENSIONS_AVAILABLE,
  SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
  SMB2_RDMA_TRANSFORM_CAPABILITIES,
  SMB2_SIGNING_CAPABILITIES,
  SMB2_TRANSPORT_CAPABILITIES,
} from './constants.ts';
import { padTo8 } from './variable.ts';

/**
 * [MS-SMB2] 2.2.3.1 SMB2 NEGOTIATE_CONTEXT Request Values
 *
 *    0   2  ContextType
 *    2   2  DataLength
 *    4   4  Reserved
 *    8   -  Data
 *
 * A list keeps every context as it came; the codecs below read one's data.
 */
export interface NegotiateContext {
  readonly type: number;
  readonly data: Uint8Array;
}
const HEAD_SIZE = 8;

/** The `count` contexts from `at` on; undefined when they do not fit before `end`. */
export function decodeNegotiateContexts(
  view: DataView,
  at: number,
  end: number,
  count: number,
): readonly NegotiateContext[] | undefined {
  const contexts: NegotiateContext[] = [];
  let start = at;
  for (let i = 0; i < count; i++) {
    if (end - start < HEAD_SIZE) return undefined;
    const dataAt = start + HEAD_SIZE;
    const dataEnd = dataAt + view.getUint16(start + 2, LE);
    if (dataEnd > end) return undefined;
    contexts.push({ type: view.getUint16(start, LE), data: slice(view, dataAt, dataEnd) });
    start = dataEnd + ((8 - ((dataEnd - at) & 7)) & 7);
  }
  return contexts;
}

/** Writes the list; `at` must be a multiple of 8 from the SMB2 header. The last is not padded. */
export function encodeNegotiateContexts(
  view: DataView,
  at: number,
  contexts: readonly NegotiateContext[],
): number {
  let end = at;
  for (const context of contexts) {
    const start = padTo8(view, at, end);
    view.setUint16(start, context.type, LE);
    view.setUint16(start + 2, context.data.length, LE);
    view.setUint32(start + 4, 0, LE);
    end = put(view, start + HEAD_SIZE, context.data);
  }
  return end;
}

/**
 * [MS-SMB2] 2.2.3.1.1 SMB2_PREAUTH_INTEGRITY_CAPABILITIES
 *
 *    0   2  HashAlgorithmCount
 *    2   2  SaltLength
 *    4   -  HashAlgorithms      2 bytes each
 *    -   -  Salt
 */
export interface PreauthIntegrityCapabilities {
  readonly hashAlgorithms: readonly number[];
  readonly salt: Uint8Array;
}

/** Undefined when `data` is too short for its counts. */
export function decodePreauthIntegrityCapabilities(
  data: Uint8Array,
): PreauthIntegrityCapabilities | undefined {
  if (data.length < 4) return undefined;
  const view = viewOf(data);
  const saltAt = 4 + 2 * view.getUint16(0, LE);
  const saltEnd = saltAt + view.getUint16(2, LE);
  if (saltEnd > data.length) return undefined;
  return { hashAlgorithms: getIds(view, 4, saltAt), salt: data.subarray(saltAt, saltEnd) };
}

export function preauthIntegrityContext(
  capabilities: PreauthIntegrityCapabilities,
): NegotiateContext {
  const { hashAlgorithms, salt } = capabilities;
  const data = new Uint8Array(4 + 2 * hashAlgorithms.length + salt.length);
  const view = viewOf(data);
  view.setUint16(0, hashAlgorithms.length, LE);
  view.setUint16(2, salt.length, LE);
  put(view, putIds(view, 4, hashAlgorithms), salt);
  return { type: SMB2_PREAUTH_INTEGRITY_CAPABILITIES, data };
}

/**
 * [MS-SMB2] 2.2.3.1.2 SMB2_ENCRYPTION_CAPABILITIES
 *
 *    0   2  CipherCount
 *    2   -  Ciphers      2 bytes each
 */
export function decodeEncryptionCapabilities(data: Uint8Array): readonly number[] | undefined {
  return decodeCountedIds(data, 2);
}

export function encryptionContext(ciphers: readonly number[]): NegotiateContext {
  return { type: SMB2_ENCRYPTION_CAPABILITIES, data: encodeCountedIds(ciphers, 2) };
}

/**
 * [MS-SMB2] 2.2.3.1.3 SMB2_COMPRESSION_CAPABILITIES
 *
 *    0   2  CompressionAlgorithmCount
 *    2   2  Padding
 *    4   4  Flags
 *    8   -  CompressionAlgorithms      2 bytes each
 */
export interface CompressionCapabilities {
  readonly flags: number;
  readonly algorithms: readonly number[];
}

/** Undefined when `data` is too short for its count. */
export function decodeCompressionCapabilities(
  data: Uint8Array,
): CompressionCapabilities | undefined {
  const algorithms = decodeCountedIds(data, 8);
  if (algorithms === undefined) return undefined;
  return { flags: viewOf(data).getUint32(4, LE), algorithms };
}

export function compressionContext(capabilities: CompressionCapabilities): NegotiateContext {
  const data = encodeCountedIds(capabilities.algorithms, 8);
  viewOf(data).setUint32(4, capabilities.flags, LE);
  return { type: SMB2_COMPRESSION_CAPABILITIES, data };
}

/** [MS-SMB2] 2.2.3.1.4 SMB2_NETNAME_NEGOTIATE_CONTEXT_ID: the server's name, UTF-16, no NUL. */
export function decodeNetname(data: Uint8Array): string | undefined {
  if (data.length % 2 !== 0) return undefined;
  return decodeUtf16(viewOf(data), 0, data.length);
}

export function netnameContext(netName: string): NegotiateContext {
  return { type: SMB2_NETNAME_NEGOTIATE_CONTEXT_ID, data: utf16Bytes(netName) };
}

/**
 * [MS-SMB2] 2.2.3.1.5 SMB2_TRANSPORT_CAPABILITIES
 *
 *    0   4  Flags
 */
export function decodeTransportCapabilities(data: Uint8Array): number | undefined {
  return data.length < 4 ? undefined : viewOf(data).getUint32(0, LE);
}

export function transportContext(flags: number): NegotiateContext {
  const data = new Uint8Array(4);
  viewOf(data).setUint32(0, flags, LE);
  return { type: SMB2_TRANSPORT_CAPABILITIES, data };
}

/**
 * [MS-SMB2] 2.2.3.1.6 SMB2_RDMA_TRANSFORM_CAPABILITIES
 *
 *    0   2  TransformCount
 *    2   2  Reserved1
 *    4   4  Reserved2
 *    8   -  RDMATransformIds  2 bytes each
 */
export function decodeRdmaTransformCapabilities(data: Uint8Array): readonly number[] | undefined {
  return decodeCountedIds(data, 8);
}

export function rdmaTransformContext(transformIds: readonly number[]): NegotiateContext {
  return { type: SMB2_RDMA_TRANSFORM_CAPABILITIES, data: encodeCountedIds(transformIds, 8) };
}

/**
 * [MS-SMB2] 2.2.3.1.7 SMB2_SIGNING_CAPABILITIES
 *
 *    0   2  SigningAlgorithmCount
 *    2   -  SigningAlgorithms      2 bytes each
 */
export function decodeSigningCapabilities(data: Uint8Array): readonly number[] | undefined {
  return decodeCountedIds(data, 2);
}

export function signingContext(signingAlgorithms: readonly number[]): NegotiateContext {
  return { type: SMB2_SIGNING_CAPABILITIES, data: encodeCountedIds(signingAlgorithms, 2) };
}

/** The version of the SMB3 POSIX Extensions that there is; also the name of the create context. */
const POSIX_VERSION = Uint8Array.of(
  ...[0x93, 0xad, 0x25, 0x50, 0x9c, 0xb4, 0x11, 0xe7],
  ...[0xb4, 0x23, 0x83, 0xde, 0x96, 0x8b, 0xcd, 0x7c],
);

/**
 * SMB2_POSIX_EXTENSIONS_AVAILABLE of the SMB3 POSIX Extensions: 16 bytes for each version. Whether
 * the known one is among them; undefined when the length is no multiple of 16.
 */
export function decodePosixExtensions(data: Uint8Array): boolean | undefined {
  if (data.length % POSIX_VERSION.length !== 0) return undefined;
  for (let at = 0; at < data.length; at += POSIX_VERSION.length) {
    if (equalBytes(data.subarray(at, at + POSIX_VERSION.length), POSIX_VERSION)) return true;
  }
  return false;
}

export function posixExtensionsContext(): NegotiateContext {
  return { type: SMB2_POSIX_EXTENSIONS_AVAILABLE, data: POSIX_VERSION };
}

/** A u16 count at 0 and that many u16 from `start` on. */
function decodeCountedIds(data: Uint8Array, start: 2 | 8): readonly number[] | undefined {
  if (data.length < start) return undefined;
  const view = viewOf(data);
  const end = start + 2 * view.getUint16(0, LE);
  return end > data.length ? undefined : getIds(view, start, end);
}

function encodeCountedIds(ids: readonly number[], start: 2 | 8): Uint8Array {
  const data = new Uint8Array(start + 2 * ids.length);
  const view = viewOf(data);
  view.setUint16(0, ids.length, LE);
  putIds(view, start, ids);
  return data;
}

function getIds(view: DataView, at: number, end: number): readonly number[] {
  const ids: number[] = [];
  for (let i = at; i < end; i += 2) ids.push(view.getUint16(i, LE));
  return ids;
}

function putIds(view: DataView, at: number, ids: readonly number[]): number {
  for (let i = 0; i < ids.length; i++) view.setUint16(at + 2 * i, ids[i]!, LE);
  return at + 2 * ids.length;
}
