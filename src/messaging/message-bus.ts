/**
 * The bus port (what messaging and iRPC are to Samba): typed messages between server processes, by
 * server id. `local/` serves one process, `process/` those of a machine.
 *
 * Messages from one process to another arrive in the order in which they were sent, or, once the
 * other one is gone, not at all. Who is there is known: a peer that ends, however it ends, is
 * reported at once. Delivery is never within `send`.
 */
import type { MaybePromise } from '../base/task.ts';
import type { Shape } from './shape.ts';

/** A kind of message, declared once; both ends check with its shape. */
export interface MessageType<T> {
  readonly name: string;
  readonly shape: Shape<T>;
}

export type MessageHandler<T> = (body: T, from: string) => void;

export interface PeerListener {
  joined(serverId: string): void;
  /** Nothing comes from it any more. */
  left(serverId: string): void;
}

export interface MessageBus {
  /** This process, as the others address it. */
  readonly serverId: string;
  /**
   * Queues one message. False: there is no such peer. A peer that does not take what is queued for
   * it is given up when that exceeds the bus's limit.
   */
  send<T>(to: string, type: MessageType<T>, body: T): boolean;
  /** One handler for each type; a message without one is dropped. */
  handle<T>(type: MessageType<T>, handler: MessageHandler<T>): void;
  /**
   * Back-pressure for who can wait: true while, or as soon as, less than half of the limit is
   * queued for the peer; false when it is gone.
   */
  drained(to: string): MaybePromise<boolean>;
  peers(): readonly string[];
  watchPeers(listener: PeerListener): void;
  close(): Promise<void>;
}

/** To everybody who is there. */
export function broadcast<T>(bus: MessageBus, type: MessageType<T>, body: T): void {
  for (const serverId of bus.peers()) bus.send(serverId, type, body);
}
