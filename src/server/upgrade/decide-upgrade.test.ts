import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Heir, whyNotHeir, whyNotReplaced } from './decide-upgrade.ts';

describe('whyNotReplaced', () => {
  it('finds nothing against a process that nobody manages', () => {
    assert.equal(whyNotReplaced({ pid: 7, env: {} }), undefined);
  });
  it('says that a container ends with its process 1', () => {
    assert.match(whyNotReplaced({ pid: 1, env: {} }) ?? '', /container/);
  });
  it('says that a unit which cannot be told of another process ends with this one', () => {
    assert.match(whyNotReplaced({ pid: 7, env: { SYSTEMD_EXEC_PID: '7' } }) ?? '', /Type=notify/);
  });
  it('finds nothing against a unit that can be told', () => {
    const env = { SYSTEMD_EXEC_PID: '7', NOTIFY_SOCKET: '/run/systemd/notify' };
    assert.equal(whyNotReplaced({ pid: 7, env }), undefined);
  });
  it('finds nothing against what a unit has started', () => {
    assert.equal(whyNotReplaced({ pid: 8, env: { SYSTEMD_EXEC_PID: '7' } }), undefined);
  });
});

describe('whyNotHeir', () => {
  const heir: Heir = {
    stateFolder: '/state',
    layouts: { handOver: 6003, persistent: 1 },
    isPersistent: true,
  };
  it('finds nothing against the same layouts and state', () => {
    assert.equal(whyNotHeir(heir, heir), undefined);
  });
  it('names both folders where the state is another one', () => {
    assert.match(whyNotHeir({ ...heir, stateFolder: '/old' }, heir) ?? '', /\/state.*\/old/);
  });
  it('says which of the two is too old to read what clients have open', () => {
    const old = { ...heir, layouts: { ...heir.layouts, handOver: 6002 } };
    assert.match(whyNotHeir(old, heir) ?? '', /layout 6002, expected 6003.*too much older/);
    assert.match(whyNotHeir(heir, { ...heir, layouts: old.layouts }) ?? '', /too much newer/);
  });
  it('minds the store of persistent handles where some share has them', () => {
    const old = { ...heir, layouts: { ...heir.layouts, persistent: 2 } };
    assert.match(whyNotHeir(old, heir) ?? '', /persistent handles: the store has layout 2/);
    assert.equal(whyNotHeir(old, { ...heir, isPersistent: false }), undefined);
  });
});
