import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPromise, type MaybePromise, run, type Task, wait } from './task.ts';

function* add(a: MaybePromise<number>, b: MaybePromise<number>): Task<number> {
  return (yield* wait(a)) + (yield* wait(b));
}

function* guarded(value: MaybePromise<number>): Task<string> {
  try {
    yield* wait(value);
    return 'fine';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('task', () => {
  it('answers at once when nothing in it suspends', () => {
    assert.equal(run(add(1, 2)), 3);
  });

  it('answers with a promise once something suspends', async () => {
    const outcome = run(add(1, Promise.resolve(2)));
    assert.ok(isPromise(outcome));
    assert.equal(await outcome, 3);
  });

  it('throws a rejection into the task where it waits', async () => {
    assert.equal(await run(guarded(Promise.reject(new Error('no')))), 'no');
  });

  it('passes on what the task throws', async () => {
    await assert.rejects(async () => run(add(Promise.reject(new Error('no')), 1)), /no/);
  });
});
