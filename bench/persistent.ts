/**
 * What handles cost that outlive a connection or the server, in a few minutes:
 * `node dist/bench/persistent.js FOLDER`
 * The state and the files of a server of its own lie in the folder until this ends: on its disk.
 *
 * parallel: 32 requests at a time, CREATE and CLOSE of as many files, with plain, durable and
 * persistent opens; persistent ones wait for the disk. opens: 100,000 plain ones on one server, of
 * files in memory, for want of so many descriptors. away: 10,000 durable opens whose client has
 * gone, and comes back. restart: 10,000 persistent opens that a killed server leaves to the next.
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

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: persistent FOLDER');
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
  await start('memory');
  await manyOpens();
  await stop();
  await start();
  await away();
  await stop();
  await restart();
} finally {
  server?.kill('SIGKILL');
  rmSync(state, { recursive: true, force: true });
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
  const creates: Record<Kind, number[]> = { plain: [], durable: [], persistent: [] };
  const closes: Record<Kind, number[]> = { plain: [], durable: [], persistent: [] };
  // The first round makes the files.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const kind of KINDS) {
      const opens: ClientOpen[] = [];
      const createMs = await inParallel(PARALLEL_OPENS, async (index) => {
        opens[index] = await open(tree, kind, `file${index}`);
      });
      const closeMs = await inParallel(PARALLEL_OPENS, async (index) => {
        await opens[index]!.close();
      });
      if (round === 0) continue;
      creates[kind].push(createMs);
      closes[kind].push(closeMs);
    }
  }
  const plain = { create: fastest(creates.plain), close: fastest(closes.plain) };
  for (const kind of KINDS) {
    const create = fastest(creates[kind]);
    const close = fastest(closes[kind]);
    const ratio = (create + close) / (plain.create + plain.close);
    print(`parallel ${kind}`, [
      `CREATE ${perSecond(PARALLEL_OPENS, create)} (${(create / plain.create).toFixed(2)}x)`,
      `CLOSE ${perSecond(PARALLEL_OPENS, close)} (${(close / plain.close).toFixed(2)}x)`,
      `both ${ratio.toFixed(2)}x`,
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
function fastest(values: readonly number[]): number {
  return Math.min(...values);
}

function perSecond(count: number, tookMs: number): string {
  return `${((count / tookMs) * 1000).toFixed(0)}/s`;
}

function print(what: string, figures: readonly string[]): void {
  process.stdout.write(`${what.padEnd(22)}${figures.join(', ')}\n`);
}
