import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideReload, type ReloadPlan } from './decide-reload.ts';
import type { ShareOptions, SmbServerOptions } from './options.ts';

const DOCS: ShareOptions = { name: 'docs', path: '/srv/docs' };
const NOTHING: ReloadPlan = {
  server: undefined,
  serverChanges: [],
  removed: [],
  remounted: [],
  changed: [],
  added: [],
  refused: [],
};

function decide(
  next: { server?: SmbServerOptions; shares?: readonly ShareOptions[] },
  inUse: readonly string[] = [],
): ReloadPlan {
  const now = { server: { signing: 'enabled', port: 445 } as const, shares: [DOCS] };
  return decideReload(now, { ...now, ...next }, new Set(inUse));
}

describe('decideReload', () => {
  it('does nothing where nothing changed', () => {
    assert.deepEqual(decide({}), NOTHING);
    assert.deepEqual(decide({ shares: [{ ...DOCS }] }), NOTHING);
  });

  it('takes over options, and gives those that are left out their default', () => {
    const { server, serverChanges, refused } = decide({
      server: { port: 445, encryption: 'required' },
    });
    assert.deepEqual(server, { port: 445, encryption: 'required' });
    assert.deepEqual(serverChanges, ['signing', 'encryption']);
    assert.deepEqual(refused, []);
  });

  it('says which options take a new start', () => {
    const { server, refused } = decide({ server: { signing: 'enabled', port: 446, workers: 4 } });
    assert.equal(server, undefined);
    assert.deepEqual(refused, [
      'port: changes when the server starts again',
      'workers: changes when the server starts again',
    ]);
  });

  it('adds and removes shares, whatever the case of their names', () => {
    const more = { name: 'more', path: '/srv/more' };
    const { added, removed } = decide({ shares: [more] });
    assert.deepEqual([added, removed], [[more], ['docs']]);
  });

  it('changes a share in use, where that takes no other volume', () => {
    const shares = [{ ...DOCS, comment: 'papers', readOnly: true }];
    const { changed, remounted } = decide({ shares }, ['docs']);
    assert.deepEqual([changed, remounted], [shares, []]);
  });

  it('mounts a share anew that nobody uses, and says so of one in use', () => {
    const shares = [{ ...DOCS, path: '/other', comment: 'papers' }];
    assert.deepEqual(decide({ shares }).remounted, shares);
    const { remounted, changed, refused } = decide({ shares }, ['docs']);
    assert.deepEqual([remounted, changed], [[], []]);
    assert.deepEqual(refused, [
      'share docs: path changes when nobody is connected to it; nothing of it changed',
    ]);
  });

  it('keeps a share in use that is gone from the file', () => {
    const { removed, refused } = decide({ shares: [] }, ['docs']);
    assert.deepEqual(removed, []);
    assert.deepEqual(refused, ['share docs: is in use, and stays until nobody is connected to it']);
  });
});
