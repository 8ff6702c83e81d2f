/** Changes records of its own and shared ones without an end: FOLDER NAME. */
import assert from 'node:assert/strict';
import { openShared } from './record-stores.ts';

interface Item {
  readonly count: number;
  readonly padding: string;
}

const OWN = 20;
const TURN = 200;

const [folder, name] = process.argv.slice(2);
assert.ok(folder !== undefined && name !== undefined);
const store = openShared(folder);
const table = store.table<Item>('items', 1);
let isEnding = false;
let step = 0;
const expected = new Map<string, number>();
for (let i = 0; i < OWN; i++) {
  // The one before was killed at any step: what it left is whole.
  const item = table.get(`${name}${i}`) as Item | undefined;
  if (item !== undefined) assert.equal(item.padding.length, lengthOf(item.count));
  expected.set(`${name}${i}`, item?.count ?? -1);
}
process.once('message', () => {
  isEnding = true;
});
turn();

function turn(): void {
  for (let i = 0; i < TURN; i++) change();
  if (step === TURN) process.send?.('busy');
  if (!isEnding) setImmediate(turn);
  else process.disconnect?.();
}

function change(): void {
  step++;
  const key = `${name}${step % OWN}`;
  const count = table.update(key, (current) => {
    assert.equal(current?.count ?? -1, expected.get(key), key);
    if (current !== undefined && step % 7 === 0) return { next: undefined, result: -1 };
    return { next: { count: step, padding: 'x'.repeat(lengthOf(step)) }, result: step };
  });
  expected.set(key, count as number);
  table.update('all', (current) => ({
    next: { count: (current?.count ?? 0) + 1, padding: '' },
    result: undefined,
  }));
}

function lengthOf(count: number): number {
  return (count * 37) % 3_000;
}
