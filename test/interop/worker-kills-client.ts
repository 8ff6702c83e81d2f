/** A client of worker-kills.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { SmbClient, SmbError } from '../../src/smb2/client/smb-client.ts';

const FILES = 8;
const SIZE = 16 * 1024;
const STEPS_OF_CONNECTION = 40;

/** Writes, reads and deletes files of its own, and knows what must be in them. */
export class LoadClient {
  readonly #index: number;
  readonly #port: number;
  /** What was found wrong, of all clients. */
  readonly #problems: string[];
  #client: SmbClient | undefined;
  /** Seeds of what stands in the files; undefined: none, 'unknown': not answered. */
  readonly #files: (number | 'unknown' | undefined)[] = Array.from({ length: FILES });
  #seed = 0;
  isStopping = false;
  losses = 0;
  done = 0;

  constructor(options: {
    readonly index: number;
    readonly port: number;
    readonly problems: string[];
  }) {
    this.#index = options.index;
    this.#port = options.port;
    this.#problems = options.problems;
  }

  async connect(): Promise<void> {
    const options = {
      host: '127.0.0.1',
      port: this.#port,
      user: 'torture1',
      password: 'torture1pw',
    };
    this.#client = await SmbClient.connect({ ...options, share: 'share', timeoutMs: 30_000 });
  }

  async run(): Promise<void> {
    for (let step = 0; !this.isStopping; step++) {
      const file = step % FILES;
      await this.#perform(step, file).catch((error: unknown) => this.#lost(error, file));
    }
  }

  async verifyAll(): Promise<void> {
    for (let file = 0; file < FILES; file++) await this.#read(file);
    await this.#client?.close();
  }

  async #perform(step: number, file: number): Promise<void> {
    // New clients go to the worker with the fewest: those that were lost are spread again.
    if (step % STEPS_OF_CONNECTION === STEPS_OF_CONNECTION - 1) await this.#connectAnew();
    const kind = step % 5;
    if (kind < 2) await this.#write(file);
    else if (kind === 4 && typeof this.#files[file] === 'number') await this.#delete(file);
    else await this.#read(file);
    this.done++;
  }

  async #connectAnew(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
    await this.connect();
  }

  async #write(file: number): Promise<void> {
    const seed = ++this.#seed;
    this.#files[file] = 'unknown';
    await this.#client?.writeFile(this.#nameOf(file), contentOf(this.#index, seed));
    this.#files[file] = seed;
  }

  async #delete(file: number): Promise<void> {
    this.#files[file] = 'unknown';
    await this.#client?.delete(this.#nameOf(file));
    this.#files[file] = undefined;
  }

  async #read(file: number): Promise<void> {
    const seed = this.#files[file];
    if (seed === 'unknown') return;
    const name = this.#nameOf(file);
    try {
      const data = await this.#client?.readFile(name);
      if (seed === undefined) this.#problems.push(`${name} is there after it was deleted`);
      else if (Buffer.compare(data ?? NOTHING, contentOf(this.#index, seed)) !== 0) {
        this.#problems.push(`${name} is not what was written`);
      }
    } catch (error) {
      const isMissing = error instanceof SmbError && /NOT_FOUND/.test(error.message);
      if (!isMissing) throw error;
      if (seed !== undefined) this.#problems.push(`${name} is gone`);
    }
  }

  /** The connection ended: another one, as often as it takes. */
  async #lost(error: unknown, file: number): Promise<void> {
    const text = error instanceof Error ? error.message : String(error);
    if (!/DISCONNECTED|TIMEOUT|RESET|closed|ended/i.test(text)) {
      this.#problems.push(`${this.#nameOf(file)}: ${text}`);
    }
    const client = this.#client;
    this.#client = undefined;
    // A connection that did not stand yet is nobody's.
    if (client !== undefined) this.losses++;
    // One that stands after all, with an answer that came too late, has its file open.
    await Promise.allSettled([client?.close()]);
    for (;;) {
      try {
        await this.connect();
        return;
      } catch {
        await pause(50);
      }
    }
  }

  #nameOf(file: number): string {
    return `kills-${this.#index}-${file}`;
  }
}

const NOTHING = new Uint8Array(0);

function contentOf(index: number, seed: number): Uint8Array {
  const words = new Uint32Array(SIZE / 4);
  for (let i = 0; i < words.length; i++) words[i] = index * 0x1000193 + seed * 0x9e3779b1 + i;
  return new Uint8Array(words.buffer);
}
