import { describe, it } from 'node:test';
import { AUTH_FUZZ_TARGETS, type FuzzTarget } from './auth-targets.ts';

const { FUZZ_SEED = '1', FUZZ_ROUNDS = '3000' } = process.env;
const SEED = Number(FUZZ_SEED);
const ROUNDS = Number(FUZZ_ROUNDS);

describe('tokens of security mechanisms, mutated', () => {
  for (const target of AUTH_FUZZ_TARGETS) {
    it(`never make ${target.name} throw`, () => fuzz(target));
  }
});

/** `seed` and `round` in the message replay a failure: FUZZ_SEED and FUZZ_ROUNDS. */
function fuzz(target: FuzzTarget): void {
  const next = generator(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutate(target.seeds[round % target.seeds.length]!, next);
    try {
      target.run(bytes);
    } catch (cause) {
      const input = Buffer.from(bytes).toString('hex');
      throw new Error(`seed=${SEED} round=${round} input=${input}`, { cause });
    }
  }
}

/** A few flips, cuts, insertions and extreme values. */
function mutate(seed: Uint8Array, next: (below: number) => number): Uint8Array {
  let bytes = Array.from(seed);
  for (let i = next(4); i >= 0; i--) {
    const at = next(bytes.length + 1);
    const kind = next(5);
    if (kind === 0) bytes[at] = next(256);
    else if (kind === 1) bytes = bytes.slice(0, at);
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + next(16)));
    else if (kind === 3) bytes.splice(at, next(8));
    else bytes[at] = next(2) === 0 ? 0xff : 0;
  }
  return Uint8Array.from(bytes);
}

function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}
