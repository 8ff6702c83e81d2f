import { assert } from '../../base/assert.ts';
import type { Clock, Random, Timers } from '../../env/ports.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_INVALID_NETWORK_RESPONSE,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import { extendPreauthHash, PREAUTH_HASH_INITIAL } from '../crypto/preauth.ts';
import type { Rdma } from '../transport/rdma.ts';
import type { Connector, Transport } from '../transport/transport.ts';
import { SMB2_DIALECT_311, SMB2_FLAGS_RELATED_OPERATIONS } from '../wire/constants.ts';
import type { EmptyBody } from '../wire/empty-body.ts';
import type { LeaseBreakNotification } from '../wire/lease-break.ts';
import type { NegotiateResponse } from '../wire/negotiate.ts';
import type { OplockBreak } from '../wire/oplock-break.ts';
import { Call, type Calls, cancelOnAbort, settleAll } from './call.ts';
import { CreditWindow } from './credit-window.ts';
import { compressorOf, type MessageCompressor } from './message-compression.ts';
import { type Incoming, MessageReader } from './message-reader.ts';
import { type Outgoing, writeMessage } from './message-writer.ts';
import { agree, type Negotiated, type NegotiateOptions, negotiateRequestOf } from './negotiate.ts';
import { PendingRequests } from './pending-requests.ts';
import type { Channel, CompoundOptions, Reply, Request, SendOptions } from './request.ts';
import { cancelRequest, echoRequest, negotiateRequest } from './requests.ts';
import { type Message, WaitingMessages } from './waiting-messages.ts';

export interface ConnectionOptions {
  readonly timers: Timers;
  readonly random: Random;
  /** By which compression is found worth its time; without it only sizes decide. */
  readonly clock?: Clock;
  /** CompressAllRequests ([MS-SMB2] 3.2.1.1), whatever the share says. Default false. */
  readonly compressAllRequests?: boolean;
  /** Milliseconds until an answer must have begun; default 60,000. */
  readonly timeoutMs?: number;
  /** Credits that the connection tries to hold; default 512. */
  readonly creditsTarget?: number;
  /**
   * 'strict' (default) ends the connection over a response that is not signed or encrypted as its
   * request was; 'report' hands it on, with `Reply.protection` telling.
   */
  readonly verify?: 'strict' | 'report';
  /** [MS-SMB2] 3.2.5.19: oplock and lease breaks. Default: nobody listens. */
  readonly onBreak?: (notification: BreakNotification) => void;
  /** [MS-SMB2] 3.2.5.20: the server closed the session of that id. */
  readonly onSessionClosed?: (sessionId: bigint) => void;
  /** Sees every message as received; true takes it away from the connection. */
  readonly intercept?: (message: Uint8Array) => boolean;
}

export type BreakNotification =
  | { readonly kind: 'oplock'; readonly notification: OplockBreak }
  | { readonly kind: 'lease'; readonly notification: LeaseBreakNotification };

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_CREDITS_TARGET = 512;
const CREDIT_SIZE = 65_536;

/**
 * The client's side of one connection: [MS-SMB2] 3.2.1.2 Per SMB2 Transport Connection.
 *
 *   open --T0--> fresh --T1--> negotiated --T2--> closed
 *                   \-------------T2--------------/
 *
 *   fresh       any request may be sent, also before NEGOTIATE: servers' answers are for tests
 *   negotiated  dialect, ciphers and limits are known (`negotiated`)
 *   closed      every call has been settled with STATUS_CONNECTION_DISCONNECTED, and new ones are
 *   T0 open   T1 negotiate   T2 close, or the transport's end, or a broken server (`closedReason`)
 */
