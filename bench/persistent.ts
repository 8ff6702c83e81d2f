/**
 * What handles cost that outlive a connection or the server, in a few minutes:
 * `node dist/bench/persistent.js FOLDER [parallel]`
 * The state and the files of a server of its own lie in the folder until this ends: on its disk.
 *
 * parallel: 32 requests at a time, CREATE and CLOSE of as many files, with plain, durable and
 * persistent opens; persistent ones wait for the disk. In brackets microseconds that the server's
 * main thread computed for each, which other programs disturb least. opens: 100,000 plain ones on
 * one server, of files in memory, for want of so many descriptors. away: 10,000 durable opens whose
 * client has gone, and comes back. restart: 10,000 persistent opens that a killed server leaves to
 * the next.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_GENERIC_READ } from '../src/dtyp/access-mask.ts';
import { FILE_OPEN_IF } from '../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../src/smb2/client/open.ts';
import type { CreateParameters } from '../src/smb2/client/requests.ts';
import type { ClientTree } from '../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../src/smb2/wire/constants.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../src/smb2/wire/create-context-durable.ts';
import { logOnAt, opened, type Target } from '../test/conformance/peer.ts';
import { freePort } from '../test/server/free-port.ts';

type Kind = 'plain' | 'durable' | 'persistent';
const KINDS: readonly Kind[] = ['plain', 'durable', 'persistent'];

const PARALLEL = 32;
const PARALLEL_OPENS = 4_000;
const ROUNDS = 10;
const MANY_OPENS = 100_000;
const AWAY_OPENS = 10_000;
/** Opens of one session, below the server's limit; each has its file. */
const SESSION_OPENS = 50_000;
const TIMEOUT_MS = 300_000;
const SERVE = join(import.meta.dirname, '..', 'test', 'interop', 'serve.js');
const CLIENT_GUID = 'be'.repeat(16);

const OPEN: Omit<CreateParameters, 'name'> = {
  desiredAccess: FILE_GENERIC_READ,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
};

const [folder, only] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: persistent FOLDER [parallel]');
const state = mkdtempSync(join(folder, 'semba-bench-'));
const target: Target = {
  host: '127.0.0.1',
  port: await freePort(),
  user: 'torture1',
  password: 'torture1pw',
  share: 'share_ca',
};
let server: ChildProcess | undefined;
let lastGuid = 0;
const guids = new WeakMap<ClientOpen, string>();
try {
  await start();
  await parallel();
  await stop();
  if (only === undefined) await others();
} finally {
  server?.kill('SIGKILL');
  rmSync(state, { recursive: true, force: true });
}

async function others(): Promise<void> {
  await start('memory');
  await manyOpens();
  await stop();
  await start();
  await away();
  await stop();
  await restart();
}

