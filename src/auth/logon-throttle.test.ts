import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogonThrottle } from './logon-throttle.ts';

const limits = { failedLogonsFree: 3, failedLogonDelayMs: 1000 };

describe('the logon throttle', () => {
  it('delays after the free failures, twice as long each time, up to the limit', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits });
    const addresses = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((last) => `192.0.2.${last}`);
    const delays = addresses.map((address) => throttle.failed({ userName: 'ada', address }));
    assert.deepEqual(delays, [0, 0, 0, 100, 200, 400, 800, 1000, 1000]);
  });

  it('lets guesses at one user from one address wait for each other', () => {
    const clock = clockAt();
    const throttle = new LogonThrottle({ clock, limits });
    const attempt = { userName: 'ada', address: '192.0.2.1' };
    const delays = Array.from({ length: 10 }, () => throttle.failed(attempt));
    assert.deepEqual(delays, [0, 0, 0, 100, 300, 700, 1500, 2500, 3500, 4000]);
    clock.ms += 2500;
    assert.equal(throttle.failed(attempt), 2000);
  });

  it('answers a right password as late as a wrong one, where its address guessed', () => {
    const clock = clockAt();
    const throttle = new LogonThrottle({ clock, limits });
    const attempt = { userName: 'ada', address: '192.0.2.1' };
    for (let i = 0; i < 3; i++) throttle.failed(attempt);
    assert.deepEqual(throttle.held(attempt), { delayMs: 0, isRefused: false });
    for (let i = 0; i < 3; i++) throttle.failed(attempt);
    assert.deepEqual(throttle.held(attempt), { delayMs: 700, isRefused: false });
    for (const other of [{ address: '192.0.2.2' }, { userName: 'bob' }]) {
      assert.deepEqual(throttle.held({ ...attempt, ...other }), { delayMs: 0, isRefused: false });
    }
    for (let i = 0; i < 3; i++) throttle.failed(attempt);
    assert.equal(throttle.held(attempt).isRefused, true);
    clock.ms += 3500;
    assert.deepEqual(throttle.held(attempt), { delayMs: 0, isRefused: false });
    throttle.succeeded(attempt);
    for (let i = 0; i < 3; i++) throttle.failed(attempt);
    assert.deepEqual(throttle.held(attempt), { delayMs: 0, isRefused: false });
  });

  it('takes all of an IPv6 /64 for one address', () => {
    const throttle = new LogonThrottle({ clock: clockAt(), limits });
    for (let i = 0; i < 3; i++) throttle.failed({ userName: `u${i}`, address: `2001:db8::${i}` });
    assert.equal(throttle.failed({ userName: 'u9', address: '2001:db8::9' }), 100);
    assert.equal(throttle.failed({ userName: 'u8', address: '2001:db8:0:1::9' }), 0);
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
    throttle.succeeded({ userName: 'Ada', address: '10.1.1.1' });
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
