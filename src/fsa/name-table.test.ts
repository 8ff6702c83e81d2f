import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { upcase } from '../fscc/upcase.ts';
import { NameTable } from './name-table.ts';

const SEED = 0x1234_5678;
const folded = (seed = SEED): NameTable => new NameTable(upcase, seed);
const all = (table: NameTable, names: readonly string[]): void => {
  for (const name of names) assert.ok(table.add(name), name);
};

describe('NameTable', () => {
  it('finds a name by its key, in the spelling that it has', () => {
    const table = folded();
    all(table, ['Read Me.txt', 'Größe', '\u{1f600}', 'a\udc80b', 'z'.repeat(255)]);
    assert.equal(table.find('READ ME.TXT'), 'Read Me.txt');
    assert.equal(table.find(upcase('gRÖßE')), 'Größe');
    assert.equal(table.find('\u{1f600}'), '\u{1f600}');
    assert.equal(table.find('A\udc80B'), 'a\udc80b');
    assert.equal(table.find('Z'.repeat(255)), 'z'.repeat(255));
    assert.equal(table.find('NONE'), undefined);
    assert.equal(table.size, 5);
  });

  it('tells a name that it has from one that it had not', () => {
    const table = folded();
    assert.equal(table.add('one'), true);
    assert.equal(table.add('one'), false);
    assert.equal(table.remove('One'), false);
    assert.equal(table.remove('one'), true);
    assert.equal(table.remove('one'), false);
    assert.equal(table.size, 0);
    assert.equal(table.find('ONE'), undefined);
  });

  it('answers, of several spellings, the preferred one or the first, grown or not', () => {
    const table = folded();
    all(table, ['name', 'NAME', 'Name']);
    for (let i = 0; i < 1000; i++) table.add(`other ${i}`);
    assert.equal(table.find('NAME'), 'name');
    assert.equal(table.find('NAME', 'Name'), 'Name');
    assert.equal(table.find('NAME', 'nAmE'), 'name');
    table.remove('name');
    assert.equal(table.find('NAME'), 'NAME');
  });

  it('keeps no more spellings of one name than it can look through', () => {
    const table = folded();
    const letters = 'abcdefgh';
    for (let i = 0; i < 256; i++) {
      const spelling = [...letters].map((letter, at) => ((i >> at) & 1 ? upcase(letter) : letter));
      table.add(spelling.join(''));
    }
    assert.ok(table.size > 32 && table.size <= 64, String(table.size));
    assert.equal(table.find('ABCDEFGH'), 'abcdefgh');
  });

  it('leaves out names without a key', () => {
    const table = new NameTable((name) => (name.startsWith('.') ? '' : name), SEED);
    assert.equal(table.add('.hidden'), false);
    assert.equal(table.remove('.hidden'), false);
    assert.equal(table.size, 0);
  });

  it('holds what a Map of sets holds after any adding and removing', () => {
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 0x1_0000_0000) * below);
    };
    for (let seed = 0; seed < 8; seed++) {
      const table = folded(seed);
      const model = new Map<string, string[]>();
      for (let step = 0; step < 20_000; step++) {
        const letter = String.fromCharCode((random(2) === 0 ? 0x61 : 0x41) + random(3));
        const wide = random(4) === 0 ? '\u0416' : '';
        const name = `${letter}${wide}${'x'.repeat(random(6))}${random(200)}`;
        const key = upcase(name);
        const names = model.get(key) ?? [];
        const has = names.includes(name);
        if (random(2) === 0) {
          assert.equal(table.add(name), !has);
          if (!has) model.set(key, [...names, name]);
        } else {
          assert.equal(table.remove(name), has);
          model.set(
            key,
            names.filter((other) => other !== name),
          );
        }
        assert.equal(table.find(key), model.get(key)?.[0]);
        assert.equal(table.find(key, name) === name, model.get(key)?.includes(name) === true);
      }
      let size = 0;
      for (const names of model.values()) size += names.length;
      assert.equal(table.size, size);
    }
  });

  it('takes some 40 bytes for a name, and no more when as many come and go', () => {
    const table = folded();
    for (let i = 0; i < 100_000; i++) table.add(`document-${i}.txt`);
    const { byteSize } = table;
    assert.ok(byteSize < 100_000 * 48, String(byteSize));
    for (let i = 0; i < 300_000; i++) {
      assert.ok(table.remove(`document-${i % 100_000}.txt`));
      assert.ok(table.add(`document-${i % 100_000}.txt`));
    }
    assert.equal(table.size, 100_000);
    assert.equal(table.byteSize, byteSize);
  });
});
