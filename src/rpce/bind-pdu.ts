/** How a client and an interface agree on a syntax: bind, and what answers it. */
import { LE, pad, slice } from '../base/bytes.ts';
import { decodeGuid, encodeGuid, GUID_SIZE, type Guid, NULL_GUID } from '../dtyp/guid.ts';
import { encodePduHeader, newPdu, PDU_HEADER_SIZE, RPC_BIND, RPC_BIND_NAK, WHOLE } from './pdu.ts';

/** C706 12.6.3.1 p_syntax_id_t: an interface or a transfer syntax. */
export interface SyntaxId {
  readonly uuid: Guid;
  /** Major version in the low 16 bits, minor in the high ones. */
  readonly version: number;
}

/** [MS-RPCE] 2.2.4.12 NDR and 2.2.4.13 NDR64 transfer syntaxes. */
export const NDR_SYNTAX: SyntaxId = { uuid: '8a885d04-1ceb-11c9-9fe8-08002b104860', version: 2 };
export const NDR64_SYNTAX: SyntaxId = { uuid: '71710533-beba-4937-8319-b5dbef9ccc36', version: 1 };
const NO_SYNTAX: SyntaxId = { uuid: NULL_GUID, version: 0 };

/** [MS-RPCE] 2.2.2.14 BindTimeFeatureNegotiationBitmask: a syntax with this start, version 1. */
const FEATURE_NEGOTIATION_PREFIX = '6cb71c2c-9812-4540-';

export function isFeatureNegotiation(syntax: SyntaxId): boolean {
  return syntax.version === 1 && syntax.uuid.startsWith(FEATURE_NEGOTIATION_PREFIX);
}

export interface PresentationContext {
  readonly id: number;
  readonly abstractSyntax: SyntaxId;
  readonly transferSyntaxes: readonly SyntaxId[];
}

export interface Bind {
  readonly maxXmitFrag: number;
  readonly maxRecvFrag: number;
  readonly assocGroupId: number;
  readonly contexts: readonly PresentationContext[];
}

const SYNTAX_SIZE = GUID_SIZE + 4;

/**
 * C706 12.6.4.3 bind and 12.6.4.1 alter_context, `at` behind the header; undefined when the bytes
 * are none.
 *
 *    0   2  max_xmit_frag
 *    2   2  max_recv_frag
 *    4   4  assoc_group_id
 *    8   1  n_context_elem
 *    9   3  reserved
 *   12      p_cont_elem: p_cont_id 2, n_transfer_syn 1, reserved 1, abstract_syntax 20,
 *           transfer_syntaxes 20 each
 */
export function decodeBind(view: DataView, at: number, end: number): Bind | undefined {
  if (end - at < 12) return undefined;
  const contexts: PresentationContext[] = [];
  let next = at + 12;
  for (let left = view.getUint8(at + 8); left > 0; left--) {
    if (end - next < 4 + SYNTAX_SIZE) return undefined;
    const id = view.getUint16(next, LE);
    const count = view.getUint8(next + 2);
    const abstractSyntax = decodeSyntax(view, next + 4);
    next += 4 + SYNTAX_SIZE;
    if (end - next < count * SYNTAX_SIZE) return undefined;
    const transferSyntaxes: SyntaxId[] = [];
    for (let i = 0; i < count; i++, next += SYNTAX_SIZE) {
      transferSyntaxes.push(decodeSyntax(view, next));
    }
    contexts.push({ id, abstractSyntax, transferSyntaxes });
  }
  return {
    maxXmitFrag: view.getUint16(at, LE),
    maxRecvFrag: view.getUint16(at + 2, LE),
    assocGroupId: view.getUint32(at + 4, LE),
    contexts,
  };
}

/** A whole bind PDU. */
export function bindPdu(callId: number, bind: Bind): Uint8Array {
  let size = PDU_HEADER_SIZE + 12;
  for (const context of bind.contexts) {
    size += 4 + SYNTAX_SIZE * (1 + context.transferSyntaxes.length);
  }
  const { bytes, view } = newPdu(size);
  encodePduHeader(view, 0, size, { type: RPC_BIND, flags: WHOLE, callId });
  view.setUint16(16, bind.maxXmitFrag, LE);
  view.setUint16(18, bind.maxRecvFrag, LE);
  view.setUint32(20, bind.assocGroupId, LE);
  view.setUint32(24, bind.contexts.length, LE);
  let next = 28;
  for (const context of bind.contexts) {
    view.setUint16(next, context.id, LE);
    view.setUint16(next + 2, context.transferSyntaxes.length, LE);
    next = encodeSyntax(view, next + 4, context.abstractSyntax);
    for (const syntax of context.transferSyntaxes) next = encodeSyntax(view, next, syntax);
  }
  return bytes;
}

/** C706 12.6.3.1 p_cont_def_result_t and p_provider_reason_t; [MS-RPCE] adds negotiate_ack. */
export const CONTEXT_ACCEPTANCE = 0;
export const CONTEXT_PROVIDER_REJECTION = 2;
export const CONTEXT_NEGOTIATE_ACK = 3;
export const REASON_ABSTRACT_SYNTAX_NOT_SUPPORTED = 1;
export const REASON_TRANSFER_SYNTAXES_NOT_SUPPORTED = 2;

