import { LE, put, slice, viewOf } from '../../base/bytes.ts';
import { padTo8 } from './variable.ts';

/**
 * [MS-SMB2] 2.2.13.2 SMB2_CREATE_CONTEXT Request Values, and 2.2.14.2 for responses
 *
 *    0   4  Next        from this context to the next one, 0 in the last
 *    4   2  NameOffset  from this context: 16
 *    6   2  NameLength
 *    8   2  Reserved
 *   10   2  DataOffset  from this context
 *   12   4  DataLength
 *   16   -  Buffer      the name, padding to 8, the data
 */
export interface CreateContext {
  /** Four ASCII characters, or the 16 bytes of a GUID, one character a byte (latin1). */
  readonly name: string;
  readonly data: Uint8Array;
}
const HEAD_SIZE = 16;

export const SMB2_CREATE_EA_BUFFER = 'ExtA';
export const SMB2_CREATE_SD_BUFFER = 'SecD';
export const SMB2_CREATE_DURABLE_HANDLE_REQUEST = 'DHnQ';
export const SMB2_CREATE_DURABLE_HANDLE_RECONNECT = 'DHnC';
export const SMB2_CREATE_ALLOCATION_SIZE = 'AlSi';
export const SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST = 'MxAc';
export const SMB2_CREATE_TIMEWARP_TOKEN = 'TWrp';
export const SMB2_CREATE_QUERY_ON_DISK_ID = 'QFid';
/** Both lease versions; the data's length tells them apart. */
export const SMB2_CREATE_REQUEST_LEASE = 'RqLs';
export const SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2 = 'DH2Q';
export const SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2 = 'DH2C';
export const SMB2_CREATE_APP_INSTANCE_ID =
  '\x45\xbc\xa6\x6a\xef\xa7\xf7\x4a\x90\x08\xfa\x46\x2e\x14\x4d\x74';
export const SMB2_CREATE_APP_INSTANCE_VERSION =
  '\xb9\x82\xd0\xb7\x3b\x56\x07\x4f\xa0\x7b\x52\x4a\x81\x16\xa0\x10';
export const SVHDX_OPEN_DEVICE_CONTEXT =
  '\x9c\xcb\xcf\x9e\x04\xc1\xe6\x43\x98\x0e\x15\x8d\xa1\xf6\xec\x83';
/** The SMB3 POSIX Extensions' context. */
export const SMB2_CREATE_POSIX = '\x93\xad\x25\x50\x9c\xb4\x11\xe7\xb4\x23\x83\xde\x96\x8b\xcd\x7c';
/** Apple's extensions. */
export const SMB2_CREATE_AAPL = 'AAPL';

/**
 * The contexts in `[at, end)`, in their order; undefined when the chain is malformed.
 *
 * Each Next and DataOffset must be a multiple of 8, names must follow the head and have at least
 * 4 bytes, and name and data must lie inside their own context, data behind the name.
 */
export function decodeCreateContexts(
  view: DataView,
  at: number,
  end: number,
): readonly CreateContext[] | undefined {
  const contexts: CreateContext[] = [];
  for (let start = at; start < end; ) {
    if (end - start < HEAD_SIZE) return undefined;
    const next = view.getUint32(start, LE);
    if (next % 8 !== 0 || next > end - start) return undefined;
    const context = decodeOne(view, start, next === 0 ? end : start + next);
    if (context === undefined) return undefined;
    contexts.push(context);
    if (next === 0) return contexts;
    start += next;
    if (start === end) return undefined;
  }
  return contexts;
}

function decodeOne(view: DataView, at: number, end: number): CreateContext | undefined {
  const size = end - at;
  if (size < HEAD_SIZE) return undefined;
  const nameLength = view.getUint16(at + 6, LE);
  if (view.getUint16(at + 4, LE) !== HEAD_SIZE) return undefined;
  if (nameLength < 4 || HEAD_SIZE + nameLength > size) return undefined;
  const dataOffset = view.getUint16(at + 10, LE);
  const dataLength = view.getUint32(at + 12, LE);
  if (dataLength > 0) {
    if (dataOffset % 8 !== 0 || dataOffset < HEAD_SIZE + nameLength) return undefined;
    if (dataOffset + dataLength > size) return undefined;
  }
  const dataAt = dataLength > 0 ? at + dataOffset : at + HEAD_SIZE;
  return {
    name: decodeName(view, at + HEAD_SIZE, nameLength),
    data: slice(view, dataAt, dataAt + dataLength),
  };
}

function decodeName(view: DataView, at: number, length: number): string {
  if (length === 4) {
    return String.fromCharCode(
      view.getUint8(at),
      view.getUint8(at + 1),
      view.getUint8(at + 2),
      view.getUint8(at + 3),
    );
  }
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString('latin1');
}

/** Writes the chain and returns its end; `at` must be a multiple of 8 from the SMB2 header. */
export function encodeCreateContexts(
  view: DataView,
  at: number,
  contexts: readonly CreateContext[],
): number {
  let start = at;
  let end = at;
  for (let i = 0; i < contexts.length; i++) {
    if (i > 0) {
      const next = padTo8(view, at, end);
      view.setUint32(start, next - start, LE);
      start = next;
    }
    end = encodeOne(view, start, contexts[i]!);
  }
  return end;
}

function encodeOne(view: DataView, at: number, context: CreateContext): number {
  const { name, data } = context;
  const nameEnd = at + HEAD_SIZE + name.length;
  for (let i = 0; i < name.length; i++) view.setUint8(at + HEAD_SIZE + i, name.charCodeAt(i));
  // An empty context ends padded too: Windows does the same.
  const dataAt = padTo8(view, at, nameEnd);
  view.setUint32(at, 0, LE);
  view.setUint16(at + 4, HEAD_SIZE, LE);
  view.setUint16(at + 6, name.length, LE);
  view.setUint16(at + 8, 0, LE);
  view.setUint16(at + 10, data.length === 0 ? 0 : dataAt - at, LE);
  view.setUint32(at + 12, data.length, LE);
  return put(view, dataAt, data);
}

/** The first context of that name; its data, or undefined. */
export function findCreateContext(
  contexts: readonly CreateContext[],
  name: string,
): Uint8Array | undefined {
  for (const context of contexts) if (context.name === name) return context.data;
  return undefined;
}

/** A context whose data is `size` bytes that `write` fills: how the typed encoders are made. */
export function makeCreateContext(
  name: string,
  size: number,
  write: (view: DataView) => void,
): CreateContext {
  const data = new Uint8Array(size);
  write(viewOf(data));
  return { name, data };
}
