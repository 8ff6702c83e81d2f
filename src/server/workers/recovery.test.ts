import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeVirtualEnv } from '../../../test/faults/virtual-env.ts';
import { BusCalls } from '../../messaging/calls.ts';
import { LocalHub } from '../../messaging/local/local-bus.ts';
import type { MessageBus } from '../../messaging/message-bus.ts';
import type { Guid } from '../../smb2/wire/guid.ts';
import { MemoryRecordStore } from '../../state/memory/memory-record-store.ts';
import { planTakeOver, Recovery, type ServingWorker } from './recovery.ts';
import { SWEEP, TAKE_OVER } from './worker-messages.ts';

describe('planTakeOver', () => {
  const left = [
    { persistentId: 1n, clientGuid: 'a' },
    { persistentId: 2n, clientGuid: 'b' },
    { persistentId: 3n, clientGuid: 'a' },
    { persistentId: 4n, clientGuid: 'c' },
  ];

  it('gives all opens of a client to one worker, and clients to who has least to do', () => {
    const workers = [
      { serverId: 'x', load: 5 },
      { serverId: 'y', load: 4 },
    ];
    const plan = planTakeOver(left, workers);
    assert.deepEqual(
      plan.map(({ persistentId, serverId }) => [persistentId, serverId]),
      [
        [1n, 'y'],
        [2n, 'x'],
        [3n, 'y'],
        [4n, 'y'],
      ],
    );
  });

  it('gives nothing to nobody', () => {
    assert.deepEqual(planTakeOver(left, []), []);
  });
});

describe('Recovery', () => {
  /** A supervisor, and workers that note what is asked of them. */
  function makeRig() {
    const env = makeVirtualEnv();
    const hub = new LocalHub();
    const bus = hub.join('supervisor', env.log);
    const store = new MemoryRecordStore();
    const serving: ServingWorker[] = [];
    const sweeps: (readonly [worker: string, gone: readonly string[]])[] = [];
    const recovered: ReadonlyMap<Guid, number>[] = [];
    const ends = new Map<string, MessageBus>();
    const recovery = new Recovery({
      env,
      store,
      bus,
      calls: new BusCalls(bus),
      reception: { loadOf: () => 0, recovered: (placed) => void recovered.push(placed) },
      serving: () => serving,
    });
    const join = (slot: number, answer: () => boolean | Promise<boolean>, heardMs = 0): void => {
      const serverId = `w${slot}`;
      const end = hub.join(serverId, env.log);
      ends.set(serverId, end);
      const calls = new BusCalls(end);
      calls.answer(SWEEP, ({ gone }) => {
        sweeps.push([serverId, gone]);
        return answer();
      });
      calls.answer(TAKE_OVER, () => true);
      serving.push({ slot, serverId, heardMs });
    };
    return { env, recovery, join, serving, sweeps, recovered, ends };
  }

  it('waits for a worker that serves', async () => {
    const { recovery, join, sweeps, recovered } = makeRig();
    recovery.workerWent('dead');
    await recovery.run();
    assert.deepEqual([recovery.isPending, recovered.length], [true, 0]);
    join(0, () => true);
    await recovery.run();
    assert.deepEqual(sweeps, [['w0', ['dead']]]);
    assert.deepEqual([recovery.isPending, recovered.length], [false, 1]);
  });

  it('asks nothing of a worker that has been silent for longer than others', async () => {
    const { recovery, join, sweeps } = makeRig();
    join(0, () => true, 1_000);
    join(1, () => true, 9_000);
    recovery.workerWent('dead');
    await recovery.run();
    assert.deepEqual(sweeps, [['w1', ['dead']]]);
  });

  it('begins again when another one goes meanwhile, and lets no client go on before', async () => {
    const { recovery, join, sweeps, recovered } = makeRig();
    let isFirst = true;
    join(0, () => {
      if (isFirst) recovery.workerWent('dead-2');
      isFirst = false;
      return true;
    });
    recovery.workerWent('dead-1');
    await recovery.run();
    assert.deepEqual(
      sweeps.map(([, gone]) => gone),
      [['dead-1'], ['dead-1', 'dead-2']],
    );
    assert.equal(recovered.length, 1);
  });

  it('tries again with another worker when the one that sweeps goes', async () => {
    const { env, recovery, join, serving, sweeps, ends } = makeRig();
    join(0, async () => {
      serving.shift();
      await ends.get('w0')?.close();
      return true;
    });
    join(1, () => true);
    recovery.workerWent('dead');
    const done = recovery.run();
    while (recovery.isPending) {
      await new Promise((resolve) => setImmediate(resolve));
      env.timers.advance(1_000);
    }
    await done;
    assert.deepEqual(
      sweeps.map(([worker]) => worker),
      ['w0', 'w1'],
    );
  });
});
