import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { ListeningSocket } from '../smb2/transport/tcp/listening-socket.ts';
import { type InheritedAddress, inheritedFor, Listeners } from './listeners.ts';
import { OptionError } from './options.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };
const HOST = '127.0.0.1';

describe('Listeners', () => {
  it('keeps who connects waiting until they open', async () => {
    const arrived: string[] = [];
    const listeners = listenersOf('one', arrived);
    await listeners.bind([HOST], 0);
    const client = connect(listeners.port!, HOST);
    await new Promise((resolve) => client.once('connect', resolve));
    assert.deepEqual(arrived, []);
    await listeners.open();
    await until(() => arrived.length > 0);
    assert.deepEqual(arrived, ['one']);
    client.destroy();
    await listeners.close();
  });

  it('bind all of their addresses or none', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.2', resolve));
    const { port } = taken.address() as { readonly port: number };
    const listeners = listenersOf('one', []);
    await assert.rejects(listeners.bind([HOST, '127.0.0.2'], port), /EADDRINUSE/);
    assert.equal(listeners.port, undefined);
    taken.close();
  });

  it('never take an address that is missing for all of them', async () => {
    await assert.rejects(listenersOf('one', []).bind([HOST, ''], 0), OptionError);
  });
});

describe('inheritedFor', () => {
  const known: InheritedAddress = { host: '::', port: 445, handle: {} };
  it('finds the address that is asked for, and no other', () => {
    assert.equal(inheritedFor([known], { host: '::', port: 445 }), known);
    assert.equal(inheritedFor([known], { host: '::', port: 4450 }), undefined);
    assert.equal(inheritedFor([known], { host: '127.0.0.1', port: 445 }), undefined);
  });
  it('takes the port that was chosen where any will do', () => {
    assert.equal(inheritedFor([known], { host: '::', port: 0 }), known);
  });
});

function listenersOf(name: string, arrived: string[]): Listeners {
  return new Listeners(async (at) => {
    const socket = await ListeningSocket.bind(at);
    const open = (): Promise<void> =>
      socket.open((connected) => {
        arrived.push(name);
        connected.destroy();
      });
    return { socket, open, close: () => socket.close() };
  }, log);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
