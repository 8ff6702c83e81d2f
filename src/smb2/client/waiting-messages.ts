import type { TimerHandle, Timers } from '../../env/ports.ts';
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_IO_TIMEOUT,
} from '../../erref/ntstatus.ts';
import { type Call, settleAll } from './call.ts';
import type { CompoundOptions } from './request.ts';

/** One request, or a compound of them, with the credits that each takes. */
export interface Message {
  readonly calls: readonly Call<unknown>[];
  readonly charges: readonly number[];
  readonly options: CompoundOptions;
}

export interface WaitingMessagesParams {
  readonly timers: Timers;
  /** False when credits are missing and nothing was sent. */
  send(message: Message): boolean;
}

interface Waiting {
  readonly message: Message;
  timer: TimerHandle | undefined;
}

/**
 * The messages of a connection that wait for credits, in order: [MS-SMB2] 3.2.4.1.2 Requesting
 * Credits from the Server.
 */
export class WaitingMessages {
  readonly #params: WaitingMessagesParams;
  readonly #queue: Waiting[] = [];

  constructor(params: WaitingMessagesParams) {
    this.#params = params;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Credits may never suffice, so the wait has its end, too; 0 waits for ever. */
  add(message: Message, timeoutMs: number): void {
    const waiting: Waiting = { message, timer: undefined };
    this.#queue.push(waiting);
    if (timeoutMs === 0) return;
    waiting.timer = this.#params.timers.after(timeoutMs, () => {
      this.#giveUp(waiting, STATUS_IO_TIMEOUT);
      this.drain();
    });
  }

  /** Sends what waited, in order, as far as credits reach. */
  drain(): void {
    while (this.#queue.length > 0 && this.#params.send(this.#queue[0]!.message)) {
      this.#queue.shift()?.timer?.cancel();
    }
  }

  /** Gives the message up that a call is in, if one is. */
  cancel(call: Call<unknown>): void {
    const unsent = this.#queue.find(({ message }) => message.calls.includes(call));
    if (unsent !== undefined) this.#giveUp(unsent, STATUS_CANCELLED);
  }

  disconnected(): void {
    for (const { message, timer } of this.#queue) {
      timer?.cancel();
      settleAll(message.calls, STATUS_CONNECTION_DISCONNECTED);
    }
    this.#queue.length = 0;
  }

  #giveUp(waiting: Waiting, status: NtStatus): void {
    waiting.timer?.cancel();
    this.#queue.splice(this.#queue.indexOf(waiting), 1);
    settleAll(waiting.message.calls, status);
  }
}
