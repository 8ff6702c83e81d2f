/**
 * Two processes of one server, as far as they can be in one: two engines on one store, one storage
 * and one clock, whose bus is in memory.
 */
import { LogonThrottle } from '../../src/auth/logon-throttle.ts';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { sweepProcess } from '../../src/fsa/sweep-process.ts';
import { BusCalls } from '../../src/messaging/calls.ts';
import { LocalHub } from '../../src/messaging/local/local-bus.ts';
import { keepBreakTimes } from '../../src/server/workers/keep-break-times.ts';
import { answerLogonGuards } from '../../src/server/workers/logon-guard.ts';
import { WorkerPeers } from '../../src/server/workers/worker-peers.ts';
import { sweepDurable } from '../../src/smb2/server/sweep-durable.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { Rig, rigAccounts } from './rig.ts';
import { makeVirtualEnv, type VirtualTime } from './virtual-env.ts';

export interface Processes {
  readonly a: Rig;
  readonly b: Rig;
  readonly time: VirtualTime;
  /** What the supervisor does once `a` is gone. */
  sweepA(): Promise<void>;
}

/** Runs `body` over two processes, and stops them, which checks that nothing is left. */
export async function withProcesses(body: (both: Processes) => Promise<void>): Promise<void> {
  const env = makeVirtualEnv();
  const store = new MemoryRecordStore({ strict: true });
  const accounts = await rigAccounts(env);
  const vfs = new MemoryVfs(env.clock);
  const hub = new LocalHub();
  const supervisor = hub.join('supervisor', env.log);
  const throttle = new LogonThrottle({ clock: env.clock, limits: DEFAULT_LIMITS });
  answerLogonGuards(supervisor, new BusCalls(supervisor), throttle);
  const start = async (serverId: string, slot: number): Promise<Rig> => {
    const bus = hub.join(serverId, env.log);
    const calls = new BusCalls(bus);
    const peers = new WorkerPeers({ bus, calls, supervisorId: 'supervisor', slot });
    const place = { env, store, accounts, serverId, peers };
    const rig = await Rig.start({ place, shares: [{ name: 'share', vfs }] });
    peers.serve(rig.engine, env.log);
    return rig;
  };
  const [a, b] = [await start('a', 0), await start('b', 1)];
  const sweepA = async (): Promise<void> => {
    await sweepDurable(store, 'a');
    await sweepProcess(store, 'a');
    await keepBreakTimes(b.engine, store, 'b');
  };
  try {
    await body({ a, b, time: env.timers, sweepA });
    await Promise.all([a.stop(), b.stop()]);
  } finally {
    a.abandon();
    b.abandon();
  }
}
