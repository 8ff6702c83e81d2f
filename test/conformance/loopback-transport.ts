/**
 * An RDMA transport in memory, as strict as hardware: messages travel in fragments for which the
 * receiver gave credits, registered memory is reached by token and for what it was registered for,
 * and whoever breaks a rule loses the connection.
 */
import { recycle } from '../../src/base/buffer-pool.ts';
import type { RegisteredRegion, Sendable } from '../../src/base/io-buffer.ts';
import { type BufferDescriptor, subsegment } from '../../src/smb2/transport/buffer-descriptor.ts';
import type { Rdma, Registration } from '../../src/smb2/transport/rdma.ts';
import type {
  ListeningPort,
  SendExtras,
  Transport,
  TransportAcceptor,
  TransportListener,
} from '../../src/smb2/transport/transport.ts';

export interface LoopbackOptions {
  /** Bytes of one fragment; [MS-SMBD] 3.1.1.1 MaxSendSize. Default 1364, as Windows. */
  readonly fragmentSize?: number;
  /** Fragments that the receiver has room for. Default 255, as Windows. */
  readonly credits?: number;
  /** MaxFragmentedSendSize; default 1 MiB, as Windows. */
  readonly sendSizeMax?: number;
  /** Bytes of one registration: a larger one needs several descriptors. Default 100,000. */
  readonly registrationSizeMax?: number;
  /** How long an RDMA Read or Write takes; default: a turn of the event loop. */
  readonly transferTime?: () => Promise<void>;
}

const DEFAULTS = {
  fragmentSize: 1364,
  credits: 255,
  sendSizeMax: 1024 * 1024,
  registrationSizeMax: 100_000,
  transferTime: () => new Promise<void>((resolve) => setImmediate(resolve)),
};
const READ_WRITE_SIZE_MAX = 8 * 1024 * 1024;
/** As a Data Transfer message's header: [MS-SMBD] 2.2.3. */
const HEADROOM = 24;
/** Where addresses of registered memory begin: tokens without their address reach nothing. */
const FIRST_ADDRESS = 0x7f00_0000_0000n;

/** What went by RDMA since the network was made. */
export interface LoopbackCounts {
  fragments: number;
  bytesRead: number;
  bytesWritten: number;
  registrations: number;
  invalidations: number;
  /** Of ranges of files, in messages and beside them. */
  bytesOfFiles: number;
}

/** One wire, on which one server listens. */
export class LoopbackNetwork {
  readonly counts: LoopbackCounts = {
    fragments: 0,
    bytesRead: 0,
    bytesWritten: 0,
    registrations: 0,
    invalidations: 0,
    bytesOfFiles: 0,
  };
  readonly options: Required<LoopbackOptions>;
  #accept: TransportAcceptor | undefined;

  constructor(options: LoopbackOptions = {}) {
    this.options = { ...DEFAULTS, ...options };
  }

  listen(accept: TransportAcceptor): ListeningPort {
    this.#accept = accept;
    return {
      address: 'loopback',
      port: 0,
      close: async () => {
        this.#accept = undefined;
      },
    };
  }

  readonly connect = async (listener: TransportListener): Promise<LoopbackTransport> => {
    if (this.#accept === undefined) {
      throw Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
    }
    const near = new LoopbackTransport(this);
    const far = new LoopbackTransport(this);
    far.start(this.#accept(far), near);
    near.start(listener, far);
    return near;
  };
}

interface Fragment {
  readonly bytes: Uint8Array;
  /** RemainingDataLength: 0 in a message's last one. */
  readonly remaining: number;
  readonly invalidates: number | undefined;
}

interface Memory {
  readonly bytes: Uint8Array;
  readonly address: bigint;
  readonly access: 'peer-reads' | 'peer-writes';
}

export class LoopbackTransport implements Transport {
  readonly remoteAddress = '127.0.0.1';
  readonly localAddress = '127.0.0.1';
  readonly headroom: number = HEADROOM;
  readonly sendSizeMax: number;
  readonly sendsFiles = true;
  readonly rdma: Rdma;
  /** Memory that the peer may reach, by token. */
  readonly registered: Map<number, Memory> = new Map();
  sentBytes = 0;
  readonly #network: LoopbackNetwork;
  #listener!: TransportListener;
  #peer!: LoopbackTransport;
  /** [MS-SMBD] 3.1.1.1 SendQueue and SendCredits. */
  readonly #queue: Fragment[] = [];
  #credits: number;
  #queuedBytes = 0;
  #isHeld = false;
  /** Fragments that arrived, and the message that they are parts of. */
  readonly #arrived: Fragment[] = [];
  #parts: Uint8Array[] = [];
  #messageSizeMax = 0xff_ffff;
  #isPaused = false;
  #isPumping = false;
  #isEnding = false;
  #closedFor: string | undefined;
  #nextToken = 1;
  #nextAddress: bigint = FIRST_ADDRESS;

