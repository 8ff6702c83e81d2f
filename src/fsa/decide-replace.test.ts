import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideEntered, decideTakenOut } from './decide-replace.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';

const entry = (openId: string): OpenEntry => ({ openId, path: 'x' }) as OpenEntry;
const record = (...opens: OpenEntry[]): FileRecord => ({
  isDirectory: false,
  opens,
  locks: [],
  oplocks: [],
  deletePending: [],
  version: 3,
});

describe('An open that goes over to another object', () => {
  it('leaves no record behind when it was alone', () => {
    const only = entry('1');
    assert.deepEqual(decideTakenOut(record(only), '1'), { next: undefined, result: only });
  });

  it('leaves others where they are', () => {
    const { next, result } = decideTakenOut(record(entry('1'), entry('2')), '2');
    assert.equal(result?.openId, '2');
    assert.ok(next !== undefined && next !== 'keep');
    assert.deepEqual([next.opens.map(({ openId }) => openId), next.version], [['1'], 4]);
  });

  it('is not found where it is not', () => {
    assert.deepEqual(decideTakenOut(undefined, '1'), { next: 'keep', result: undefined });
    assert.deepEqual(decideTakenOut(record(entry('2')), '1'), { next: 'keep', result: undefined });
  });

  it('makes the new record, or joins who was faster', () => {
    const made = decideEntered(undefined, entry('1'), true).next;
    assert.ok(made !== undefined && made !== 'keep');
    assert.deepEqual([made.isDirectory, made.opens.length], [true, 1]);
    const joined = decideEntered(record(entry('2')), entry('1'), false).next;
    assert.ok(joined !== undefined && joined !== 'keep');
    assert.deepEqual([joined.opens.length, joined.version], [2, 4]);
  });
});
