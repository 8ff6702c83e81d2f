import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  COMPRESSION_PAUSE_SIZE_MAX,
  COMPRESSION_PAUSE_SIZE_MIN,
  COMPRESSION_SAVING_MIN,
  COMPRESSION_SIZE_MIN,
} from '../../base/limits.ts';
import {
  afterPassing,
  afterTrying,
  type CompressionGain,
  mayCompress,
  NO_GAIN_YET,
} from './decide-compression.ts';

const SIZE = 65_536;
const IN_VAIN = { savedSize: 0, elapsedMs: 1 };

describe('[MS-SMB2] 3.3.4.1.5: whether compression pays', () => {
  it('leaves short messages alone', () => {
    assert.equal(mayCompress(NO_GAIN_YET, COMPRESSION_SIZE_MIN - 1), false);
    assert.equal(mayCompress(NO_GAIN_YET, COMPRESSION_SIZE_MIN), true);
  });

  it('pauses after a try in vain, until enough has passed', () => {
    let gain = afterTrying(NO_GAIN_YET, IN_VAIN);
    assert.equal(passing(gain), COMPRESSION_PAUSE_SIZE_MIN);
    for (let left = COMPRESSION_PAUSE_SIZE_MIN; left > 0; left -= SIZE) {
      assert.equal(mayCompress(gain, SIZE), false);
      gain = afterPassing(gain, SIZE);
    }
    assert.equal(mayCompress(gain, SIZE), true);
  });

  it('pauses twice as long each time, up to a limit, and anew after a gain', () => {
    let gain = NO_GAIN_YET;
    const pauses: number[] = [];
    for (let i = 0; i < 20; i++) {
      gain = afterTrying(gain, IN_VAIN);
      pauses.push(passing(gain));
      gain = afterPassing(gain, passing(gain));
    }
    assert.deepEqual(
      pauses.slice(0, 3),
      [1, 2, 4].map((n) => n * COMPRESSION_PAUSE_SIZE_MIN),
    );
    assert.equal(pauses.at(-1), COMPRESSION_PAUSE_SIZE_MAX);
    gain = afterTrying(gain, { savedSize: 100 * COMPRESSION_SAVING_MIN, elapsedMs: 10 });
    assert.deepEqual(gain, NO_GAIN_YET);
  });

  it('weighs what is saved against the time it takes, over several messages', () => {
    const little = { savedSize: COMPRESSION_SAVING_MIN / 2, elapsedMs: 1 };
    const enough = { savedSize: COMPRESSION_SAVING_MIN, elapsedMs: 1 };
    let slow = NO_GAIN_YET;
    let fast = NO_GAIN_YET;
    for (let i = 0; i < 10; i++) {
      assert.equal(passing(slow), 0, `after ${i} messages`);
      slow = afterTrying(slow, little);
      fast = afterTrying(fast, enough);
    }
    assert.equal(passing(slow), COMPRESSION_PAUSE_SIZE_MIN);
    assert.equal(passing(fast), 0);
  });
});

function passing(gain: CompressionGain): number {
  return gain.pauseSize;
}
