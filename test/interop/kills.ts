/**
 * Kills the server, or one or all of its workers, again and again, under clients that hold
 * persistent opens, write, lock and answer breaks; each time everything that was answered before
 * must be there again, and nobody else may get in before. Most kills come while the clients work;
 * some while they come back, and some while the server starts. Ends with "N passed, N failed":
 * kills that were survived.
 *
 *     kills [KILLS [SEED [PORT [WORKERS]]]]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  STATUS_CANCELLED,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_SHARING_VIOLATION,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { KillsClient, type Shift } from './kills-client.ts';
import { connectAs, Draw, Lost } from './kills-connection.ts';

const CLIENTS = 4;
/** Milliseconds of work, of coming back, of starting before a kill, at the most. */
const WORK_MAX_MS = 400;
const RECOVERY_MAX_MS = 150;
const START_MAX_MS = 700;
const READ = 0x0012_0089;

/** What a stranger is answered. */
const REFUSALS: ReadonlySet<number> = new Set([
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_SHARING_VIOLATION,
  STATUS_CANCELLED,
]);

const [kills = 10, seed = Date.now() % 1_000_000, port = 4589, workers = 1] = process.argv
  .slice(2)
  .map(Number);
process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  process.stdout.write(`kills=${kills} seed=${seed} workers=${workers}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'semba-kills-'));
  const draw = new Draw(seed);
  const clients = Array.from(
    { length: CLIENTS },
    (_, index) => new KillsClient({ port, draw: new Draw(seed + 7919 * (index + 1)), index }),
  );
  let failed = 0;
  let server = await start(folder);
  try {
    for (const client of clients) await client.recover();
    for (let kill = 1; kill <= kills; kill++) {
      const problems: string[] = [];
      if (workers > 1 && draw.below(4) > 0) {
        problems.push(...(await killWorkers(server, clients, draw)));
      } else {
        await killAtWork(server, clients, draw);
        // A run of kills one after the other, each of which counts.
        for (let dice = draw.below(6); dice < 2 && kill < kills; dice = draw.below(6)) {
          kill++;
          if (dice === 0) await killAtStart(folder, draw);
          else problems.push(...(await killComingBack(await start(folder), clients, draw)));
        }
        server = await start(folder);
        problems.push(...(await intrude(clients)));
        for (const client of clients) await client.recover();
      }
      problems.push(...clients.flatMap((client) => client.problems.splice(0)));
      if (problems.length > 0) failed++;
      for (const problem of problems) process.stdout.write(`FAIL kill ${kill}: ${problem}\n`);
    }
  } finally {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  for (const { counts } of clients) process.stdout.write(`${JSON.stringify(counts)}\n`);
  process.stdout.write(`${kills - failed} passed, ${failed} failed\n`);
  return failed === 0;
}

type Clients = readonly KillsClient[];

async function killAtWork(server: ChildProcess, clients: Clients, draw: Draw): Promise<void> {
  const shift = { isOver: false };
  const work = [...clients.map((client) => client.work(shift)), strangeWork(clients, shift)];
  await pause(20 + draw.below(WORK_MAX_MS));
  await Promise.all([kill(server), ...work]);
}

/**
 * Mostly one, sometimes all; and in half of the cases again while the clients come back. The
 * clients of the others work on meanwhile.
 */
async function killWorkers(
  server: ChildProcess,
  clients: Clients,
  draw: Draw,
): Promise<readonly string[]> {
  const shift = { isOver: false };
  const work = clients.map((client) => client.work(shift));
  const strange = strangeWork(clients, shift);
  await pause(20 + draw.below(WORK_MAX_MS));
  killSome(server, draw);
  const problems = await intrude(clients);
  await pause(draw.below(RECOVERY_MAX_MS));
  shift.isOver = true;
  await Promise.all(work);
  let back = comeBack(clients);
  if (draw.below(2) === 0) {
    await pause(draw.below(RECOVERY_MAX_MS));
    killSome(server, draw);
  }
  while (!(await back)) {
    problems.push(...(await intrude(clients)));
    back = comeBack(clients);
  }
  // It may have waited for a client that was away.
  await strange;
  return problems;
}

/** False: some lost their connections again. */
async function comeBack(clients: Clients): Promise<boolean> {
  const outcomes = await Promise.allSettled(clients.map((client) => client.recover()));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected' && !(outcome.reason instanceof Lost)) throw outcome.reason;
  }
  return outcomes.every(({ status }) => status === 'fulfilled');
}

function killSome(server: ChildProcess, draw: Draw): void {
  const all = workersOf(server);
  const chosen = draw.below(5) === 0 ? all : all.slice(draw.below(all.length)).slice(0, 1);
  for (const pid of chosen) killNow(pid);
}

/** It may have been killed before, and be gone by now. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function workersOf({ pid }: ChildProcess): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** While some clients have their opens again and others have not. */
async function killComingBack(
  server: ChildProcess,
  clients: Clients,
  draw: Draw,
): Promise<string[]> {
  const problems: string[] = [];
  const back = async (): Promise<void> => {
    problems.push(...(await intrudeOnce(clients)));
    await Promise.all(clients.map((client) => client.recover()));
  };
  const lost = back().catch((error) => {
    if (!(error instanceof Lost)) throw error;
  });
  await pause(draw.below(RECOVERY_MAX_MS));
  await Promise.all([kill(server), lost]);
  return problems;
}

async function killAtStart(folder: string, draw: Draw): Promise<void> {
  const server = launch(folder);
  await pause(draw.below(START_MAX_MS));
  await kill(server);
}

async function kill(server: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await exited;
}

function launch(folder: string): ChildProcess {
  return spawn(
    process.execPath,
    [join(import.meta.dirname, 'serve.js'), String(port), String(workers)],
    {
      env: { ...process.env, SEMBA_STATE: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

async function start(folder: string): Promise<ChildProcess> {
  const server = launch(folder);
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on('data', (text: Buffer) => text.includes('ready') && resolve());
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return server;
}

/** Somebody else breaks leases while the clients work. */
async function strangeWork(clients: Clients, shift: Shift): Promise<void> {
  const tree = await connectAs({ port, clientGuid: 'ee'.repeat(16) }).catch(() => undefined);
  if (tree === undefined) return;
  for (let i = 0; !shift.isOver; i++) {
    const name = clients[i % clients.length]?.shared;
    if (name === undefined) await pause(5);
    const reply = await open(tree, name ?? 'nobody');
    if (reply.header === undefined) return;
    if (reply.response !== undefined) await new ClientOpen(tree, reply.response).close();
  }
  tree.session.connection.close();
}

function open(tree: ClientTree, name: string): ReturnType<ClientTree['create']> {
  const parameters = { name, desiredAccess: READ, shareAccess: 7, createDisposition: FILE_OPEN };
  return tree.create(parameters, { timeoutMs: 0 });
}

/** Before the clients are back nobody else gets what is theirs alone. */
async function intrude(clients: Clients): Promise<string[]> {
  for (;;) {
    try {
      return await intrudeOnce(clients);
    } catch (error) {
      // The worker was about to end.
      if (workers === 1 || !(error instanceof Lost)) throw error;
    }
  }
}

async function intrudeOnce(clients: Clients): Promise<string[]> {
  const tree = await connectAs({ port, clientGuid: 'dd'.repeat(16) });
  const problems: string[] = [];
  for (const name of clients.flatMap((client) => client.owned)) {
    const call = open(tree, name);
    // It is refused, or waits for the client that is away.
    if ((await call.interim) !== undefined) call.cancel();
    const { status, header } = await call;
    if (header === undefined) throw new Lost();
    // Who works on may have closed it meanwhile.
    const isOwned = clients.some((client) => client.owned.includes(name));
    if (isOwned && !REFUSALS.has(status)) {
      problems.push(`a stranger opened ${name}: ${statusName(status)}`);
    }
  }
  tree.session.connection.close();
  return problems;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
