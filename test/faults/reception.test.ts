/** Who comes while a worker is gone, or after it: where they go. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { Reception } from '../../src/server/workers/reception.ts';
import { makeVirtualEnv, type VirtualTime } from './virtual-env.ts';

const ADDRESS = '10.0.0.1';
const LIMITS = DEFAULT_LIMITS;

interface Theatre {
  readonly reception: Reception;
  readonly time: VirtualTime;
  /** Connections that each worker was sent, and took. */
  readonly loads: number[];
  come(slot: number): void;
  connect(guid: string): { readonly isOpen: () => boolean };
}

function theatre(): Theatre {
  const env = makeVirtualEnv();
  const reception = new Reception({ env, limits: LIMITS });
  const loads = [0, 0];
  const come = (slot: number): void => {
    loads[slot] = 0;
    reception.workerCame(slot, ({ id }) => {
      loads[slot] = loads[slot]! + 1;
      reception.taken(id);
    });
  };
  const connect = (guid: string): { readonly isOpen: () => boolean } => {
    let isOpen = true;
    const destroy = (): void => {
      isOpen = false;
    };
    const socket = { destroy } as unknown as Socket;
    const early = new Uint8Array(0);
    const what = { socket, guid, early, isSmb1Answered: false, waitedMs: 0, address: ADDRESS };
    reception.take(what);
    return { isOpen: () => isOpen };
  };
  come(0);
  come(1);
  return { reception, time: env.timers, loads, come, connect };
}

/** Fifty clients on two workers, of which the second ends: its half connects again at once. */
function loseHalf({ reception, connect, loads }: Theatre): void {
  for (let i = 0; i < 50; i++) connect(`${i}`);
  assert.deepEqual(loads, [25, 25]);
  reception.workerWent(1, { comesBack: true });
  loads[1] = 0;
  for (let i = 50; i < 75; i++) connect(`${i}`);
}

describe('Reception', () => {
  it('spreads a burst of clients evenly, also over a worker that is not up yet', () => {
    const all = theatre();
    loseHalf(all);
    assert.ok(all.loads[0]! <= 27, `${all.loads[0]}`);
    assert.equal(all.reception.counts(ADDRESS).fromAddress, 50);
    all.come(1);
    assert.equal(all.loads[0]! + all.loads[1]!, 50);
    assert.ok(all.loads[1]! >= 23, `${all.loads[1]}`);
  });

  it('gives them to the others when it does not come in time', async () => {
    const all = theatre();
    loseHalf(all);
    await all.time.advance(5_000);
    assert.deepEqual(all.loads, [50, 0]);
    all.come(1);
    for (let i = 75; i < 125; i++) all.connect(`${i}`);
    assert.deepEqual(all.loads, [50, 50]);
  });

  it('gives them to the others when it ends before it serves', () => {
    const all = theatre();
    loseHalf(all);
    all.reception.workerWent(1, { comesBack: false });
    assert.deepEqual(all.loads, [50, 0]);
  });

  it('keeps connections while no worker serves, counts them, and gives them to the first', () => {
    const { reception, loads, come, connect } = theatre();
    for (const slot of [0, 1]) reception.workerWent(slot, { comesBack: false });
    for (let i = 0; i < 10; i++) connect(`${i}`);
    assert.deepEqual(reception.counts(ADDRESS), { all: 10, fromAddress: 10 });
    come(0);
    assert.deepEqual(loads, [10, 0]);
    assert.deepEqual(reception.counts(ADDRESS), { all: 10, fromAddress: 10 });
  });

  it('leads clients to who has their opens, which is given connections only after that', () => {
    const { reception, loads, come, connect } = theatre();
    connect('x');
    assert.deepEqual(loads, [1, 0]);
    // It has lived for a moment only: another one is started after a while.
    for (const slot of [0, 1]) reception.workerWent(slot, { comesBack: false });
    connect('x');
    reception.recovered(new Map([['x', 0]]));
    loads.fill(0);
    come(1);
    assert.deepEqual(loads, [0, 0]);
    come(0);
    assert.deepEqual(loads, [1, 0]);
    connect('x');
    assert.deepEqual(loads, [2, 0]);
  });

  it('refuses more than may wait', () => {
    const { reception, connect } = theatre();
    for (const slot of [0, 1]) reception.workerWent(slot, { comesBack: true });
    const all = Array.from({ length: 4_100 }, (_, i) => connect(`${i}`));
    const open = all.filter(({ isOpen }) => isOpen()).length;
    assert.equal(open, 4_096);
    reception.close();
    assert.ok(all.every(({ isOpen }) => !isOpen()));
  });
});
