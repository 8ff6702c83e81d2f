import { Socket } from 'node:net';
import { assert } from '../../../base/assert.ts';
import { recycle } from '../../../base/buffer-pool.ts';
import type { FileRange } from '../../../base/io-buffer.ts';
import { KEEPALIVE_IDLE_MS, KEEPALIVE_PROBES_MS } from '../../../base/limits.ts';
import type { TimerHandle, Timers } from '../../../env/ports.ts';
import type { SendExtras, Transport, TransportListener } from '../transport.ts';
import { encodeFrameHeader, FRAME_HEADER_SIZE, FRAME_SIZE_MAX, FrameReader } from './framing.ts';
import { restOf, sendRange, sendsRanges } from './send-range.ts';
import { socketCalls } from './socket-calls.ts';

export interface TcpTransportOptions {
  readonly timers: Timers;
  /** Bytes of the largest message at first; see `setMessageSizeMax`. */
  readonly messageSizeMax: number;
  /**
   * Milliseconds that a started message may take to arrive whole; also how long a peer may leave
   * its replies without taking a byte of them. Noticed within twice that time.
   */
  readonly messageTimeMs: number;
}

/** Chunks from here on, or in more memory than a slab of small replies, may be the pool's. */
const RECYCLED_SIZE_MIN = 16 * 1024;
const SLAB_SIZE = 64 * 1024;

/**
 * Bytes of a message that does not wait for others of its turn: so its memory is used again for the
 * next one while the processor's cache holds it, and the peer takes it meanwhile.
 */
const SENT_AT_ONCE_SIZE_MIN = 256 * 1024;

/** How long a connection that ends in order may take to send what is queued. */
const LINGER_MS = 5_000;
/** And how long its peer may take to end it, too. */
const PEER_END_MS = 1_000;

/** The handle below a socket, with what `net` keeps to itself. */
type Handled = Socket & { _handle: SocketHandle | null };

interface SocketHandle {
  /** Of the write under way: what the kernel has not taken. */
  readonly writeQueueSize: number;
  /** What the handle was given, `writeQueueSize` included. */
  readonly bytesWritten: number;
  readonly fd: number;
}

/**
 * Connections with messages that wait for the end of the turn, in the order of their first: what a
 * request makes the server tell others leaves before its own answer, if it was said before.
 */
let due: TcpTransport[] = [];
/** Whoever is at work sends them at the end. */
let isGathering = false;

/**
 * One direct TCP connection. Bytes are received straight into the memory that messages are cut
 * from (`onread` of net.Socket). Replies to what one receive brought leave together once all of it
 * was looked at, others at the end of the turn: several in one writev of the socket object; a
 * single one, as most are, past it. A large one leaves at once, behind what was gathered, and that
 * of other connections.
 */
export class TcpTransport implements Transport {
  readonly headroom: number = FRAME_HEADER_SIZE;
  readonly sendSizeMax: number = FRAME_SIZE_MAX;
  readonly sendsFiles: boolean = sendsRanges();
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #socket: Socket;
  /** The socket's; see `#fd`. */
  readonly #descriptor: number | undefined;
  /** The socket object may hold bytes, or its end. */
  #mayHold = false;
  readonly #frames: FrameReader;
  readonly #options: TcpTransportOptions;
  #listener: TransportListener | undefined;
  /** Messages of this turn, and their bytes. */
  #outgoing: Uint8Array[] = [];
  #outgoingSize = 0;
  /** It is among `due`. */
  #isDue = false;
  /** Sent past the socket object: see `#sendNow` and `#sendRange`. */
  #directBytes = 0;
  /** The peer does not take replies as fast as they come. */
  #held = false;
  #paused = false;
  /** Messages that had arrived with the one that made the owner pause. */
  readonly #pending: Uint8Array[] = [];
  #isBroken = false;
  /** It has said its last; what arrives counts for nothing. */
  #isEnding = false;
  #ended = false;
  #delivered = 0;
  #deadline: TimerHandle | undefined;
  #drains = 0;
  #stall: TimerHandle | undefined;
  #linger: TimerHandle | undefined;

