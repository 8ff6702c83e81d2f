import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FSCC_TARGETS, type FsccTarget } from './fscc-targets.ts';
import { KEPT_TARGETS } from './kept-targets.ts';

const SEED = Number(process.env.SEMBA_FUZZ_SEED ?? 0x5eed);
const MUTATIONS = Number(process.env.SEMBA_FUZZ_MUTATIONS ?? 1000);
/** The bytes stand in the middle of a buffer, between margins of this size. */
const MARGIN = 24;

describe(`[MS-FSCC], [MS-DTYP] and [MS-RPCE] decoders, seed=${SEED}`, () => {
  for (const target of [...FSCC_TARGETS, ...KEPT_TARGETS]) {
    it(`${target.name}: cut or changed, never throws and reads nothing around it`, () => {
      for (let end = 0; end <= target.seed.length; end++) check(target, target.seed.slice(0, end));
      const next = generator(SEED);
      for (let i = 0; i < MUTATIONS; i++) check(target, mutate(target.seed, next));
    });
  }
});

/** The outcome must be the same whatever stands before and behind the bytes. */
function check(target: FsccTarget, bytes: Uint8Array): void {
  try {
    assert.deepEqual(outcome(target, bytes, 0x00), outcome(target, bytes, 0xff));
  } catch (cause) {
    const input = Buffer.from(bytes).toString('hex');
    throw new Error(`${target.name} seed=${SEED} bytes=${input}`, { cause });
  }
}

function outcome(target: FsccTarget, bytes: Uint8Array, around: number): unknown {
  const buffer = new Uint8Array(bytes.length + 2 * MARGIN).fill(around);
  buffer.set(bytes, MARGIN);
  return target.run(viewOf(buffer), MARGIN, MARGIN + bytes.length);
}

/** A few flips, cuts, repetitions and extreme values. */
function mutate(seed: Uint8Array, next: (below: number) => number): Uint8Array {
  let bytes = Array.from(seed);
  for (let i = next(4); i >= 0; i--) {
    const at = next(bytes.length + 1);
    const kind = next(6);
    if (kind === 0) bytes[at] = next(256);
    else if (kind === 1) bytes = bytes.slice(0, at);
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + next(16)));
    else if (kind === 3) bytes.splice(at, next(8));
    else if (kind === 4) bytes[at] = next(8);
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
