/**
 * The bus between processes of one machine: each listens on a unix socket of its name in a runtime
 * folder, which only its owner may enter, and two processes have one connection. Who comes later
 * connects to those that are there; the first frame says who it is. The kernel ends the connections
 * of a process that dies, so that its peers know at once.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert } from '../../base/assert.ts';
import { BUS_QUEUE_SIZE_MAX } from '../../base/limits.ts';
import type { MaybePromise } from '../../base/task.ts';
import type { Log } from '../../env/ports.ts';
import { encodeFrame, type Frame, FrameCutter } from '../frames.ts';
import { Handlers } from '../handlers.ts';
import type { MessageBus, MessageHandler, MessageType, PeerListener } from '../message-bus.ts';

export interface ProcessBusOptions {
  /** The runtime folder. */
  readonly folder: string;
  /** Letters and digits; nobody has had it before. */
  readonly serverId: string;
  readonly log: Log;
  /** Bytes queued for one peer. */
  readonly queueSizeMax?: number;
}

/** The first frame on a connection, from the one who made it. */
const HELLO = '#hello';

interface Link {
  readonly socket: Socket;
  readonly waiters: ((isThere: boolean) => void)[];
}

export class ProcessBus implements MessageBus {
  readonly serverId: string;
  readonly #options: ProcessBusOptions;
  readonly #queueSizeMax: number;
  readonly #server: Server;
  readonly #handlers: Handlers;
  readonly #links = new Map<string, Link>();
  readonly #strangers = new Set<Socket>();

  /** Rejects with the system's error where the folder cannot be used. */
  static async open(options: ProcessBusOptions): Promise<ProcessBus> {
    const server = createServer();
    const bus = new ProcessBus(options, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketOf(options.folder, options.serverId), () => {
        server.removeListener('error', reject);
        server.on('error', (error) => options.log.error({ error: error.message }, 'the bus'));
        resolve();
      });
    });
    return bus;
  }

  private constructor(options: ProcessBusOptions, server: Server) {
    assert(/^[A-Za-z0-9]{1,32}$/.test(options.serverId), `${options.serverId} names no process`);
    this.serverId = options.serverId;
    this.#options = options;
    this.#queueSizeMax = options.queueSizeMax ?? BUS_QUEUE_SIZE_MAX;
    this.#handlers = new Handlers(options.log);
    this.#server = server;
    server.on('connection', (socket) => this.#greeted(socket));
  }

  /** Makes a process that listens already a peer; false when it does not. */
  connect(serverId: string): Promise<boolean> {
    if (this.#links.has(serverId)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const socket = connect(socketOf(this.#options.folder, serverId));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.write(encodeFrame(HELLO, this.serverId)!);
        this.#receive(socket, () => serverId);
        this.#enter(serverId, socket);
        resolve(true);
      });
    });
  }

  send<T>(to: string, type: MessageType<T>, body: T): boolean {
    const link = this.#links.get(to);
    if (link === undefined) return false;
    const frame = encodeFrame(type.name, type.shape.toJson(body));
    if (frame === undefined) {
      this.#options.log.error({ name: type.name, to }, 'a message was too long to send');
      return false;
    }
    link.socket.write(frame);
    if (link.socket.writableLength <= this.#queueSizeMax) return true;
    this.#options.log.error({ to }, 'a process takes no messages');
    link.socket.destroy();
    this.#leave(to, link.socket);
    return false;
  }

  handle<T>(type: MessageType<T>, handler: MessageHandler<T>): void {
    this.#handlers.add(type, handler);
  }

  drained(to: string): MaybePromise<boolean> {
    const link = this.#links.get(to);
    if (link === undefined) return false;
    if (link.socket.writableLength < this.#queueSizeMax / 2) return true;
    return new Promise((resolve) => link.waiters.push(resolve));
  }

  peers(): readonly string[] {
    return [...this.#links.keys()];
  }

  watchPeers(listener: PeerListener): void {
    this.#handlers.watch(listener);
  }

  /** What is queued is still sent. */
  async close(): Promise<void> {
    for (const socket of this.#strangers) socket.destroy();
    const ended = [...this.#links.values()].map(({ socket, waiters }) => {
      for (const tell of waiters.splice(0)) tell(false);
      return new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.end(() => socket.destroy());
      });
    });
    this.#links.clear();
    await Promise.all(ended);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Somebody connected: who, its first frame tells. */
  #greeted(socket: Socket): void {
    this.#strangers.add(socket);
    let from: string | undefined;
    this.#receive(socket, ({ name, json }) => {
      if (from !== undefined) return from;
      if (name !== HELLO || typeof json !== 'string' || this.#links.has(json)) return undefined;
      from = json;
      this.#strangers.delete(socket);
      this.#enter(from, socket);
      return from;
    });
  }

  /** `senderOf` names who a frame is from; undefined ends the connection. */
  #receive(socket: Socket, senderOf: (frame: Frame) => string | undefined): void {
    let from: string | undefined;
    let isFine = true;
    const frames = new FrameCutter((frame) => {
      from = senderOf(frame);
      if (from === undefined) isFine = false;
      else if (isFine && frame.name !== HELLO) {
        this.#handlers.dispatch(frame.name, frame.json, from);
      }
    });
    socket.on('data', (chunk) => {
      if (frames.push(chunk) && isFine) return;
      this.#options.log.error({ from }, 'what a process sent makes no sense');
      socket.destroy();
    });
    socket.on('error', (error) => this.#options.log.debug({ error: error.message }, 'bus'));
    socket.on('close', () => {
      this.#strangers.delete(socket);
      for (const [serverId, link] of this.#links) {
        if (link.socket === socket) this.#leave(serverId, socket);
      }
    });
  }

  #enter(serverId: string, socket: Socket): void {
    const link: Link = { socket, waiters: [] };
    this.#links.set(serverId, link);
    socket.on('drain', () => {
      for (const tell of link.waiters.splice(0)) tell(true);
    });
    this.#handlers.joined(serverId);
  }

  #leave(serverId: string, socket: Socket): void {
    const link = this.#links.get(serverId);
    if (link?.socket !== socket) return;
    this.#links.delete(serverId);
    for (const tell of link.waiters.splice(0)) tell(false);
    this.#handlers.left(serverId);
  }
}

/** Where a process listens; one that was killed leaves the socket behind. */
export function socketOf(folder: string, serverId: string): string {
  return `${folder}/${serverId}.sock`;
}
