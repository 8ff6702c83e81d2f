import { run, type Task } from '../../base/task.ts';
import type { Log } from '../../env/ports.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import type { MessageBus } from '../../messaging/message-bus.ts';
import { type Offer, offerDurable, settleOffer } from '../../smb2/server/moving-opens.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import { ASK_FOR_OPEN, SETTLE_OPEN } from './worker-messages.ts';

interface Offered {
  readonly to: string;
  readonly offer: Offer;
}

/** Opens that other workers asked for, until they have them, or end. */
export class OfferedOpens {
  readonly #engine: Smb2Server;
  readonly #log: Log;
  readonly #offers = new Map<bigint, Offered>();

  constructor(engine: Smb2Server, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  serve(bus: MessageBus, calls: BusCalls): void {
    calls.answer(ASK_FOR_OPEN, async ({ persistentId }, to) => {
      const offering = offerDurable(this.#engine, persistentId);
      const offer = await finished(offering, undefined, this.#log);
      if (offer !== undefined) this.#offers.set(persistentId, { to, offer });
      if (!bus.peers().includes(to)) this.#settle(persistentId, false);
      return offer !== undefined;
    });
    bus.handle(SETTLE_OPEN, ({ persistentId, isTaken }, from) => {
      if (this.#offers.get(persistentId)?.to === from) this.#settle(persistentId, isTaken);
    });
    bus.watchPeers({
      joined: () => {},
      left: (serverId) => {
        for (const [id, { to }] of [...this.#offers]) if (to === serverId) this.#settle(id, false);
      },
    });
  }

  #settle(persistentId: bigint, isTaken: boolean): void {
    const offered = this.#offers.get(persistentId);
    this.#offers.delete(persistentId);
    if (offered === undefined) return;
    void finished(settleOffer(this.#engine, offered.offer, isTaken), undefined, this.#log);
  }
}

/** What a task ends with; a bug in it is logged, and costs that one. */
export async function finished<T>(task: Task<T>, otherwise: T, log: Log): Promise<T> {
  try {
    return await run(task);
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    log.error({ error: text }, 'what another worker asked for failed by a bug');
    return otherwise;
  }
}
