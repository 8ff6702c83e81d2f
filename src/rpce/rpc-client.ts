import { concat, viewOf } from '../base/bytes.ts';
import { DEFAULT_LIMITS } from '../base/limits.ts';
import type { Guid } from '../dtyp/guid.ts';
import { bindPdu, CONTEXT_ACCEPTANCE, decodeBindAck, NDR_SYNTAX } from './bind-pdu.ts';
import {
  callPdus,
  decodeFault,
  decodePduHeader,
  decodeResponse,
  PDU_HEADER_SIZE,
  type PduHeader,
  PFC_LAST_FRAG,
  RPC_BIND_ACK,
  RPC_FAULT,
  RPC_REQUEST,
  RPC_RESPONSE,
} from './pdu.ts';
import { NCA_PROTO_ERROR } from './rpc-status.ts';

/** What a caller has to bring: an open pipe. Both reject when the pipe breaks. */
export interface RpcTransport {
  write(message: Uint8Array): Promise<void>;
  /** The next bytes of the answer, at least one: a whole message or a part of it. */
  read(): Promise<Uint8Array>;
}

export type RpcOutcome =
  | { readonly fault: 0; readonly stub: Uint8Array }
  | { readonly fault: number; readonly stub?: undefined };

const FRAG_SIZE = 4280;

/**
 * The client end of an association: bind once, then call, one call at a time.
 *
 * [MS-RPCE] 3.3.2 Client Details; no authentication of its own, NDR only.
 */
export class RpcClient {
  readonly #transport: RpcTransport;
  #input: Uint8Array = new Uint8Array(0);
  #callId = 1;
  #fragSizeMax = FRAG_SIZE;

  private constructor(transport: RpcTransport) {
    this.#transport = transport;
  }

  /** Binds to an interface; undefined when the server does not offer it. */
  static async bind(
    transport: RpcTransport,
    target: { readonly uuid: Guid; readonly version: number },
  ): Promise<RpcClient | undefined> {
    const client = new RpcClient(transport);
    return (await client.#bind(target)) ? client : undefined;
  }

  /** Sends a stub and returns the answer's, reassembled. A malformed answer is nca_proto_error. */
  async call(opnum: number, stub: Uint8Array): Promise<RpcOutcome> {
    const callId = this.#callId++;
    const type = RPC_REQUEST;
    const fragSizeMax = this.#fragSizeMax;
    for (const pdu of callPdus({ type, callId, contextId: 0, opnum, stub, fragSizeMax })) {
      await this.#transport.write(pdu);
    }
    return this.#receiveResponse(callId);
  }

  async #receiveResponse(callId: number): Promise<RpcOutcome> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const pdu = await this.#receive();
      if (pdu === undefined || pdu.header.callId !== callId) return { fault: NCA_PROTO_ERROR };
      const { header, view } = pdu;
      if (header.type === RPC_FAULT) {
        const status = decodeFault(view, PDU_HEADER_SIZE, header.fragLength);
        return { fault: status || NCA_PROTO_ERROR };
      }
      if (header.type !== RPC_RESPONSE) return { fault: NCA_PROTO_ERROR };
      const fragment = decodeResponse(view, PDU_HEADER_SIZE, header.fragLength);
      if (fragment === undefined) return { fault: NCA_PROTO_ERROR };
      size += fragment.stub.length;
      if (size > RESPONSE_SIZE_MAX) return { fault: NCA_PROTO_ERROR };
      parts.push(fragment.stub);
      if (header.flags & PFC_LAST_FRAG) return { fault: 0, stub: concat(...parts) };
    }
  }

  async #bind(target: { readonly uuid: Guid; readonly version: number }): Promise<boolean> {
    const context = { id: 0, abstractSyntax: target, transferSyntaxes: [NDR_SYNTAX] };
    await this.#transport.write(
      bindPdu(this.#callId++, {
        maxXmitFrag: FRAG_SIZE,
        maxRecvFrag: FRAG_SIZE,
        assocGroupId: 0,
        contexts: [context],
      }),
    );
    const pdu = await this.#receive();
    if (pdu === undefined || pdu.header.type !== RPC_BIND_ACK) return false;
    const ack = decodeBindAck(pdu.view, PDU_HEADER_SIZE, pdu.header.fragLength);
    if (ack?.results[0]?.result !== CONTEXT_ACCEPTANCE) return false;
    this.#fragSizeMax = Math.max(MIN_FRAG_SIZE, Math.min(FRAG_SIZE, ack.maxRecvFrag));
    return true;
  }

  /** The next whole PDU; undefined when the bytes are none. */
  async #receive(): Promise<{ header: PduHeader; view: DataView } | undefined> {
    for (;;) {
      if (this.#input.length >= PDU_HEADER_SIZE) {
        const header = decodePduHeader(viewOf(this.#input), 0, this.#input.length);
        if (header === undefined || header.authLength !== 0) return undefined;
        if (header.fragLength <= this.#input.length) {
          const pdu = this.#input.subarray(0, header.fragLength);
          this.#input = this.#input.subarray(header.fragLength);
          return { header, view: viewOf(pdu) };
        }
      }
      const bytes = await this.#transport.read();
      if (bytes.length === 0) return undefined;
      this.#input = concat(this.#input, bytes);
    }
  }
}

/** Enough for a header and eight bytes of stub, whatever a server claims. */
const MIN_FRAG_SIZE = 64;
const RESPONSE_SIZE_MAX = 16 * DEFAULT_LIMITS.pipeMessageSize;