  /**
   * Takes over a connected socket that has not been read from (`pauseOnConnect`), or of which only
   * `early` has been read. The socket object itself is spent: its handle moves to one that receives
   * into our memory.
   */
  constructor(connected: Socket, options: TcpTransportOptions, early: Uint8Array = NOTHING) {
    this.#options = options;
    this.remoteAddress = connected.remoteAddress ?? '';
    this.localAddress = connected.localAddress ?? '';
    this.#frames = new FrameReader(options.messageSizeMax, (message) => this.#deliver(message));
    if (early.length > 0) this.#takeEarly(early);
    this.#socket = adoptSocket(connected, {
      buffer: () => this.#frames.room(),
      callback: (count) => this.#received(count),
    });
    this.#descriptor = descriptorOf(this.#socket);
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, KEEPALIVE_IDLE_MS);
    const fd = this.#fd;
    if (fd !== undefined) socketCalls()?.setUserTimeout(fd, unacknowledgedMs(options));
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('end', () => this.#end('closed by the peer'));
    this.#socket.on('close', () => this.#end('closed'));
    this.#socket.on('drain', () => this.#drained());
  }

  /** Names the listener and begins to receive. */
  start(listener: TransportListener): void {
    assert(this.#listener === undefined, 'a transport has one listener');
    this.#listener = listener;
    if (this.#isBroken) this.#end(NO_FRAMING);
    else if (this.#paused) this.resume();
    else this.#socket.resume();
  }

  /** What was read before waits with its messages until `start`. */
  #takeEarly(early: Uint8Array): void {
    this.#paused = true;
    for (let at = 0; at < early.length && !this.#isBroken; ) {
      const room = this.#frames.room();
      const count = Math.min(room.length, early.length - at);
      room.set(early.subarray(at, at + count));
      at += count;
      this.#isBroken = !this.#frames.received(count);
    }
  }

  get queuedBytes(): number {
    return (this.#mayHold ? this.#socket.writableLength : 0) + this.#outgoingSize;
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten + this.#directBytes + this.#outgoingSize;
  }

  unconfirmedBytes(): number {
    const handle = (this.#socket as Handled)._handle;
    if (handle === null) return this.queuedBytes;
    const queued = this.#socket.bytesWritten - handle.bytesWritten + handle.writeQueueSize;
    const waiting = queued + this.#outgoingSize;
    const fd = this.#fd;
    return waiting + (fd === undefined ? 0 : (socketCalls()?.unacknowledgedBytes(fd) ?? 0));
  }

  send(chunks: readonly Uint8Array[], { file }: SendExtras = NO_EXTRAS): void {
    if (this.#ended) return;
    let length = -FRAME_HEADER_SIZE;
    for (const chunk of chunks) length += chunk.length;
    encodeFrameHeader(chunks[0]!, 0, length + (file?.length ?? 0));
    if (file !== undefined) {
      this.#sendRange(chunks[0]!, file);
      return;
    }
    if (!this.#isDue) due.push(this);
    this.#isDue = true;
    for (const chunk of chunks) this.#outgoing.push(chunk);
    this.#outgoingSize += length + FRAME_HEADER_SIZE;
    if (length >= SENT_AT_ONCE_SIZE_MIN) TcpTransport.#sendDue();
    if (isGathering) return;
    isGathering = true;
    process.nextTick(TcpTransport.#flushAll);
  }

  /** Sends what was gathered on all connections. */
  static #sendDue(): void {
    for (const transport of due) transport.#sendGathered();
  }

  /** The same at the end; only then does anybody gather more. */
  static #flushAll(this: void): void {
    TcpTransport.#sendDue();
    isGathering = false;
    const transports = due;
    due = [];
    for (const transport of transports) transport.#isDue = false;
    for (const transport of transports) transport.#tellRoom();
  }

  /** What was only gathered counted as queued, too. */
  #tellRoom(): void {
    if (this.#ended) return;
    if (this.#held) this.#watchStall();
    else this.#listener?.writable();
  }

  #sendGathered(): void {
    const outgoing = this.#outgoing;
    if (outgoing.length === 0) return;
    this.#outgoing = [];
    this.#outgoingSize = 0;
    if (this.#ended) return;
    if (outgoing.length === 1) {
      const rest = this.#sendNow(outgoing[0]!);
      if (rest !== undefined) this.#write(rest);
    } else {
      this.#socket.cork();
      for (const chunk of outgoing) this.#write(chunk);
      this.#socket.uncork();
    }
  }

  /** Past the socket object, behind all that was sent before; what the kernel did not take. */
  #sendNow(chunk: Uint8Array): Uint8Array | undefined {
    const fd = this.#fd;
    const calls = socketCalls();
    if (fd === undefined || calls === undefined || !this.#isFree()) return chunk;
    // Errors show at the next write.
    const sent = Math.max(0, calls.send(fd, chunk));
    this.#directBytes += sent;
    if (sent < chunk.length) return chunk.subarray(sent);
    if (isPooled(chunk)) recycle(chunk);
    return undefined;
  }

  #write(chunk: Uint8Array): void {
    this.#mayHold = true;
    const sent = isPooled(chunk) ? () => recycle(chunk) : undefined;
    if (!this.#socket.write(chunk, sent)) this.#held = true;
  }

  /** Whether the kernel has all that was sent, and more may follow. */
  #isFree(): boolean {
    if (!this.#mayHold) return true;
    this.#mayHold = this.#socket.writableLength > 0 || this.#socket.writableEnded;
    return !this.#mayHold;
  }

  /**
   * What the kernel takes at once goes past the socket object, behind all that was sent before; the
   * rest is read and queued. A message with a range has one chunk before it.
   */
  #sendRange(head: Uint8Array, file: FileRange): void {
    TcpTransport.#sendDue();
    const fd = this.#fd;
    const sent = fd !== undefined && this.#isFree() ? sendRange(fd, head, file) : 0;
    this.#directBytes += sent;
    if (sent < head.length + file.length) this.#write(restOf(head, file, sent));
    if (this.#held) this.#watchStall();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
    this.#watchPartial();
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && this.#pending.length > 0) this.#deliver(this.#pending.shift()!);
    if (this.#paused || this.#ended) return;
    this.#socket.resume();
    this.#watchPartial();
  }

  setMessageSizeMax(bytes: number): void {
    this.#frames.messageSizeMax = bytes;
  }

  close({ abort, awaitsPeer }: Parameters<Transport['close']>[0]): void {
    if (this.#ended) return;
    if (abort) {
      // The kernel would go on sending what it has been given, for minutes where nobody answers.
      // (Not resetAndDestroy(): where the socket is ending already, Node then never closes it.)
      const fd = this.#fd;
      if (fd !== undefined && this.unconfirmedBytes() > 0) socketCalls()?.resetAtClose(fd);
      this.#socket.destroy();
      return;
    }
    this.#sendGathered();
    this.#mayHold = true;
    // A peer that does not take the rest must not keep the connection, or the process, for ever.
    this.#linger ??= this.#options.timers.after(LINGER_MS, () => this.#socket.destroy());
    if (awaitsPeer === true) this.#endWithPeer();
    else this.#socket.end(() => this.#socket.destroy());
  }

  /** The peer answers the end of our half with the end of its own, which destroys the socket. */
  #endWithPeer(): void {
    this.#isEnding = true;
    this.#pending.length = 0;
    this.#paused = false;
    this.#socket.resume();
    this.#socket.end(() => {
      this.#linger?.cancel();
      this.#linger = this.#options.timers.after(PEER_END_MS, () => this.#socket.destroy());
    });
  }

  /** What came in one receive with a message that made the owner pause waits with the rest. */
  #deliver(message: Uint8Array): boolean {
    if (this.#ended || this.#isEnding) return true;
    this.#delivered++;
    if (!this.#paused) return this.#listener?.message(message) ?? true;
    this.#pending.push(message);
    return false;
  }

  #received(count: number): boolean {
    if (this.#isEnding) return true;
    if (!this.#cut(count)) {
      this.#socket.destroy();
      this.#end(NO_FRAMING);
      return false;
    }
    this.#watchPartial();
    return true;
  }

  /** Delivers what is whole, and sends what was answered; false: it is no framing. */
  #cut(count: number): boolean {
    // A turn that began to gather will send, too: then these leave with the rest.
    const isFirst = !isGathering;
    isGathering = true;
    try {
      return this.#frames.received(count);
    } finally {
      if (isFirst) TcpTransport.#flushAll();
    }
  }

  /** A message that has begun must end within messageTimeMs (a slow peer holds only itself up). */
  #watchPartial(): void {
    if (!this.#frames.partial || this.#paused || this.#ended) {
      this.#deadline?.cancel();
      this.#deadline = undefined;
      return;
    }
    if (this.#deadline !== undefined) return;
    const delivered = this.#delivered;
    this.#deadline = this.#options.timers.after(this.#options.messageTimeMs, () => {
      this.#deadline = undefined;
      // A stream that is never at rest: it is another message by now.
      if (this.#delivered !== delivered) return this.#watchPartial();
      this.#end('a message took too long to arrive');
    });
  }

  #drained(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#drains++;
    this.#listener?.writable();
  }

  /** A peer that takes nothing of its replies for messageTimeMs is given up, and they with it. */
  #watchStall(): void {
    if (this.#stall !== undefined) return;
    const drains = this.#drains;
    const unsent = this.#unsentBytes();
    this.#stall = this.#options.timers.after(this.#options.messageTimeMs, () => {
      this.#stall = undefined;
      if (!this.#held || this.#ended) return;
      const moved = this.#drains !== drains || this.#unsentBytes() !== unsent;
      if (moved) this.#watchStall();
      else this.#end('the peer takes no replies');
    });
  }

  /** While the socket has it. */
  get #fd(): number | undefined {
    return (this.#socket as Handled)._handle === null ? undefined : this.#descriptor;
  }

  /**
   * What the kernel has not taken of the write under way: unlike `queuedBytes` it tells progress.
   */
  #unsentBytes(): number {
    return (this.#socket as Handled)._handle?.writeQueueSize ?? 0;
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deadline?.cancel();
    this.#stall?.cancel();
    this.#linger?.cancel();
    this.#pending.length = 0;
    this.#socket.destroy();
    this.#listener?.closed(reason);
  }
}

/** Asked for once: it costs as much as a message's decoding. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as Handled)._handle?.fd ?? -1;
  return fd >= 0 ? fd : undefined;
}

/** Whether its memory may be the pool's. */
function isPooled(chunk: Uint8Array): boolean {
  return chunk.length >= RECYCLED_SIZE_MIN || chunk.buffer.byteLength > SLAB_SIZE;
}

/**
 * Without it the kernel tries for a quarter of an hour to reach a peer that is gone. It decides on
 * keepalive probes, too, so those get the time that they would have had.
 */
function unacknowledgedMs({ messageTimeMs }: TcpTransportOptions): number {
  return Math.max(messageTimeMs, KEEPALIVE_IDLE_MS + KEEPALIVE_PROBES_MS);
}

const NOTHING = new Uint8Array(0);
const NO_EXTRAS: SendExtras = {};
const NO_FRAMING = 'no SMB2 framing, or a message over the limit';

export interface OnRead {
  readonly buffer: () => Uint8Array;
  /** False: stop reading. */
  readonly callback: (count: number) => boolean;
}

/**
 * `net.Server` makes its sockets without `onread`, so their handle moves to a new socket. This is
 * what Node itself does when it sends a handle to another process.
 */
export function adoptSocket(connected: Socket, onread: OnRead): Socket {
  const from = connected as Handled;
  const handle = from._handle;
  assert(handle !== null, 'the socket is connected');
  from._handle = null;
  from.destroy();
  return new Socket({ handle, onread, readable: true, writable: true } as object);
}
