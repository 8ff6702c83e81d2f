import type { FileRange } from '../../base/io-buffer.ts';
import type { Rdma } from './rdma.ts';

/**
 * The byte pipe port below SMB2: whole messages in, whole messages out, in order.
 * [MS-SMB2] 2.1 Transport. The protocol never sees framing, fragments or a transport's own credits;
 * tcp/ is the first backend (docs/internals/transport.md tells what another one has to do).
 *
 *   standing --T0--> ending --T1--> closed
 *       \--------------T1-----------/
 *
 *   standing  messages go both ways   ending  what is queued is still sent, nothing is received
 *   T0 close without abort   T1 close with abort, the peer, a broken message, a time-out, or all
 *   that was queued is sent: the listener's `closed`
 */
export interface Transport {
  /** For logs, limits by address and NetrSessionEnum. */
  readonly remoteAddress: string;
  /** By it the server knows which of its links, of which speed, the client came by. */
  readonly localAddress: string;
  /** Bytes that the transport needs before a message: it writes its framing there. At most 64. */
  readonly headroom: number;
  /** Bytes of the largest message that the peer takes. */
  readonly sendSizeMax: number;
  /** Left away, or undefined: the connection is not RDMA. */
  readonly rdma?: Rdma | undefined;
  /** A message may end with a range of a file. Left away: it may not. */
  readonly sendsFiles?: boolean;
  /**
   * Queues one message for sending, made of `chunks` in order. The first chunk begins with
   * `headroom` bytes that are no part of the message. The chunks' memory belongs to the transport
   * from then on.
   */
  send(chunks: readonly Uint8Array[], extras?: SendExtras): void;
  /** Bytes queued and not yet taken by the peer. */
  readonly queuedBytes: number;
  /** Bytes handed to `send` so far, framing included. */
  readonly sentBytes: number;
  /**
   * Those of `sentBytes` that the peer's system has not confirmed. Where nobody can tell, those
   * that wait to be sent. Costs a system call.
   */
  unconfirmedBytes(): number;
  /** Stops and starts reading: how a peer that asks for too much is held back. */
  pause(): void;
  resume(): void;
  /** Bytes of the largest message accepted from now on; a larger one ends the connection. */
  setMessageSizeMax(bytes: number): void;
  /**
   * Ends the connection; what is queued is still sent unless `abort`, and nothing after it. With
   * `awaitsPeer` what the peer still sends is taken and thrown away for a moment: else it would be
   * told of a reset, maybe before it has read the last answers.
   */
  close(options: { readonly abort: boolean; readonly awaitsPeer?: boolean }): void;
}

/** What few messages have. */
export interface SendExtras {
  /** The message's end; only with `sendsFiles`. Done with when `send` returns. */
  readonly file?: FileRange | undefined;
  /**
   * A token of the peer's memory whose registration ends with the message, [MS-SMBD] 3.1.4.2; only
   * where there is `rdma`.
   */
  readonly invalidates?: number | undefined;
}

/** What a transport tells its owner. */
export interface TransportListener {
  /**
   * One message; its memory is the receiver's to change, and to keep for as long as it wants. True
   * when it does not want it any longer: the next message may be received there.
   */
  message(bytes: Uint8Array): boolean;
  /** Queued bytes fell to nothing after some had been held back. */
  writable(): void;
  /** The connection ended; called once. `reason` is for the log. */
  closed(reason: string): void;
}

/** Takes a new connection and returns who listens to it. */
export type TransportAcceptor = (transport: Transport) => TransportListener;

/** Where a server takes connections: what a backend's `listen` answers. */
export interface ListeningPort {
  /** Undefined while it does not listen. */
  readonly address: string | undefined;
  readonly port: number;
  /** Connections that stand go on until their owner closes them. */
  close(): Promise<void>;
}

/**
 * Opens a connection: a backend's `connect` with its options. Rejects with the system's error
 * (`ECONNREFUSED`, `ETIMEDOUT` …).
 */
export type Connector = (listener: TransportListener) => Promise<Transport>;
