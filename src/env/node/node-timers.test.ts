import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeTimers } from './node-timers.ts';

describe('Timers.turn', () => {
  it('lets one go on at a time, in order, and the event loop turn in between', async () => {
    const seen: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let step = 1; step <= 2; step++) {
        await nodeTimers.turn();
        seen.push(`${name}${step}`);
      }
    };
    let rounds = true;
    const look = (): void => {
      seen.push('|');
      if (rounds) setImmediate(look);
    };
    setImmediate(look);
    await Promise.all([work('a'), work('b'), work('c')]);
    rounds = false;
    assert.match(seen.join(''), /^\|+a1\|+b1\|+c1\|+a2\|+b2\|+c2$/);
  });
});
