import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pickCase } from './soak-cases.ts';
import type { SoakAnswer, SoakQuestion, SoakReport, SoakStats } from './soak-protocol.ts';
import { SoakRandom } from './soak-random.ts';

const MIB = 1024 * 1024;
/** A question that takes longer means that the server hangs. */
const HANG_MS = 15_000;
/** A case that takes longer means that the soak itself does. */
const CASE_MS = 120_000;
/** The slowest that the well-behaved client may see one operation. */
const SLOWEST_MS = 5_000;
const ROUND_MS = 15_000;
const CLEAN_UP_MS = 20_000;
/** What may remain more than after warming up: caches, compiled code, the allocator's ways. */
const HEAP_GROWTH_MAX = 24 * MIB;
/** base/buffer-pool.ts keeps up to 64 MiB for the next large messages. */
const EXTERNAL_GROWTH_MAX = (64 + 24) * MIB;
const RSS_GROWTH_MAX = 256 * MIB;
const FDS_GROWTH_MAX = 4;
/** Of the time, before the levels are taken that all must return to. */
const WARM_UP_PART = 0.2;
const WARM_UP_MAX_MS = 60_000;

export interface SoakOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** The first case, and how many; Infinity: until the time is up. */
  readonly from: number;
  readonly cases: number;
  /** Messages a second, at most. */
  readonly rate: number;
  /** Cases at a time. */
  readonly parallel: number;
}

/** What the soak is for: something that may not be. */
export class SoakFailure extends Error {
  override readonly name = 'SoakFailure';
}

/** One run: server and client started, traffic, and the levels afterwards. */
export class Soak {
  readonly #options: SoakOptions;
  /** Of a small file system, or ''. */
  readonly #folder: string;
  readonly #random = new Map<number, SoakRandom>();
  readonly #tallies = new Map<string, number>();
  #server: ChildProcess | undefined;
  #client: ChildProcess | undefined;
  #port = 0;
  #next: number;
  #sent = 0;
  #startMs = 0;
  #operations = 0;
  #slowestMs = 0;
  #failure: SoakFailure | undefined;

  constructor(options: SoakOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#next = options.from;
  }

  /** Rejects with SoakFailure. */
  async run(): Promise<void> {
    await this.#startServer();
    this.#startClient();
    const { durationMs } = this.#options;
    const warmUpMs = Math.min(WARM_UP_PART * durationMs, WARM_UP_MAX_MS);
    await this.#traffic(warmUpMs);
    const before = await this.#quiet();
    this.#show('warm', before);
    await this.#traffic(durationMs - warmUpMs);
    await this.#stopClient();
    const after = await this.#quiet();
    this.#show('end', after);
    this.#showTallies();
    checkGrowth(before, after);
  }

