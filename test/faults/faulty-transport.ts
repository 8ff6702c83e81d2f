import type { Socket } from 'node:net';
import {
  FRAME_HEADER_SIZE,
  FRAME_SIZE_MAX,
  FrameReader,
} from '../../src/smb2/transport/tcp/framing.ts';
import type { Transport, TransportListener } from '../../src/smb2/transport/transport.ts';

/** How the next message leaves. */
export type Fault =
  /** Its first bytes, then the connection is cut. */
  | { readonly kind: 'cut'; readonly after: number }
  /** Nothing leaves; the test takes the bytes and sends them as it likes. */
  | { readonly kind: 'keep' };

/** A client's end of a TCP connection that misbehaves when it is told to. */
export class FaultyTransport implements Transport {
  readonly headroom: number = FRAME_HEADER_SIZE;
  readonly sendSizeMax: number = FRAME_SIZE_MAX;
  readonly remoteAddress = '';
  readonly localAddress = '';
  readonly socket: Socket;
  /** Bytes of the message that 'keep' held back. */
  kept: Uint8Array = new Uint8Array(0);
  #fault: Fault | undefined;

  /** `socket` is connected. */
  constructor(socket: Socket, listener: TransportListener) {
    this.socket = socket;
    const reader = new FrameReader(FRAME_SIZE_MAX, (message) => listener.message(message));
    socket.setNoDelay(true);
    socket.on('data', (bytes) => feed(reader, bytes));
    socket.on('error', () => {});
    socket.once('close', () => listener.closed('closed'));
  }

  get queuedBytes(): number {
    return this.socket.writableLength;
  }

  get sentBytes(): number {
    return this.socket.bytesWritten;
  }

  unconfirmedBytes(): number {
    return this.socket.writableLength;
  }

  /** The next message, and only that, goes wrong. */
  breakNext(fault: Fault): void {
    this.#fault = fault;
  }

  send(chunks: readonly Uint8Array[]): void {
    const frame = Buffer.concat(chunks);
    frame.writeUInt32BE(frame.length - FRAME_HEADER_SIZE, 0);
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault === undefined) this.socket.write(frame);
    else if (fault.kind === 'keep') this.kept = frame;
    else this.socket.write(frame.subarray(0, fault.after), () => this.socket.destroy());
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  setMessageSizeMax(): void {}

  close(options: { readonly abort: boolean }): void {
    if (options.abort) this.socket.destroy();
    else this.socket.end();
  }
}

function feed(reader: FrameReader, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const room = reader.room();
    const count = Math.min(room.length, bytes.length - at);
    room.set(bytes.subarray(at, at + count));
    at += count;
    reader.received(count);
  }
}
