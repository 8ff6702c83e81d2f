/**
 * The server that every tool outside tests: fresh folders, the same shares and users each time.
 *
 *   share      everything on            share_ro   read-only, with a few files
 *   share_apple Apple's extensions      share_apple_plain  the same folder without them
 *   share_time_machine  for backups, of 32 KiB
 *   share_enc  encryption required      noperm     a folder that nobody may use
 *   hideunread lists what can be read   posix      permission bits alone
 *   share_nostreams  without named streams
 *   share_samba what is Samba's way and no other's, by option
 *   share_local  minds what local processes have open and locked
 *   share_ca   continuously available: persistent handles; ca_fo and ca_fo_max_rwh the same
 *   share_snap files now, and as they were at @GMT-2024.01.02-03.04.05 and at …06.07.08
 *
 * Users torture1/torture1pw and torture2/torture2pw. Variables:
 *   SEMBA_DIR          folder in which the shares' folders are made (default: the temporary folder)
 *   SEMBA_SHARE_DIR    an existing folder for `share`; it is not removed
 *   SEMBA_STATE        folder that keeps state and shares over a restart; nothing in it is removed
 *   SEMBA_VFS          local (default) or memory
 *   SEMBA_LOG          log level (default: warn)
 *   SEMBA_SIGNING      enabled (default) or required
 *   SEMBA_REPLAY_ORDER sane (default) or windows
 *   SEMBA_OPLOCK_BREAK_CHANNELS retry (default) or windows
 *   SEMBA_ENCRYPTION   off (default), desired or required
 *   SEMBA_COMPRESSION  off (default), asked or on
 *   SEMBA_SENDFILE     yes: every share has the option sendFile
 *   SEMBA_DIALECT_MIN, SEMBA_DIALECT_MAX   2.0.2 … 3.1.1
 *   SEMBA_LIMITS       JSON of limits, e.g. {"connectionsMax": 10}
 *   SEMBA_INTERFACES   rules of option \`interfaces\`, separated by spaces
 */
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { type LogLevel, makeNodeLog } from '../../src/env/node/node-log.ts';
import { type DialectName, type ShareOptions, SmbServer } from '../../src/server/smb-server.ts';
import { MemoryVfs } from '../../src/server/storage.ts';

const NOBODY = 65_534;
/** Where semba runs as root torture1 owns the folders, and torture2 is somebody else. */
const OTHER = { uid: 60_002, gid: 60_002 };
/** Storage in memory has no local processes. */
const LOCAL = process.env.SEMBA_VFS === 'memory' ? {} : { kernelOplocks: true, posixLocks: true };
const [port, workers = '1'] = process.argv.slice(2);
if (port === undefined || !/^\d+$/.test(port) || !/^\d+$/.test(workers)) {
  process.stderr.write('usage: serve PORT [WORKERS]\n');
  process.exit(2);
}
await serve(Number(port));

async function serve(onPort: number): Promise<void> {
  const { env } = process;
  const stopped = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
  });
  const base = env.SEMBA_STATE ?? mkdtempSync(join(env.SEMBA_DIR ?? tmpdir(), 'semba-serve-'));
  const stateFolder = folder(base, 'state', 0o700);
  const server = new SmbServer({
    listen: ['127.0.0.1'],
    port: onPort,
    name: 'SEMBA',
    signing: env.SEMBA_SIGNING === 'required' ? 'required' : 'enabled',
    oplockBreakChannels: env.SEMBA_OPLOCK_BREAK_CHANNELS === 'windows' ? 'windows' : 'retry',
    replayOrder: env.SEMBA_REPLAY_ORDER === 'windows' ? 'windows' : 'sane',
    encryption: (env.SEMBA_ENCRYPTION ?? 'off') as 'off' | 'desired' | 'required',
    stateFolder,
    workers: Number(workers),
    allowAnonymous: true,
    testControls: true,
    dialectMin: (env.SEMBA_DIALECT_MIN ?? '2.0.2') as DialectName,
    dialectMax: (env.SEMBA_DIALECT_MAX ?? '3.1.1') as DialectName,
    limits: JSON.parse(env.SEMBA_LIMITS ?? '{}'),
    interfaces: env.SEMBA_INTERFACES?.split(' ') ?? [],
    log: makeNodeLog((env.SEMBA_LOG ?? 'warn') as LogLevel),
  });
  try {
    const compression = (env.SEMBA_COMPRESSION ?? 'off') as 'off' | 'asked' | 'on';
    const sendFile = env.SEMBA_SENDFILE === 'yes';
    for (const share of makeShares(base)) {
      await server.addShare({ ...share, compression, sendFile });
    }
    await server.addUser({ name: 'torture1', password: 'torture1pw' });
    await server.addUser({ name: 'torture2', password: 'torture2pw', unixIds: OTHER });
    await server.start();
    process.stdout.write('ready\n');
    await stopped;
  } finally {
    await server.stop();
    if (env.SEMBA_STATE === undefined) rmSync(base, { recursive: true, force: true });
  }
}

