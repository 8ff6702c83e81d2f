import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  after,
  afterAnswer,
  isPromise,
  type MaybePromise,
  type Now,
  run,
  type Task,
  taskOf,
  wait,
} from './task.ts';

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

describe('after', () => {
  const half = (value: number): Now<number> => value / 2;

  it('goes on at once with what is known', () => {
    assert.equal(after(3, half), 1.5);
    assert.equal(afterAnswer(3, half), 1.5);
    const outcome = { status: 0 };
    assert.equal(
      after(outcome, (known) => known),
      outcome,
    );
  });

  it('goes on with what a task comes to, or a promise', async () => {
    assert.equal(run(taskOf(after(add(1, 2), half))), 1.5);
    assert.equal(await run(taskOf(after(add(1, Promise.resolve(2)), half))), 1.5);
    assert.equal(await run(taskOf(afterAnswer(Promise.resolve(3), half))), 1.5);
  });

  it('may be followed by a task', async () => {
    assert.equal(await run(taskOf(after(1, (one) => add(one, Promise.resolve(2))))), 3);
    assert.equal(run(taskOf(after(add(1, 1), (two) => add(two, two)))), 4);
  });

  it('starts no task by itself', () => {
    let started = false;
    after(note(), () => 0);
    function* note(): Task<void> {
      started = true;
    }
    assert.equal(started, false);
  });
});
