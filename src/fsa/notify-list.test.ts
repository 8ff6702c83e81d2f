import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_ACTION_ADDED, FILE_ACTION_MODIFIED } from '../fscc/notify-information.ts';
import { type ChangeNotifyEntry, ChangeNotifyList, type Waiter } from './notify-list.ts';

const FILTER = 1;
const ROOMY = 1000;

function listOf(limits: { entrySize?: number; totalSize?: number } = {}): ChangeNotifyList<string> {
  return new ChangeNotifyList({ entrySize: 10_000, totalSize: 100_000, ...limits });
}

function watch(list: ChangeNotifyList<string>, directory: string, owner = directory) {
  const how = { directory, watchTree: true, completionFilter: FILTER };
  return list.add(owner, how, ROOMY);
}

function report(list: ChangeNotifyList<string>, path: string, action = FILE_ACTION_ADDED): void {
  list.report({ action, filter: FILTER, unless: 0, path, streamName: '' });
}

function namesOf(entry: ChangeNotifyEntry): readonly string[] {
  return entry.take(ROOMY).changes.map(({ name }) => name);
}

/** Keeps what a waiting request was told. */
class Told implements Waiter {
  readonly statuses: number[] = [];

  end(status: number): void {
    this.statuses.push(status);
  }
}

describe('[MS-FSA] 2.1.1.1 Per Volume, ChangeNotifyList', () => {
  it('is empty until an open watches, and once it closes', () => {
    const list = listOf();
    assert.ok(list.isEmpty);
    const entry = watch(list, 'd');
    assert.ok(!list.isEmpty);
    assert.equal(list.entryOf('d'), entry);
    list.remove('d');
    assert.ok(list.isEmpty);
    list.remove('d');
    report(list, 'd/a');
    assert.ok(!entry.isHolding);
  });

  it('tells every watcher on the way to the root, each by the path from its directory', () => {
    const list = listOf();
    const root = watch(list, '');
    const parent = watch(list, 'a/b');
    const above = watch(list, 'a');
    const beside = watch(list, 'a/bc');
    report(list, 'a/b/c');
    assert.deepEqual(namesOf(root), ['a\\b\\c']);
    assert.deepEqual(namesOf(above), ['b\\c']);
    assert.deepEqual(namesOf(parent), ['c']);
    assert.deepEqual(namesOf(beside), []);
    report(list, '');
    assert.ok(!root.isHolding);
  });

  it('tells names that a client can write', () => {
    const list = listOf();
    const entry = watch(list, '');
    report(list, 'a:b/c?');
    assert.deepEqual(namesOf(entry), ['a\uf022b\\c\uf025']);
  });

  it('keeps watching a tree of directories that moves', () => {
    const list = listOf();
    const moved = watch(list, 'a');
    const below = watch(list, 'a/x');
    const beside = watch(list, 'ab');
    list.moved('a', 'b/c');
    report(list, 'b/c/x/f');
    report(list, 'ab/f');
    assert.deepEqual(namesOf(moved), ['x\\f']);
    assert.deepEqual(namesOf(below), ['f']);
    assert.deepEqual(namesOf(beside), ['f']);
    for (const owner of ['a', 'a/x', 'ab']) list.remove(owner);
    assert.ok(list.isEmpty);
  });

  it('ends all requests that watch a directory', () => {
    const list = listOf();
    const told = new Told();
    watch(list, 'd', 'one').enqueue(told);
    watch(list, 'd', 'two').enqueue(told);
    watch(list, 'd/e', 'three').enqueue(told);
    list.endAll('d', STATUS_DELETE_PENDING);
    assert.deepEqual(told.statuses, [STATUS_DELETE_PENDING, STATUS_DELETE_PENDING]);
  });

  it('forgets what is too much for all watchers together, until there is room again', () => {
    const list = listOf({ totalSize: 20 });
    const one = watch(list, 'd', 'one');
    const two = watch(list, 'd', 'two');
    report(list, 'd/a');
    assert.equal(two.take(ROOMY).status, STATUS_NOTIFY_ENUM_DIR);
    list.remove('one');
    report(list, 'd/c');
    assert.deepEqual(namesOf(two), ['c']);
    assert.ok(!one.isHolding);
  });

  it('tells one of ten thousand watchers, and takes repeated changes for one', () => {
    const list = listOf();
    for (let i = 0; i < 10_000; i++) watch(list, `d${i}`);
    for (let i = 0; i < 10_000; i++) report(list, 'd7/f', FILE_ACTION_MODIFIED);
    assert.deepEqual(namesOf(list.entryOf('d7')!), ['f']);
    assert.ok(!list.entryOf('d8')!.isHolding);
  });
});

describe('[MS-FSA] 2.1.1.8 Per ChangeNotifyEntry', () => {
  it('wakes the oldest request once, and gives it all that happens until it takes', () => {
    const list = listOf();
    const entry = watch(list, 'd');
    const [first, second] = [new Told(), new Told()];
    entry.enqueue(first);
    entry.enqueue(second);
    report(list, 'd/a');
    report(list, 'd/b');
    assert.deepEqual([first.statuses, second.statuses], [[STATUS_SUCCESS], []]);
    assert.ok(!entry.isHolding);
    assert.deepEqual(namesOf(entry), ['a', 'b']);
    report(list, 'd/c');
    assert.deepEqual([first.statuses, second.statuses], [[STATUS_SUCCESS], [STATUS_SUCCESS]]);
    assert.deepEqual(namesOf(entry), ['c']);
  });

  it('does not cancel a request that was woken', () => {
    const list = listOf();
    const entry = watch(list, 'd');
    const told = new Told();
    entry.enqueue(told);
    report(list, 'd/a');
    entry.end(told, STATUS_CANCELLED);
    assert.deepEqual(told.statuses, [STATUS_SUCCESS]);
  });

  it('cancels a request that waits, and leaves the others', () => {
    const list = listOf();
    const entry = watch(list, 'd');
    const [first, second] = [new Told(), new Told()];
    entry.enqueue(first);
    entry.enqueue(second);
    entry.end(first, STATUS_CANCELLED);
    list.remove('d');
    assert.deepEqual(
      [first.statuses, second.statuses],
      [[STATUS_CANCELLED], [STATUS_NOTIFY_CLEANUP]],
    );
  });

  it('holds as many bytes as they take on the wire, entries aligned to 4', () => {
    for (const [capacity, status] of [
      [30, STATUS_SUCCESS],
      [29, STATUS_NOTIFY_ENUM_DIR],
    ] as const) {
      const list = listOf({ entrySize: capacity });
      const entry = watch(list, 'd');
      report(list, 'd/a');
      report(list, 'd/b');
      assert.equal(entry.take(ROOMY).status, status);
    }
  });
});
