/**
 * A client of upgrade.ts: writes, reads and locks without a pause, on handles that come back by
 * themselves, and knows what must be in its files. Nothing of it may fail.
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SmbClient, type SmbFile } from '../../src/smb2/client/smb-client.ts';

const SLOTS = 64;
const SLOT_SIZE = 4096;
const COUNTER_SIZE = 8;
/** Others need the processors, too. */
const REST_STEPS = 8;
const VISIT_MS = 4;
const LOCK_AT = 1_000_000;

export class UpgradeClient {
  readonly name: string;
  /** Failed operations, of all clients. */
  readonly #problems: string[];
  readonly #client: SmbClient;
  readonly #file: SmbFile;
  /** A file that all clients of the share count in; persistent handles only. */
  readonly #counter: SmbFile | undefined;
  readonly #slots = new Uint32Array(SLOTS);
  #step = 0;
  isStopping = false;
  counted = 0;
  operations = 0;
  /** Milliseconds of the longest operation. */
  longestMs = 0;

  static async start(options: {
    readonly name: string;
    readonly share: string;
    readonly counts: boolean;
    readonly port: number;
    readonly password: string;
    readonly problems: string[];
  }): Promise<UpgradeClient> {
    const { name, share, counts, port, password, problems } = options;
    const server = { host: '127.0.0.1', port, user: 'anna', password };
    const client = await SmbClient.connect({ ...server, share, reconnect: true });
    const file = await client.open(name, { access: 'read-write', mode: 'create', share: 'none' });
    const shared = { access: 'read-write', mode: 'keep', share: 'all' } as const;
    const counter = counts ? await client.open('counter', shared) : undefined;
    return new UpgradeClient({ name, client, file, counter, problems });
  }

  private constructor(from: {
    readonly name: string;
    readonly client: SmbClient;
    readonly file: SmbFile;
    readonly counter: SmbFile | undefined;
    readonly problems: string[];
  }) {
    this.name = from.name;
    this.#client = from.client;
    this.#file = from.file;
    this.#counter = from.counter;
    this.#problems = from.problems;
  }

  /** Until `isStopping`. */
  async run(): Promise<void> {
    while (!this.isStopping) {
      const startMs = performance.now();
      try {
        await this.#perform(this.#step++);
      } catch (error) {
        this.#problems.push(`${this.name}, step ${this.#step}: ${(error as Error).message}`);
        return;
      }
      this.operations++;
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
      if (this.#step % REST_STEPS === 0) await pause(1);
    }
  }

  async #perform(step: number): Promise<void> {
    const slot = (step * 7) % SLOTS;
    const kind = step % 6;
    if (kind === 5 && this.#counter !== undefined) await this.#count(this.#counter);
    else if (kind === 4) await this.#file.lock({ offset: LOCK_AT + step, length: 1, wait: false });
    else if (kind === 3) await this.#client.stat(this.name);
    else if (kind === 2) await this.#verify((slot + SLOTS - 7) % SLOTS);
    else await this.#write(slot, step + 1);
  }

  async #write(slot: number, seed: number): Promise<void> {
    this.#slots[slot] = seed;
    await this.#file.write(slot * SLOT_SIZE, contentOf(seed));
  }

  async #verify(slot: number): Promise<void> {
    const seed = this.#slots[slot]!;
    if (seed === 0) return;
    const found = await this.#file.read(slot * SLOT_SIZE, SLOT_SIZE);
    if (Buffer.compare(found, contentOf(seed)) !== 0) {
      this.#problems.push(`${this.name}: slot ${slot} is not what was written`);
    }
  }

  /** Nobody else counts between the two: who loses the lock meanwhile loses a number. */
  async #count(counter: SmbFile): Promise<void> {
    await counter.lock({ offset: LOCK_AT, length: 1 });
    const now = await counter.read(0, COUNTER_SIZE);
    const next = Buffer.alloc(COUNTER_SIZE);
    next.writeBigUInt64LE(
      (now.length < COUNTER_SIZE ? 0n : Buffer.from(now).readBigUInt64LE()) + 1n,
    );
    await counter.write(0, next);
    await counter.unlock({ offset: LOCK_AT, length: 1 });
    this.counted++;
  }

  /** The bytes that its file must have on the disk. */
  async end(): Promise<Buffer> {
    await this.#file.close();
    await this.#counter?.close();
    await this.#client.close();
    const last = this.#slots.reduce((to, seed, slot) => (seed === 0 ? to : slot + 1), 0);
    const all = Buffer.alloc(last * SLOT_SIZE);
    this.#slots.forEach((seed, slot) => {
      if (seed !== 0) all.set(contentOf(seed), slot * SLOT_SIZE);
    });
    return all;
  }
}

/** Who connects again and again. */
export class Visitors {
  count = 0;
  #refused = 0;
  #isStopping = false;
  readonly #ended: Promise<void>;

  constructor(port: number) {
    this.#ended = this.#run(port);
  }

  async stop(): Promise<number> {
    this.#isStopping = true;
    await this.#ended;
    return this.#refused;
  }

  async #run(port: number): Promise<void> {
    while (!this.#isStopping) {
      this.count++;
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve();
        });
        socket.on('error', () => {
          this.#refused++;
          resolve();
        });
      });
      await pause(VISIT_MS);
    }
  }
}

function contentOf(seed: number): Uint8Array {
  const words = new Uint32Array(SLOT_SIZE / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(seed, 0x9e37_79b1) + i;
  return new Uint8Array(words.buffer);
}
