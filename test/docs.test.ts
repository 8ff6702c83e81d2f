/** What the documents say of the tree and of the configuration is true of today's. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keysAt } from '../src/server/config-schema.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function text(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function foldersIn(path: string): readonly string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => `${path}/${entry.name}`);
}

/** The text below a heading, up to the next one of its level or above. */
function section(markdown: string, heading: string): string {
  const [, below] = markdown.split(`\n${heading}\n`);
  assert(below !== undefined, `there is no ${heading}`);
  const level = heading.indexOf(' ');
  return below.split(new RegExp(`^#{1,${level}} `, 'm'))[0]!;
}

describe('docs/operating/configuration.md', () => {
  const SECTIONS: readonly (readonly [string, readonly string[]])[] = [
    ['## [server]', ['server']],
    ['## [shares.NAME]', ['shares', 'NAME']],
    ['### [shares.NAME.snapshots]', ['shares', 'NAME', 'snapshots']],
  ];
  for (const [heading, path] of SECTIONS) {
    it(`tells every key of ${heading.replace(/^#+ /, '')}, and no other`, () => {
      const below = section(text('docs/operating/configuration.md'), heading);
      // A section's own table comes before those of its parts.
      const own = below.split(/^### /m)[0]!;
      const told = [...own.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key!);
      const parts = path.length === 2 ? ['snapshots'] : [];
      assert.deepEqual([...told, ...parts].toSorted(), [...keysAt(path)].toSorted());
    });
  }
});

describe('ARCHITECTURE.md', () => {
  it('names every folder', () => {
    const architecture = text('ARCHITECTURE.md');
    const layers = foldersIn('src').flatMap((layer) =>
      layer === 'src/smb2' ? foldersIn(layer) : [layer],
    );
    const unnamed = [...layers, ...foldersIn('test'), 'bench', 'docs', 'examples'].filter(
      (folder) => !architecture.includes(`\`${folder}/\``),
    );
    assert.deepEqual(unnamed, []);
  });
});

describe('links between documents', () => {
  const documents = ['', 'docs', 'docs/adr', 'docs/internals', 'docs/operating'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );
  for (const document of documents) {
    it(`lead somewhere in ${document}`, () => {
      const links = [...text(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)];
      const broken = links
        .map(([, link]) => link!)
        .filter((link) => !existsSync(join(ROOT, dirname(document), link)));
      assert.deepEqual(broken, []);
    });
  }
});
