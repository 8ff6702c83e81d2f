/**
 * SEMBA_TEST_PEER=host:port:user:password:share runs the client's tests against that server; CI
 * runs them against our own (protocol.test.ts).
 */
import { clientSuite } from './client-suite.ts';

const peer = process.env.SEMBA_TEST_PEER;
if (peer !== undefined) {
  const [host, port, user, password, share] = peer.split(':') as [
    string,
    string,
    string,
    string,
    string,
  ];
  clientSuite(`client against ${host}:${port}`, () => ({
    host,
    port: Number(port),
    user,
    password,
    share,
  }));
}
