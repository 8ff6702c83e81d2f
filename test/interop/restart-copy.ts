/**
 * Copies a large file to a server, and back, by our own client with `reconnect`, while the server
 * is killed, stopped and started again: what arrives must be the same.
 *
 *     restart-copy [MIB [PORT]]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { RestartingServer } from './restarting-server.ts';

const MIB = 1024 * 1024;
const SHARE = 'share_ca';
/** How the server ends after each quarter of a copy. */
const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const;

const [size = 64, port = 4589] = process.argv.slice(2).map(Number);
process.exitCode = await main();

async function main(): Promise<number> {
  const server = new RestartingServer(port);
  const data = pattern(size * MIB);
  let [passed, failed] = [0, 0];
  const check = (isFine: boolean, what: string): void => {
    if (isFine) passed++;
    else failed++;
    process.stdout.write(`${isFine ? 'ok  ' : 'FAIL'} ${what}\n`);
  };
  try {
    await server.start();
    const client = await connect();
    const path = join(server.folder, SHARE, 'copy');
    await pipeline(Readable.from(chunks(data, server)), client.createWriteStream('copy'));
    await server.settled();
    const written = server.restarts;
    check(data.equals(await readFile(path)), `${size} MiB written over ${written} restarts`);
    await writeFile(path, data.reverse());
    const back = new Uint8Array(data.length);
    await pipeline(client.createReadStream('copy'), into(back, server));
    await server.settled();
    const read = server.restarts - written;
    check(data.equals(back), `${size} MiB read over ${read} restarts`);
    await client.close();
  } catch (error) {
    check(false, (error as Error).stack ?? String(error));
  } finally {
    await server.stop();
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function connect(): Promise<SmbClient> {
  const [user, password] = ['torture1', 'torture1pw'];
  return SmbClient.connect({
    host: '127.0.0.1',
    port,
    user,
    password,
    share: SHARE,
    reconnect: true,
  });
}

/** The data in pieces; the server goes while they are under way. */
function* chunks(data: Buffer, server: RestartingServer): Generator<Buffer> {
  for (let at = 0; at < data.length; at += MIB) {
    restartAt(at, data.length, server);
    yield data.subarray(at, at + MIB);
  }
}

/** Keeps what is read; the server goes meanwhile. */
function into(data: Uint8Array, server: RestartingServer): Writable {
  let at = 0;
  return new Writable({
    write(chunk: Buffer, _, done) {
      const end = at + chunk.length;
      for (let next = at; next < end; next += MIB - (next % MIB)) {
        restartAt(next, data.length, server);
      }
      data.set(chunk, at);
      at = end;
      done();
    },
  });
}

function restartAt(at: number, length: number, server: RestartingServer): void {
  const quarter = length / (SIGNALS.length + 1);
  const signal = at % quarter === 0 ? SIGNALS[at / quarter - 1] : undefined;
  if (signal !== undefined) server.restart(signal);
}

/** Bytes that tell where they come from. */
function pattern(length: number): Buffer {
  const words = new Uint32Array(length / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e37_79b1);
  return Buffer.from(words.buffer);
}
