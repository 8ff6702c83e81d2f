/**
 * The server end of a connection-oriented RPC association over a named pipe.
 *
 * [MS-RPCE] 3.3.1 Server Details and C706 12.6; the transport is a message pipe (`Pipe`). Bytes
 * written are taken as a stream of PDUs; every fragment of an answer is one message to read.
 *
 *     (T0 new) --T1 bind--> (bound) --T2 request fragments--> (assembling) --T3 last fragment-->
 *     (executing: at most one call; further input waits) --T4 result--> (bound)
 *     any --T5 broken PDU, too much input, or close--> (closed)
 *
 * Requests wait, too, while more of an answer than `messageSizeMax` is not read.
 *
 * Security is the SMB session's: a bind with an auth verifier is refused with bind_nak, reason
 * authentication_type_not_recognized, upon which clients fall back to none.
 */
import { concat, viewOf } from '../base/bytes.ts';
import { DEFAULT_LIMITS } from '../base/limits.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import type { Guid } from '../dtyp/guid.ts';
import {
  type Bind,
  bindAckPdu,
  bindNakPdu,
  CONTEXT_ACCEPTANCE,
  CONTEXT_NEGOTIATE_ACK,
  CONTEXT_PROVIDER_REJECTION,
  type ContextResult,
  decodeBind,
  isFeatureNegotiation,
  NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED,
  NAK_REASON_NOT_SPECIFIED,
  NDR_SYNTAX,
  type PresentationContext,
  REASON_ABSTRACT_SYNTAX_NOT_SUPPORTED,
  REASON_TRANSFER_SYNTAXES_NOT_SUPPORTED,
  refusedContext,
} from './bind-pdu.ts';
import { HandleTable } from './handle-table.ts';
import { NdrReader, NdrWriter } from './ndr.ts';
import {
  callPdus,
  decodePduHeader,
  decodeRequest,
  faultPdu,
  MUST_RECV_FRAG_SIZE,
  PDU_HEADER_SIZE,
  type PduHeader,
  PFC_FIRST_FRAG,
  PFC_LAST_FRAG,
  type RequestFragment,
  RPC_ALTER_CONTEXT,
  RPC_ALTER_CONTEXT_RESP,
  RPC_AUTH3,
  RPC_BIND,
  RPC_BIND_ACK,
  RPC_CO_CANCEL,
  RPC_ORPHANED,
  RPC_REQUEST,
  RPC_RESPONSE,
} from './pdu.ts';
import type { Pipe, PipeClient } from './pipe.ts';
import type { PipeMemory } from './pipe-memory.ts';
import {
  NCA_OP_RNG_ERROR,
  NCA_PROTO_ERROR,
  NCA_UNK_IF,
  RPC_S_CALL_FAILED,
  RPC_X_BAD_STUB_DATA,
} from './rpc-status.ts';

/** One call as an operation sees it. */
export interface RpcCall {
  readonly client: PipeClient;
  readonly in: NdrReader;
  readonly out: NdrWriter;
  /** Context handles of this association. */
  readonly handles: HandleTable;
}

/**
 * Reads `in`, writes `out` with the return value last, and returns 0; anything else is a fault
 * status, and `out` is thrown away. A bad stub need not be noticed: the endpoint looks at `in.ok`.
 */
export type RpcOperation = (call: RpcCall) => MaybePromise<number>;

export interface RpcInterface {
  readonly uuid: Guid;
  /** Major version; the minor one is 0. */
  readonly version: number;
  /** By opnum; all others fault with nca_op_rng_error. */
  readonly operations: ReadonlyMap<number, RpcOperation>;
}

export interface RpcEndpointOptions {
  /** The pipe's name as it was opened, 'srvsvc'. */
  readonly name: string;
  readonly interfaces: readonly RpcInterface[];
  readonly client: PipeClient;
  /** Bytes of one reassembled request; also of input that waits, and of answers before it does. */
  readonly messageSizeMax?: number;
  /** What all pipes together may hold; without it nobody counts. */
  readonly memory?: PipeMemory;
}

/** Windows offers 4280 bytes on pipes, as do Samba's clients. */
const FRAG_SIZE = 4280;
const CONTEXTS_MAX = 64;

/** T0: opens an endpoint that offers these interfaces. */
export function openRpcEndpoint(options: RpcEndpointOptions): Pipe {
  return new RpcEndpoint(options);
}

interface Assembling {
  readonly callId: number;
  readonly contextId: number;
  readonly opnum: number;
  readonly parts: Uint8Array[];
  size: number;
}

class RpcEndpoint implements Pipe {
  readonly #options: RpcEndpointOptions;
  readonly #messageSizeMax: number;
  readonly #contexts = new Map<number, RpcInterface>();
  readonly #handles = new HandleTable();
  readonly #output: Uint8Array[] = [];
  #outputSize = 0;
  /** What `memory` was told. */
  #held = 0;
  #input: Uint8Array = new Uint8Array(0);
  #assembling: Assembling | undefined;
  #fragSizeMax = FRAG_SIZE;
  #bound = false;
  #executing = false;
  #closed = false;
  #readable: (() => void) | undefined;

