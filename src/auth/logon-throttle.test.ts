import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogonThrottle } from './logon-throttle.ts';

const limits = { failedLogonsFree: 3, failedLogonDelayMs: 1000 };

describe('the logon throttle', () => {
  it('delays after the free failures, twice as long each time, up to the limit', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits });
    const attempt = { userName: 'ada', address: '::1' };
    const delays = Array.from({ length: 9 }, () => throttle.failed(attempt));
    assert.deepEqual(delays, [0, 0, 0, 100, 200, 400, 800, 1000, 1000]);
  });

  it('counts a user over all addresses and an address over all users', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits });
    for (let i = 0; i < 3; i++) throttle.failed({ userName: 'Ada', address: `10.0.0.${i}` });
    assert.equal(throttle.failed({ userName: 'ADA', address: '10.0.0.9' }), 100);
    for (let i = 0; i < 3; i++) throttle.failed({ userName: `u${i}`, address: '10.1.1.1' });
    assert.equal(throttle.failed({ userName: 'other', address: '10.1.1.1' }), 100);
  });

  it('forgets a user that logged on, not the address', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits });
    for (let i = 0; i < 5; i++) throttle.failed({ userName: 'ada', address: '10.1.1.1' });
    throttle.succeeded({ userName: 'Ada' });
    assert.equal(throttle.failed({ userName: 'ada', address: '10.2.2.2' }), 0);
    assert.notEqual(throttle.failed({ userName: 'bob', address: '10.1.1.1' }), 0);
  });

  it('forgives after a quarter of an hour', () => {
    const clock = clockAt();
    const throttle = new LogonThrottle({ clock, limits });
    for (let i = 0; i < 5; i++) throttle.failed({ userName: 'ada', address: 'a' });
    clock.ms += 16 * 60_000;
    assert.equal(throttle.failed({ userName: 'ada', address: 'a' }), 0);
  });

  it('remembers no more than it may', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits, entriesMax: 10 });
    for (let i = 0; i < 3; i++) throttle.failed({ userName: 'ada', address: 'a' });
    for (let i = 0; i < 10; i++) throttle.failed({ userName: `u${i}`, address: `a${i}` });
    assert.equal(throttle.failed({ userName: 'ada', address: 'a' }), 0);
  });
});

function clockAt(): { ms: number; monotonicMs(): number; fileTime(): bigint } {
  return {
    ms: 0,
    monotonicMs() {
      return this.ms;
    },
    fileTime: () => 0n,
  };
}
