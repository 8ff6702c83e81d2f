import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '../server/options.ts';
import { WorkerStartError } from '../server/workers/worker-process.ts';
import { CommandError, toCommandError } from './command-error.ts';

describe('toCommandError', () => {
  const system = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  const told: readonly (readonly [Error, string])[] = [
    [new OptionError('listen: no'), 'listen: no'],
    [new WorkerStartError('worker 0 ended: code 1'), 'cannot serve: worker 0 ended: code 1'],
    [system, 'cannot serve: ENOSPC: no space left'],
  ];
  for (const [error, message] of told) {
    it(`tells what is wrong outside of this program: ${error.message}`, () => {
      const made = toCommandError(error, 'cannot serve');
      assert(made instanceof CommandError);
      assert.equal(made.message, message);
    });
  }

  it('leaves a bug its stack', () => {
    const bug = new TypeError('x is undefined');
    assert.equal(toCommandError(bug, 'cannot serve'), bug);
  });
});
