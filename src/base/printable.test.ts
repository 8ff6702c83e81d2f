import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printable, printableJson } from './printable.ts';

describe('printable', () => {
  it('writes out what a terminal would obey, and nothing else', () => {
    assert.equal(printable('Grüße/文.txt'), 'Grüße/文.txt');
    assert.equal(printable('a\x1b[2Jb'), 'a\\u001b[2Jb');
    assert.equal(printable('\u009b31m\x7f\r\n'), '\\u009b31m\\u007f\\u000d\\u000a');
    assert.equal(printable('\u202etxt.exe\u2028\u2066'), '\\u202etxt.exe\\u2028\\u2066');
  });

  it('cuts what is longer than it may be', () => {
    assert.equal(printable('abcdef', 3), 'abc…');
    assert.equal(printable('abc', 3), 'abc');
  });

  it('leaves the meaning of JSON alone', () => {
    const fields = { user: '\u009b31m\x7f\u202e', text: 'a\nb' };
    const line = `${JSON.stringify(fields)}\n`;
    assert.doesNotMatch(printableJson(line), /[\u007f-\u009f\u202e]/);
    assert.deepEqual(JSON.parse(printableJson(line)), fields);
    assert.equal(printableJson(line).indexOf('\n'), printableJson(line).length - 1);
  });
});
