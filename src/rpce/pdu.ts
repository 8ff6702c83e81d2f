import { LE, put, slice } from '../base/bytes.ts';
import { GUID_SIZE } from '../dtyp/guid.ts';

/** C706 12.6.4 Connection-oriented PDU Data Types, PTYPE. */
export const RPC_REQUEST = 0;
export const RPC_RESPONSE = 2;
export const RPC_FAULT = 3;
export const RPC_BIND = 11;
export const RPC_BIND_ACK = 12;
export const RPC_BIND_NAK = 13;
export const RPC_ALTER_CONTEXT = 14;
export const RPC_ALTER_CONTEXT_RESP = 15;
export const RPC_AUTH3 = 16;
export const RPC_CO_CANCEL = 18;
export const RPC_ORPHANED = 19;

/** C706 12.6.3.1 pfc_flags. */
export const PFC_FIRST_FRAG = 0x01;
export const PFC_LAST_FRAG = 0x02;
export const PFC_OBJECT_UUID = 0x80;

export const PDU_HEADER_SIZE = 16;
/** C706 12.6.3.1: every implementation takes fragments of this size (MustRecvFragSize). */
export const MUST_RECV_FRAG_SIZE = 1432;

export interface PduHeader {
  readonly type: number;
  readonly flags: number;
  readonly fragLength: number;
  readonly authLength: number;
  readonly callId: number;
}

/**
 * C706 12.6.3.1 Common Header; undefined when it is none of a little-endian peer's.
 *
 *    0   1  rpc_vers        5
 *    1   1  rpc_vers_minor  0 or 1
 *    2   1  PTYPE
 *    3   1  pfc_flags
 *    4   4  packed_drep     0x10 00 00 00: little endian, ASCII, IEEE
 *    8   2  frag_length     of the whole fragment
 *   10   2  auth_length
 *   12   4  call_id
 */
export function decodePduHeader(view: DataView, at: number, end: number): PduHeader | undefined {
  if (end - at < PDU_HEADER_SIZE) return undefined;
  if (view.getUint8(at) !== 5 || view.getUint8(at + 1) > 1) return undefined;
  if (view.getUint32(at + 4, LE) !== 0x10) return undefined;
  const fragLength = view.getUint16(at + 8, LE);
  if (fragLength < PDU_HEADER_SIZE) return undefined;
  return {
    type: view.getUint8(at + 2),
    flags: view.getUint8(at + 3),
    fragLength,
    authLength: view.getUint16(at + 10, LE),
    callId: view.getUint32(at + 12, LE),
  };
}

/** Writes a header whose fragment ends at `end`; nothing here carries an auth verifier. */
export function encodePduHeader(
  view: DataView,
  at: number,
  end: number,
  header: { readonly type: number; readonly flags: number; readonly callId: number },
): void {
  view.setUint8(at, 5);
  view.setUint8(at + 1, 0);
  view.setUint8(at + 2, header.type);
  view.setUint8(at + 3, header.flags);
  view.setUint32(at + 4, 0x10, LE);
  view.setUint16(at + 8, end - at, LE);
  view.setUint16(at + 10, 0, LE);
  view.setUint32(at + 12, header.callId, LE);
}

export interface RequestFragment {
  readonly allocHint: number;
  readonly contextId: number;
  readonly opnum: number;
  /** A view of the message. */
  readonly stub: Uint8Array;
}

/**
 * C706 12.6.4.9 request, `at` behind the header and `end` before any auth verifier
 *
 *    0   4  alloc_hint
 *    4   2  p_cont_id
 *    6   2  opnum
 *    8  16  object         only with PFC_OBJECT_UUID
 *           stub data
 */
export function decodeRequest(
  view: DataView,
  at: number,
  end: number,
  flags: number,
): RequestFragment | undefined {
  const stubAt = at + 8 + (flags & PFC_OBJECT_UUID ? GUID_SIZE : 0);
  if (stubAt > end) return undefined;
  return {
    allocHint: view.getUint32(at, LE),
    contextId: view.getUint16(at + 4, LE),
    opnum: view.getUint16(at + 6, LE),
    stub: slice(view, stubAt, end),
  };
}

export interface CallFragments {
  readonly type: typeof RPC_REQUEST | typeof RPC_RESPONSE;
  readonly callId: number;
  readonly contextId: number;
  /** Of a request; a response has its cancel count, 0, there. */
  readonly opnum: number;
  readonly stub: Uint8Array;
  readonly fragSizeMax: number;
}

/** C706 12.6.4.9 request and 12.6.4.10 response: whole PDUs, as many as the stub needs. */
export function callPdus(call: CallFragments): Uint8Array[] {
  // Stub data of all but the last fragment is a multiple of 8 (C706 12.6.3.6).
  const stubMax = (call.fragSizeMax - PDU_HEADER_SIZE - 8) & ~7;
  const pdus: Uint8Array[] = [];
  let at = 0;
  do {
    const part = call.stub.subarray(at, at + stubMax);
    const isLast = at + part.length === call.stub.length;
    const { bytes, view } = newPdu(PDU_HEADER_SIZE + 8 + part.length);
    const flags = (at === 0 ? PFC_FIRST_FRAG : 0) | (isLast ? PFC_LAST_FRAG : 0);
    encodePduHeader(view, 0, bytes.length, { type: call.type, flags, callId: call.callId });
    view.setUint32(16, call.stub.length - at, LE);
    view.setUint16(20, call.contextId, LE);
    view.setUint16(22, call.opnum, LE);
    put(view, 24, part);
    pdus.push(bytes);
    at += part.length;
  } while (at < call.stub.length);
  return pdus;
}

export interface ResponseFragment {
  readonly contextId: number;
  /** A view of the message. */
  readonly stub: Uint8Array;
}

/**
 * C706 12.6.4.10 response, `at` behind the header
 *
 *    0   4  alloc_hint
 *    4   2  p_cont_id
 *    6   1  cancel_count
 *    7   1  reserved
 *    8      stub data
 */
export function decodeResponse(
  view: DataView,
  at: number,
  end: number,
): ResponseFragment | undefined {
  if (end - at < 8) return undefined;
  return { contextId: view.getUint16(at + 4, LE), stub: slice(view, at + 8, end) };
}

/** [MS-RPCE] 2.2.2.7 PFC_DID_NOT_EXECUTE: the call never reached the operation. */
const PFC_DID_NOT_EXECUTE = 0x20;

/**
 * C706 12.6.4.7 fault as a whole PDU
 *
 *   16   4  alloc_hint
 *   20   2  p_cont_id
 *   22   1  cancel_count
 *   23   1  reserved
 *   24   4  status
 *   28   4  reserved
 */
export function faultPdu(callId: number, contextId: number, status: number): Uint8Array {
  const { bytes, view } = newPdu(32);
  const flags = WHOLE | PFC_DID_NOT_EXECUTE;
  encodePduHeader(view, 0, bytes.length, { type: RPC_FAULT, flags, callId });
  view.setUint32(16, 32, LE);
  view.setUint16(20, contextId, LE);
  view.setUint32(24, status, LE);
  return bytes;
}

/** The status of a fault, `at` behind the header. */
export function decodeFault(view: DataView, at: number, end: number): number | undefined {
  return end - at < 12 ? undefined : view.getUint32(at + 8, LE);
}

/** A fragment that is a whole PDU. */
export const WHOLE: number = PFC_FIRST_FRAG | PFC_LAST_FRAG;

export function newPdu(size: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}
