/**
 * A server inside your own program: one share in memory, one user, both made at run time.
 * Run it: node dist/examples/embed-server.js
 */
import { SmbServer } from 'semba';
import { MemoryVfs, makeNodeClock } from 'semba/vfs';

const server = new SmbServer({ listen: ['127.0.0.1'], port: 0 });
await server.addUser({ name: 'anna', password: 'a long password' });
await server.addShare({
  name: 'scratch',
  vfs: new MemoryVfs(makeNodeClock()),
  comment: 'Gone when the program ends',
});
await server.start();
console.log(`smbclient -p ${server.port} -U anna //${server.address}/scratch`);

// Shares and users come and go while clients are connected.
await server.addUser({ name: 'ben', password: 'another password' });
await server.removeUser('ben');

if (process.argv.includes('--once')) await server.stop();
else process.once('SIGINT', () => void server.stop());