  /** The cases that were under way last, and those before that their state may come from. */
  replayArguments(): string {
    const { seed, parallel, rate } = this.#options;
    const from = Math.max(this.#options.from, Math.min(...this.#random.keys(), this.#next) - 20);
    const cases = this.#next - from;
    return `--seed ${seed} --from ${from} --cases ${cases} --parallel ${parallel} --rate ${rate}`;
  }

  /** Makes `run` fail, for the reason given, as soon as it looks. */
  interrupt(reason: string): void {
    this.#fail(reason);
  }

  /** Ends the processes that `run` started. */
  async end(): Promise<void> {
    for (const child of [this.#client, this.#server]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      child.removeAllListeners('exit');
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  }

  async #startServer(): Promise<void> {
    const server = fork(modulePath('soak-server'), [this.#folder], { execArgv: ['--expose-gc'] });
    this.#server = server;
    server.once('exit', (code, signal) => {
      // Whatever else failed follows from this.
      this.#failure = new SoakFailure(`the server ended with ${signal ?? code}`);
    });
    const started = await Promise.race([once(server, 'message'), once(server, 'exit')]);
    this.#check();
    this.#port = (started[0] as SoakAnswer).port;
  }

  #startClient(): void {
    const client = fork(modulePath('soak-client'), [String(this.#port)]);
    this.#client = client;
    client.on('message', (report: SoakReport) => {
      if (report.kind === 'failed') this.#fail(`the well-behaved client: ${report.reason}`);
      if (report.kind !== 'worked') return;
      this.#operations += report.operations;
      this.#slowestMs = Math.max(this.#slowestMs, report.slowestMs);
      if (report.slowestMs > SLOWEST_MS) {
        this.#fail(`an operation of the well-behaved client took ${report.slowestMs} ms`);
      }
    });
    client.once('exit', (code) => {
      if (code !== 0) this.#fail(`the well-behaved client ended with ${code}`);
    });
  }

  /** Lets the client finish its round. */
  async #stopClient(): Promise<void> {
    const client = this.#client!;
    const exited = once(client, 'exit');
    client.send('stop');
    if ((await within(exited, HANG_MS)) === undefined) {
      this.#fail('the well-behaved client does not finish');
    }
    this.#check();
    if (this.#operations === 0) throw new SoakFailure('the well-behaved client did nothing');
  }

  /** Cases, `parallel` at a time, for `durationMs`; the server is asked how it is meanwhile. */
  async #traffic(durationMs: number): Promise<void> {
    this.#startMs = performance.now();
    this.#sent = 0;
    const endMs = this.#startMs + durationMs;
    const workers = Array.from({ length: this.#options.parallel }, () => this.#work(endMs));
    let done = false;
    const all = Promise.all(workers).then(() => {
      done = true;
    });
    while (!done) {
      await within(all, ROUND_MS);
      this.#check();
      const { stats } = await this.#ask('reset');
      this.#show('round', stats);
      if (stats.bugs.length > 0) throw new SoakFailure(`bugs logged:\n${stats.bugs.join('\n')}`);
    }
    await all;
  }

  async #work(endMs: number): Promise<void> {
    const { from, cases, seed } = this.#options;
    while (performance.now() < endMs && this.#next < from + cases) {
      this.#check();
      const index = this.#next++;
      const random = SoakRandom.ofCase(seed, index);
      this.#random.set(index, random);
      const context = {
        port: this.#port,
        random,
        pace: (count: number) => this.#pace(count),
        tally: (what: string) => this.#tallies.set(what, (this.#tallies.get(what) ?? 0) + 1),
      };
      const run = pickCase(random);
      const ended = await within(
        run(context).then(() => true),
        CASE_MS,
      );
      if (ended === undefined) throw new SoakFailure(`case ${index} (${run.name}) does not end`);
      this.#random.delete(index);
    }
  }

  /** Holds messages back to the rate. */
  async #pace(count: number): Promise<void> {
    this.#check();
    this.#sent += count;
    const dueMs = this.#startMs + (1000 * this.#sent) / this.#options.rate;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 1) await pause(earlyMs);
  }

  /** The server's levels once no case's connection is left; the client's own may stay. */
  async #quiet(): Promise<SoakStats> {
    await this.#ask('reset');
    const own = this.#client?.exitCode === null ? 1 : 0;
    const endMs = performance.now() + CLEAN_UP_MS;
    for (;;) {
      const { stats } = await this.#ask('stats');
      const { connections, sessions, opens } = stats;
      if (connections <= own && sessions <= own && opens <= own) return stats;
      if (performance.now() > endMs) {
        const left = JSON.stringify({ connections, sessions, opens });
        throw new SoakFailure(`the server keeps what no client has any more: ${left}`);
      }
      await pause(100);
    }
  }

  async #ask(question: SoakQuestion): Promise<SoakAnswer> {
    this.#check();
    const server = this.#server!;
    const answered = once(server, 'message');
    server.send(question);
    const answer = await within(answered, HANG_MS);
    this.#check();
    if (answer === undefined) throw new SoakFailure(`the server hangs: no answer in ${HANG_MS} ms`);
    return answer[0] as SoakAnswer;
  }

  #fail(reason: string): void {
    this.#failure ??= new SoakFailure(reason);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #show(what: string, stats: SoakStats): void {
    const { connections, sessions, opens, fds, rss, heap, external, stallMs } = stats;
    console.log(
      `${what.padEnd(5)} case ${this.#next} sent ${this.#sent} | connections ${connections} ` +
        `sessions ${sessions} opens ${opens} fds ${fds} rss ${mib(rss)} heap ${mib(heap)} ` +
        `external ${mib(external)} stall ${stallMs.toFixed(0)} ms | ` +
        `client ${this.#operations} operations, ` +
        `slowest ${this.#slowestMs.toFixed(0)} ms`,
    );
  }

  #showTallies(): void {
    const sorted = [...this.#tallies].sort(([, a], [, b]) => b - a);
    console.log(`${sorted.length} kinds of answers:`);
    for (const [what, count] of sorted) console.log(`  ${String(count).padStart(8)} ${what}`);
  }
}

function checkGrowth(before: SoakStats, after: SoakStats): void {
  const grown: string[] = [];
  const limits = [
    ['heap', HEAP_GROWTH_MAX],
    ['external', EXTERNAL_GROWTH_MAX],
    ['rss', RSS_GROWTH_MAX],
    ['fds', FDS_GROWTH_MAX],
  ] as const;
  for (const [name, limit] of limits) {
    if (after[name] - before[name] > limit) grown.push(`${name} ${before[name]} -> ${after[name]}`);
  }
  if (grown.length > 0) throw new SoakFailure(`a leak: ${grown.join(', ')}`);
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function modulePath(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** Undefined when `promise` takes longer. */
async function within<T>(promise: Promise<T>, timeMs: number): Promise<T | undefined> {
  const late = new AbortController();
  const timeout = pause(timeMs, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
  }
}
