import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gmtTokenOf, splitGmtToken } from './timewarp.ts';

const SECONDS = 1_704_164_645;
const TOKEN = '@GMT-2024.01.02-03.04.05';

describe('[MS-SMB] 2.2.1.1.1 Previous Version Tokens', () => {
  it('writes a time', () => {
    assert.equal(gmtTokenOf(SECONDS), TOKEN);
  });

  const paths: readonly (readonly [string, string | undefined])[] = [
    [TOKEN, ''],
    [`${TOKEN}\\a\\b`, 'a\\b'],
    [`a\\${TOKEN}\\b`, 'a\\b'],
    [`a\\b\\${TOKEN}`, 'a\\b'],
    [`${TOKEN}x\\a`, undefined],
    ['@GMT-2024.02.31-03.04.05\\a', undefined],
    ['a\\b', undefined],
  ];
  for (const [path, rest] of paths) {
    it(`${rest === undefined ? 'finds no time in' : 'takes the time out of'} '${path}'`, () => {
      const expected = rest === undefined ? undefined : { path: rest, seconds: SECONDS };
      assert.deepEqual(splitGmtToken(path), expected);
    });
  }
});