  constructor(options: RpcEndpointOptions) {
    this.#options = options;
    this.#messageSizeMax = options.messageSizeMax ?? DEFAULT_LIMITS.pipeMessageSize;
  }

  write(message: Uint8Array): boolean {
    if (this.#closed) return false;
    if (this.#input.length + message.length > this.#messageSizeMax) return this.#breakDown();
    this.#input = concat(this.#input, message);
    return this.#pump() && this.#account();
  }

  read(sizeMax: number): { readonly bytes: Uint8Array; readonly more: boolean } | undefined {
    const message = this.#output[0];
    if (message === undefined) return undefined;
    const bytes = message.subarray(0, sizeMax);
    const more = bytes.length < message.length;
    if (more) this.#output[0] = message.subarray(sizeMax);
    else this.#output.shift();
    this.#outputSize -= bytes.length;
    if (this.#pump()) this.#account();
    return { bytes, more };
  }

  whenReadable(readable: () => void): void {
    if (this.#closed || this.#output.length > 0) readable();
    else this.#readable = readable;
  }

  close(): void {
    this.#closed = true;
    this.#output.length = 0;
    this.#outputSize = 0;
    this.#input = new Uint8Array(0);
    this.#assembling = undefined;
    this.#handles.clear();
    this.#account();
    this.#wake();
  }

  /** Tells what it holds now; false: T5, all pipes together hold too much. */
  #account(): boolean {
    const held = this.#input.length + this.#outputSize + (this.#assembling?.size ?? 0);
    const more = held - this.#held;
    this.#held = held;
    return this.#options.memory?.change(more) !== false || this.#breakDown();
  }

  /** Handles whole PDUs until none is left or a call executes. False: T5. */
  #pump(): boolean {
    while (!this.#executing && !this.#closed && this.#input.length >= PDU_HEADER_SIZE) {
      if (this.#outputSize > this.#messageSizeMax) break;
      const view = viewOf(this.#input);
      const header = decodePduHeader(view, 0, this.#input.length);
      if (header === undefined) return this.#breakDown();
      if (header.fragLength > this.#input.length) break;
      const pdu = this.#input.subarray(0, header.fragLength);
      this.#input = this.#input.subarray(header.fragLength);
      if (!this.#handle(header, viewOf(pdu))) return this.#breakDown();
    }
    return true;
  }

  #handle(header: PduHeader, view: DataView): boolean {
    switch (header.type) {
      case RPC_BIND:
        return this.#handleBind(header, view);
      case RPC_ALTER_CONTEXT:
        return this.#handleAlterContext(header, view);
      case RPC_REQUEST:
        return this.#handleRequest(header, view);
      case RPC_AUTH3:
      case RPC_CO_CANCEL:
      case RPC_ORPHANED:
        return true;
      default:
        return false;
    }
  }

  /** T1. C706 12.6.4.3: a second bind of an association is an error. */
  #handleBind(header: PduHeader, view: DataView): boolean {
    const bind = decodeBind(view, PDU_HEADER_SIZE, bodyEnd(header));
    if (bind === undefined || this.#bound) {
      this.#send(bindNakPdu(header.callId, NAK_REASON_NOT_SPECIFIED));
      return true;
    }
    if (header.authLength !== 0) {
      this.#send(bindNakPdu(header.callId, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED));
      return true;
    }
    this.#bound = true;
    this.#fragSizeMax = Math.max(MUST_RECV_FRAG_SIZE, Math.min(FRAG_SIZE, bind.maxRecvFrag));
    this.#acknowledge(RPC_BIND_ACK, header.callId, bind);
    return true;
  }

  /** C706 12.6.4.1: more contexts for a bound association. */
  #handleAlterContext(header: PduHeader, view: DataView): boolean {
    const alter = decodeBind(view, PDU_HEADER_SIZE, bodyEnd(header));
    if (alter === undefined || !this.#bound || header.authLength !== 0) {
      this.#send(faultPdu(header.callId, 0, NCA_PROTO_ERROR));
      return true;
    }
    this.#acknowledge(RPC_ALTER_CONTEXT_RESP, header.callId, alter);
    return true;
  }

  #acknowledge(type: number, callId: number, bind: Bind): void {
    const results = bind.contexts.map((context) => this.#negotiate(context));
    const isBind = type === RPC_BIND_ACK;
    this.#send(
      bindAckPdu(type, callId, {
        maxXmitFrag: this.#fragSizeMax,
        maxRecvFrag: FRAG_SIZE,
        assocGroupId: bind.assocGroupId === 0 ? OUR_ASSOCIATION_GROUP : bind.assocGroupId,
        secondaryAddress: isBind ? `\\PIPE\\${this.#options.name}` : '',
        results,
      }),
    );
  }

  #negotiate(context: PresentationContext): ContextResult {
    // [MS-RPCE] 3.3.1.5.3: none of the features is wanted, so no bit is acknowledged.
    if (context.transferSyntaxes.some(isFeatureNegotiation)) {
      return refusedContext(CONTEXT_NEGOTIATE_ACK, 0);
    }
    const { uuid, version } = context.abstractSyntax;
    const found = this.#options.interfaces.find(
      (one) => one.uuid === uuid && one.version === (version & 0xffff) && version >>> 16 === 0,
    );
    if (found === undefined || this.#contexts.size >= CONTEXTS_MAX) {
      return refusedContext(CONTEXT_PROVIDER_REJECTION, REASON_ABSTRACT_SYNTAX_NOT_SUPPORTED);
    }
    const speaksNdr = context.transferSyntaxes.some(
      (syntax) => syntax.uuid === NDR_SYNTAX.uuid && syntax.version === NDR_SYNTAX.version,
    );
    if (!speaksNdr) {
      return refusedContext(CONTEXT_PROVIDER_REJECTION, REASON_TRANSFER_SYNTAXES_NOT_SUPPORTED);
    }
    this.#contexts.set(context.id, found);
    return { result: CONTEXT_ACCEPTANCE, reason: 0, transferSyntax: NDR_SYNTAX };
  }

  /** T2, and T3 with the last fragment. */
  #handleRequest(header: PduHeader, view: DataView): boolean {
    const fragment = decodeRequest(view, PDU_HEADER_SIZE, bodyEnd(header), header.flags);
    if (fragment === undefined || header.authLength !== 0) return false;
    const call = this.#assemble(header, fragment);
    if (call === undefined) return false;
    if ((header.flags & PFC_LAST_FRAG) === 0) return true;
    this.#assembling = undefined;
    this.#execute(call);
    return true;
  }

