/**
 * The client and the protocol against our own server, over every storage; and against
 * SEMBA_TEST_PEER=host:port:user:password:share where it is set, instead.
 */
import { after, before, describe } from 'node:test';
import { clientSuite } from './client-suite.ts';
import { limitsSuite } from './limits-suite.ts';
import { type LocalServer, startServer } from './local-server.ts';
import { closeConnections, type Target } from './peer.ts';
import { protocolSuite } from './protocol-suite.ts';

const peer = process.env.SEMBA_TEST_PEER;
if (peer !== undefined) {
  const [host = '', port, user = '', password = '', share = ''] = peer.split(':');
  const target: Target = { host, port: Number(port), user, password, share };
  clientSuite('client', () => target);
  protocolSuite('protocol', () => target);
} else {
  for (const [storage, workers] of [
    ['memory', 1],
    ['local', 1],
    ['local', 2],
  ] as const) {
    describe(`over ${storage} storage, ${workers} processes`, () => {
      let server: LocalServer;
      before(async () => {
        server = await startServer(storage, {}, workers);
      });
      after(async () => {
        closeConnections();
        await server.stop();
      });
      clientSuite('client', () => server.target);
      protocolSuite('protocol', () => server.target);
    });
  }
  limitsSuite();
}