function makeShares(base: string): readonly ShareOptions[] {
  const own = process.env.SEMBA_SHARE_DIR;
  const main = own === undefined ? storage(base, 'share') : { path: own };
  const available = { ...storage(base, 'share_ca'), continuousAvailability: true };
  const shares = [
    { name: 'share', ...main, createMask: 0o755, shortNames: true },
    // smbtorture smb2.persistent-open.leaselevels_fo: one folder under three names.
    { name: 'share_ca', ...available },
    { name: 'ca_fo', ...available },
    { name: 'ca_fo_max_rwh', ...available },
  ];
  // What is kept over a restart is these.
  if (process.env.SEMBA_STATE !== undefined) return shares;
  const apple = storage(base, 'share_apple');
  return [
    ...shares,
    { name: 'share_apple', ...apple, apple: true },
    { name: 'share_apple_plain', ...apple },
    {
      name: 'share_time_machine',
      ...storage(base, 'share_time_machine'),
      timeMachine: true,
      timeMachineSizeMax: 32_768,
    },
    { name: 'share_enc', ...storage(base, 'share_enc'), encryption: 'required' },
    { name: 'hideunread', ...storage(base, 'hideunread'), accessBasedEnumeration: true },
    { name: 'share_local', ...storage(base, 'share_local'), ...LOCAL },
    {
      name: 'share_samba',
      ...storage(base, 'share_samba'),
      hideFiles: ['hidefile'],
      aclOrder: 'canonical',
      aclAutoInherited: 'kept',
    },
    { name: 'share_nostreams', ...storage(base, 'share_nostreams'), streams: false },
    { name: 'posix', ...storage(base, 'posix'), access: 'posix' },
    { name: 'share_ro', path: readOnlyFolder(base), readOnly: true },
    { name: 'share_snap', path: snapshotFolder(base), snapshots: { folder: '.snapshots' } },
    { name: 'noperm', path: forbiddenFolder(base) },
  ];
}

function storage(base: string, name: string): Pick<ShareOptions, 'path' | 'vfs'> {
  if (process.env.SEMBA_VFS === 'memory') return { vfs: new MemoryVfs(makeNodeClock()) };
  return { path: folder(base, name, 0o755) };
}

function readOnlyFolder(base: string): string {
  const path = folder(base, 'share_ro', 0o755);
  mkdirSync(join(path, 'folder'));
  writeFileSync(join(path, 'readme.txt'), 'This share is read-only.\n');
  writeFileSync(join(path, 'folder', 'data.bin'), Buffer.alloc(100_000, 0x5e));
  return path;
}

/** Two snapshots; the older has a file of another content, and one that is gone now. */
function snapshotFolder(base: string): string {
  const path = folder(base, 'share_snap', 0o755);
  for (const [below, content] of [
    ['', 'now'],
    ['.snapshots/@GMT-2024.01.02-03.04.05', 'then'],
    ['.snapshots/@GMT-2024.01.02-06.07.08', 'later'],
  ] as const) {
    const root = join(path, below);
    mkdirSync(join(root, 'folder'), { recursive: true });
    writeFileSync(join(root, 'file.txt'), content);
    writeFileSync(join(root, 'folder', `${content}.txt`), content);
    // smbtorture smb2.twrp.listdir wants a file that the snapshot shares with what is now.
    mkdirSync(join(root, 'subdir'));
    const link = join(root, 'subdir', 'hardlink');
    if (below === '') writeFileSync(link, content);
    else linkSync(join(path, 'subdir', 'hardlink'), link);
  }
  return path;
}

/** Whoever connects acts as its owner, and the owner may do nothing with it. */
function forbiddenFolder(base: string): string {
  const path = folder(base, 'noperm', 0o700);
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
  chmodSync(path, 0);
  return path;
}

function folder(base: string, name: string, mode: number): string {
  const path = join(base, name);
  mkdirSync(path, { mode, recursive: true });
  return path;
}
