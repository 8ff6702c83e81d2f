/** Every transport against what the protocol expects of one. */
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { FRAME_SIZE_MAX } from '../../src/smb2/transport/tcp/framing.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';
import { listenTcp } from '../../src/smb2/transport/tcp/tcp-listener.ts';
import { LoopbackNetwork } from './loopback-transport.ts';
import { transportSuite } from './transport-suite.ts';

const HOST = '127.0.0.1';
const timers = nodeTimers;
const log = makeNodeLog('error');

transportSuite('TCP', {
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