export interface ContextResult {
  readonly result: number;
  readonly reason: number;
  readonly transferSyntax: SyntaxId;
}

/** A result that carries no syntax. */
export function refusedContext(result: number, reason: number): ContextResult {
  return { result, reason, transferSyntax: NO_SYNTAX };
}

export interface BindAck {
  readonly maxXmitFrag: number;
  readonly maxRecvFrag: number;
  readonly assocGroupId: number;
  /** '\PIPE\srvsvc'; '' in an alter_context_resp. */
  readonly secondaryAddress: string;
  readonly results: readonly ContextResult[];
}

/**
 * C706 12.6.4.4 bind_ack, also alter_context_resp, as a whole PDU
 *
 *   16   2  max_xmit_frag
 *   18   2  max_recv_frag
 *   20   4  assoc_group_id
 *   24   2  sec_addr length, with the NUL
 *   26      sec_addr, padding to 4
 *        1  n_results, 3 reserved
 *           results: result 2, reason 2, transfer_syntax 20
 */
export function bindAckPdu(type: number, callId: number, ack: BindAck): Uint8Array {
  const addressLength = ack.secondaryAddress === '' ? 0 : ack.secondaryAddress.length + 1;
  const resultsAt = (26 + addressLength + 3) & ~3;
  const { bytes, view } = newPdu(resultsAt + 4 + (4 + SYNTAX_SIZE) * ack.results.length);
  encodePduHeader(view, 0, bytes.length, { type, flags: WHOLE, callId });
  view.setUint16(16, ack.maxXmitFrag, LE);
  view.setUint16(18, ack.maxRecvFrag, LE);
  view.setUint32(20, ack.assocGroupId, LE);
  view.setUint16(24, addressLength, LE);
  for (let i = 0; i < ack.secondaryAddress.length; i++) {
    view.setUint8(26 + i, ack.secondaryAddress.charCodeAt(i));
  }
  view.setUint32(resultsAt, ack.results.length, LE);
  let next = resultsAt + 4;
  for (const result of ack.results) {
    view.setUint16(next, result.result, LE);
    view.setUint16(next + 2, result.reason, LE);
    next = encodeSyntax(view, next + 4, result.transferSyntax);
  }
  return bytes;
}

/** The body of a bind_ack or alter_context_resp, `at` behind the header. */
export function decodeBindAck(view: DataView, at: number, end: number): BindAck | undefined {
  if (end - at < 10) return undefined;
  const addressLength = view.getUint16(at + 8, LE);
  const resultsAt = at + ((10 + addressLength + 3) & ~3);
  if (end - resultsAt < 4) return undefined;
  const count = view.getUint8(resultsAt);
  if (end - resultsAt - 4 < count * (4 + SYNTAX_SIZE)) return undefined;
  const results: ContextResult[] = [];
  for (let i = 0; i < count; i++) {
    const resultAt = resultsAt + 4 + i * (4 + SYNTAX_SIZE);
    results.push({
      result: view.getUint16(resultAt, LE),
      reason: view.getUint16(resultAt + 2, LE),
      transferSyntax: decodeSyntax(view, resultAt + 4),
    });
  }
  const address = slice(view, at + 10, at + 10 + Math.max(0, addressLength - 1));
  return {
    maxXmitFrag: view.getUint16(at, LE),
    maxRecvFrag: view.getUint16(at + 2, LE),
    assocGroupId: view.getUint32(at + 4, LE),
    secondaryAddress: Buffer.from(address).toString('latin1'),
    results,
  };
}

/** [MS-RPCE] 2.2.2.5 New Reasons for Bind Rejection. */
export const NAK_REASON_NOT_SPECIFIED = 0;
export const NAK_PROTOCOL_VERSION_NOT_SUPPORTED = 4;
export const NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED = 8;

/**
 * C706 12.6.4.5 bind_nak as a whole PDU
 *
 *   16   2  provider_reject_reason
 *   18   1  n_protocols   1
 *   19   2  version       5.0
 *   21   3  padding
 */
export function bindNakPdu(callId: number, reason: number): Uint8Array {
  const { bytes, view } = newPdu(24);
  encodePduHeader(view, 0, bytes.length, { type: RPC_BIND_NAK, flags: WHOLE, callId });
  view.setUint16(16, reason, LE);
  view.setUint8(18, 1);
  view.setUint8(19, 5);
  pad(view, 20, 24);
  return bytes;
}

function decodeSyntax(view: DataView, at: number): SyntaxId {
  return { uuid: decodeGuid(view, at), version: view.getUint32(at + GUID_SIZE, LE) };
}

function encodeSyntax(view: DataView, at: number, syntax: SyntaxId): number {
  encodeGuid(view, at, syntax.uuid);
  view.setUint32(at + GUID_SIZE, syntax.version, LE);
  return at + SYNTAX_SIZE;
}
