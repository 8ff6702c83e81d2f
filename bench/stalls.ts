/**
 * How long one client's requests hold up all others: `node dist/bench/stalls.js PORT [SCENARIO…]`.
 *
 * Starts test/interop/serve on the port, with bench/stall-probe in it, and plays one scenario after
 * the other. For each: the longest time that the server's event loop was not there for others, less
 * what the machine kept it waiting for a processor, and the 99th percentile of that.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeConnections } from '../test/conformance/peer.ts';
import type { StallReport } from './stall-probe.ts';
import { SCENARIOS } from './stall-scenarios.ts';

const SETTLE_MS = 100;
const [port = '', ...names] = process.argv.slice(2);
if (!/^\d+$/.test(port)) {
  console.error('usage: stalls PORT [SCENARIO…]');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'semba-stalls-'));
const server = startServer();
try {
  await once(server.stdout!, 'data');
  for (const { name, prepare, play } of SCENARIOS) {
    if (names.length > 0 && !names.some((part) => name.includes(part))) continue;
    const target = { host: '127.0.0.1', port: Number(port), share: 'share' };
    const stage = { target: { ...target, user: 'torture1', password: 'torture1pw' }, folder };
    const prepared = await prepare(stage);
    await sleep(SETTLE_MS);
    await stalls();
    await play(stage, prepared);
    const during = await stalls();
    closeConnections();
    await sleep(SETTLE_MS);
    const after = await stalls();
    const shown = ({ p99Ms, maxMs }: StallReport): string =>
      `max ${maxMs.toFixed(0).padStart(5)} ms  p99 ${p99Ms.toFixed(1).padStart(6)} ms`;
    console.log(`${name.padEnd(44)} ${shown(during)}   closing ${after.maxMs.toFixed(0)} ms`);
  }
} finally {
  closeConnections();
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}

function startServer(): ChildProcess {
  const [serve, probe] = [modulePath('../test/interop/serve.js'), modulePath('./stall-probe.js')];
  return fork(serve, [port], {
    execArgv: ['--import', probe],
    env: { ...process.env, SEMBA_SHARE_DIR: folder, SEMBA_COMPRESSION: 'on' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

async function stalls(): Promise<StallReport> {
  const answered = once(server, 'message');
  server.send('stalls');
  const [report] = (await answered) as [StallReport];
  return report;
}

function modulePath(path: string): string {
  return new URL(path, import.meta.url).pathname;
}
