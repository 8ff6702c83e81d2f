import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { processName } from '../../env/node/processes.ts';
import { makeRuntimeFolder, removeRuntimeFolder } from './runtime-folder.ts';

describe('the runtime folder', () => {
  const { XDG_RUNTIME_DIR: before } = process.env;
  let base: string;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'semba-test-'));
    process.env.XDG_RUNTIME_DIR = base;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = before;
    rmSync(base, { recursive: true });
  });

  it('removes those of processes that are gone, though their ids were given again', () => {
    const kept = [`semba-${processName()}-abcdef`, `semba-${process.pid}-abcdef`, 'semba-other'];
    const gone = [`semba-${process.pid}-1-abcdef`, `semba-${2 ** 22 + 1}-123456`];
    for (const name of [...kept, ...gone]) mkdirSync(join(base, name));
    const made = makeRuntimeFolder();
    assert.deepEqual(readdirSync(base).toSorted(), [...kept, basename(made)].toSorted());
  });

  const unusable: Readonly<Record<string, () => string>> = {
    'is not there': () => join(base, 'none'),
    'is a file': () => process.execPath,
    'is too long for sockets': () => {
      const long = join(base, 'x'.repeat(80));
      mkdirSync(long);
      return long;
    },
  };
  for (const [what, folder] of Object.entries(unusable)) {
    it(`is elsewhere when the place of the user ${what}`, () => {
      process.env.XDG_RUNTIME_DIR = folder();
      const made = makeRuntimeFolder();
      assert(['/dev/shm', tmpdir()].includes(dirname(made)), made);
      removeRuntimeFolder(made);
    });
  }
});
