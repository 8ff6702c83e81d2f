import { mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { ConfigProblem, StateFolderError, serveControl } from '../admin/control-server.ts';
import { LOG_LEVELS, type LogLevel, makeNodeLog } from '../env/node/node-log.ts';
import { makeNodeRandom } from '../env/node/node-random.ts';
import type { Log } from '../env/ports.ts';
import { AccountEditError, checkUserName } from '../server/accounts.ts';
import { type Config, ConfigError, readConfig } from '../server/config.ts';
import type { Configured } from '../server/decide-reload.ts';
import type { ShareOptions, SmbServerOptions } from '../server/options.ts';
import type { ReloadReport } from '../server/reload.ts';
import { SmbServer } from '../server/smb-server.ts';
import { WORKERS_MAX } from '../server/workers/worker-options.ts';
import { CommandError, toCommandError, UsageError } from './command-error.ts';
import { generatePassword } from './generate-password.ts';
import { parseShareArgument, refuseTwins, shareOfFolder } from './share-argument.ts';
import { defaultStateFolder } from './state-folder.ts';
import { version } from './version.ts';
import { welcome } from './welcome.ts';

const SMB_PORT = 445;
const UNPRIVILEGED_PORT = 4450;
const DEFAULT_FOLDER = 'semba-share';

interface ServeFlags {
  readonly share?: readonly ShareOptions[];
  readonly user?: string;
  readonly port?: number;
  readonly workers?: number | 'auto';
  readonly listen?: readonly string[];
  readonly config?: string;
  readonly state?: string;
  readonly log?: LogLevel;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('share folders')
    .argument('[FOLDER...]', `folders to share by their own names (default: ./${DEFAULT_FOLDER})`)
    .option('--share <NAME=FOLDER[:ro]>', 'share a folder by another name', gatherShare)
    .option(
      '--user <NAME>',
      'make this account, if it is missing, with a generated password',
      toUserName,
    )
    .option('--port <N>', `port (default: ${SMB_PORT} as root, ${UNPRIVILEGED_PORT} else)`, toPort)
    .option('--listen <ADDR>', 'address to listen on; may be repeated (default: all)', gather)
    .option('--workers <N>', 'processes that serve, or auto: one for each core (1)', toWorkers)
    .option('--config <FILE>', 'configuration in TOML; options given here come first')
    .option('--state <DIR>', 'folder of the accounts')
    .option('--log <LEVEL>', `${LOG_LEVELS.join(', ')} (default: info)`, toLogLevel)
    .action(serve);
}

async function serve(folders: readonly string[], flags: ServeFlags): Promise<void> {
  try {
    await serveUntilSignal(folders, flags);
  } catch (error) {
    if (error instanceof StateFolderError) throw new CommandError(error.message);
    throw toCommandError(error, 'cannot serve');
  }
}

async function serveUntilSignal(folders: readonly string[], flags: ServeFlags): Promise<void> {
  const { server: options, shares, logLevel } = configured(folders, flags);
  const { listen, port, stateFolder } = options;
  const log = makeNodeLog(logLevel);
  const server = new SmbServer({ ...options, log });
  const reload = (): Promise<ReloadReport> =>
    reloadServer(server, () => configured(folders, flags));
  const signal = nextSignal(() => reloadLogged(reload, log));
  let control: { close(): Promise<void> } | undefined;
  try {
    // One server at a time has a state folder: this tells before anything in it is touched.
    control = await serveControl(server, stateFolder, reload);
    for (const share of shares) await server.addShare(share);
    await start(server, port);
    // A password that is told once is made when nothing can fail any more.
    const made = await makeFirstUser(server, flags.user);
    const users = await server.users();
    const first = flags.user ?? made?.name;
    const isDefaultState = flags.state === undefined && flags.config === undefined;
    const params = { listen, port, shares, stateFolder, isDefaultState, version: version() };
    const ordered = users.toSorted((a, b) => Number(b === first) - Number(a === first));
    process.stdout.write(welcome({ ...params, users: ordered, password: made?.password }));
    await signal;
  } finally {
    await control?.close();
    await server.stop();
  }
}

interface Configuration extends Configured {
  readonly server: SmbServerOptions & { readonly port: number; readonly stateFolder: string };
  readonly logLevel: LogLevel;
}

/** What the command line and the file say now. */
function configured(folders: readonly string[], flags: ServeFlags): Configuration {
  const config = flags.config === undefined ? undefined : readConfig(flags.config);
  const listen = flags.listen ?? config?.server.listen;
  return {
    shares: sharesToServe(folders, flags, config),
    server: {
      ...config?.server,
      ...(listen === undefined ? {} : { listen }),
      port: flags.port ?? config?.server.port ?? defaultPort(),
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      stateFolder: resolve(flags.state ?? config?.server.stateFolder ?? defaultStateFolder()),
    },
    logLevel: flags.log ?? config?.logLevel ?? 'info',
  };
}

async function reloadServer(
  server: SmbServer,
  configuration: () => Configuration,
): Promise<ReloadReport> {
  let next: Configuration;
  try {
    next = configuration();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) {
      throw new ConfigProblem(error.message);
    }
    throw error;
  }
  return server.reload(next);
}

