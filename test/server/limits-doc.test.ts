import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';

describe('docs/operating/limits.md', () => {
  it('names every limit with its default, and no other', () => {
    const url = new URL('../../../docs/operating/limits.md', import.meta.url);
    const rows = [...readFileSync(url, 'utf8').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)];
    const told = Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)]));
    assert.deepEqual(told, DEFAULT_LIMITS);
  });
});
