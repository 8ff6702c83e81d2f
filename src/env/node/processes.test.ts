import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isRunning, processName } from './processes.ts';

const NO_PROCESS = 2 ** 22 + 1;

describe('the name of a process', () => {
  it('is that of one that runs', () => {
    assert.match(processName(), /^\d+-\d+$/);
    assert.equal(isRunning(processName()), true);
    assert.equal(isRunning(`${processName()}\n`), true);
  });

  it('is not that of another one with the same id', () => {
    assert.equal(isRunning(`${process.pid}-1`), false);
    assert.equal(isRunning(`${process.pid}`), true);
  });

  it('is nobody’s when the process ended, or was none', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    for (const name of [`${child.pid}`, `${NO_PROCESS}`, `${NO_PROCESS}-1`, '', '0', '-1', 'x']) {
      assert.equal(isRunning(name), false, name);
    }
  });
});
