import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SECONDS = Number(process.env.SEMBA_SOAK_SECONDS ?? 12);
const SEED = Number(process.env.SEMBA_SOAK_SEED ?? 0x5eed);
/** Start, quiet times and the end. */
const AROUND_MS = 90_000;

describe('mutated traffic against a running server', {
  timeout: 1000 * SECONDS + AROUND_MS,
}, () => {
  it(`crashes, hangs, leaks and disturbs nothing for ${SECONDS} s, seed=${SEED}`, async () => {
    const soak = fileURLToPath(new URL('./soak.js', import.meta.url));
    const args = [soak, '--seconds', String(SECONDS), '--seed', String(SEED), '--rate', '1000'];
    const run = promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 });
    const { stdout } = await run.catch((error: { stdout: string; stderr: string }) =>
      assert.fail(`${error.stdout}\n${error.stderr}`),
    );
    assert.match(stdout, /^passed: /m);
  });
});
