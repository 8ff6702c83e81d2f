/** Style as a test: docs/internals/style.md says why each of these rules is there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Source {
  /** From the root of the repository, with slashes: src/base/task.ts. */
  readonly path: string;
  readonly text: string;
  /** The text without comments; line breaks and positions stay. */
  readonly code: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly from: string;
  /** Resolved path for a relative import, undefined for a package. */
  readonly target: string | undefined;
  readonly names: readonly string[];
  readonly isTypeOnly: boolean;
}

const sources: readonly Source[] = ['src', 'test', 'bench', 'examples'].flatMap(read);
const product = sources.filter(({ path }) => path.startsWith('src/') && !isTest(path));

/** The layers, low to high; the rooms of one layer do not import each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['base'],
  ['erref', 'env'],
  ['dtyp'],
  ['fscc'],
  ['vfs', 'state', 'messaging', 'smb2/wire', 'smb2/transport', 'auth', 'rpce'],
  ['smb2/crypto', 'smb2/compression', 'fsa'],
  ['smb2/server', 'smb2/client', 'services'],
  ['server'],
  ['admin'],
  ['web', 'cli'],
];

/** Imports that go against the order, each with the reason why it stays. */
const IMPORTS_AGREED: Readonly<Record<string, string>> = {
  'src/smb2/client/client-env.ts > src/env/node': 'the client is a public entry, with a default',
};

