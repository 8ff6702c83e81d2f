/** What an administrator is told while a worker does not answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BusCalls } from '../../src/messaging/calls.ts';
import { LocalHub } from '../../src/messaging/local/local-bus.ts';
import {
  type ControlledWorker,
  endAtWorkers,
  SilentWorkersError,
  statusOfWorkers,
} from '../../src/server/workers/control-workers.ts';
import { END, STATUS } from '../../src/server/workers/worker-messages.ts';
import type { ServerStatus } from '../../src/smb2/server/status.ts';
import { turn } from './rig.ts';
import { makeVirtualEnv } from './virtual-env.ts';

const EMPTY: ServerStatus = { connections: [], sessions: [], opens: [] };

/** Worker 0 answers, worker 1 hangs, worker 2 starts. */
function theatre() {
  const env = makeVirtualEnv();
  const hub = new LocalHub();
  const answering = new BusCalls(hub.join('w0', env.log));
  answering.answer(STATUS, () => EMPTY);
  answering.answer(END, ({ id }) => id === 'known');
  hub.join('w1', env.log);
  const states = ['serving', 'serving', 'starting'] as const;
  const workers = states.map(
    (state, slot): ControlledWorker => ({
      slot,
      state,
      serverId: `w${slot}`,
      pid: 100 + slot,
      connections: slot,
    }),
  );
  return { env, workers, calls: new BusCalls(hub.join('supervisor', env.log)) };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

describe('statusOfWorkers', () => {
  it('waits two seconds for a worker, and names it then', async () => {
    const { env, workers, calls } = theatre();
    let isAnswered = false;
    const asked = statusOfWorkers(workers, calls, env).finally(() => {
      isAnswered = true;
    });
    await turns();
    await env.timers.advance(1_999);
    await turns();
    assert.equal(isAnswered, false);
    await env.timers.advance(1);
    const shown = (await asked).workers?.map(({ slot, state, connections }) => [
      slot,
      state,
      connections,
    ]);
    assert.deepEqual(shown, [
      [0, 'serving', 0],
      [1, 'silent', 1],
      [2, 'starting', 2],
    ]);
  });
});

describe('endAtWorkers', () => {
  it('answers as soon as a worker had it', async () => {
    const { env, workers, calls } = theatre();
    const what = { what: 'session', id: 'known' } as const;
    assert.equal(await endAtWorkers(what, workers, calls, env), true);
  });

  it('does not say that there is none while a worker does not answer', async () => {
    const { env, workers, calls } = theatre();
    const what = { what: 'open', id: 'unknown' } as const;
    const ended = assert.rejects(endAtWorkers(what, workers, calls, env), (error) => {
      return error instanceof SilentWorkersError && error.message === 'worker 1 does not answer';
    });
    await turns();
    await env.timers.advance(10_000);
    await ended;
    assert.equal(await endAtWorkers(what, workers.slice(0, 1), calls, env), false);
  });

  it('waits for every worker where connections to a share end', async () => {
    const { env, workers, calls } = theatre();
    const what = { what: 'share', id: 'known' } as const;
    const ended = assert.rejects(endAtWorkers(what, workers, calls, env), SilentWorkersError);
    await turns();
    await env.timers.advance(10_000);
    await ended;
  });
});
