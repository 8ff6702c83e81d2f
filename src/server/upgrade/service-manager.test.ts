import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOf, tellServiceManager } from './service-manager.ts';

const FAMILY = 2;

describe('addressOf', () => {
  it('is the path of a socket', () => {
    const address = addressOf('/run/systemd/notify');
    assert.equal(address?.subarray(FAMILY).toString(), '/run/systemd/notify');
  });
  it('begins with a zero byte where the address has no file', () => {
    assert.equal(addressOf('@notify')?.subarray(FAMILY).toString(), '\0notify');
  });
  it('is none for what is no unix address, or too long for one', () => {
    for (const name of ['', '/', '@', 'vsock:2:1234', `/${'x'.repeat(108)}`]) {
      assert.equal(addressOf(name), undefined, name);
    }
    assert.notEqual(addressOf(`/${'x'.repeat(107)}`), undefined);
  });
});

describe('tellServiceManager', () => {
  it('tells nobody where there is nobody', () => {
    assert.equal(tellServiceManager(['READY=1'], undefined), false);
    assert.equal(tellServiceManager(['READY=1'], '/nowhere/notify'), false);
  });
});