/** After SIGHUP nobody but the log hears what became of it. */
async function reloadLogged(reload: () => Promise<ReloadReport>, log: Log): Promise<void> {
  try {
    const { changes, refused } = await reload();
    for (const what of changes) log.info({ what }, 'configuration taken over');
    for (const what of refused) log.warn({ what }, 'configuration not taken over');
  } catch (error) {
    log.error({ reason: (error as Error).message }, 'configuration not read again');
  }
}

function sharesToServe(
  folders: readonly string[],
  flags: ServeFlags,
  config: Config | undefined,
): readonly ShareOptions[] {
  const shares = [...(config?.shares ?? []), ...folders.map(shareOfFolder), ...(flags.share ?? [])];
  refuseTwins(shares);
  if (shares.length > 0) return shares;
  mkdirSync(DEFAULT_FOLDER, { recursive: true });
  return [shareOfFolder(DEFAULT_FOLDER)];
}

/** Makes the account asked for, or a first one, unless it is there; its password is returned. */
async function makeFirstUser(
  server: SmbServer,
  wanted: string | undefined,
): Promise<{ readonly name: string; readonly password: string } | undefined> {
  const users = await server.users();
  if (wanted === undefined && users.length > 0) return undefined;
  const name = wanted ?? ownUserName();
  if (users.some((user) => user.toLowerCase() === name.toLowerCase())) return undefined;
  const password = generatePassword(makeNodeRandom());
  await server.addUser({ name, password });
  return { name, password };
}

/** What Node says about an address besides. */
type ListenError = NodeJS.ErrnoException & {
  readonly address?: string;
  readonly hostname?: string;
};

async function start(server: SmbServer, port: number): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    const { code, address, hostname } = error as ListenError;
    if (code === 'EADDRINUSE') {
      throw new CommandError(`port ${port} is in use by another program; choose one with --port`);
    }
    if (code === 'EACCES') {
      throw new CommandError(`port ${port} needs root; choose one above 1023 with --port`);
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new CommandError(`cannot listen: this machine has no address ${hostname ?? address}`);
    }
    throw error;
  }
}

/** Resolves at SIGINT or SIGTERM; SIGHUP reads the configuration again meanwhile. */
function nextSignal(reload: () => Promise<void>): Promise<void> {
  process.on('SIGHUP', () => void reload());
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
  });
}

function ownUserName(): string {
  const name = systemUserName();
  return /^[a-z_][a-z0-9_.-]*$/i.test(name) && name !== 'root' ? name : 'semba';
}

/** Empty for a user id that has no name, as in a container. */
function systemUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function defaultPort(): number {
  return process.getuid?.() === 0 ? SMB_PORT : UNPRIVILEGED_PORT;
}

function gatherShare(
  text: string,
  before: readonly ShareOptions[] | undefined,
): readonly ShareOptions[] {
  return [...(before ?? []), parseShareArgument(text)];
}

function toUserName(name: string): string {
  try {
    checkUserName(name);
    return name;
  } catch (error) {
    if (error instanceof AccountEditError) throw new UsageError(`--user: ${error.message}`);
    throw error;
  }
}

function gather(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function toPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new UsageError(`--port ${text}: expected a port, 1 to 65535`);
  }
  return port;
}

function toWorkers(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > WORKERS_MAX) {
    throw new UsageError(`--workers ${text}: expected auto, or 1 to ${WORKERS_MAX}`);
  }
  return count;
}

function toLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((one) => one === text);
  if (level === undefined) {
    throw new UsageError(`--log ${text}: expected one of ${LOG_LEVELS.join(', ')}`);
  }
  return level;
}