  #assemble(header: PduHeader, fragment: RequestFragment): Assembling | undefined {
    const isFirst = (header.flags & PFC_FIRST_FRAG) !== 0;
    if (isFirst !== (this.#assembling === undefined)) return undefined;
    const { contextId, opnum } = fragment;
    this.#assembling ??= { callId: header.callId, contextId, opnum, parts: [], size: 0 };
    const call = this.#assembling;
    if (call.callId !== header.callId) return undefined;
    // Fragments of nothing take memory, too; and a view would keep all that came with it.
    call.size += header.fragLength;
    if (call.size > this.#messageSizeMax) return undefined;
    call.parts.push(fragment.stub.slice());
    return call;
  }

  /** T3, and T4 at once when the operation does not wait. */
  #execute(call: Assembling): void {
    const { callId, contextId } = call;
    const found = this.#contexts.get(contextId);
    const operation = found?.operations.get(call.opnum);
    if (operation === undefined) {
      const fault = found === undefined ? NCA_UNK_IF : NCA_OP_RNG_ERROR;
      this.#send(faultPdu(callId, contextId, fault));
      return;
    }
    const rpcCall: RpcCall = {
      client: this.#options.client,
      in: new NdrReader(concat(...call.parts)),
      out: new NdrWriter(),
      handles: this.#handles,
    };
    const outcome = operation(rpcCall);
    if (!isPromise(outcome)) {
      this.#finish(call, rpcCall, outcome);
      return;
    }
    this.#executing = true;
    void this.#finishLater(call, rpcCall, outcome);
  }

  async #finishLater(call: Assembling, rpcCall: RpcCall, outcome: Promise<number>): Promise<void> {
    // A bug in an operation costs its caller a fault, as one in a command handler does.
    const status = await outcome.catch(() => RPC_S_CALL_FAILED);
    this.#executing = false;
    if (this.#closed) return;
    this.#finish(call, rpcCall, status);
    if (this.#pump()) this.#account();
  }

  /** T4. */
  #finish(call: Assembling, rpcCall: RpcCall, status: number): void {
    const { callId, contextId } = call;
    const fault = rpcCall.in.ok ? status : RPC_X_BAD_STUB_DATA;
    if (fault !== 0) {
      this.#send(faultPdu(callId, contextId, fault));
      return;
    }
    const stub = rpcCall.out.take();
    const type = RPC_RESPONSE;
    const fragSizeMax = this.#fragSizeMax;
    for (const pdu of callPdus({ type, callId, contextId, opnum: 0, stub, fragSizeMax })) {
      this.#send(pdu);
    }
  }

  #send(pdu: Uint8Array): void {
    this.#output.push(pdu);
    this.#outputSize += pdu.length;
    this.#wake();
  }

  #wake(): void {
    const readable = this.#readable;
    this.#readable = undefined;
    readable?.();
  }

  /** T5. */
  #breakDown(): false {
    this.close();
    return false;
  }
}

/** Associations never share anything here, so all may be of one group. */
const OUR_ASSOCIATION_GROUP = 0x0000_53f0;
const SEC_TRAILER_SIZE = 8;

/** Where a PDU's body ends: before the security trailer, if there is one. */
function bodyEnd(header: PduHeader): number {
  if (header.authLength === 0) return header.fragLength;
  return header.fragLength - header.authLength - SEC_TRAILER_SIZE;
}
