/**
 * Many clients of one server: `node dist/bench/connections.js [IDLE] [ACTIVE] [SECONDS]`.
 *
 * First IDLE (10,000) connections are logged in to a share and left alone: KiB that each adds to
 * the memory of the server's process, which is one of its own. Then ACTIVE (2,000) of them read
 * 4 KiB over and over for SECONDS (5): requests of the slowest against those of the median, and how
 * long the others waited. All are signed 3.1.1 sessions of one user.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILE_GENERIC_READ } from '../src/dtyp/access-mask.ts';
import { FILE_OPEN } from '../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../src/smb2/client/open.ts';
import type { ClientTree } from '../src/smb2/client/tree.ts';
import { closeConnections, logOnAt, opened, succeed } from '../test/conformance/peer.ts';
import { SHARE, USER } from './budget-server.ts';

const [idle = '10000', active = '2000', seconds = '5'] = process.argv.slice(2);
/** Log-ons under way at a time. */
const AT_ONCE = 50;
const PAGE = 4096;

const folder = mkdtempSync(join(tmpdir(), 'semba-connections-'));
const share = join(folder, 'share');
mkdirSync(share);
for (const path of [folder, share]) chmodSync(path, 0o755);
writeFileSync(join(share, 'file.bin'), Buffer.alloc(1024 * 1024, 'semba'));
const script = new URL('./budget-server.js', import.meta.url);
const child = fork(script, [share, join(folder, 'state')], { execArgv: ['--expose-gc'] });
const [{ port }] = (await once(child, 'message')) as [{ port: number }];
const target = { host: '127.0.0.1', port, user: USER.name, password: USER.password, share: SHARE };

const trees: ClientTree[] = [];
// The first ones make what all of them share.
await connect(AT_ONCE);
const before = await memoryKiB();
await connect(Number(idle));
const each = ((await memoryKiB()) - before) / (Number(idle) - AT_ONCE);
console.log(`${trees.length} idle connections: ${each.toFixed(1)} KiB each`);
await fairness(trees.slice(0, Number(active)), Number(seconds) * 1000);
closeConnections();
child.disconnect();
await once(child, 'exit');
rmSync(folder, { recursive: true });

async function connect(count: number): Promise<void> {
  const logOn = async (): Promise<void> => {
    while (started < count) {
      started++;
      trees.push((await logOnAt(target)).tree);
    }
  };
  let started = trees.length;
  await Promise.all(Array.from({ length: AT_ONCE }, logOn));
}

/** Of the server's process, after a collection. */
async function memoryKiB(): Promise<number> {
  const answer = once(child, 'message');
  child.send('collect');
  await answer;
  const rollup = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'latin1');
  return Number(/^Pss: +(\d+)/m.exec(rollup)?.[1]);
}

async function fairness(clients: readonly ClientTree[], forMs: number): Promise<void> {
  const files: ClientOpen[] = [];
  const parameters = { name: 'file.bin', shareAccess: 7, createDisposition: FILE_OPEN };
  for (const tree of clients) {
    files.push(await opened(tree, { ...parameters, desiredAccess: FILE_GENERIC_READ }));
  }
  const counts: number[] = [];
  const waits: number[] = [];
  const start = performance.now();
  const work = async (file: ClientOpen): Promise<void> => {
    let count = 0;
    for (let now = start; now - start < forMs; count++) {
      const { status } = await file.read({ offset: 0, length: PAGE });
      succeed(status, 'READ');
      const then = performance.now();
      waits.push(then - now);
      now = then;
    }
    counts.push(count);
  };
  await Promise.all(files.map(work));
  const at = (sorted: readonly number[], part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  counts.sort((a, b) => a - b);
  waits.sort((a, b) => a - b);
  const [slowest, median] = [counts[0] ?? 0, at(counts, 0.5)];
  const total = counts.reduce((sum, count) => sum + count, 0);
  console.log(
    `${files.length} active connections: ${Math.round((total * 1000) / forMs)} READ/s; ` +
      `the slowest ${slowest}, the median ${median} (${(slowest / median).toFixed(2)}); waiting ` +
      `p50 ${at(waits, 0.5).toFixed(0)} ms, p99 ${at(waits, 0.99).toFixed(0)} ms, ` +
      `most ${at(waits, 1).toFixed(0)} ms`,
  );
}
