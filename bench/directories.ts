/**
 * What one file costs in directories of 1,000, 100,000 and 1,000,000 files, and what such a
 * directory takes to be read and remembered, over local storage:
 * `node --expose-gc dist/bench/directories.js [folder] [sizes]`. The folder should be a tmpfs.
 *
 * A stall is how late a timer of 1 ms came at the most: what any other client would have waited.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TURN_TIME_MS } from '../src/base/limits.ts';
import { run } from '../src/base/task.ts';
import { FILE_ALL_ACCESS } from '../src/dtyp/access-mask.ts';
import { makeNodeEnv } from '../src/env/node/node-env.ts';
import { makeNodeLog } from '../src/env/node/node-log.ts';
import { closeOpen } from '../src/fsa/close.ts';
import type { LocalOpen } from '../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../src/fsa/make-volume.ts';
import { openFile } from '../src/fsa/open.ts';
import { nextEntry, queryDirectory } from '../src/fsa/query-directory.ts';
import type { SecurityContext } from '../src/fsa/security-context.ts';
import type { CancelSignal } from '../src/fsa/surface.ts';
import type { Volume } from '../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_OPEN_IF,
} from '../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../src/state/memory/memory-record-store.ts';
import { failed } from '../src/vfs/errno.ts';
import { openLocalVfs } from '../src/vfs/local/local-vfs.ts';

const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };
const ME: SecurityContext = {
  userSid: 'S-1-22-1-0',
  groupSids: [],
  privileges: [],
  credentials: { uid: process.geteuid!(), gid: process.getegid!(), groups: [] },
  maximalAccess: FILE_ALL_ACCESS,
};
const env = makeNodeEnv(makeNodeLog('silent'));
const ROUNDS = 5000;

const base = process.argv[2] ?? '/dev/shm';
const sizes = (process.argv[3] ?? '1000,100000,1000000').split(',').map(Number);
for (const size of sizes) await bench(size);

async function bench(size: number): Promise<void> {
  const folder = mkdtempSync(join(base, 'semba-directories-'));
  mkdirSync(join(folder, 'd'));
  for (let i = 0; i < size; i++) writeFileSync(join(folder, 'd', `Document ${i}.txt`), '');
  const vfs = openLocalVfs(folder);
  if (failed(vfs)) throw new Error(`cannot open ${folder}: ${vfs}`);
  const volume = makeVolume({
    id: 'v',
    vfs,
    env,
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore(),
  });
  console.log(`\n${size} files`);
  const show = (what: string, text: string): void => console.log(`  ${what.padEnd(40)}${text}`);
  const each = async (what: string, act: (i: number) => Promise<void>): Promise<void> => {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i++) await act(i);
    show(what, `${(((performance.now() - start) * 1000) / ROUNDS).toFixed(1).padStart(10)} us`);
  };
  const name = (i: number): string => `d\\Document ${(i * 7919) % size}.txt`;

  await each('open and close, spelt as it is', (i) => openClose(volume, name(i), FILE_OPEN));
  await stalled(show, 'first create', async () => openClose(volume, 'd\\first', FILE_CREATE));
  await each('create and close', (i) => openClose(volume, `d\\new ${i}`, FILE_CREATE));
  await each('open and close, another spelling', (i) =>
    openClose(volume, name(i).toUpperCase(), FILE_OPEN),
  );
  await each('open what is not there', (i) => openClose(volume, `d\\none ${i}`, FILE_OPEN));
  await each('delete', (i) => openClose(volume, `d\\new ${i}`, FILE_OPEN, FILE_DELETE_ON_CLOSE));
  await each('create and close again', (i) => openClose(volume, `d\\new ${i}`, FILE_CREATE));
  await stalled(show, 'list', () => list(volume));
  volume.names.close();
  vfs.close();
  rmSync(folder, { recursive: true });
}

async function opened(
  volume: Volume,
  path: string,
  createDisposition: number,
  createOptions: number,
): Promise<LocalOpen | undefined> {
  const outcome = await run(
    openFile(volume, ME, {
      path,
      desiredAccess: FILE_ALL_ACCESS,
      fileAttributes: 0,
      shareAccess: 7,
      createDisposition,
      createOptions,
      allocationSize: undefined,
      eaBuffer: undefined,
      securityDescriptor: undefined,
      timewarp: undefined,
      cancel: NEVER,
    }),
  );
  return outcome.open;
}

async function openClose(
  volume: Volume,
  path: string,
  disposition: number,
  options = 0,
): Promise<void> {
  const open = await opened(volume, path, disposition, options);
  if (open !== undefined) await run(closeOpen(open));
}

async function list(volume: Volume): Promise<void> {
  const open = await opened(volume, 'd', FILE_OPEN_IF, 0);
  if (open === undefined) throw new Error('the directory does not open');
  await run(queryDirectory(open, { pattern: '*', restart: false, reopen: false }));
  // As the server does with its responses.
  for (let startMs = performance.now(); (await nextEntry(open)) !== undefined; ) {
    if (performance.now() - startMs < TURN_TIME_MS) continue;
    await turn();
    startMs = performance.now();
  }
  await run(closeOpen(open));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type Show = (what: string, text: string) => void;

/** How long, how late others were meanwhile, and what memory it left behind. */
async function stalled(show: Show, what: string, act: () => Promise<void>): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage();
  let latest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    latest = Math.max(latest, now - last - 1);
    last = now;
  }, 1);
  await turn();
  const start = performance.now();
  await act();
  const tookMs = performance.now() - start;
  await turn();
  clearInterval(timer);
  const peak = process.memoryUsage().rss - before.rss;
  globalThis.gc?.();
  const after = process.memoryUsage();
  const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  show(
    what,
    `${tookMs.toFixed(1).padStart(10)} ms, stall ${latest.toFixed(1)} ms, ` +
      `${mib(held)} held, ${mib(peak)} more resident`,
  );
}