/** Milliseconds until the server is ready. */
async function start(storage: 'local' | 'memory' = 'local'): Promise<number> {
  const began = performance.now();
  server = spawn(process.execPath, [SERVE, String(target.port)], {
    env: { ...process.env, SEMBA_STATE: state, SEMBA_VFS: storage },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout!, 'data');
  return performance.now() - began;
}

/** As a crash: what is persistent stays. */
async function stop(): Promise<void> {
  const exited = once(server!, 'exit');
  server!.kill('SIGKILL');
  await exited;
}

/** MiB that the server has in memory. */
function residentMib(): number {
  const status = readFileSync(`/proc/${server!.pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** Milliseconds that the server's main thread has computed. */
function computedMs(): number {
  const { pid } = server!;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

async function connect(): Promise<ClientTree> {
  const { tree } = await logOnAt(target, {
    clientGuid: CLIENT_GUID,
    connection: { timeoutMs: TIMEOUT_MS },
  });
  return tree;
}

async function open(tree: ClientTree, kind: Kind, name: string): Promise<ClientOpen> {
  const createGuid = (++lastGuid).toString(16).padStart(32, '0');
  const flags = kind === 'persistent' ? SMB2_DHANDLE_FLAG_PERSISTENT : 0;
  const context = durableRequestV2Context({ timeoutMs: TIMEOUT_MS, flags, createGuid });
  const made = await opened(tree, {
    ...OPEN,
    name,
    requestedOplockLevel: kind === 'durable' ? SMB2_OPLOCK_LEVEL_BATCH : SMB2_OPLOCK_LEVEL_NONE,
    contexts: kind === 'plain' ? [] : [context],
  });
  guids.set(made, createGuid);
  return made;
}

interface Took {
  readonly ms: number;
  readonly computedMs: number;
}

async function measured(work: () => Promise<number>): Promise<Took> {
  const before = computedMs();
  const ms = await work();
  return { ms, computedMs: computedMs() - before };
}

/** `count` times, so many at once; milliseconds. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  return performance.now() - began;
}

async function parallel(): Promise<void> {
  const tree = await connect();
  const creates: Record<Kind, Took[]> = { plain: [], durable: [], persistent: [] };
  const closes: Record<Kind, Took[]> = { plain: [], durable: [], persistent: [] };
  // The first round makes the files.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const kind of KINDS) {
      const opens: ClientOpen[] = [];
      const create = await measured(() =>
        inParallel(PARALLEL_OPENS, async (index) => {
          opens[index] = await open(tree, kind, `file${index}`);
        }),
      );
      const close = await measured(() =>
        inParallel(PARALLEL_OPENS, async (index) => {
          await opens[index]!.close();
        }),
      );
      if (round === 0) continue;
      creates[kind].push(create);
      closes[kind].push(close);
    }
  }
  const plain = { create: fastest(creates.plain), close: fastest(closes.plain) };
  for (const kind of KINDS) {
    const create = fastest(creates[kind]);
    const close = fastest(closes[kind]);
    const both = (create.ms + close.ms) / (plain.create.ms + plain.close.ms);
    print(`parallel ${kind}`, [
      `CREATE ${figuresOf(create, plain.create)}`,
      `CLOSE ${figuresOf(close, plain.close)}`,
      `both ${both.toFixed(2)}x`,
    ]);
  }
  tree.session.connection.close();
}

async function manyOpens(): Promise<void> {
  const before = residentMib();
  let tookMs = 0;
  const trees: ClientTree[] = [];
  for (let first = 0; first < MANY_OPENS; first += SESSION_OPENS) {
    const tree = await connect();
    trees.push(tree);
    tookMs += await inParallel(SESSION_OPENS, async (index) => {
      await open(tree, 'plain', `file${first + index}`);
    });
  }
  const grown = residentMib() - before;
  print(`${MANY_OPENS} opens`, [
    perSecond(MANY_OPENS, tookMs),
    `${((grown * 1024) / MANY_OPENS).toFixed(1)} KiB each (${grown.toFixed(0)} MiB)`,
  ]);
  for (const tree of trees) tree.session.connection.close();
}

async function away(): Promise<void> {
  const tree = await connect();
  const before = residentMib();
  const opens: ClientOpen[] = [];
  const openMs = await inParallel(AWAY_OPENS, async (index) => {
    opens[index] = await open(tree, 'durable', `file${index}`);
  });
  tree.session.connection.close();
  const began = performance.now();
  const again = await connect();
  const lostMs = performance.now() - began;
  const grown = residentMib() - before;
  const backMs = await inParallel(AWAY_OPENS, (index) => giveBack(again, opens[index]!, 0));
  print(`${AWAY_OPENS} away`, [
    `opened ${perSecond(AWAY_OPENS, openMs)}`,
    `the next logon ${lostMs.toFixed(0)} ms`,
    `given back ${perSecond(AWAY_OPENS, backMs)} (${(backMs / openMs).toFixed(2)}x)`,
    `${((grown * 1024) / AWAY_OPENS).toFixed(1)} KiB each`,
  ]);
  again.session.connection.close();
}

async function giveBack(tree: ClientTree, lost: ClientOpen, flags: number): Promise<void> {
  const { fileId } = lost;
  const createGuid = guids.get(lost) ?? '';
  const contexts = [durableReconnectV2Context({ fileId, createGuid, flags })];
  await opened(tree, { ...OPEN, name: '', contexts });
}

async function restart(): Promise<void> {
  const emptyMs = await start();
  const tree = await connect();
  const opens: ClientOpen[] = [];
  const openMs = await inParallel(AWAY_OPENS, async (index) => {
    opens[index] = await open(tree, 'persistent', `file${index}`);
  });
  await stop();
  tree.session.connection.close();
  const startMs = await start();
  const again = await connect();
  const backMs = await inParallel(AWAY_OPENS, (index) => {
    return giveBack(again, opens[index]!, SMB2_DHANDLE_FLAG_PERSISTENT);
  });
  print(`${AWAY_OPENS} restored`, [
    `opened ${perSecond(AWAY_OPENS, openMs)}`,
    `start ${startMs.toFixed(0)} ms, empty ${emptyMs.toFixed(0)} ms`,
    `${(((startMs - emptyMs) * 1000) / AWAY_OPENS).toFixed(0)} us each`,
    `given back ${perSecond(AWAY_OPENS, backMs)} (${(backMs / openMs).toFixed(2)}x)`,
    `${residentMib().toFixed(0)} MiB`,
  ]);
}

/** Of a machine that others use too. */
function fastest(values: readonly Took[]): Took {
  return {
    ms: Math.min(...values.map(({ ms }) => ms)),
    computedMs: Math.min(...values.map((one) => one.computedMs)),
  };
}

function figuresOf(took: Took, plain: Took): string {
  const us = ((took.computedMs * 1000) / PARALLEL_OPENS).toFixed(0);
  return `${perSecond(PARALLEL_OPENS, took.ms)} ${(took.ms / plain.ms).toFixed(2)}x (${us})`;
}

function perSecond(count: number, tookMs: number): string {
  return `${((count / tookMs) * 1000).toFixed(0)}/s`;
}

function print(what: string, figures: readonly string[]): void {
  process.stdout.write(`${what.padEnd(22)}${figures.join(', ')}\n`);
}
