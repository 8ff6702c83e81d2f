import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { WakeBus } from '../../src/state/record-store.ts';
import { describeRecordStore } from './record-store-suite.ts';
import { openShared } from './record-stores.ts';

const VICTIM = fileURLToPath(new URL('shared-store-victim.js', import.meta.url));
const KILLS = 15;

interface Counter {
  readonly count: number;
}

function temporary(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-state-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

describeRecordStore('shared', () => {
  const { folder, remove } = temporary();
  const store = openShared(folder);
  const done = async (): Promise<void> => {
    store.close();
    remove();
  };
  return { store, done };
});

describe('shared record store', () => {
  it('is one store for all who map it, and refuses another layout', () => {
    const { folder, remove } = temporary();
    const [one, two] = [openShared(folder), openShared(folder)];
    one.table<Counter>('c', 1).update('ü', () => ({ next: { count: 1 }, result: 0 }));
    const theirs = two.table<Counter>('c', 1);
    assert.deepEqual(theirs.get('ü'), { count: 1 });
    theirs.update('ü', (current) => ({ next: { count: (current?.count ?? 0) + 1 }, result: 0 }));
    assert.deepEqual(one.table<Counter>('c', 1).get('ü'), { count: 2 });
    const third = openShared(folder);
    assert.throws(() => third.table('c', 2), /table 'c' has layout 1, expected 2.*older semba/);
    for (const store of [one, two, third]) store.close();
    remove();
  });

  it('wakes the watchers of other processes, and only those', async () => {
    const { folder, remove } = temporary();
    const buses = new Map<string, (topic: string) => void>();
    const sent: string[] = [];
    const busOf = (serverId: string): WakeBus => ({
      serverId,
      wake: (to, topic) => {
        sent.push(`${to} ${topic}`);
        buses.get(to)?.(topic);
      },
      listen: (woken) => buses.set(serverId, woken),
    });
    const [one, two] = [openShared(folder, busOf('one')), openShared(folder, busOf('two'))];
    const mine = one.table<Counter>('c', 1);
    const theirs = two.table<Counter>('c', 1);
    const woken = new Promise<Counter | undefined>((resolve) => {
      theirs.watch('a', () => resolve(theirs.get('a') as Counter | undefined));
    });
    mine.update('b', () => ({ next: { count: 1 }, result: 0 }));
    mine.update('a', () => ({ next: { count: 5 }, result: 0 }));
    assert.deepEqual(await woken, { count: 5 });
    assert.deepEqual(sent, ['two c/a']);
    one.close();
    two.close();
    remove();
  });

  it('holds records of any size, and its memory is used again', () => {
    const { folder, remove } = temporary();
    const store = openShared(folder);
    const table = store.table<{ readonly text: string }>('t', 1);
    const put = (key: string, size: number): void => {
      table.update(key, () => ({ next: { text: 'x'.repeat(size) }, result: undefined }));
    };
    for (const size of [0, 1, 100, 5_000, 1_000_000, 20_000_000]) {
      put(`k${size}`, size);
      assert.equal((table.get(`k${size}`) as { text: string }).text.length, size);
    }
    const fresh = openShared(folder).table<{ readonly text: string }>('t', 1);
    assert.equal((fresh.get('k20000000') as { text: string }).text.length, 20_000_000);
    const before = store.check();
    for (let round = 0; round < 200; round++) {
      for (const size of [100, 5_000, 200_000]) put(`r${size}`, size + round);
      table.update(`r${round % 2 === 0 ? 100 : 5_000}`, () => ({ next: undefined, result: 0 }));
    }
    assert.ok(store.check() - before < 2_000_000, `${store.check() - before} bytes more`);
    assert.throws(() => put('large', 64 * 1024 * 1024), /too large/);
    assert.equal(table.get('large'), undefined);
    store.close();
    remove();
  });

  it('loses nothing and stays in order however often its processes are killed', async () => {
    const { folder, remove } = temporary();
    const store = openShared(folder);
    const victims = ['a', 'b', 'c'].map((name) => startVictim(folder, name));
    for (let kill = 0; kill < KILLS; kill++) {
      const [victim] = victims.splice(kill % victims.length, 1) as [Victim];
      await victim.busy();
      assert.equal(await ended(victim.child, () => victim.child.kill('SIGKILL')), 'SIGKILL');
      store.check();
      victims.push(startVictim(folder, victim.name));
    }
    for (const { child, busy } of victims) {
      await busy();
      assert.equal(await ended(child, () => child.send('end')), 0);
    }
    store.check();
    store.close();
    remove();
  });
});

interface Victim {
  readonly name: string;
  readonly child: ChildProcess;
  readonly busy: () => Promise<unknown>;
}

/** It ends with 1 when a record of its own is not what it, or the one before it, left. */
function startVictim(folder: string, name: string): Victim {
  const child = fork(VICTIM, [folder, name], { stdio: 'inherit' });
  const told = new Promise((resolve) => child.once('message', resolve));
  return { name, child, busy: () => told };
}

function ended(child: ChildProcess, end: () => void): Promise<unknown> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code));
    end();
  });
}
