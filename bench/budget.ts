/**
 * What one request costs the server, in things that can be counted and do not move with the
 * machine: `node dist/bench/budget.js`. System calls by strace(1) of a server of its own, bytes
 * that its heap and its buffers grow by for each request while nothing is collected. Ends with
 * "N passed, N failed", and with 1 when a request costs more than its budget below says; whoever
 * lowers a cost lowers the budget (docs/internals/hot-path.md has the table).
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../src/dtyp/access-mask.ts';
import { STATUS_NO_MORE_FILES } from '../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../src/fscc/create-parameters.ts';
import { FileIdBothDirectoryInformation } from '../src/fscc/info-classes.ts';
import type { ClientOpen } from '../src/smb2/client/open.ts';
import { echoRequest } from '../src/smb2/client/requests.ts';
import type { ClientTree } from '../src/smb2/client/tree.ts';
import { closeConnections, logOnAt, opened, succeed } from '../test/conformance/peer.ts';
import { type HeapLook, SHARE, USER } from './budget-server.ts';

const MIB = 1024 * 1024;
const ENTRIES = 2000;
const WARM_UP = 400;

/** What one request may cost: calls by name, bytes of objects and of memory behind buffers. */
interface Budget {
  readonly what: string;
  readonly rounds: number;
  readonly calls: Readonly<Record<string, number>>;
  readonly heap: number;
  readonly buffers: number;
  readonly run: () => Promise<void>;
}

/** Calls that no request makes: the event loop's own, and those of the collector and threads. */
const OTHERS: ReadonlySet<string> = new Set([
  ...['epoll_pwait', 'futex', 'getpid', 'madvise', 'mprotect', 'mmap', 'munmap', 'brk'],
  ...['sched_yield', 'restart_syscall', 'clock_gettime', 'rt_sigprocmask', 'sendmsg', 'recvmsg'],
]);
/**
 * strace's name for what is newer than it, what an older kernel has in its place, and how an answer
 * leaves past the socket object.
 */
const SAME: Readonly<Record<string, string>> = {
  syscall_0x1d0: 'getxattrat',
  lgetxattr: 'getxattrat',
  sendto: 'write',
};
/** Measurements of one budget, of which one has to be within it. */
const ATTEMPTS = 4;
/** A connection's timers may cost a call now and then. */
const STRAY_CALLS = 0.05;
/** Made once in each TURN_TIME_MS, however many requests that is; strace slows them. */
const CLOCKED: ReadonlySet<string> = new Set(['epoll_ctl']);

/**
 * How many requests it takes depends on the time that one may take, see LISTING_TIME_MS, in which
 * less is done while system calls are counted; what was told ahead and became too old is looked at
 * again.
 */
const LISTING = {
  ...{ read: 250, write: 250, openat2: 3, close: 3, lseek: 1, getdents64: 3 },
  ...{ statx: 1.1 * ENTRIES },
};

