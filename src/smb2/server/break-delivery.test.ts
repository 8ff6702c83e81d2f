import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BREAK_LOOK_MS, BREAK_TAKEN_TIME_MS, KEEPALIVE_PROBES_MS } from '../../base/limits.ts';
import type { TimerHandle } from '../../env/ports.ts';
import type { Transport } from '../transport/transport.ts';
import { BreakDeliveries, type BreakNotice } from './break-delivery.ts';
import { Connection } from './state/connection.ts';

const ANSWER_TIME_MS = 35_000;
const NOTICE_SIZE = 100;

/** A peer's connection whose system confirms what the test says. */
class Wire {
  sentBytes = 0;
  confirmed = 0;
  readonly connection: Connection;

  constructor(id: number) {
    const wire = this;
    const transport: Transport = {
      remoteAddress: '',
      localAddress: '',
      headroom: 0,
      sendSizeMax: 0xff_ffff,
      queuedBytes: 0,
      get sentBytes() {
        return wire.sentBytes;
      },
      unconfirmedBytes: () => wire.sentBytes - wire.confirmed,
      send: () => {},
      pause: () => {},
      resume: () => {},
      setMessageSizeMax: () => {},
      close: () => {},
    };
    this.connection = new Connection({ id, transport, creditsMax: 1 });
  }
}

/** Three channels, the order in which they got the notice, and time that the test moves. */
class Bench {
  readonly wires: readonly Wire[] = [new Wire(1), new Wire(2), new Wire(3)];
  readonly sentOn: number[] = [];
  readonly givenUp: number[] = [];
  readonly deliveries: BreakDeliveries;
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();

  constructor() {
    this.deliveries = new BreakDeliveries({
      timers: {
        after: (delayMs, fire) => this.#after(delayMs, fire),
        turn: () => new Promise((resolve) => this.#after(0, resolve)),
      },
      answerTimeMs: ANSWER_TIME_MS,
      giveUp: (connection) => {
        this.givenUp.push(connection.id);
        this.lose(connection);
      },
    });
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  notice(rest: Partial<BreakNotice> = {}): BreakNotice {
    return {
      oplockKey: 'key',
      isRetried: true,
      needsAcknowledgement: true,
      connections: () => this.wires.map(({ connection }) => connection),
      send: ({ id }) => {
        this.sentOn.push(id);
        this.wires[id - 1]!.sentBytes += NOTICE_SIZE;
      },
      ...rest,
    };
  }

  lose(connection: Connection): void {
    connection.closed = true;
    this.deliveries.connectionLost(connection);
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs);
      const next = due.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.fire();
    }
    this.#nowMs = endMs;
  }

  #after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
}

describe('[MS-SMB2] 3.3.4.6, 3.3.4.7: a break notification and its channels', () => {
  it('goes to the first channel, and nowhere else once that took it', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice());
    bench.wires[0]!.confirmed = NOTICE_SIZE;
    bench.advance(BREAK_TAKEN_TIME_MS * 2);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[1], []]);
    bench.deliveries.settle('key');
    assert.equal(bench.pendingTimers, 0);
  });

  it('goes to the next channel when one takes nothing, which is closed', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice());
    bench.advance(BREAK_TAKEN_TIME_MS);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[1, 2], [1]]);
    bench.advance(BREAK_TAKEN_TIME_MS);
    assert.deepEqual(
      [bench.sentOn, bench.givenUp],
      [
        [1, 2, 3],
        [1, 2],
      ],
    );
  });

  it('waits longer on the last channel that there is', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice({ connections: () => [bench.wires[2]!.connection] }));
    bench.advance(KEEPALIVE_PROBES_MS - BREAK_LOOK_MS);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[3], []]);
    bench.advance(BREAK_LOOK_MS);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[3], [3]]);
    assert.equal(bench.pendingTimers, 0);
  });

  it('stays on a slow channel as long as it takes something', () => {
    const bench = new Bench();
    const slow = bench.wires[0]!;
    slow.sentBytes = 10_000;
    bench.deliveries.deliver(bench.notice());
    for (let i = 0; i < 10; i++) {
      slow.confirmed += 1000;
      bench.advance(BREAK_TAKEN_TIME_MS / 2);
    }
    assert.deepEqual([bench.sentOn, bench.givenUp], [[1], []]);
    bench.advance(BREAK_TAKEN_TIME_MS);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[1, 2], [1]]);
  });

  it('goes to the next channel at once when its own ends, also after it was taken', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice());
    bench.lose(bench.wires[0]!.connection);
    assert.deepEqual(bench.sentOn, [1, 2]);
    bench.wires[1]!.confirmed = NOTICE_SIZE;
    bench.advance(1000);
    bench.lose(bench.wires[1]!.connection);
    assert.deepEqual(bench.sentOn, [1, 2, 3]);
  });

  it('is not repeated once it was acknowledged, or the time for that passed', () => {
    for (const end of ['acknowledged', 'late'] as const) {
      const bench = new Bench();
      bench.deliveries.deliver(bench.notice());
      bench.wires[0]!.confirmed = NOTICE_SIZE;
      bench.advance(1000);
      if (end === 'acknowledged') bench.deliveries.settle('key');
      else bench.advance(ANSWER_TIME_MS);
      bench.lose(bench.wires[0]!.connection);
      assert.deepEqual(bench.sentOn, [1]);
      assert.equal(bench.pendingTimers, 0);
    }
  });

  it('is over when taken, where nothing is to be acknowledged', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice({ needsAcknowledgement: false }));
    bench.wires[0]!.confirmed = NOTICE_SIZE;
    bench.advance(1000);
    assert.equal(bench.pendingTimers, 0);
  });

  it('gives its place to a later break of the same oplock', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice());
    bench.deliveries.deliver(bench.notice());
    bench.lose(bench.wires[0]!.connection);
    assert.deepEqual(bench.sentOn, [1, 1, 2]);
  });

  it('stays where it is when it is not to be retried', () => {
    const bench = new Bench();
    bench.deliveries.deliver(bench.notice({ isRetried: false }));
    bench.advance(BREAK_TAKEN_TIME_MS * 2);
    bench.lose(bench.wires[0]!.connection);
    assert.deepEqual([bench.sentOn, bench.givenUp], [[1], []]);
  });
});