describe('tidy: imports', () => {
  it('go down the layers only', () => {
    const wrong = product.flatMap((source) =>
      source.imports
        .filter(({ target }) => target !== undefined && !mayImport(source.path, target))
        .map(({ target }) => `${source.path} must not import ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('reach env/node from server and cli only', () => {
    const wrong = product
      .filter(({ path }) => !/^src\/(server|cli|env\/node)\//.test(path))
      .filter(({ imports }) => imports.some(({ target }) => target?.startsWith('src/env/node/')))
      .filter(({ path }) => IMPORTS_AGREED[`${path} > src/env/node`] === undefined);
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  it('make no cycle', () => {
    assert.deepEqual(findCycles(), []);
  });

  it('have no default and no namespace of our own', () => {
    const wrong = sources.filter(({ code }) => /^export default\b/m.test(code));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });
});

/** What reaches out of the program, and the rooms that may. */
const BANNED: readonly (readonly [what: string, pattern: RegExp, allowed: RegExp])[] = [
  ['Date', /\bDate\.now\b|\bnew Date\b/, /^src\/env\/node\/|^src\/server\/file-lock\.ts$/],
  ['Math.random', /\bMath\.random\b/, /^$/],
  ['timers', /\bset(Timeout|Interval|Immediate)\(/, /^src\/env\/node\//],
  ['performance.now, hrtime', /\bperformance\.now\b|\bhrtime\b/, /^src\/env\/node\//],
  ['files', /'node:fs(\/promises)?'/, /^src\/(env\/node|server|admin|cli|vfs\/local)\//],
  ['crypto', /'node:crypto'/, /^src\/(auth|smb2\/crypto|env\/node)\//],
  ['console', /\bconsole\./, /^$/],
];

describe('tidy: calls', () => {
  for (const [what, pattern, allowed] of BANNED) {
    it(`${what}: only where the house has a door for it`, () => {
      const wrong = product
        .filter(({ path }) => !allowed.test(path))
        .flatMap(({ path, code }) => linesWith(code, pattern).map((line) => `${path}:${line}`));
      assert.deepEqual(wrong, []);
    });
  }

  it('casts nothing to any', () => {
    const wrong = product.flatMap(({ path, code }) =>
      linesWith(code, /\bas any\b|: any\b|<any>/).map((line) => `${path}:${line}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('concatenates no buffers in smb2', () => {
    const wrong = product
      .filter(({ path }) => path.startsWith('src/smb2/'))
      .flatMap(({ path, code }) =>
        linesWith(code, /\bBuffer\.concat\b/).map((line) => `${path}:${line}`),
      );
    assert.deepEqual(wrong, []);
  });

  it('catches nothing silently', () => {
    const wrong = sources.flatMap(({ path, text }) =>
      linesWith(text, /catch( \(\w+\))? \{\s*\}/).map((line) => `${path}:${line}`),
    );
    assert.deepEqual(wrong, []);
  });
});

/** Files that users import: what they export is for others. */
const PUBLIC = new Set([
  'src/server/smb-server.ts',
  'src/server/storage.ts',
  'src/smb2/client/smb-client.ts',
]);
/** Tables of a specification are whole, whether or not every line of them is used. */
const TABLES =
  /^src\/(erref|dtyp|fscc)\/|constants\.ts$|\/(linux|errno|flags|algorithms|rpc-status|srvs)\.ts$/;

/** Constants in a specification's spelling come in families, and so do those. */
const SPEC_SPELLING = /^[A-Z][A-Z0-9_]*$/;

describe('tidy: exports', () => {
  it('are used somewhere', () => {
    const used = new Set(
      sources.flatMap(({ imports }) =>
        imports.flatMap(({ target, names }) => names.map((name) => `${target}#${name}`)),
      ),
    );
    const dead = product
      .filter(({ path }) => !PUBLIC.has(path) && !TABLES.test(path))
      .flatMap((source) =>
        exportsOf(source.code)
          .filter((name) => !SPEC_SPELLING.test(name))
          .filter((name) => !used.has(`${source.path}#${name}`) && !used.has(`${source.path}#*`))
          .filter((name) => !isTypeOfOwnExport(source, name))
          .map((name) => `${source.path}: ${name}`),
      );
    assert.deepEqual(dead, []);
  });
});

describe('tidy: text', () => {
  it('has lines of at most 100 columns, but for what cannot be broken', () => {
    const wrong = sources.flatMap(({ path, text }) =>
      text
        .split('\n')
        .map((line, i) => ({ line, at: `${path}:${i + 1}` }))
        .filter(({ line }) => line.length > 100 && !/['"`/]\S{60,}|https?:|'.{60,}'/.test(line))
        .map(({ at }) => at),
    );
    assert.deepEqual(wrong, []);
  });

  it('names no folder of one machine', () => {
    const places = new RegExp(
      ['/home/\\w', '/Users/\\w', `/${'work'}/\\w`, `/${'root'}/\\w`].join('|'),
    );
    const wrong = sources.flatMap(({ path, text }) =>
      linesWith(text, places).map((line) => `${path}:${line}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('is named in kebab-case', () => {
    const wrong = sources.filter(({ path }) => !/^[a-z0-9./-]+$/.test(path));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  it('has an issue for each thing to do', () => {
    const wrong = sources
      .filter(({ path }) => path !== 'test/tidy.test.ts')
      .flatMap(({ path, text }) =>
        linesWith(text, /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/).map((line) => `${path}:${line}`),
      );
    assert.deepEqual(wrong, []);
  });
});

function read(folder: string): readonly Source[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => {
      const path = join(folder, name).replaceAll('\\', '/');
      const text = readFileSync(join(ROOT, path), 'utf8');
      return { path, text, code: withoutComments(text), imports: importsOf(path, text) };
    });
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('src/test');
}

/** Comments become blanks. Strings are left: none of ours holds the start of a comment. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, ' ');
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank).replace(/(^|[\s;{}(,])\/\/.*$/gm, blank);
}

function importsOf(path: string, text: string): readonly Import[] {
  const pattern =
    /^(import|export)\s+(type\s+)?(\*(?:\s+as\s+\w+)?|\w+|\{[^}]*\})\s+from\s+'([^']+)'/gm;
  return [...text.matchAll(pattern)].map(([, keyword, type, what = '', from = '']) => {
    const isRelative = from.startsWith('.');
    const target = isRelative
      ? relative(ROOT, join(ROOT, dirname(path), from)).replaceAll('\\', '/')
      : undefined;
    const names = what.startsWith('{') ? namesIn(what) : ['*'];
    return { from, target, names, isTypeOnly: keyword === 'import' && type !== undefined };
  });
}

/** The names before `as` in `{ a, type b as c }`. */
function namesIn(braces: string): readonly string[] {
  return braces
    .slice(1, -1)
    .split(',')
    .map(
      (part) =>
        part
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0] ?? '',
    )
    .filter((name) => name !== '');
}

function layerOf(path: string): { readonly level: number; readonly room: string } | undefined {
  for (const [level, rooms] of LAYERS.entries()) {
    const room = rooms.find((name) => path.startsWith(`src/${name}/`));
    if (room !== undefined) return { level, room };
  }
  return undefined;
}

function mayImport(path: string, target: string): boolean {
  const from = layerOf(path);
  const to = layerOf(target);
  if (from === undefined || to === undefined) return false;
  return from.room === to.room || to.level < from.level;
}

/** Each cycle once, as the list of its files. Types alone count, too: they bind all the same. */
function findCycles(): readonly string[] {
  const byPath = new Map(product.map((source) => [source.path, source]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' > '));
    if (at >= 0 || done.has(path)) return;
    for (const { target, isTypeOnly } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined && !isTypeOnly) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const { path } of product) visit(path, []);
  return cycles;
}

function exportsOf(code: string): readonly string[] {
  const pattern =
    /^export (?:async )?(?:const|let|function\*?|class|interface|type|abstract class) (\w+)/gm;
  return [...code.matchAll(pattern)].map(([, name = '']) => name);
}

/**
 * A type is no dead export when another export of its file uses it: callers meet it there, and
 * declarations need its name.
 */
function isTypeOfOwnExport({ code }: Source, name: string): boolean {
  const isType = new RegExp(`^export (interface|type|class) ${name}\\b`, 'm').test(code);
  return isType && [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length > 1;
}

function linesWith(text: string, pattern: RegExp): readonly number[] {
  const lines = text.split('\n').map((line, i) => (pattern.test(line) ? i + 1 : 0));
  return lines.filter((line) => line > 0);
}
