import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const HISTORIES = process.env.SEMBA_HISTORIES ?? '2000';
const FIRST_SEED = process.env.SEMBA_SEED ?? '1';

describe('histories of two clients', () => {
  it(`answer ${HISTORIES} times what their requests do in some order`, () => {
    const main = join(import.meta.dirname, 'histories-run.js');
    const { status, stderr } = spawnSync(process.execPath, [main, HISTORIES, FIRST_SEED]);
    assert.equal(status, 0, String(stderr));
  });
});