const folder = mkdtempSync(join(tmpdir(), 'semba-budget-'));
const share = join(folder, 'share');
makeFiles();
const child = startServer();
const [{ port }] = (await once(child, 'message')) as [{ port: number }];
const target = { host: '127.0.0.1', port, user: USER.name, password: USER.password, share: SHARE };
const { tree } = await logOnAt(target);
let failures = 0;
const budgets = await makeBudgets(tree);
for (const budget of budgets) await check(budget);
closeConnections();
child.disconnect();
await once(child, 'exit');
rmSync(folder, { recursive: true });
console.log(`${budgets.length - failures} passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

function makeFiles(): void {
  const listed = join(share, 'listed');
  mkdirSync(listed, { recursive: true });
  for (const path of [folder, share, listed]) chmodSync(path, 0o755);
  writeFileSync(join(share, 'file.bin'), Buffer.alloc(4 * MIB, 'semba'));
  // Nobody writes to it: what was looked at once stays known.
  writeFileSync(join(share, 'still.bin'), '');
  for (let i = 0; i < ENTRIES; i++) writeFileSync(join(listed, `file-${i}.txt`), '');
}

/** With so large a nursery nothing is collected while a request's growth is measured. */
function startServer(): ChildProcess {
  const script = new URL('./budget-server.js', import.meta.url);
  return fork(script, [share, join(folder, 'state')], {
    execArgv: ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'],
  });
}

async function makeBudgets(on: ClientTree): Promise<readonly Budget[]> {
  const file = await open(on, FILE_GENERIC_READ | FILE_GENERIC_WRITE);
  const page = new Uint8Array(4096);
  const megabyte = new Uint8Array(MIB);
  return [
    {
      what: 'ECHO',
      rounds: 1000,
      calls: { read: 1, write: 1 },
      heap: 4800,
      buffers: 400,
      run: async () => succeed((await on.call(echoRequest())).status, 'ECHO'),
    },
    {
      what: 'READ 4 KiB',
      rounds: 1000,
      calls: { read: 1, preadv2: 1, write: 1 },
      heap: 5500,
      buffers: 4600,
      run: () => read(file, page.length),
    },
    {
      what: 'READ 1 MiB',
      rounds: 50,
      calls: { read: 1, preadv2: 1, write: 1 },
      heap: 6500,
      buffers: 4000,
      run: () => read(file, MIB),
    },
    {
      what: 'WRITE 4 KiB',
      rounds: 1000,
      calls: { read: 1, pwrite64: 1, write: 1 },
      heap: 6300,
      buffers: 400,
      run: () => write(file, page),
    },
    {
      what: 'WRITE 1 MiB',
      rounds: 50,
      calls: { read: 6, pwrite64: 1, write: 1 },
      heap: 9500,
      buffers: 4000,
      run: () => write(file, megabyte),
    },
    {
      what: 'CREATE to read, CLOSE',
      rounds: 500,
      calls: { read: 2, openat2: 1, statx: 1, openat: 1, close: 2, write: 2 },
      heap: 20_000,
      buffers: 800,
      run: async () => void (await (await open(on, FILE_GENERIC_READ, 'still.bin')).close()),
    },
    {
      what: `QUERY_DIRECTORY, ${ENTRIES} entries`,
      rounds: 10,
      calls: LISTING,
      heap: 2_500_000,
      buffers: 9000,
      run: () => list(on),
    },
  ];
}

function open(on: ClientTree, desiredAccess: number, name = 'file.bin'): Promise<ClientOpen> {
  return opened(on, { name, desiredAccess, shareAccess: 7, createDisposition: FILE_OPEN });
}

async function read(file: ClientOpen, length: number): Promise<void> {
  const { status } = await file.read({ offset: 0, length });
  succeed(status, 'READ');
}

async function write(file: ClientOpen, data: Uint8Array): Promise<void> {
  const { status } = await file.write({ offset: 0, data });
  succeed(status, 'WRITE');
}

/** All of a folder: CREATE, QUERY_DIRECTORY of 64 KiB each until there are no more, CLOSE. */
async function list(on: ClientTree): Promise<void> {
  const directory = await open(on, FILE_GENERIC_READ, 'listed');
  for (;;) {
    const { status } = await directory.queryDirectory({
      fileInformationClass: FileIdBothDirectoryInformation,
    });
    if (status === STATUS_NO_MORE_FILES) break;
    succeed(status, 'QUERY_DIRECTORY');
  }
  await directory.close();
}

/**
 * Once within its budget is enough: what is compiled late, a timer, or a machine that is busy only
 * adds to what a request takes.
 */
async function check(budget: Budget): Promise<void> {
  for (let i = 0; i < Math.min(WARM_UP, budget.rounds); i++) await budget.run();
  let over: readonly string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    over = await measure(budget);
    if (over.length === 0) return;
  }
  failures++;
  console.log(`  over its budget: ${over.join('; ')}`);
}

/** What is over the budget. */
async function measure(budget: Budget): Promise<readonly string[]> {
  const grown = await growth(budget);
  const calls = await systemCalls(budget);
  const over: string[] = [];
  for (const [name, count] of calls) {
    if (CLOCKED.has(name)) continue;
    const most = budget.calls[name] ?? 0;
    if (count > most + STRAY_CALLS) over.push(`${name} ${count.toFixed(2)}, not ${most}`);
  }
  for (const kind of ['heap', 'buffers'] as const) {
    if (grown[kind] > budget[kind]) over.push(`${kind} ${grown[kind]} B, not ${budget[kind]}`);
  }
  const told = [...calls].map(([name, count]) => `${name} ${Math.round(count * 10) / 10}`);
  console.log(
    `${budget.what}: ${told.join(', ')}; heap ${grown.heap} B, buffers ${grown.buffers} B`,
  );
  return over;
}

async function look(what: 'collect' | 'look'): Promise<HeapLook> {
  const answer = once(child, 'message');
  child.send(what);
  return ((await answer) as [HeapLook])[0];
}

/** Bytes for each request; measured again when something was collected meanwhile. */
async function growth({ rounds, run }: Budget): Promise<{ heap: number; buffers: number }> {
  for (;;) {
    await look('collect');
    const before = await look('look');
    for (let i = 0; i < rounds; i++) await run();
    const after = await look('look');
    if (after.collections !== before.collections) continue;
    const each = (kind: 'heap' | 'buffers'): number =>
      Math.round((after[kind] - before[kind]) / rounds);
    return { heap: each('heap'), buffers: each('buffers') };
  }
}

/** Calls for each request, by name. */
async function systemCalls({ rounds, run }: Budget): Promise<ReadonlyMap<string, number>> {
  const file = join(folder, 'strace');
  const strace = spawn('strace', ['-f', '-s', '0', '-o', file, '-p', String(child.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(strace, 'exit');
  await once(strace.stderr, 'data');
  for (let i = 0; i < rounds; i++) await run();
  strace.kill('SIGINT');
  await ended;
  const calls = new Map<string, number>();
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const name = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (name === undefined || OTHERS.has(name)) continue;
    const known = SAME[name] ?? name;
    calls.set(known, (calls.get(known) ?? 0) + 1 / rounds);
  }
  if (calls.size === 0) throw new Error(`strace could not count the calls of ${child.pid}`);
  return calls;
}
