import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientRouter } from './client-router.ts';

const ADDRESS = '10.0.0.1';

function routerOf(options: { clientsMax?: number } = {}): ClientRouter {
  const router = new ClientRouter({ rememberedMs: 1_000, clientsMax: options.clientsMax ?? 10 });
  router.workerCame(0, 0);
  router.workerCame(1, 0);
  return router;
}

describe('ClientRouter', () => {
  it('spreads new clients, and gives one client all its connections to one worker', () => {
    const router = routerOf();
    const slots = ['a', 'b', 'a', 'a', 'c'].map((guid) => router.route(guid, ADDRESS, 0)?.slot);
    assert.deepEqual(slots, [0, 1, 0, 0, 1]);
    assert.equal(router.size, 5);
    assert.equal(router.fromAddress(ADDRESS), 5);
  });

  it('gives everybody who says no name to the worker with the fewest connections', () => {
    const router = routerOf();
    const slots = [1, 2, 3, 4].map(() => router.route(undefined, ADDRESS, 0)?.slot);
    assert.deepEqual(slots, [0, 1, 0, 1]);
  });

  it('remembers whose a client was for a while after its last connection', () => {
    const router = routerOf();
    const first = router.route('a', ADDRESS, 0)!;
    const other = router.route('b', ADDRESS, 0)!;
    assert.deepEqual([first.slot, other.slot], [0, 1]);
    router.closed(other.id, 100);
    assert.equal(router.route('b', ADDRESS, 1_100)?.slot, 1);
    assert.equal(router.loadOf(1), 1);
  });

  it('forgets it after that', () => {
    const router = routerOf();
    router.closed(router.route('a', ADDRESS, 0)!.id, 0);
    const other = router.route('b', ADDRESS, 1)!;
    assert.deepEqual([other.slot, router.route('c', ADDRESS, 1)?.slot], [1, 0]);
    router.closed(other.id, 1);
    assert.equal(router.route('a', ADDRESS, 1_001)?.slot, 1);
  });

  it('routes to the workers that are left, and to none when none is', () => {
    const router = routerOf();
    const { id } = router.route('a', ADDRESS, 0)!;
    router.workerWent(0);
    assert.equal(router.size, 0);
    router.closed(id, 1);
    router.placed(new Map(), 1);
    assert.equal(router.route('a', ADDRESS, 1)?.slot, 1);
    router.workerWent(1);
    assert.equal(router.route('b', ADDRESS, 2), undefined);
  });

  it('lets the clients of a lost worker wait until it knows where their opens are', () => {
    const router = routerOf();
    for (const guid of ['a', 'b']) router.route(guid, ADDRESS, 0);
    router.route('c', ADDRESS, 0);
    router.workerWent(0);
    assert.equal(router.route('a', ADDRESS, 1), undefined);
    assert.equal(router.route('d', ADDRESS, 1)?.slot, 1);
    router.workerCame(0, 1);
    router.placed(
      new Map([
        ['c', 1],
        ['x', 1],
      ]),
      1,
    );
    assert.deepEqual(
      ['a', 'c', 'x'].map((guid) => router.route(guid, ADDRESS, 1)?.slot),
      [0, 1, 1],
    );
  });

  it('spreads those that come one after the other and stay for a moment only', () => {
    const router = routerOf({ clientsMax: 1_000 });
    for (let i = 0; i < 50; i++) router.closed(router.route(`${i}`, ADDRESS, i)!.id, i);
    for (let i = 0; i < 50; i++) router.route(`${i}`, ADDRESS, 60);
    assert.deepEqual([router.loadOf(0), router.loadOf(1)], [25, 25]);
  });

  it('keeps nothing of clients that it forgot', () => {
    const router = routerOf({ clientsMax: 1_000 });
    for (let i = 0; i < 50; i++) router.closed(router.route(`${i}`, ADDRESS, i)!.id, i);
    assert.equal(router.clientCount, 50);
    router.route('another', ADDRESS, 2_000);
    assert.equal(router.clientCount, 1);
  });

  it('gives new clients to who answers, and the others to who has their opens', () => {
    const router = routerOf();
    router.route('a', ADDRESS, 0);
    router.heard(1, 0.5, 4_000);
    const slots = ['b', 'c', 'd'].map((guid) => router.route(guid, ADDRESS, 4_000)?.slot);
    assert.deepEqual(slots, [1, 1, 1]);
    assert.equal(router.route('a', ADDRESS, 4_000)?.slot, 0);
  });

  it('places with a worker that is to come who can wait', () => {
    const router = routerOf({ clientsMax: 100 });
    for (let i = 0; i < 6; i++) router.route(`${i}`, ADDRESS, 0);
    router.workerWent(1);
    router.workerComes(1);
    assert.equal(router.route('x', ADDRESS, 0)?.slot, 1);
    assert.equal(router.route('y', ADDRESS, 0, { mayWait: false })?.slot, 0);
    assert.equal(router.route('x', ADDRESS, 0, { mayWait: false }), undefined);
    router.workerCame(1, 0);
    assert.deepEqual([router.loadOf(0), router.loadOf(1)], [4, 1]);
  });

  it('forgets the client that has been idle longest when it knows too many', () => {
    const router = routerOf({ clientsMax: 2 });
    const slots = ['a', 'b'].map((guid) => router.route(guid, ADDRESS, 0)!);
    router.closed(slots[1]!.id, 1);
    router.closed(slots[0]!.id, 2);
    router.route('c', ADDRESS, 3);
    // b is forgotten, a is not: it comes to its worker although that has more to do.
    assert.equal(router.route('a', ADDRESS, 3)?.slot, slots[0]?.slot);
  });
});
