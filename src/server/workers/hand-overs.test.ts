import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { HandOvers } from './hand-overs.ts';
import type { Identified } from './intake.ts';

/** A connection that only says whether it was destroyed. */
function connection(): { readonly what: Identified; readonly isOpen: () => boolean } {
  let isOpen = true;
  const socket = {
    destroy: () => {
      isOpen = false;
    },
  } as unknown as Socket;
  const what = {
    socket,
    guid: undefined,
    early: new Uint8Array(0),
    isSmb1Answered: false,
    waitedMs: 0,
    address: '',
  };
  return { what, isOpen: () => isOpen };
}

/** Sends to the worker of `slot`, while there is one; ids count from 1. */
function handOversTo(worker: { slot: number | undefined }): {
  readonly handOvers: HandOvers;
  readonly sent: (readonly [slot: number, what: Identified])[];
} {
  const sent: [number, Identified][] = [];
  const handOvers: HandOvers = new HandOvers((what) => {
    if (worker.slot === undefined) return false;
    sent.push([worker.slot, what]);
    handOvers.sent(sent.length, worker.slot, what);
    return true;
  });
  return { handOvers, sent };
}

describe('HandOvers', () => {
  it('closes its own end once the worker has the connection', () => {
    const { handOvers } = handOversTo({ slot: 0 });
    const { what, isOpen } = connection();
    assert.equal(handOvers.begin(what), true);
    assert.equal(isOpen(), true);
    handOvers.taken(1);
    assert.equal(isOpen(), false);
  });

  it('sends a connection to another worker when the first ends before it had it', () => {
    const worker = { slot: 0 };
    const { handOvers, sent } = handOversTo(worker);
    const [lost, taken] = [connection(), connection()];
    handOvers.begin(lost.what);
    handOvers.begin(taken.what);
    handOvers.taken(2);
    worker.slot = 1;
    handOvers.workerWent(0);
    assert.deepEqual(
      sent.map(([slot, what]) => [slot, what === lost.what]),
      [
        [0, true],
        [0, false],
        [1, true],
      ],
    );
    assert.equal(lost.isOpen(), true);
  });

  it('gives a connection up with which one worker after the other ends', () => {
    const worker = { slot: 0 };
    const { handOvers, sent } = handOversTo(worker);
    const { what, isOpen } = connection();
    handOvers.begin(what);
    for (const slot of [0, 1, 2, 3]) {
      assert.equal(isOpen(), slot < 3);
      worker.slot = slot + 1;
      handOvers.workerWent(slot);
    }
    assert.equal(sent.length, 3);
  });

  it('keeps connections while no worker serves, so many', () => {
    const worker: { slot: number | undefined } = { slot: undefined };
    const { handOvers, sent } = handOversTo(worker);
    const all = Array.from({ length: 4097 }, () => handOvers.begin(connection().what));
    assert.equal(all.lastIndexOf(true), 4095);
    worker.slot = 0;
    handOvers.workerCame();
    assert.equal(sent.length, 4096);
  });
});
