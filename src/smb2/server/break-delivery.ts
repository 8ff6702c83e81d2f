import { assert } from '../../base/assert.ts';
import { BREAK_LOOK_MS, BREAK_TAKEN_TIME_MS, KEEPALIVE_PROBES_MS } from '../../base/limits.ts';
import type { TimerHandle, Timers } from '../../env/ports.ts';
import type { Connection } from './state/connection.ts';

/** 'retry': on every channel until one takes it; 'windows': on the last one of them, once. */
export type OplockBreakChannels = 'retry' | 'windows';

/** One notification that a client has to get. */
export interface BreakNotice {
  /** Of the oplock or lease: a later break of the same one takes the place of this. */
  readonly oplockKey: string;
  /** Where it may go, in the order to try; asked for again each time. */
  connections(): Iterable<Connection>;
  send(connection: Connection): void;
  /** A channel that does not take it is left for the next one. */
  readonly isRetried: boolean;
  readonly needsAcknowledgement: boolean;
}

/**
 * A notice on its way.
 *
 *     (none) --T0--> sent --T2--> taken --T3--> over
 *                    |  ^                        ^
 *                    +--+ T1                     |
 *                    +----------T4--------------+
 *
 * sent: the channel's peer has yet to confirm that it got the bytes. taken: its system has them,
 * its program need not. T0 deliver(). T1 #retry(): the channel takes nothing, or ended, and there
 * is another one. T2 #look(): confirmed. T3 settle(): the client answered, or the time to answer
 * passed; where the channel ends first, T1. T4 the same, or no channel is left.
 */
interface Delivery {
  readonly notice: BreakNotice;
  readonly tried: Set<Connection>;
  connection: Connection;
  /** What the transport must have got rid of, of all it was ever given. */
  targetBytes: number;
  confirmedBytes: number;
  /** Milliseconds since `confirmedBytes` grew. */
  stuckMs: number;
  timer: TimerHandle | undefined;
}

/** Bytes, of all that the connection was given, that the peer's system has. */
function confirmedBytes({ transport, confirmsNothing }: Connection): number {
  return confirmsNothing ? 0 : transport.sentBytes - transport.unconfirmedBytes();
}

/**
 * [MS-SMB2] 3.3.4.6 Object Store Indicates an Oplock Break, 3.3.4.7 … a Lease Break: a notification
 * that cannot be sent on one channel is sent on another. A channel counts as dead when its peer's
 * TCP confirms nothing for BREAK_TAKEN_TIME_MS where another can take over, for as long as the
 * probes of an idle one may take where it is the last; it is closed then.
 */
export class BreakDeliveries {
  readonly #deliveries: Map<string, Delivery> = new Map();
  readonly #timers: Timers;
  readonly #answerTimeMs: number;
  readonly #giveUp: (connection: Connection, reason: string) => void;

  /** `answerTimeMs`: how long a client has to acknowledge. `giveUp` ends a dead connection. */
  constructor(options: {
    readonly timers: Timers;
    readonly answerTimeMs: number;
    readonly giveUp: (connection: Connection, reason: string) => void;
  }) {
    this.#timers = options.timers;
    this.#answerTimeMs = options.answerTimeMs;
    this.#giveUp = options.giveUp;
  }

  /** T0. Without any channel the client is gone, and its opens are about to be. */
  deliver(notice: BreakNotice): void {
    this.settle(notice.oplockKey);
    const connection = nextChannel(notice, new Set());
    if (connection === undefined) return;
    const delivery: Delivery = {
      notice,
      tried: new Set(),
      connection,
      targetBytes: 0,
      confirmedBytes: 0,
      stuckMs: 0,
      timer: undefined,
    };
    this.#deliveries.set(notice.oplockKey, delivery);
    this.#send(delivery, connection);
  }

  /** T3, T4. The client acknowledged, or what was to be broken is gone. */
  settle(oplockKey: string): void {
    const delivery = this.#deliveries.get(oplockKey);
    if (delivery === undefined) return;
    delivery.timer?.cancel();
    this.#deliveries.delete(oplockKey);
  }

  /** T1. What went out on the connection may never have been read: it goes out on another one. */
  connectionLost(connection: Connection): void {
    for (const delivery of [...this.#deliveries.values()]) {
      if (delivery.connection === connection) this.#retry(delivery);
    }
  }

  #send(delivery: Delivery, connection: Connection): void {
    assert(!connection.closed, 'a break goes to a closed connection');
    delivery.connection = connection;
    delivery.tried.add(connection);
    delivery.stuckMs = 0;
    delivery.confirmedBytes = 0;
    delivery.notice.send(connection);
    delivery.targetBytes = connection.transport.sentBytes;
    this.#await(delivery, BREAK_LOOK_MS, () => this.#look(delivery));
  }

  #retry(delivery: Delivery): void {
    const { notice, tried } = delivery;
    const next = notice.isRetried ? nextChannel(notice, tried) : undefined;
    if (next === undefined) this.settle(notice.oplockKey);
    else this.#send(delivery, next);
  }

  #look(delivery: Delivery): void {
    const { connection, notice, tried } = delivery;
    const confirmed = confirmedBytes(connection);
    if (confirmed >= delivery.targetBytes) {
      this.#taken(delivery);
      return;
    }
    delivery.stuckMs = confirmed > delivery.confirmedBytes ? 0 : delivery.stuckMs + BREAK_LOOK_MS;
    delivery.confirmedBytes = confirmed;
    const isLast = nextChannel(notice, tried) === undefined;
    const patienceMs = isLast ? KEEPALIVE_PROBES_MS : BREAK_TAKEN_TIME_MS;
    if (notice.isRetried && delivery.stuckMs >= patienceMs) {
      // Tells `connectionLost` of it, for this delivery and all others on that connection.
      this.#giveUp(connection, 'a break notification does not get through');
      return;
    }
    this.#await(delivery, BREAK_LOOK_MS, () => this.#look(delivery));
  }

  #taken(delivery: Delivery): void {
    const { oplockKey, needsAcknowledgement } = delivery.notice;
    if (!needsAcknowledgement) this.settle(oplockKey);
    else this.#await(delivery, this.#answerTimeMs, () => this.settle(oplockKey));
  }

  #await(delivery: Delivery, delayMs: number, fire: () => void): void {
    delivery.timer?.cancel();
    delivery.timer = this.#timers.after(delayMs, fire);
  }
}

function nextChannel(notice: BreakNotice, tried: ReadonlySet<Connection>): Connection | undefined {
  for (const connection of notice.connections()) {
    if (!connection.closed && !tried.has(connection)) return connection;
  }
  return undefined;
}
