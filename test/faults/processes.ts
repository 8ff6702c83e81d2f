/**
 * Two processes of one server, as far as they can be in one: two engines on one store, one storage
 * and one clock, whose bus is in memory.
 */
import { LogonThrottle } from '../../src/auth/logon-throttle.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/base/limits.ts';
import { run } from '../../src/base/task.ts';
import type { FileRecord } from '../../src/fsa/file-record.ts';
import { persistentTable } from '../../src/fsa/persistent-files.ts';
import { BusCalls } from '../../src/messaging/calls.ts';
import { LocalHub } from '../../src/messaging/local/local-bus.ts';
import type { MessageBus } from '../../src/messaging/message-bus.ts';
import { keepBreakTimes } from '../../src/server/workers/keep-break-times.ts';
import { answerLogonGuards } from '../../src/server/workers/logon-guard.ts';
import { answerStore, storedFilesOver } from '../../src/server/workers/stored-files.ts';
import { WorkerPeers } from '../../src/server/workers/worker-peers.ts';
import { takeOverLeft } from '../../src/smb2/server/left-opens.ts';
import { sweepGone } from '../../src/smb2/server/sweep-durable.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { StoredTable } from '../../src/state/record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { Rig, rigAccounts } from './rig.ts';
import { SeveredStore } from './severed-store.ts';
import { makeVirtualEnv, type VirtualTime } from './virtual-env.ts';

export interface Processes {
  readonly a: Rig;
  readonly b: Rig;
  readonly time: VirtualTime;
  readonly vfs: MemoryVfs;
  /** What outlives both. */
  readonly stored: StoredTable<FileRecord>;
  /** `a` is killed, and `b` does what the supervisor has it do then. */
  killA(): Promise<void>;
  /** `a` is killed, and nobody does anything about it yet. */
  cutA(): Promise<void>;
  /** The same, right after it next changed a record of this table; resolves then. */
  cutAAfter(table: 'file' | 'durable'): Promise<void>;
}

/** One folder, also as a share whose opens outlive the server. */
const SHARES = [{ name: 'share' }, { name: 'kept', continuousAvailability: true }];

/** Runs `body` over two processes, and stops them, which checks that nothing is left. */
export async function withProcesses(
  body: (both: Processes) => Promise<void>,
  limits: Partial<Limits> = {},
): Promise<void> {
  const env = makeVirtualEnv();
  const store = new MemoryRecordStore({ strict: true });
  const accounts = await rigAccounts(env);
  const vfs = new MemoryVfs(env.clock);
  const hub = new LocalHub();
  const supervisor = hub.join('supervisor', env.log);
  const throttle = new LogonThrottle({ clock: env.clock, limits: DEFAULT_LIMITS });
  answerLogonGuards(supervisor, new BusCalls(supervisor), throttle);
  const ends: { readonly store: SeveredStore; readonly bus: MessageBus }[] = [];
  const stored = persistentTable(new MemoryRecordStore({ strict: true }));
  answerStore(new BusCalls(supervisor), { store, stored: () => stored });
  const start = async (serverId: string, slot: number): Promise<Rig> => {
    const bus = hub.join(serverId, env.log);
    const calls = new BusCalls(bus);
    const peers = new WorkerPeers({ bus, calls, supervisorId: 'supervisor', slot });
    const own = new SeveredStore(store);
    ends.push({ store: own, bus });
    const storedFiles = storedFilesOver(calls, 'supervisor');
    const place = { env, store: own, accounts, serverId, peers, storedFiles };
    const rig = await Rig.start({
      place,
      limits,
      shares: SHARES.map((share) => ({ ...share, vfs })),
    });
    peers.serve(rig.engine, env.log);
    return rig;
  };
  const [a, b] = [await start('a', 0), await start('b', 1)];
  let isKilled = false;
  const cutA = async (): Promise<void> => {
    isKilled = true;
    ends[0]?.store.cut();
    await ends[0]?.bus.close();
  };
  const cutAAfter = (table: string): Promise<void> =>
    new Promise((resolve) => ends[0]?.store.afterUpdate(table, () => void cutA().then(resolve)));
  const killA = async (): Promise<void> => {
    await cutA();
    await sweepGone(store, new Set(['a']));
    await run(takeOverLeft(b.engine));
    await keepBreakTimes(b.engine, store, 'b');
  };
  try {
    await body({ a, b, time: env.timers, vfs, stored, killA, cutA, cutAAfter });
    await Promise.all(isKilled ? [b.stop()] : [a.stop(), b.stop()]);
  } finally {
    a.abandon();
    b.abandon();
  }
}
