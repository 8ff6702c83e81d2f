/** What every backend of src/messaging/message-bus.ts has to do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BusCalls, type CallType } from '../../src/messaging/calls.ts';
import type { MessageBus, MessageType } from '../../src/messaging/message-bus.ts';
import { flag, int, list, optional, struct, text, u64 } from '../../src/messaging/shape.ts';
import { BusWakes } from '../../src/messaging/wakes.ts';

interface Note {
  readonly text: string;
  readonly at: bigint;
  readonly parts: readonly number[];
  readonly isLast: boolean | undefined;
}

const NOTE: MessageType<Note> = {
  name: 'note',
  shape: struct<Note>({ text, at: u64, parts: list(int, 1_000_000), isLast: optional(flag) }),
};
/** The same name in a process that means something else by it. */
const OTHER_NOTE: MessageType<{ readonly text: number }> = {
  name: 'note',
  shape: struct<{ readonly text: number }>({ text: int }),
};
const DOUBLE: CallType<number, number> = { name: 'double', question: int, answer: int };

export interface BusRig {
  /** A new end; all ends are each other's peers when this resolves. */
  join(serverId: string, queueSizeMax?: number): Promise<MessageBus>;
  done(): Promise<void>;
}

export function describeMessageBus(name: string, makeRig: () => BusRig): void {
  const withRig = async (test: (rig: BusRig) => Promise<void>): Promise<void> => {
    const rig = makeRig();
    try {
      await test(rig);
    } finally {
      await rig.done();
    }
  };

  describe(`message bus: ${name}`, () => {
    it('delivers what the shape says, whole and in order, and not within send', () =>
      withRig(async (rig) => {
        const [a, b] = [await rig.join('a'), await rig.join('b')];
        const got: Note[] = [];
        const all = received(b, NOTE, 1000, (note, from) => {
          assert.equal(from, 'a');
          got.push(note);
        });
        const parts = Array.from({ length: 2000 }, (_, i) => i);
        for (let i = 0; i < 1000; i++) {
          const isLast = i === 999 ? true : undefined;
          const at = (1n << 64n) - 1n - BigInt(i);
          assert.ok(a.send('b', NOTE, { text: `ü${i}`, at, parts, isLast }));
        }
        assert.equal(got.length, 0);
        await all;
        assert.deepEqual(
          got.map(({ text: one }) => one),
          Array.from({ length: 1000 }, (_, i) => `ü${i}`),
        );
        assert.deepEqual(got[999], {
          text: 'ü999',
          at: (1n << 64n) - 1000n,
          parts,
          isLast: true,
        });
      }));

    it('drops a message of another shape, and goes on', () =>
      withRig(async (rig) => {
        const [a, b] = [await rig.join('a'), await rig.join('b')];
        const got: string[] = [];
        const one = received(b, NOTE, 1, (note) => got.push(note.text));
        a.send('b', OTHER_NOTE, { text: 3 });
        a.send('b', NOTE, { text: 'right', at: 0n, parts: [], isLast: undefined });
        await one;
        assert.deepEqual(got, ['right']);
      }));

    it('tells that a peer came, and that it went', () =>
      withRig(async (rig) => {
        const a = await rig.join('a');
        const seen: string[] = [];
        const left = new Promise<void>((resolve) =>
          a.watchPeers({
            joined: (id) => seen.push(`+${id}`),
            left: (id) => {
              seen.push(`-${id}`);
              resolve();
            },
          }),
        );
        const b = await rig.join('b');
        assert.deepEqual([a.peers(), b.peers()], [['b'], ['a']]);
        await b.close();
        await left;
        assert.deepEqual(seen, ['+b', '-b']);
        assert.deepEqual(a.peers(), []);
        assert.equal(a.send('b', NOTE, { text: '', at: 0n, parts: [], isLast: true }), false);
        assert.equal(await a.drained('b'), false);
      }));

    it('holds back who can wait, and gives up a peer that takes nothing', () =>
      withRig(async (rig) => {
        const [a, b] = [await rig.join('a', 1_000_000), await rig.join('b', 1_000_000)];
        b.handle(NOTE, () => {});
        const note = { text: 'x'.repeat(100_000), at: 0n, parts: [], isLast: true };
        for (let i = 0; i < 50; i++) {
          assert.equal(await a.drained('b'), true);
          assert.ok(a.send('b', NOTE, note));
        }
        const gone = new Promise<string>((resolve) =>
          a.watchPeers({ joined: () => {}, left: resolve }),
        );
        let sent = 0;
        while (a.send('b', NOTE, note)) sent++;
        assert.ok(sent < 100, `${sent} messages were queued`);
        assert.equal(await gone, 'b');
        assert.deepEqual(a.peers(), []);
      }));

    it('answers questions, and ends those to a peer that goes', () =>
      withRig(async (rig) => {
        const [a, b] = [await rig.join('a'), await rig.join('b')];
        const [ask, answer] = [new BusCalls(a), new BusCalls(b)];
        answer.answer(DOUBLE, (body) => (body === 0 ? new Promise<number>(() => {}) : 2 * body));
        assert.equal(await ask.ask('b', DOUBLE, 21), 42);
        assert.deepEqual(await ask.askAll(['b'], DOUBLE, 4), [8]);
        const open = ask.ask('b', DOUBLE, 0);
        await b.close();
        assert.equal(await open, undefined);
        assert.equal(await ask.ask('b', DOUBLE, 1), undefined);
      }));

    it('wakes the one process that is named', () =>
      withRig(async (rig) => {
        const ends = [await rig.join('a'), await rig.join('b'), await rig.join('c')];
        const [a, b, c] = ends.map((end) => new BusWakes(end));
        const woken: string[] = [];
        c?.listen((topic) => woken.push(`c ${topic}`));
        const done = new Promise<void>((resolve) =>
          b?.listen((topic) => {
            woken.push(`b ${topic}`);
            if (topic === 'two') resolve();
          }),
        );
        a?.wake('b', 'one');
        a?.wake('nobody', 'one');
        a?.wake('b', 'two');
        await done;
        assert.deepEqual(woken, ['b one', 'b two']);
      }));
  });
}

function received<T>(
  bus: MessageBus,
  type: MessageType<T>,
  count: number,
  each: (body: T, from: string) => void,
): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    bus.handle(type, (body, from) => {
      each(body, from);
      if (--left === 0) resolve();
    });
  });
}
