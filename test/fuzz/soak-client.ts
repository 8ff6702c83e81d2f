/**
 * The well-behaved client beside the soak: writes, reads back, lists, renames and deletes, in every
 * dialect, plain and encrypted, and checks it all. Ends when the soak closes the IPC channel.
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import type { DialectName } from '../../src/smb2/client/connect-options.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { SOAK_PASSWORD, SOAK_USER, type SoakReport } from './soak-protocol.ts';
import { SoakRandom } from './soak-random.ts';

const DIALECTS: readonly DialectName[] = ['3.1.1', '2.0.2', '3.0', '2.1', '3.0.2'];
const FILES = 5;
const SIZES = [0, 1, 5_000, 65_536, 300_000];

const port = Number(process.argv[2]);
let stopping = false;
let operations = 0;
let slowestMs = 0;
process.on('message', () => {
  stopping = true;
});
process.on('disconnect', () => process.exit(0));

try {
  for (let round = 0; !stopping; round++) await work(round);
  report({ kind: 'stopped' });
  process.disconnect?.();
} catch (error) {
  report({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? '') : String(error) });
}

function report(message: SoakReport): void {
  process.send?.(message);
}

async function timed<T>(operation: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await operation;
  slowestMs = Math.max(slowestMs, performance.now() - start);
  operations++;
  return result;
}

async function work(round: number): Promise<void> {
  const random = new SoakRandom(round);
  const dialect = DIALECTS[round % DIALECTS.length]!;
  const client = await timed(
    SmbClient.connect({
      host: '127.0.0.1',
      port,
      user: SOAK_USER,
      password: SOAK_PASSWORD,
      share: 'good',
      dialects: [dialect],
      signing: 'required',
      encryption: dialect >= '3' && random.chance(0.5) ? 'required' : 'auto',
      timeoutMs: 30_000,
    }),
  );
  const folder = `round ${round}`;
  await timed(client.mkdir(folder));
  const contents = SIZES.map((size) => random.bytes(size));
  for (const [i, content] of contents.entries()) {
    await timed(client.writeFile(`${folder}/file ${i}`, content));
  }
  for (const [i, content] of contents.entries()) {
    const read = await timed(client.readFile(`${folder}/file ${i}`));
    assert.equal(Buffer.compare(read, content), 0, `content of file ${i} of ${folder}`);
  }
  await timed(client.rename(`${folder}/file 0`, `${folder}/file ${FILES}`));
  const names: string[] = [];
  for await (const entry of client.list(folder)) names.push(entry.name);
  const expected = SIZES.map((_, i) => `file ${i === 0 ? FILES : i}`);
  assert.deepEqual(names.sort(), expected.sort());
  for (const name of names) await timed(client.delete(`${folder}/${name}`));
  await timed(client.rmdir(folder));
  await client.close();
  report({ kind: 'worked', operations, slowestMs });
  operations = 0;
  slowestMs = 0;
}
