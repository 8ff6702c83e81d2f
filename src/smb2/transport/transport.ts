/**
 * The byte pipe port below SMB2: whole messages in, whole messages out. [MS-SMB2] 2.1 Transport.
 * The protocol never sees framing; tcp/ is the first backend, RDMA and QUIC follow.
 */
export interface Transport {
  /** For logs, limits by address and NetrSessionEnum. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /**
   * Queues one message, made of `chunks` in order, for sending. `sent` is called when the chunks'
   * memory may be used again (also when the connection broke).
   */
  send(chunks: readonly Uint8Array[], sent?: () => void): void;
  /** Bytes queued and not yet taken by the peer. */
  readonly queuedBytes: number;
  /** Stops and starts reading: how a peer that asks for too much is held back. */
  pause(): void;
  resume(): void;
  /** Bytes of the largest message accepted from now on; a larger one ends the connection. */
  setMessageSizeMax(bytes: number): void;
  /** Ends the connection; what is queued is dropped when `abort`. */
  close(abort: boolean): void;
}

/** What a transport tells its owner. */
export interface TransportListener {
  /** One message; the memory belongs to the receiver until it returns or as long as it wants. */
  message(bytes: Uint8Array): void;
  /** The last of the messages that arrived together was delivered: time to flush replies. */
  drained(): void;
  /** Queued bytes fell to nothing after having been held. */
  writable(): void;
  /** The connection ended, once. `reason` is for the log. */
  closed(reason: string): void;
}

/** Takes a new connection and returns who listens to it. */
export type TransportAcceptor = (transport: Transport) => TransportListener;
