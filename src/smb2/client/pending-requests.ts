import type { TimerHandle, Timers } from '../../env/ports.ts';
import { STATUS_CONNECTION_DISCONNECTED, STATUS_IO_TIMEOUT } from '../../erref/ntstatus.ts';
import { SMB2_FLAGS_SIGNED } from '../wire/constants.ts';
import type { Call } from './call.ts';
import type { CreditWindow } from './credit-window.ts';
import type { Response } from './message-reader.ts';
import { complaintAbout, replyTo } from './reply-reader.ts';
import { type Channel, localReply, type Protection } from './request.ts';

export interface PendingRequestsParams {
  readonly timers: Timers;
  readonly window: CreditWindow;
  /** The connection's, by session id. */
  readonly channels: ReadonlyMap<bigint, Channel>;
}

/** How a request was sent. */
export interface SentRequest {
  /** Message ids that it took. */
  readonly charge: number;
  readonly channel: Channel | undefined;
  readonly expected: 'none' | 'signed' | 'encrypted';
  readonly verify: 'strict' | 'report';
  /** Milliseconds until an answer must have begun; 0 waits for ever. */
  readonly timeoutMs: number;
}

/** [MS-SMB2] 3.2.1.5 Per Pending Request. */
interface Entry {
  readonly call: Call<unknown>;
  readonly sent: SentRequest;
  timer: TimerHandle | undefined;
}

/** The requests of a connection that were sent and have no answer, by message id. */
export class PendingRequests {
  readonly #params: PendingRequestsParams;
  readonly #table: Map<bigint, Entry> = new Map();
  #responses = 0;

  constructor(params: PendingRequestsParams) {
    this.#params = params;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Responses that have arrived, interim ones included. */
  get responses(): number {
    return this.#responses;
  }

  enter(call: Call<unknown>, messageId: bigint, sent: SentRequest): void {
    call.assign(messageId);
    const entry: Entry = { call, sent, timer: undefined };
    if (sent.timeoutMs > 0) {
      // The entry stays: a late response still brings credits and is no surprise.
      const expire = (): void => void call.settle(localReply(STATUS_IO_TIMEOUT));
      entry.timer = this.#params.timers.after(sent.timeoutMs, expire);
    }
    this.#table.set(messageId, entry);
  }

  find(messageId: bigint): SentRequest | undefined {
    return this.#table.get(messageId)?.sent;
  }

  /** [MS-SMB2] 3.2.5.1 Receiving Any Message: one response. Returns what breaks the connection. */
  responded(response: Response): string | undefined {
    const { header } = response;
    const entry = this.#table.get(header.messageId);
    if (entry === undefined) return `a response to no request: message id ${header.messageId}`;
    const { call, sent } = entry;
    const protection = this.#protectionOf(sent, response);
    const complaint = complaintAbout(response, sent.expected, protection);
    if (complaint !== undefined && sent.verify === 'strict') return complaint;

    this.#responses++;
    this.#params.window.grant(header.credits);
    entry.timer?.cancel();
    if (response.isInterim) {
      call.pend(header);
      return undefined;
    }
    this.#table.delete(header.messageId);
    this.#params.window.completed(sent.charge);
    call.settle(replyTo(call.request, response, protection));
    return undefined;
  }

  disconnected(): void {
    for (const { call, timer } of this.#table.values()) {
      timer?.cancel();
      call.settle(localReply(STATUS_CONNECTION_DISCONNECTED));
    }
    this.#table.clear();
  }

  /** [MS-SMB2] 3.2.5.1.3 Verifying the Signature. */
  #protectionOf(sent: SentRequest, response: Response): Protection {
    if (response.isEncrypted) return 'encrypted';
    if ((response.header.flags & SMB2_FLAGS_SIGNED) === 0) return 'none';
    const { sessionId } = response.header;
    const signer = (sent.channel ?? this.#params.channels.get(sessionId))?.signer;
    if (signer === undefined) return 'unverified';
    return signer.verify(response.message) ? 'signed' : 'bad-signature';
  }
}
