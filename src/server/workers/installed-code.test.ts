import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { installedCode, isSameCode, replacement, runningCode } from './installed-code.ts';

describe('installedCode', () => {
  let folder: string;
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'semba-code-'));
    mkdirSync(join(folder, 'dist/src/cli'), { recursive: true });
    write('package.json', '{"version":"1.2.3"}');
    write('dist/src/cli/main.js', 'one');
    write('dist/src/other.js', 'two');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is the same for the same files, tests and all that is no code aside', () => {
    const before = installedCode(folder);
    assert.equal(before.version, '1.2.3');
    write('dist/src/cli/main.js', 'one');
    write('dist/src/cli/main.test.js', 'a test');
    write('dist/src/cli/main.d.ts', 'types');
    assert(isSameCode(installedCode(folder), before));
  });

  const changes: Readonly<Record<string, () => void>> = {
    'another version': () => write('package.json', '{"version":"1.2.4"}'),
    'another file': () => write('dist/src/cli/more.js', ''),
    'another content': () => write('dist/src/other.js', 'TWO'),
    'the other way round': () => {
      write('dist/src/cli/main.js', 'two');
      write('dist/src/other.js', 'one');
    },
    'a file less': () => rmSync(join(folder, 'dist/src/other.js')),
    'nothing at all': () => rmSync(join(folder, 'dist'), { recursive: true }),
    'half a package.json': () => write('package.json', '{"ver'),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`is another with ${what}`, () => {
      const before = installedCode(folder);
      change();
      assert(!isSameCode(installedCode(folder), before));
    });
  }

  it('is that of this process, as nothing was installed since', () => {
    assert.match(runningCode().version, /^\d+\.\d+\.\d+$/);
    assert(isSameCode(installedCode(), runningCode()));
    assert.equal(replacement(), undefined);
  });
});
