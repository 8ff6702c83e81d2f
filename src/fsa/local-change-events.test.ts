import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntryChange } from '../vfs/vfs.ts';
import { withoutOne } from './local-change-events.ts';

const CREATION = ['added', 'moved-here', 'content', 'attributes'] as const;
const REMOVAL = ['removed', 'moved-away', 'attributes'] as const;
const CONTENT = ['content', 'attributes'] as const;

/** 'path:kind' each. */
function left(pending: readonly string[], path: string, kinds: readonly EntryChange['kind'][]) {
  const changes = pending.map((text) => {
    const [of = '', kind] = text.split(':');
    return { path: of, kind: kind as EntryChange['kind'] };
  });
  return withoutOne(changes, path, kinds).map((one) => `${one.path}:${one.kind}`);
}

describe('withoutOne', () => {
  it('drops what one creation looks like, and leaves the next on the same path', () => {
    const pending = ['a:added', 'b:added', 'a:content', 'a:removed', 'a:added'];
    assert.deepEqual(left(pending, 'a', CREATION), ['b:added', 'a:removed', 'a:added']);
  });

  it('finds a removal behind what others have yet to report', () => {
    const pending = ['a:added', 'a:removed', 'a:added', 'a:removed'];
    assert.deepEqual(left(pending, 'a', REMOVAL), ['a:added', 'a:added', 'a:removed']);
  });

  it('drops what two writes left behind together', () => {
    assert.deepEqual(left(['a:content', 'a:content', 'b:content'], 'a', CONTENT), ['b:content']);
  });

  it('leaves everything when the feed told nothing of it', () => {
    assert.deepEqual(left(['a:removed', 'b:added'], 'a', CREATION), ['a:removed', 'b:added']);
  });
});
