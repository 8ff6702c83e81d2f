import type { NtStatus } from '../../erref/ntstatus.ts';
import type { Header } from '../wire/header.ts';
import { localReply, type Reply, type Request } from './request.ts';

/**
 * One request on its way. Awaiting it gives the reply, which never is a rejection.
 *
 *   waiting --T0--> sent --T1--> pending --T2--> done
 *      \               \---------------T2--------/
 *       \----------------------T3---------------/
 *
 *   T0  assign   credits sufficed, the message went out (ClientConnection)
 *   T1  pend     the interim response came: `asyncId` is known
 *   T2  settle   the final response, a time-out or the connection's end
 *   T3  settle   cancelled, or the connection ended, before it was sent
 */
export class Call<R> implements PromiseLike<Reply<R>> {
  readonly request: Request<R>;
  /** Undefined while credits are awaited. */
  messageId: bigint | undefined;
  /** Of the interim response. */
  asyncId: bigint | undefined;
  readonly #reply: Promise<Reply<R>>;
  readonly #cancel: (call: Call<R>) => void;
  #settle!: (reply: Reply<R>) => void;
  #done = false;
  #interim: Promise<Header | undefined> | undefined;
  #pend: ((header: Header | undefined) => void) | undefined;
  #interimHeader: Header | undefined;

  constructor(request: Request<R>, cancel: (call: Call<R>) => void) {
    this.request = request;
    this.#cancel = cancel;
    this.#reply = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get done(): boolean {
    return this.#done;
  }

  /**
   * The interim response's header when the server answered STATUS_PENDING first; undefined when the
   * final response came without one ([MS-SMB2] 3.2.5.1.5 Handling Asynchronous Responses).
   */
  get interim(): Promise<Header | undefined> {
    this.#interim ??=
      this.#interimHeader !== undefined || this.#done
        ? Promise.resolve(this.#interimHeader)
        : new Promise((resolve) => {
            this.#pend = resolve;
          });
    return this.#interim;
  }

  // biome-ignore lint/suspicious/noThenProperty: a call is awaited for its reply
  then<A = Reply<R>, B = never>(
    fulfilled?: ((reply: Reply<R>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#reply.then(fulfilled, rejected);
  }

  /**
   * Asks the server to give the request up: [MS-SMB2] 3.2.4.24 Application Requests Canceling an
   * Operation. The reply tells what became of it.
   */
  cancel(): void {
    if (!this.#done) this.#cancel(this);
  }

  /** T0, by the connection. */
  assign(messageId: bigint): void {
    this.messageId = messageId;
  }

  /** T1, by the connection. */
  pend(header: Header): void {
    this.asyncId = header.asyncId;
    this.#interimHeader = header;
    this.#pend?.(header);
  }

  /** T2 and T3, by the connection. False when it was done before. */
  settle(reply: Reply<R>): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#settle(reply);
    this.#pend?.(undefined);
    return true;
  }
}

/** The calls of a compound, each typed by its request. */
export type Calls<T extends readonly Request<unknown>[]> = {
  readonly [K in keyof T]: T[K] extends Request<infer R> ? Call<R> : never;
};

/** Ends all of them with a status that no server sent. */
export function settleAll(calls: readonly Call<unknown>[], status: NtStatus): void {
  for (const call of calls) call.settle(localReply(status));
}

/** The calls are cancelled when the signal is given, until they are done. */
export function cancelOnAbort(calls: readonly Call<unknown>[], signal: AbortSignal): void {
  const cancel = (): void => {
    for (const call of calls) call.cancel();
  };
  if (signal.aborted) queueMicrotask(cancel);
  else signal.addEventListener('abort', cancel, { once: true });
  for (const call of calls) call.then(() => signal.removeEventListener('abort', cancel));
}
