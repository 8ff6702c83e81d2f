import { randomFillSync } from 'node:crypto';
import type { Random } from '../ports.ts';

const POOL_SIZE = 4096;

/**
 * Unpredictable bytes from the kernel-seeded generator of OpenSSL. Small requests are cut from a
 * pool, because one call of the generator costs more than the 8 or 16 bytes that are wanted; bytes
 * are wiped from the pool as they are handed out.
 */
export function makeNodeRandom(): Random {
  const pool = new Uint8Array(POOL_SIZE);
  let used = POOL_SIZE;
  return {
    bytes(length: number): Uint8Array {
      if (length > POOL_SIZE) return randomFillSync(new Uint8Array(length));
      if (used + length > POOL_SIZE) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = pool.slice(used, used + length);
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}
