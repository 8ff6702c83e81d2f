// Writes the tables of docs/spec.md from the citations in the sources: npm run spec
// A citation is "[MS-SMB2] 3.3.5.11 Receiving an SMB2 FLUSH Request" in a comment (style: cite the
// section where it is implemented). Deviations are the sources' own "Deviation:" sentences.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const LITTLE = 'a|an|the|of|to|for|from|in|on|and|or|with|by|is|if';
const CITATION = new RegExp(
  `\\[(MS-[A-Z0-9]+)\\]\\s+(\\d+(?:\\.\\d+)+)\\s+((?:[A-Z][\\w\\-/]*|${LITTLE})(?: (?:[A-Z][\\w\\-/]*|${LITTLE}))*)`,
  'g',
);
const TRAILING = new RegExp(`(\\s+(${LITTLE}|The|It|One|A|An|Each|This|What|Where|Undefined))+$`);

const all = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'))
  .sort();
const tests = new Set(all.filter((name) => name.endsWith('.test.ts')));
const sections = new Map();
const deviations = [];
for (const name of all.filter((one) => !tests.has(one))) {
  const text = readFileSync(`src/${name}`, 'utf8').replace(/\n\s*(\*|\/\/) ?/g, ' ');
  for (const [, document, number, words] of text.matchAll(CITATION)) {
    const key = `${document} ${number}`;
    const title = words.replace(TRAILING, '');
    const section = sections.get(key) ?? { title, files: new Set() };
    if (title.length < section.title.length && title.includes(' ')) section.title = title;
    section.files.add(name);
    sections.set(key, section);
  }
  for (const [, sentence] of text.matchAll(/Deviation: (.*?[.;])(?=\s|$)/g)) {
    deviations.push(`- \`${name}\`: ${sentence.replace(/\s+/g, ' ')}`);
  }
}

const lines = [];
let current = '';
for (const key of [...sections.keys()].sort(inOrder)) {
  const [document, number] = key.split(' ');
  if (document !== current) {
    lines.push('', `## [${document}]`, '', '| section | file | test |', '| --- | --- | --- |');
    current = document;
  }
  const { title, files } = sections.get(key);
  const tested = [...files].map(testOf).filter((name) => name !== undefined);
  lines.push(`| ${number} ${title} | ${list(files)} | ${list(new Set(tested))} |`);
}
lines.push('', '## Deviations', '', ...(deviations.length > 0 ? deviations : ['None is marked.']));

const MARK = '<!-- made by npm run spec -->';
const head = readFileSync('docs/spec.md', 'utf8').split(MARK)[0];
writeFileSync('docs/spec.md', `${head}${MARK}\n${lines.join('\n')}\n`);

/** The test beside a file; a folder's test stands for the folder. */
function testOf(name) {
  return [name.replace(/\.ts$/, '.test.ts')].find((one) => tests.has(one));
}

function list(names) {
  return [...names].map((name) => `\`${name}\``).join(' ');
}

function inOrder(a, b) {
  const [documentA, numberA] = a.split(' ');
  const [documentB, numberB] = b.split(' ');
  if (documentA !== documentB) return documentA < documentB ? -1 : 1;
  return numberA.localeCompare(numberB, 'en', { numeric: true });
}
