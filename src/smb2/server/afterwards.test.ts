import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run, type Task } from '../../base/task.ts';
import { Afterwards } from './afterwards.ts';

describe('Afterwards', () => {
  function* note(what: string, done: string[]): Task<void> {
    done.push(what);
  }

  it('waits for what runs now to end, and no longer', async () => {
    const done: string[] = [];
    const afterwards = new Afterwards((task) => run(task));
    afterwards.add(note('first', done));
    afterwards.add(note('second', done));
    done.push('answered');
    await Promise.resolve();
    assert.deepEqual(done, ['answered', 'first', 'second']);
  });

  it('is asked for before, and does nothing twice', async () => {
    const done: string[] = [];
    const afterwards = new Afterwards((task) => run(task));
    afterwards.add(note('first', done));
    afterwards.settle();
    afterwards.settle();
    afterwards.add(note('second', done));
    assert.deepEqual(done, ['first']);
    await Promise.resolve();
    assert.deepEqual(done, ['first', 'second']);
  });
});
