import type { Socket } from 'node:net';
import type { Limits } from '../../base/limits.ts';
import { networkOf } from '../../base/network-of.ts';
import type { Env } from '../../env/ports.ts';
import { encodeFrameHeader, FRAME_HEADER_SIZE } from '../../smb2/transport/tcp/framing.ts';
import { type ListenAt, ListeningSocket } from '../../smb2/transport/tcp/listening-socket.ts';
import { adoptSocket } from '../../smb2/transport/tcp/tcp-transport.ts';
import type { Guid } from '../../smb2/wire/guid.ts';
import type { Listener } from '../listeners.ts';
import { FirstBytes, type Said } from './identify-client.ts';

/** A connection whose client is known, or does not say who it is; nothing more is read of it. */
export interface Identified {
  readonly socket: Socket;
  readonly guid: Guid | undefined;
  /** What has been read, but for an SMB1 message that is answered. */
  readonly early: Uint8Array;
  readonly isSmb1Answered: boolean;
  /** Milliseconds that it took of `unauthenticatedTimeMs`. */
  readonly waitedMs: number;
  readonly address: string;
}

export interface IntakeOptions {
  readonly limits: Limits;
  readonly env: Env;
  /** Connections that are handed over already: all, and from this address. */
  readonly counts: (address: string) => { readonly all: number; readonly fromAddress: number };
  readonly handOver: (identified: Identified) => void;
  /**
   * [MS-SMB2] 3.3.5.3: what a client that begins with SMB1 is told so that it goes on with SMB2,
   * behind FRAME_HEADER_SIZE bytes. Undefined: its worker says what becomes of it.
   */
  readonly answerSmb1: (message: Uint8Array) => Uint8Array | undefined;
}

/**
 * Listens, and reads of each connection as little as tells whose it is: some hundred bytes, the
 * rest stays in the kernel until its worker reads it. A client that begins with SMB1 tells after an
 * answer.
 */
export class Intake {
  readonly #options: IntakeOptions;
  /** Sockets of which the client is not known yet, by address. */
  readonly #unknown = new Map<Socket, string>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Rejects with the system's error (`EADDRINUSE`, `EACCES` …). */
  async bind(at: ListenAt): Promise<Listener> {
    const socket = await ListeningSocket.bind(at);
    return {
      socket,
      open: () => socket.open((connected) => this.#connected(connected)),
      close: () => socket.close(),
    };
  }

  /** Gives those up whose client is not known yet. */
  close(): void {
    for (const socket of [...this.#unknown.keys()]) socket.destroy();
  }

  #connected(connected: Socket): void {
    const address = networkOf(connected.remoteAddress ?? '');
    if (!this.#mayCome(address)) {
      connected.destroy();
      return;
    }
    const first = new FirstBytes();
    const { timers, log, clock } = this.#options.env;
    const sinceMs = clock.monotonicMs();
    let isSmb1Answered = false;
    let sent: Promise<unknown> = Promise.resolve();
    const socket = adoptSocket(connected, {
      buffer: () => first.room(),
      callback: (count) => {
        let said = first.received(count);
        const answer = this.#answerTo(said);
        if (answer !== undefined) {
          isSmb1Answered = true;
          sent = new Promise((resolve) => socket.write(answer.bytes, resolve));
          said = first.answered(answer.message);
        }
        if (said === 'more') return true;
        const guid = typeof said === 'object' && 'guid' in said ? said.guid : undefined;
        if (said === 'broken') socket.destroy();
        // Once this returned: reading stops with the false. The worker's answers follow this one's.
        sent.then(() => {
          const waitedMs = clock.monotonicMs() - sinceMs;
          known({ socket, guid, early: first.rest, isSmb1Answered, waitedMs, address });
        });
        return false;
      },
    });
    this.#makeRoom();
    this.#unknown.set(socket, address);
    const timer = timers.after(this.#options.limits.unauthenticatedTimeMs, () => socket.destroy());
    const ended = (): void => {
      timer.cancel();
      this.#unknown.delete(socket);
    };
    const known = (identified: Identified): void => {
      ended();
      if (!socket.destroyed) this.#options.handOver(identified);
    };
    socket.on('close', ended);
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => log.debug({ address, error: error.message }, 'lost'));
    socket.resume();
  }

  #answerTo(said: Said): { readonly bytes: Uint8Array; readonly message: Uint8Array } | undefined {
    if (typeof said !== 'object' || !('smb1' in said)) return undefined;
    const bytes = this.#options.answerSmb1(said.smb1);
    if (bytes === undefined) return undefined;
    encodeFrameHeader(bytes, 0, bytes.length - FRAME_HEADER_SIZE);
    return { bytes, message: said.smb1 };
  }

  #mayCome(address: string): boolean {
    const { limits, env, counts } = this.#options;
    const handedOver = counts(address);
    let fromAddress = handedOver.fromAddress;
    for (const one of this.#unknown.values()) if (one === address) fromAddress++;
    const all = handedOver.all + this.#unknown.size;
    const isWithin = all < limits.connectionsMax && fromAddress < limits.connectionsPerAddressMax;
    if (!isWithin) env.log.warn({ address, connections: all, fromAddress }, 'connection refused');
    return isWithin;
  }

  /** Who is silent keeps nobody out. */
  #makeRoom(): void {
    if (this.#unknown.size < UNIDENTIFIED_MAX) return;
    const socket = whoGivesWay(this.#unknown);
    if (socket === undefined) return;
    this.#unknown.delete(socket);
    socket.destroy();
  }
}

/** Connections that have not said whose they are: each may take `unauthenticatedTimeMs`. */
const UNIDENTIFIED_MAX = 1024;

/** The oldest of the address that has most of them; `unknown` is in the order of their coming. */
export function whoGivesWay<T>(unknown: ReadonlyMap<T, string>): T | undefined {
  const counts = new Map<string, number>();
  let most = 0;
  for (const address of unknown.values()) {
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    most = Math.max(most, count);
  }
  for (const [one, address] of unknown) if (counts.get(address) === most) return one;
  return undefined;
}
