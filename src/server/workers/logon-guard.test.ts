import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeVirtualEnv } from '../../../test/faults/virtual-env.ts';
import { LogonThrottle } from '../../auth/logon-throttle.ts';
import { DEFAULT_LIMITS } from '../../base/limits.ts';
import { BusCalls } from '../../messaging/calls.ts';
import { LocalHub } from '../../messaging/local/local-bus.ts';
import { answerLogonGuards, askingLogonGuard } from './logon-guard.ts';

const ATTEMPT = { userName: 'user', address: '10.0.0.1' };

describe('askingLogonGuard', () => {
  function makeRig() {
    const { clock, log } = makeVirtualEnv();
    const hub = new LocalHub();
    const [supervisor, bus] = [hub.join('supervisor', log), hub.join('worker', log)];
    const throttle = new LogonThrottle({ clock, limits: DEFAULT_LIMITS });
    answerLogonGuards(supervisor, new BusCalls(supervisor), throttle);
    const calls = new BusCalls(bus);
    return { supervisor, guard: askingLogonGuard({ bus, calls, supervisorId: 'supervisor' }) };
  }

  it('is told what the supervisor has counted', async () => {
    const { guard } = makeRig();
    assert.equal(await guard.failed(ATTEMPT), 0);
    assert.deepEqual(await guard.held(ATTEMPT), { delayMs: 0, isRefused: false });
  });

  it('answers neither a guess nor a right password once the supervisor is gone', async () => {
    const { guard, supervisor } = makeRig();
    const answers: unknown[] = [];
    const note = (answer: unknown): void => void answers.push(answer);
    const ask = (): void => {
      void Promise.resolve(guard.failed(ATTEMPT)).then(note);
      void Promise.resolve(guard.held(ATTEMPT)).then(note);
    };
    const closed = supervisor.close();
    ask();
    await closed;
    ask();
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(answers, []);
  });
});
