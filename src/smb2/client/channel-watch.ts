import type { TimerHandle, Timers } from '../../env/ports.ts';
import { STATUS_IO_TIMEOUT, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import type { ClientConnection } from './connection.ts';
import type { ClientSession } from './session.ts';

/** Milliseconds between two looks, and that a channel has to answer an ECHO. */
const LOOK_MS = 5_000;
const ECHO_TIME_MS = 5_000;

/**
 * Finds channels behind which the network swallows everything: requests wait, nothing is answered,
 * not even an ECHO ([MS-SMB2] 2.2.28), while another channel's is. They are closed, so that what
 * waits on them goes out on another one. A server that is merely slow answers none, and loses none.
 */
export class ChannelWatch {
  readonly #session: ClientSession;
  readonly #timers: Timers;
  /** `responses` of each connection at the last look. */
  #seen: ReadonlyMap<ClientConnection, number> = new Map();
  #timer: TimerHandle | undefined;

  constructor(session: ClientSession, timers: Timers) {
    this.#session = session;
    this.#timers = timers;
  }

  /** Looks from now on, as long as there are several channels. */
  start(): void {
    if (this.#timer !== undefined || this.#session.connections.length < 2) return;
    this.#timer = this.#timers.after(LOOK_MS, () => {
      this.#timer = undefined;
      void this.#look().then(() => this.start());
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { connections } = this.#session;
    const isStuck = (one: ClientConnection): boolean =>
      one.requestsUnderWay > 0 && one.creditsAvailable > 0 && this.#seen.get(one) === one.responses;
    const stuck = connections.filter(isStuck);
    this.#seen = new Map(connections.map((one) => [one, one.responses]));
    if (stuck.length === 0) return;
    const asked = connections.filter(({ creditsAvailable }) => creditsAvailable > 0);
    const answers = await Promise.all(asked.map((one) => one.echo({ timeoutMs: ECHO_TIME_MS })));
    if (!answers.some(({ status }) => status === STATUS_SUCCESS)) return;
    for (const [i, { status }] of answers.entries()) {
      if (status === STATUS_IO_TIMEOUT) asked[i]!.abort('the channel does not answer');
    }
  }
}
