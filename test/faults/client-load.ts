/** What a client does all at once while its connections break, and how it checks what it got. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import type { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { pattern, turn } from './rig.ts';
import type { VirtualTime } from './virtual-env.ts';

const FILE_SIZE = 1024 * 1024 + 17;
const LISTED = 700;
const STEP_MS = 10;
/** Longer than the client waits before it makes a lost channel again. */
export const REMAKE_MS = 1_000;

/** What the loads read: a file and a folder with many entries. */
export async function prepare(client: SmbClient): Promise<void> {
  await client.writeFile('source', pattern(FILE_SIZE, 3));
  await client.mkdir('folder');
  const names = Array.from({ length: LISTED }, (_, i) => nameOf(i));
  await Promise.all(names.map((name) => client.writeFile(`folder/${name}`, '')));
}

function nameOf(i: number): string {
  return `an entry with a name that takes some room in the listing, number ${i}`;
}

/** Everything that a client does. */
export async function load(client: SmbClient): Promise<void> {
  await Promise.all([
    repeatableLoad(client),
    ...Array.from({ length: 10 }, (_, i) => changeNames(client, i)),
  ]);
}

/** What a client may do twice when its session breaks. */
export async function repeatableLoad(client: SmbClient): Promise<void> {
  await Promise.all([readAll(client), writeAll(client), listAll(client), statAll(client)]);
}

async function readAll(client: SmbClient): Promise<void> {
  const back = await buffer(client.createReadStream('source'));
  assert.equal(Buffer.compare(back, pattern(FILE_SIZE, 3)), 0);
}

async function writeAll(client: SmbClient): Promise<void> {
  const data = pattern(FILE_SIZE, 5);
  await client.writeFile('target', data);
  assert.equal(Buffer.compare(await client.readFile('target'), data), 0);
}

async function listAll(client: SmbClient): Promise<void> {
  const names: string[] = [];
  for await (const { name } of client.list('folder')) names.push(name);
  assert.equal(names.length, LISTED);
  assert.equal(new Set(names).size, LISTED);
}

async function statAll(client: SmbClient): Promise<void> {
  for (let i = 0; i < 10; i++) assert.equal((await client.stat('source')).size, FILE_SIZE);
}

async function changeNames(client: SmbClient, i: number): Promise<void> {
  await client.mkdir(`made ${i}`);
  await client.writeFile(`made ${i}/new`, `${i}`, { mode: 'create' });
  await client.rename(`made ${i}/new`, `made ${i}/newer`);
  assert.equal((await client.stat(`made ${i}/newer`)).size, 1);
  await client.delete(`made ${i}/newer`);
  await client.rmdir(`made ${i}`);
}

/** The client's repeats wait for the server where it is busy: their time passes here. */
export async function during(time: VirtualTime, work: Promise<unknown>): Promise<void> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  settled.catch(() => {});
  for (let passedMs = 0; !done; passedMs += STEP_MS) {
    await turn();
    // Not so much that a lost channel is made again under the load.
    if (passedMs < REMAKE_MS - STEP_MS) time.advance(STEP_MS);
  }
  await settled;
}
