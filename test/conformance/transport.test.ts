/** Every transport against what the protocol expects of one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { FRAME_SIZE_MAX } from '../../src/smb2/transport/tcp/framing.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';
import { listenTcp } from '../../src/smb2/transport/tcp/tcp-listener.ts';
import type { TransportListener } from '../../src/smb2/transport/transport.ts';
import { LoopbackNetwork } from './loopback-transport.ts';
import { type TransportBackend, transportSuite } from './transport-suite.ts';

const HOST = '127.0.0.1';
const timers = nodeTimers;
const log = makeNodeLog('error');

const tcp: TransportBackend = {
  listen: (accept) =>
    listenTcp({ host: HOST, port: 0, accept, limits: DEFAULT_LIMITS, timers, log }),
  connect:
    ({ port }) =>
    (listener) =>
      connectTcp(
        {
          ...{ host: HOST, port, timers, timeoutMs: 5_000 },
          ...{ messageSizeMax: FRAME_SIZE_MAX, messageTimeMs: 20_000 },
        },
        listener,
      ),
};
transportSuite('TCP', tcp);

describe('TCP: a large message', () => {
  it('takes what was gathered on all connections along', async () => {
    const quiet: TransportListener = { message: () => true, writable: () => {}, closed: () => {} };
    const port = await tcp.listen(() => quiet);
    const [one, other] = [await tcp.connect(port)(quiet), await tcp.connect(port)(quiet)];
    other.send([new Uint8Array(100)]);
    one.send([new Uint8Array(100)]);
    assert.notEqual(other.queuedBytes, 0, 'a small one waits for the end of the turn');
    one.send([new Uint8Array(300_000)]);
    assert.equal(other.queuedBytes, 0);
    for (const transport of [one, other]) transport.close({ abort: true });
    await port.close();
  });
});

for (const [name, options] of [
  ['RDMA in memory', {}],
  ['RDMA in memory, one credit', { credits: 1, fragmentSize: 1024 }],
] as const) {
  let network = new LoopbackNetwork(options);
  transportSuite(name, {
    listen: async (accept) => {
      network = new LoopbackNetwork(options);
      return network.listen(accept);
    },
    connect: () => network.connect,
  });
}
