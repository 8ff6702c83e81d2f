import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compilePattern, hasWildcards } from './patterns.ts';
import { equalIgnoringCase, upcase } from './upcase.ts';

describe('[MS-FSA] 2.1.4.4 FileName in an Expression', () => {
  const cases: readonly [string, string, boolean][] = [
    ['*', '', true],
    ['*', 'anything.at.all', true],
    ['FILE.txt', 'file.TXT', true],
    ['file.txt', 'file.tx', false],
    ['', 'a', false],
    ['?', 'a', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbbd', false],
    ['*.*', 'noperiod', false],
    ['*.txt', 'a.b.TXT', true],
    // DOS_QM: one character, or none at a period and at the end.
    ['>>>', 'ab', true],
    ['>>>', 'abcd', false],
    ['>>>>.txt', 'ab.txt', true],
    ['a>', 'a', true],
    // DOS_DOT: a period, or nothing at the end.
    ['a"', 'a', true],
    ['a"', 'a.', true],
    ['a"b', 'ab', false],
    ['a"b', 'a.b', true],
    // DOS_STAR: up to and with the last period, as clients send '*.' and '*.ext'.
    ['<', 'abc', true],
    ['<"', 'abc', true],
    ['<.txt', 'a.b.txt', true],
    ['<.b', 'a.b.txt', false],
    ['<txt', 'a.txt', true],
    ['<"*', 'name', true],
    ['<"*', 'name.ext.more', true],
    ['<>>', 'a.bc', true],
    ['<>', 'a.bc', false],
    ['éÀ*', 'Éàx', true],
  ];
  for (const [expression, name, expected] of cases) {
    it(`${expected ? 'finds' : 'does not find'} '${name}' in '${expression}'`, () => {
      assert.equal(compilePattern(expression).matches(name), expected);
    });
  }
  it('agrees with a naive matcher', () => {
    const text = (units: string) => fc.string({ unit: fc.constantFrom(...units), maxLength: 9 });
    fc.assert(
      fc.property(text('ab.*?<>"'), text('abAB.'), (expression, name) => {
        const expected = naive(upcase(expression), upcase(name), 0, 0);
        assert.equal(compilePattern(expression).matches(name), expected);
      }),
      { numRuns: 5000 },
    );
  });
  it('matches again and again, and hostile patterns in bounded time', () => {
    const pattern = compilePattern(`${'*a'.repeat(100)}b`);
    const before = performance.now();
    assert.equal(pattern.matches('a'.repeat(255)), false);
    assert.equal(pattern.matches(`${'a'.repeat(200)}b`), true);
    assert.ok(performance.now() - before < 1000);
  });
  it('knows a pattern that is one name', () => {
    assert.equal(compilePattern('a.txt').literal, 'a.txt');
    assert.equal(compilePattern('a*').literal, undefined);
    assert.equal(compilePattern('**').matchesAll, true);
    assert.equal(hasWildcards('a"b'), true);
  });
});

describe('[MS-UCODEREF] 3.1.5.3 ToUpperCase', () => {
  it('keeps the length and makes no ASCII letter of another', () => {
    assert.equal(upcase('straße ıſ é ж'), 'STRAßE ıſ É Ж');
    assert.equal(equalIgnoringCase('Grüße', 'GRÜßE'), true);
    assert.equal(equalIgnoringCase('ſ', 's'), false);
  });
});

/** The rules word by word, in exponential time. */
function naive(expression: string, name: string, e: number, n: number): boolean {
  if (e === expression.length) return n === name.length;
  const wanted = expression.charAt(e);
  const unit = name.charAt(n);
  const atEnd = n === name.length;
  const skip = (): boolean => naive(expression, name, e + 1, n);
  const take = (): boolean => !atEnd && naive(expression, name, e + 1, n + 1);
  const stay = (): boolean => !atEnd && naive(expression, name, e, n + 1);
  switch (wanted) {
    case '*':
      return skip() || stay();
    case '<':
      return skip() || (n === name.lastIndexOf('.') ? take() : stay());
    case '?':
      return take();
    case '>':
      return atEnd || unit === '.' ? skip() : take();
    case '"':
      return atEnd ? skip() : unit === '.' && take();
    default:
      return unit === wanted && take();
  }
}