  constructor(network: LoopbackNetwork) {
    this.#network = network;
    this.#credits = network.options.credits;
    this.sendSizeMax = network.options.sendSizeMax;
    this.rdma = {
      readWriteSizeMax: READ_WRITE_SIZE_MAX,
      takesInvalidation: true,
      register: (memory, access) => this.#register(memory, access),
      region: (descriptors) => this.#region(descriptors),
    };
  }

  start(listener: TransportListener, peer: LoopbackTransport): void {
    this.#listener = listener;
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  unconfirmedBytes(): number {
    return this.#queuedBytes;
  }

  /** [MS-SMBD] 3.1.5.4 Sending a Data Transfer Message: fragments in order, one with the token. */
  send(chunks: readonly Uint8Array[], { file, invalidates }: SendExtras = {}): void {
    if (this.#closedFor !== undefined || this.#isEnding) return;
    const parts = file === undefined ? chunks : [...chunks, this.#bytesOf(file)];
    const bytes = new Uint8Array(Buffer.concat(parts).subarray(HEADROOM));
    for (const chunk of chunks) recycle(chunk);
    if (bytes.length > this.sendSizeMax) {
      this.#end('a message over MaxFragmentedSendSize');
      return;
    }
    const { fragmentSize } = this.#network.options;
    for (let at = 0; at === 0 || at < bytes.length; at += fragmentSize) {
      const part = bytes.subarray(at, at + fragmentSize);
      const remaining = bytes.length - at - part.length;
      this.#queue.push({ bytes: part, remaining, invalidates: at === 0 ? invalidates : undefined });
    }
    this.sentBytes += bytes.length;
    this.#queuedBytes += bytes.length;
    this.#pump();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#peer.#pump();
  }

  setMessageSizeMax(bytes: number): void {
    this.#messageSizeMax = bytes;
  }

  close({ abort }: { readonly abort: boolean }): void {
    this.#isEnding = true;
    if (abort) this.#end('closed');
    else this.#pump();
  }

  /** In a later turn: nothing arrives while it is being sent. */
  #pump(): void {
    if (this.#isPumping || this.#closedFor !== undefined) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#transmit();
    });
  }

  /** [MS-SMBD] 3.1.5.1: as far as credits reach. */
  #transmit(): void {
    while (this.#credits > 0 && this.#queue.length > 0) {
      const fragment = this.#queue.shift()!;
      this.#credits--;
      this.#network.counts.fragments++;
      this.#queuedBytes -= fragment.bytes.length;
      this.#peer.#arrived.push(fragment);
    }
    this.#peer.#receive();
    if (this.#queue.length > 0) {
      this.#isHeld = true;
    } else if (this.#isHeld) {
      this.#isHeld = false;
      if (this.#closedFor === undefined) this.#listener.writable();
    }
    if (this.#isEnding && this.#queue.length === 0) this.#end('closed');
  }

  /** [MS-SMBD] 3.1.5.8 Receiving a Data Transfer Message; each gives its credit back. */
  #receive(): void {
    while (!this.#isPaused && this.#closedFor === undefined && this.#arrived.length > 0) {
      const { bytes, remaining, invalidates } = this.#arrived.shift()!;
      this.#peer.#credits++;
      this.#parts.push(bytes);
      if (invalidates !== undefined) this.#invalidated(invalidates);
      const size = this.#parts.reduce((sum, part) => sum + part.length, 0);
      if (size + remaining > this.#messageSizeMax) this.#end('a message over the limit');
      if (remaining > 0 || this.#closedFor !== undefined) continue;
      const message = new Uint8Array(Buffer.concat(this.#parts));
      this.#parts = [];
      this.#listener.message(message);
    }
    this.#peer.#pump();
  }

  #invalidated(token: number): void {
    if (this.registered.delete(token)) this.#network.counts.invalidations++;
    else this.#end('an unknown token was invalidated');
  }

  #end(reason: string): void {
    if (this.#closedFor !== undefined) return;
    this.#closedFor = reason;
    this.registered.clear();
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#arrived.length = 0;
    const peer = this.#peer;
    setImmediate(() => {
      this.#listener.closed(reason);
      peer.#end('closed by the peer');
    });
  }

  /** [MS-SMBD] 3.1.4.3: several tokens where the memory is larger than one of them can be for. */
  #register(memory: Uint8Array, access: Memory['access']): Registration {
    const { registrationSizeMax } = this.#network.options;
    const descriptors: BufferDescriptor[] = [];
    for (let at = 0; at < memory.length; at += registrationSizeMax) {
      const bytes = memory.subarray(at, at + registrationSizeMax);
      const token = this.#nextToken++;
      const address = this.#nextAddress;
      this.#nextAddress += BigInt(bytes.length) + 4096n;
      this.registered.set(token, { bytes, address, access });
      descriptors.push({ offset: address, token, length: bytes.length });
    }
    this.#network.counts.registrations++;
    const deregister = (): void => {
      for (const { token } of descriptors) this.registered.delete(token);
    };
    return { descriptors, deregister };
  }

  /** Read at once: a range is good for as long as the call only. */
  #bytesOf(data: Sendable): Uint8Array {
    if (data instanceof Uint8Array) return data;
    const bytes = new Uint8Array(data.length);
    this.#network.counts.bytesOfFiles += data.read(bytes, 0);
    return bytes;
  }

  #region(descriptors: readonly BufferDescriptor[]): RegisteredRegion {
    const { counts } = this.#network;
    return {
      length: descriptors.reduce((sum, one) => sum + one.length, 0),
      read: (target, at) =>
        this.#transfer(descriptors, { at, length: target.length, access: 'peer-reads' }, (part) => {
          target.set(part.bytes, part.at);
          counts.bytesRead += part.bytes.length;
        }),
      write: (data, at) => {
        const source = this.#bytesOf(data);
        return this.#transfer(
          descriptors,
          { at, length: source.length, access: 'peer-writes' },
          (part) => {
            part.bytes.set(source.subarray(part.at, part.at + part.bytes.length));
            counts.bytesWritten += part.bytes.length;
          },
        );
      },
    };
  }

  /** [MS-SMBD] 3.1.4.5, 3.1.4.6. Later, as hardware: the memory may have gone until then. */
  async #transfer(
    descriptors: readonly BufferDescriptor[],
    range: { readonly at: number; readonly length: number; readonly access: Memory['access'] },
    move: (part: { readonly bytes: Uint8Array; readonly at: number }) => void,
  ): Promise<boolean> {
    await this.#network.options.transferTime();
    let at = 0;
    for (const part of subsegment(descriptors, range.at, range.length) ?? [undefined]) {
      const bytes = part === undefined ? undefined : this.#peer.#memoryOf(part, range.access);
      if (bytes === undefined || this.#closedFor !== undefined) {
        this.#end('a remote access error');
        return false;
      }
      move({ bytes, at });
      at += bytes.length;
    }
    return true;
  }

  #memoryOf(
    { token, offset, length }: BufferDescriptor,
    access: Memory['access'],
  ): Uint8Array | undefined {
    const memory = this.registered.get(token);
    if (memory === undefined || memory.access !== access) return undefined;
    const at = Number(offset - memory.address);
    if (at < 0 || at + length > memory.bytes.length) return undefined;
    return memory.bytes.subarray(at, at + length);
  }
}
