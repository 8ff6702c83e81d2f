/**
 * The server under the soak, a process of its own: whatever escapes there ends it, and the soak
 * with it. It answers the soak's questions over IPC.
 */
import { readdirSync, rmSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ntHash } from '../../src/auth/ntlm/nt-hash.ts';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeEnv } from '../../src/env/node/node-env.ts';
import type { Log } from '../../src/env/ports.ts';
import { AccountStore } from '../../src/server/account-store.ts';
import { addAccount } from '../../src/server/accounts.ts';
import { makeEngine } from '../../src/server/make-engine.ts';
import { type MountedShare, mountShare } from '../../src/server/mount-share.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import { listenTcp } from '../../src/smb2/transport/tcp/tcp-listener.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import {
  SOAK_PASSWORD,
  SOAK_USER,
  type SoakAnswer,
  type SoakQuestion,
  type SoakStats,
} from './soak-protocol.ts';

const CAPACITY = 64 * 1024 * 1024;
const BUGS_KEPT = 20;
/** A folder on a small file system, or '' where there is none. */
const [folder = ''] = process.argv.slice(2);
const bugs: string[] = [];

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    console.error(event, error);
    process.exit(70);
  });
}

const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error(fields, message) {
    if (bugs.length < BUGS_KEPT) bugs.push(`${message} ${JSON.stringify(fields)}`);
  },
};
const env = makeNodeEnv(log);
const limits = {
  ...DEFAULT_LIMITS,
  unauthenticatedTimeMs: 3_000,
  messageTimeMs: 3_000,
  failedLogonDelayMs: 200,
  sendQueueSize: 4 * 1024 * 1024,
};
const accounts = await AccountStore.open({ file: undefined, env, revoked: () => {} });
await accounts.edit((data) => addAccount(data, SOAK_USER, ntHash(SOAK_PASSWORD)));
const store = new MemoryRecordStore();
const engine = makeEngine({
  options: { signing: 'enabled' },
  env,
  limits,
  store,
  serverId: 'soak',
  serverName: 'SOAK',
  accounts,
});
/** Milliseconds after which a stall of this file's own making has been noticed. */
const SETTLE_MS = 50;
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

/** The share of the well-behaved client; the others are made anew each round. */
engine.addShare(mount({ name: 'good', vfs: memory() }).share);
const mounted: MountedShare[] = [];
addFuzzShares();
const { timers } = env;
const { accept } = engine;
const listener = await listenTcp({ host: '127.0.0.1', port: 0, accept, limits, timers, log });

process.on('message', (question: SoakQuestion) => {
  if (question === 'reset') {
    for (const share of mounted.splice(0)) {
      engine.removeShare(share.options.name);
      share.close();
    }
    if (folder !== '') {
      empty(folder);
    }
    addFuzzShares();
  }
  const answer: SoakAnswer = { port: listener.port, stats: stats() };
  process.send?.(answer);
  // What was done for the answer, garbage collection included, is no stall of the server's.
  setTimeout(() => delay.reset(), SETTLE_MS).unref();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: listener.port, stats: stats() } satisfies SoakAnswer);

function stats(): SoakStats {
  const stallMs = delay.max / 1e6;
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    ...engine.counts(),
    rss,
    heap: heapUsed,
    external,
    fds: readdirSync('/proc/self/fd').length,
    stallMs,
    bugs,
  };
}

/** Names need not be UTF-8 there: lone surrogates are none. */
function empty(path: string): void {
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    rmSync(Buffer.concat([Buffer.from(`${path}/`), name]), { recursive: true, force: true });
  }
}

function memory(): MemoryVfs {
  return new MemoryVfs(makeNodeClock(), { capacity: CAPACITY });
}

function addFuzzShares(): void {
  const shares: ShareOptions[] = [
    { name: 'fuzz', vfs: memory() },
    { name: 'enc', vfs: memory(), encryption: 'required' },
    { name: 'ro', vfs: memory(), readOnly: true },
  ];
  if (folder !== '') shares.push({ name: 'disk', path: folder });
  for (const options of shares) {
    const share = mount(options);
    mounted.push(share);
    engine.addShare(share.share);
  }
}

function mount(options: ShareOptions): MountedShare {
  return mountShare(options, { env, limits, store, serverId: 'soak' });
}
