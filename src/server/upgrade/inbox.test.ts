import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inbox } from './inbox.ts';

const never = { after: () => ({ cancel: () => {} }), turn: () => Promise.resolve() };
const atOnce = {
  after: (_: number, fire: () => void) => {
    fire();
    return { cancel: () => {} };
  },
  turn: () => Promise.resolve(),
};

describe('Inbox', () => {
  it('gives messages in order, whoever comes first', async () => {
    const inbox = new Inbox<number>();
    inbox.put(1);
    assert.equal(await inbox.next(), 1);
    const second = inbox.next();
    inbox.put(2);
    assert.equal(await second, 2);
  });
  it('gives what arrived before the end, then why it ended', async () => {
    const inbox = new Inbox<number>();
    inbox.put(1);
    inbox.end(new Error('gone'));
    inbox.end(new Error('again'));
    assert.equal(await inbox.next(), 1);
    await assert.rejects(inbox.next(), /gone/);
  });
  it('tells who waits that it ended', async () => {
    const inbox = new Inbox<number>();
    const waiting = inbox.next();
    inbox.end(new Error('gone'));
    await assert.rejects(waiting, /gone/);
  });
  it('ends when a message is late, and not before', async () => {
    const inbox = new Inbox<number>();
    inbox.put(1);
    assert.equal(await inbox.within(never, 5, 'late'), 1);
    await assert.rejects(inbox.within(atOnce, 5, 'late'), /late/);
  });
});
