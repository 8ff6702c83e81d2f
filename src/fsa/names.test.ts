import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../erref/ntstatus.ts';
import { nameFromDisk, nameToDisk, parseName, parseStreamName, pathFromDisk } from './names.ts';

const LIMITS = { pathLengthMax: 32_760, pathDepthMax: 4, streamsFolder: '.hidden' };

function parts(name: string): readonly unknown[] | number {
  const parsed = parseName(name, LIMITS);
  if (typeof parsed === 'number') return parsed;
  return [parsed.path, parsed.streamName, parsed.isDirectory, parsed.isData];
}

describe('[MS-FSCC] 2.1.5 Pathname', () => {
  const good: readonly (readonly [string, readonly unknown[]])[] = [
    ['', ['', '', false, false]],
    ['a', ['a', '', false, false]],
    ['a\\B c\\d.txt', ['a/B c/d.txt', '', false, false]],
    ['a/b', ['a/b', '', false, false]],
    ['a\\b\\..\\c', ['a/c', '', false, false]],
    ['a\\..', ['', '', false, false]],
    ['a\\', ['a', '', true, false]],
    ['a:s', ['a', 's', false, true]],
    ['d\\a:s:$DATA', ['d/a', 's', false, true]],
    ['a:s:$data', ['a', 's', false, true]],
    ['a::$DATA', ['a', '', false, true]],
    [':s', ['', 's', false, true]],
    ['a::$INDEX_ALLOCATION', ['a', '', true, false]],
    ['a:$I30:$INDEX_ALLOCATION', ['a', '', true, false]],
    ['a:?s*\u0005', ['a', '?s*\u0005', false, true]],
    ['a\uf022b', ['a:b', '', false, false]],
  ];
  for (const [name, expected] of good) {
    it(`takes ${JSON.stringify(name)} apart`, () => assert.deepEqual(parts(name), expected));
  }

  const bad: readonly (readonly [string, number])[] = [
    ['\\a', STATUS_INVALID_PARAMETER],
    ['a\\..\\..\\b', STATUS_OBJECT_PATH_SYNTAX_BAD],
    ['..', STATUS_OBJECT_PATH_SYNTAX_BAD],
    ['a\\.', STATUS_OBJECT_NAME_INVALID],
    ['a\\\\b', STATUS_OBJECT_NAME_INVALID],
    ['a*', STATUS_OBJECT_NAME_INVALID],
    ['a?b', STATUS_OBJECT_NAME_INVALID],
    ['a|b', STATUS_OBJECT_NAME_INVALID],
    ['a\u0000b', STATUS_OBJECT_NAME_INVALID],
    ['a:b\\c', STATUS_OBJECT_NAME_INVALID],
    ['a:', STATUS_OBJECT_NAME_INVALID],
    ['a::', STATUS_OBJECT_NAME_INVALID],
    ['a:b:', STATUS_OBJECT_NAME_INVALID],
    ['a:b:$FOO', STATUS_OBJECT_NAME_INVALID],
    ['a:b/c', STATUS_OBJECT_NAME_INVALID],
    ['a:b:c:d', STATUS_OBJECT_NAME_INVALID],
    ['x'.repeat(256), STATUS_OBJECT_NAME_INVALID],
    ['a\\b\\c\\d\\e', STATUS_OBJECT_NAME_INVALID],
    ['\uf02e', 0],
  ];
  for (const [name, status] of bad) {
    if (status === 0) continue;
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => assert.equal(parts(name), status));
  }

  it('takes the new name of a stream apart', () => {
    assert.equal(parseStreamName(':new:$DATA'), 'new');
    assert.equal(parseStreamName(':new'), 'new');
    assert.equal(parseStreamName(':'), '');
    assert.equal(parseStreamName('::$DATA'), '');
    assert.equal(parseStreamName('new'), undefined);
    assert.equal(parseStreamName(':a:b'), undefined);
  });
});

describe('names on disk that Windows cannot write', () => {
  it('show in the private use range and lead back', () => {
    assert.equal(nameFromDisk('a:b*c'), 'a\uf022b\uf021c');
    assert.equal(nameFromDisk('end.'), 'end\uf029');
    assert.equal(nameFromDisk('end '), 'end\uf028');
    assert.equal(nameFromDisk('tab\t'), 'tab\uf009');
    assert.equal(nameFromDisk('back\\slash'), 'back\uf026slash');
    assert.equal(nameFromDisk('plain.txt'), 'plain.txt');
    assert.equal(pathFromDisk('a/b:c/d'), 'a\\b\uf022c\\d');
    assert.equal(pathFromDisk('a./b'), 'a\uf029\\b');
  });

  it('come back whole, whatever the name', () => {
    const name = fc
      .string({
        minLength: 1,
        maxLength: 12,
        unit: fc.integer({ min: 1, max: 0x7f }).map((c) => String.fromCharCode(c)),
      })
      .filter((text) => !text.includes('/') && text !== '.' && text !== '..');
    fc.assert(fc.property(name, (onDisk) => nameToDisk(nameFromDisk(onDisk)) === onDisk));
  });

  it('pass as names of a client', () => {
    const name = fc
      .string({
        minLength: 1,
        maxLength: 12,
        unit: fc.integer({ min: 1, max: 0x7f }).map((c) => String.fromCharCode(c)),
      })
      .filter((text) => !text.includes('/') && text !== '.' && text !== '..');
    fc.assert(
      fc.property(name, (onDisk) => {
        const parsed = parseName(nameFromDisk(onDisk), LIMITS);
        return typeof parsed === 'object' && parsed.path === onDisk;
      }),
    );
  });

  it('do not become a way out of the share', () => {
    for (const name of ['\uf029', '.\uf029', 'a\\\uf029', 'a\\.\uf029']) {
      assert.equal(parts(name), STATUS_OBJECT_NAME_INVALID);
    }
  });
});
