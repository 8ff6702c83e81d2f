/**
 * Kills a worker process every five seconds under 50 clients that write, read and delete files; in
 * the end one is stopped (SIGSTOP) instead. What was answered must be there, clients of the other
 * workers notice nothing, and neither memory nor descriptors grow: of the supervisor, and of a
 * worker that is spared after a quarter of the kills. Ends with "N passed, N failed".
 *
 *     worker-kills [SECONDS [WORKERS [PORT]]]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LoadClient } from './worker-kills-client.ts';

const CLIENTS = 50;
const INTERVAL_MS = 5_000;
/** Until a worker that hangs is replaced, in this run. */
const SILENCE_MS = 3_000;
/** Clients whose new connection the worker had not been given when they were counted. */
const CONNECTING_MAX = 3;
const MEMORY_GROWTH_MAX = 64 * 1024 * 1024;
/** Besides the files that the clients happen to have open when it is looked at. */
const DESCRIPTOR_GROWTH_MAX = 8 + CLIENTS;

const [seconds = 20, workers = 2, port = 4589] = process.argv.slice(2).map(Number);
const problems: string[] = [];
let checks = 0;

async function main(): Promise<number> {
  const server = await start();
  const pid = server.pid ?? 0;
  const clients = Array.from(
    { length: CLIENTS },
    (_, index) => new LoadClient({ index, port, problems }),
  );
  try {
    await Promise.all(clients.map((client) => client.connect()));
    const running = clients.map((client) => client.run());
    await pause(INTERVAL_MS);
    const kills = Math.max(1, Math.floor((seconds * 1_000) / INTERVAL_MS) - 1);
    const supervisor = new Watched('supervisor', pid);
    let spared: Watched | undefined;
    for (let kill = 0; kill < kills; kill++) {
      if (spared === undefined && kill >= kills / 4) spared = new Watched('worker', leastOf(pid));
      await killOne(pid, clients, { signal: 'SIGKILL', spared: spared?.pid });
      for (const one of [supervisor, spared]) one?.look();
    }
    for (const one of [supervisor, spared]) one?.check();
    await killOne(pid, clients, { signal: 'SIGSTOP', spared: undefined });
    for (const client of clients) client.isStopping = true;
    await Promise.all(running);
    check(problems.length === 0, 'clients', `${problems.length} problems`);
    await Promise.all(clients.map((client) => client.verifyAll()));
    check(problems.length === 0, 'files in the end', `${problems.length} problems`);
    const done = clients.reduce((sum, client) => sum + client.done, 0);
    const losses = clients.reduce((sum, client) => sum + client.losses, 0);
    process.stdout.write(`${done} operations, ${losses} connections lost\n`);
  } finally {
    for (const worker of workersOf(pid)) process.kill(worker, 'SIGCONT');
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  for (const problem of problems.slice(0, 20)) process.stdout.write(`FAIL ${problem}\n`);
  const failed = problems.length;
  process.stdout.write(`${Math.max(0, checks - failed)} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function check(isFine: boolean, what: string, detail: string): void {
  checks++;
  if (!isFine) problems.push(`${what}: ${detail}`);
}

/** One worker goes; as many connections are lost as it had, and another worker comes. */
async function killOne(
  server: number,
  clients: readonly LoadClient[],
  {
    signal,
    spared,
  }: { readonly signal: 'SIGKILL' | 'SIGSTOP'; readonly spared?: number | undefined },
): Promise<void> {
  const all = workersOf(server);
  const loads = all.map(connectionsOf);
  const connections = Math.max(...loads.filter((_, index) => all[index] !== spared));
  const victim = all.find((pid, index) => pid !== spared && loads[index] === connections)!;
  const lossesOf = (): number => clients.reduce((sum, client) => sum + client.losses, 0);
  const [losses, startedMs] = [lossesOf(), performance.now()];
  process.kill(victim, signal);
  await pause(INTERVAL_MS + (signal === 'SIGSTOP' ? 2 * SILENCE_MS : 0));
  const [lost, now] = [lossesOf() - losses, workersOf(server)];
  const took = Math.round(performance.now() - startedMs);
  process.stdout.write(`${signal} ${victim}: ${loads.join(' + ')} connections, ${lost} lost\n`);
  check(lost <= connections + CONNECTING_MAX, signal, `${lost} connections lost of ${connections}`);
  const isReplaced = now.length === workers && !now.includes(victim);
  check(isReplaced, signal, `not replaced after ${took} ms: ${now} of ${all}`);
}

interface Usage {
  /** Bytes. */
  readonly memory: number;
  /** Without those of clients' connections. */
  readonly descriptors: number;
}

/** A process whose memory and descriptors must not grow, after a while in which they may. */
class Watched {
  readonly #name: string;
  readonly pid: number;
  readonly #seen: Usage[] = [];

  constructor(name: string, pid: number) {
    this.#name = name;
    this.pid = pid;
    this.look();
  }

  look(): void {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const memory = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    const descriptors = readdirSync(`/proc/${this.pid}/fd`).length - connectionsOf(this.pid);
    this.#seen.push({ memory, descriptors });
  }

  check(): void {
    const last = this.#seen.length - 1;
    const [before, after] = [this.#seen[Math.floor(last / 3)]!, this.#seen[last]!];
    const everyTenth = this.#seen.filter((_, index) => index % Math.ceil(last / 10) === 0);
    const megabytes = everyTenth.map(({ memory }) => Math.round(memory / 2 ** 20)).join(' ');
    const descriptors = `${before.descriptors} to ${after.descriptors}`;
    const text = `${this.#name}: MiB ${megabytes}; descriptors ${descriptors}`;
    process.stdout.write(`${text}\n`);
    check(after.memory - before.memory <= MEMORY_GROWTH_MAX, 'memory grew', text);
    check(after.descriptors - before.descriptors <= DESCRIPTOR_GROWTH_MAX, 'descriptors', text);
  }
}

/** The worker that is spared from now on: any may be. */
function leastOf(server: number): number {
  return Math.min(...workersOf(server));
}

function workersOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Established TCP connections of a process. */
function connectionsOf(pid: number): number {
  const table = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const ours = new Set<string>();
  for (const line of table) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const isOfPort = Number.parseInt(local?.split(':')[1] ?? '', 16) === port;
    if (isOfPort && state === '01' && inode !== undefined) ours.add(`socket:[${inode}]`);
  }
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => ours.has(link)).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor was closed meanwhile.
    return '';
  }
}

async function start(): Promise<ChildProcess> {
  const limits = JSON.stringify({ workerSilenceMs: SILENCE_MS });
  const args = [join(import.meta.dirname, 'serve.js'), String(port), String(workers)];
  const server = spawn(process.execPath, args, {
    env: { ...process.env, SEMBA_LIMITS: limits, SEMBA_LOG: process.env.SEMBA_LOG ?? 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on('data', (text: Buffer) => text.includes('ready') && resolve());
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return server;
}

process.exitCode = await main();
