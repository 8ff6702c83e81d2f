/** No decoder is left out: each one of `src/` is in a fuzz target, or said to be of no need. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DECODER = /^export (?:const|function\*?) ((?:decode|parse)[A-Z]\w*|markedId|readElement)\b/gm;

/** Why there is no target of its own. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['decodeAcl', 'in parseSecurityDescriptor'],
  ['decodeSecurityDescriptor', 'in parseSecurityDescriptor'],
  ['decodeEmptyBody', 'in ECHO, LOGOFF and others'],
  ['decodeNegotiateContexts', 'in decodeNegotiateRequest'],
  ['decodeOutputBuffer', 'in the responses of QUERY_INFO and others'],
  ['decodeUtf16', 'in everything that has names; its caller checked the length'],
  ['decodeStatfs', "the kernel's own"],
  ['parseConfig', "the administrator's"],
  ['parseInterfaceRule', "the administrator's"],
  ['parseShareArgument', "the administrator's"],
  ['parseOpen', 'checks a decoded CREATE'],
]);

describe('fuzz targets', () => {
  const targets = filesBelow('test/fuzz').map(textOf).join('\n');

  it('has one for each decoder', () => {
    const missing: string[] = [];
    for (const file of filesBelow('src').filter((name) => !name.endsWith('.test.ts'))) {
      for (const [, name] of textOf(file).matchAll(DECODER)) {
        const isThere = ELSEWHERE.has(name!) || new RegExp(`\\b${name}\\b`).test(targets);
        if (!isThere) missing.push(`${file}: ${name}`);
      }
    }
    assert.deepEqual(missing, []);
  });
});

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'coverage.test.ts')
    .map((name) => join(folder, name));
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