export class ClientConnection {
  readonly #options: ConnectionOptions;
  readonly #window: CreditWindow;
  readonly #reader: MessageReader;
  readonly #pending: PendingRequests;
  readonly #waiting: WaitingMessages;
  readonly #channels: Map<bigint, Channel> = new Map();
  readonly #closed: Promise<string>;
  #resolveClosed!: (reason: string) => void;
  #transport: Transport | undefined;
  #negotiated: Negotiated | undefined;
  #compressor: MessageCompressor | undefined;
  #preauthHash: Uint8Array = PREAUTH_HASH_INITIAL;
  #closedReason: string | undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#window = new CreditWindow(options.creditsTarget ?? DEFAULT_CREDITS_TARGET);
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const { timers } = options;
    const send = (message: Message): boolean => this.#send(message);
    this.#waiting = new WaitingMessages({ timers, send });
    this.#pending = new PendingRequests({ timers, window: this.#window, channels: this.#channels });
    this.#reader = new MessageReader({
      channel: (sessionId) => this.#channels.get(sessionId),
      decompress: (message) => this.#compressor?.decompress(message),
      response: (response) => this.#pending.responded(response),
      unsolicited: (incoming) => this.#notified(incoming),
    });
  }

  /** T0. Rejects with the transport's error when there is no connection. */
  static async open(connect: Connector, options: ConnectionOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(options);
    connection.#transport = await connect({
      message: (bytes) => connection.#received(bytes),
      writable: () => {},
      closed: (reason) => connection.#end(reason),
    });
    return connection;
  }

  /** Why the connection ended; undefined while it stands. */
  get closedReason(): string | undefined {
    return this.#closedReason;
  }

  /** Fulfilled, with the reason, when the connection ended. */
  get closed(): Promise<string> {
    return this.#closed;
  }

  get random(): Random {
    return this.#options.random;
  }

  get timers(): Timers {
    return this.#options.timers;
  }

  /** Undefined: the connection is not RDMA. */
  get rdma(): Rdma | undefined {
    return this.#transport?.rdma;
  }

  /** The server's. */
  get remoteAddress(): string {
    return this.#transport?.remoteAddress ?? '';
  }

  /** Requests that have no answer, and those that wait for credits. */
  get requestsUnderWay(): number {
    return this.#pending.size + this.#waiting.length;
  }

  /** How many have arrived, interim ones included. */
  get responses(): number {
    return this.#pending.responses;
  }

  /** Undefined before a successful `negotiate`. */
  get negotiated(): Negotiated | undefined {
    return this.#negotiated;
  }

  get compressAllRequests(): boolean {
    return this.#options.compressAllRequests ?? false;
  }

  /** Connection.PreauthIntegrityHashValue, over NEGOTIATE. */
  get preauthHash(): Uint8Array {
    return this.#preauthHash;
  }

  /** The message id of the next request: tests make others from it. */
  get nextMessageId(): bigint {
    return this.#window.next;
  }

  get creditsAvailable(): number {
    return this.#window.available;
  }

  /** Bytes that one READ, WRITE or query may carry with the credits held now. */
  get payloadSizeMax(): number {
    if (this.#negotiated?.supportsMultiCredit !== true) return CREDIT_SIZE;
    return this.#window.chargeMax * CREDIT_SIZE;
  }

  /**
   * T1. [MS-SMB2] 3.2.4.2.2.2 SMB2-Only Negotiate. STATUS_SUCCESS sets `negotiated`;
   * STATUS_INVALID_NETWORK_RESPONSE: the response broke the rules of 3.2.5.2, the connection is
   * closed.
   */
  async negotiate(
    offer: NegotiateOptions = {},
    options: SendOptions = {},
  ): Promise<Reply<NegotiateResponse>> {
    const body = negotiateRequestOf(offer, this.#options.random);
    let hash = PREAUTH_HASH_INITIAL;
    const sent = (message: readonly Uint8Array[]): void => {
      hash = extendPreauthHash(hash, message);
      options.sent?.(message);
    };
    const reply = await this.call(negotiateRequest(body), { ...options, sent });
    if (reply.status !== STATUS_SUCCESS || reply.response === undefined) return reply;
    if (this.#negotiated !== undefined) return reply;
    const negotiated = agree(body, reply.response);
    if (negotiated === undefined) {
      this.close('the NEGOTIATE response breaks [MS-SMB2] 3.2.5.2');
      return { ...reply, status: STATUS_INVALID_NETWORK_RESPONSE, response: undefined };
    }
    this.#negotiated = negotiated;
    this.#compressor = compressorOf(negotiated, this.#options.clock);
    if (negotiated.dialect === SMB2_DIALECT_311) {
      this.#preauthHash = extendPreauthHash(hash, reply.message);
    }
    return reply;
  }

  /** [MS-SMB2] 2.2.28 SMB2 ECHO Request. */
  echo(options: SendOptions = {}): Call<EmptyBody> {
    return this.call(echoRequest(), options);
  }

  /** Sends one request, as soon as there are credits. */
  call<R>(request: Request<R>, options: SendOptions = {}): Call<R> {
    return this.compound([request], options)[0];
  }

  /**
   * Sends the requests as one message ([MS-SMB2] 3.2.4.1.4 Sending Compounded Requests), as soon as
   * there are credits for all of them. A related compound's later requests carry RELATED_FILE_ID.
   */
  compound<const T extends readonly Request<unknown>[]>(
    requests: T,
    options: CompoundOptions = {},
  ): Calls<T> {
    assert(requests.length > 0, 'a message holds a request');
    const calls = requests.map((request) => new Call(request, (call) => this.#cancel(call)));
    const charges = requests.map((request) => this.#chargeOf(request, options));
    if (options.signal !== undefined) cancelOnAbort(calls, options.signal);
    const message: Message = { calls, charges, options };
    if (this.#closedReason !== undefined) {
      settleAll(calls, STATUS_CONNECTION_DISCONNECTED);
    } else if (this.#waiting.length > 0 || !this.#send(message)) {
      this.#waiting.add(message, this.#timeoutMsOf(options));
    }
    return calls as unknown as Calls<T>;
  }

  /** Tests: sends bytes that need not be a message at all. Answers go to `intercept`. */
  sendRaw(message: Uint8Array): void {
    const headroom = new Uint8Array(this.#transport?.headroom ?? 0);
    this.#transport?.send([headroom, message]);
  }

  /** Tests: uses up message ids that will never be sent, or counts ones sent by `sendRaw`. */
  skipMessageIds(count: number): void {
    const taken = this.#window.take(count);
    assert(taken !== undefined, `no ${count} credits to skip`);
    this.#window.completed(count);
  }

  /** From now on messages of that session are verified and decrypted with its keys. */
  setChannel(channel: Channel): void {
    this.#channels.set(channel.sessionId, channel);
  }

  removeChannel(sessionId: bigint): void {
    this.#channels.delete(sessionId);
  }

  /** T2. Calls that have no answer get STATUS_CONNECTION_DISCONNECTED. */
  close(reason: string = 'closed by the client'): void {
    this.#end(reason);
  }

  /**
   * T2, of a connection on which nothing arrives: what was sent must not arrive later, either, for
   * it goes out again elsewhere.
   */
  abort(reason: string): void {
    this.#end(reason, { abort: true });
  }

  /** [MS-SMB2] 3.2.4.1.5 Sending Multi-Credit Requests: how many ids the request takes. */
  #chargeOf(request: Request<unknown>, options: SendOptions): number {
    const fields = { ...options.header, ...request.header };
    if (fields.messageId !== undefined) return 0;
    if (fields.creditCharge !== undefined) return Math.max(1, fields.creditCharge);
    if (this.#negotiated?.supportsMultiCredit !== true) return 1;
    return Math.max(1, Math.ceil(request.chargedSize / CREDIT_SIZE));
  }

  /** False when credits are missing and nothing was sent. */
  #send({ calls, charges, options }: Message): boolean {
    let total = 0;
    for (const charge of charges) total += charge;
    if (total > this.#window.available) return false;
    const { channel } = options;
    const encrypt = options.encrypt ?? channel?.encryptData ?? false;
    const sign = !encrypt && (options.sign ?? channel?.signingRequired ?? false);
    const outgoing = calls.map((call, i) => this.#outgoing(call, charges[i]!, i, options));
    const expected = encrypt ? 'encrypted' : sign ? 'signed' : 'none';
    const verify = options.verify ?? this.#options.verify ?? 'strict';
    const timeoutMs = this.#timeoutMsOf(options);
    for (let i = 0; i < calls.length; i++) {
      const sent = { charge: charges[i]!, channel, expected, verify, timeoutMs } as const;
      this.#pending.enter(calls[i]!, outgoing[i]!.messageId, sent);
    }
    const transport = this.#transport;
    assert(transport !== undefined, 'the connection is open');
    const { headroom } = transport;
    const compressor = options.compress === true ? this.#compressor : undefined;
    transport.send(writeMessage(outgoing, { ...options, headroom, sign, encrypt, compressor }));
    return true;
  }

  #outgoing(
    call: Call<unknown>,
    charge: number,
    index: number,
    options: CompoundOptions,
  ): Outgoing {
    const { request } = call;
    const chosen = request.header?.messageId ?? options.header?.messageId;
    const messageId = chosen ?? this.#window.take(charge);
    assert(messageId !== undefined, 'credits were counted before');
    const related = options.related === true && index > 0;
    return {
      request,
      messageId,
      creditCharge: this.#negotiated?.supportsMultiCredit === true ? charge : 0,
      credits: this.#window.request(charge),
      flags: related ? SMB2_FLAGS_RELATED_OPERATIONS : 0,
    };
  }

  #timeoutMsOf(options: SendOptions): number {
    return options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** [MS-SMB2] 3.2.4.24 Application Requests Canceling an Operation. */
  #cancel(call: Call<unknown>): void {
    const sent = call.messageId === undefined ? undefined : this.#pending.find(call.messageId);
    if (call.messageId === undefined || sent === undefined) {
      this.#waiting.cancel(call);
      return;
    }
    const { channel, expected } = sent;
    const header = {
      messageId: call.messageId,
      ...(call.asyncId !== undefined ? { asyncId: call.asyncId } : {}),
      credits: 0,
      creditCharge: 0,
    };
    this.sendUntracked(cancelRequest(), {
      channel,
      sign: expected === 'signed',
      encrypt: expected === 'encrypted',
      header,
    });
  }

  /**
   * Sends a request that gets no answer (CANCEL), or whose answer nobody awaits. The header must
   * name its message id.
   */
  sendUntracked(request: Request<unknown>, options: SendOptions): void {
    if (this.#closedReason !== undefined) return;
    const messageId = request.header?.messageId ?? options.header?.messageId;
    assert(messageId !== undefined, 'an untracked request names its message id');
    const { channel } = options;
    const encrypt = options.encrypt ?? channel?.encryptData ?? false;
    const sign = !encrypt && (options.sign ?? channel?.signingRequired ?? false);
    const outgoing = { request, messageId, creditCharge: 0, credits: 0, flags: 0 };
    const headroom = this.#transport!.headroom;
    this.#transport!.send(writeMessage([outgoing], { ...options, headroom, sign, encrypt }));
  }

  /** Whoever asked keeps the response, and its memory with it. */
  #received(message: Uint8Array): false {
    if (this.#closedReason !== undefined) return false;
    if (this.#options.intercept?.(message) === true) return false;
    const broken = this.#reader.read(message);
    if (broken === undefined) this.#waiting.drain();
    else this.#end(broken);
    return false;
  }

  #notified(incoming: Incoming): void {
    if (incoming.kind === 'session-closed') this.#options.onSessionClosed?.(incoming.sessionId);
    else this.#options.onBreak?.(incoming);
  }

  #end(reason: string, { abort = false } = {}): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    this.#transport?.close({ abort });
    this.#pending.disconnected();
    this.#waiting.disconnected();
    this.#resolveClosed(reason);
  }
}
