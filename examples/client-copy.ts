/**
 * Copies a local file to a share and back over two connections, locks a part of it, then lists,
 * renames and deletes it. Neither a connection that breaks nor all of them ends the copy.
 * Run it: node dist/examples/client-copy.js HOST PORT USER PASSWORD SHARE FILE
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SmbClient } from 'semba/client';

const [host, port, user, password, share, file] = process.argv.slice(2);
if (!host || !port || !user || !password || !share || !file) {
  console.error('usage: client-copy HOST PORT USER PASSWORD SHARE FILE');
  process.exit(2);
}
const client = await SmbClient.connect({
  host,
  port: Number(port),
  user,
  password,
  share,
  channels: 2,
  reconnect: true,
});
console.log(`connected to ${client.channels.join(', ')}`);
const name = basename(file);
await pipeline(createReadStream(file), client.createWriteStream(name));
await pipeline(client.createReadStream(name), createWriteStream(`${file}.back`));
const remote = await client.open(name, { access: 'read-write' });
await remote.lock({ offset: 0, length: 1 });
console.log(`first byte: ${await remote.read(0, 1)}`);
await remote.close();
for await (const entry of client.list()) console.log(entry.name, entry.size);
const { size } = await client.stat(name);
console.log(`${name} has ${size} bytes, over SMB ${client.dialect}`);
await client.rename(name, `${name}.old`);
await client.delete(`${name}.old`);
await client.close();
