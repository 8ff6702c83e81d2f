import { mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import {
  ConfigProblem,
  type ControlServer,
  makeControl,
  StateFolderError,
} from '../admin/control-server.ts';
import { LOG_LEVELS, type LogLevel, makeNodeLog } from '../env/node/node-log.ts';
import { makeNodeRandom } from '../env/node/node-random.ts';
import type { Log } from '../env/ports.ts';
import { AccountEditError, checkUserName } from '../server/accounts.ts';
import { type Config, ConfigError, readConfig } from '../server/config.ts';
import type { Configured } from '../server/decide-reload.ts';
import { removeHandOverFolder } from '../server/hand-over-file.ts';
import type { ShareOptions, SmbServerEvent, SmbServerOptions } from '../server/options.ts';
import type { ReloadReport } from '../server/reload.ts';
import { SmbServer } from '../server/smb-server.ts';
import { Predecessor } from '../server/upgrade/predecessor.ts';
import { tellServiceManager } from '../server/upgrade/service-manager.ts';
import type { TakenBack, UpgradeRequest } from '../server/upgrade/upgrade.ts';
import { replacement } from '../server/workers/installed-code.ts';
import { WORKERS_MAX } from '../server/workers/worker-options.ts';
import { CommandError, EXIT_FAILURE, toCommandError, UsageError } from './command-error.ts';
import { filled } from './filled.ts';
import { generatePassword } from './generate-password.ts';
import { parseShareArgument, refuseTwins, shareOfFolder } from './share-argument.ts';
import { defaultStateFolder } from './state-folder.ts';
import { ownPlace, type Place, takePlace, Upgrades } from './take-place.ts';
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
    .option(
      '--config <FILE>',
      'configuration in TOML; options given here come first',
      filled('--config'),
    )
    .option('--state <DIR>', 'folder of the accounts', filled('--state'))
    .option('--log <LEVEL>', `${LOG_LEVELS.join(', ')} (default: info)`, toLogLevel)
    .action(serve);
}

async function serve(folders: readonly string[], flags: ServeFlags): Promise<void> {
  const predecessor = Predecessor.meet(version(), () => process.exit(EXIT_FAILURE));
  try {
    await serveUntilSignal(folders, flags, predecessor);
  } catch (error) {
    const told =
      error instanceof StateFolderError
        ? new CommandError(error.message)
        : toCommandError(error, 'cannot serve');
    await predecessor?.failed(told instanceof Error ? told.message : String(told));
    throw told;
  }
}

/** A server whose successor fails when it has let go already is its own successor. */
async function serveUntilSignal(
  folders: readonly string[],
  flags: ServeFlags,
  predecessor: Predecessor | undefined,
): Promise<void> {
  const configuration = () => configured(folders, flags);
  const signals = new Signals();
  let end = await serveOnce({ configuration, flags, signals, place: predecessor });
  while (end !== 'ended') {
    const { folder } = end;
    const isAlone = replacement() !== undefined;
    end = await serveOnce({ configuration, flags, signals, place: ownPlace(folder), isAlone });
  }
}

interface Serving {
  readonly configuration: () => Configuration;
  readonly flags: ServeFlags;
  readonly signals: Signals;
  /** Where clients have something open already. */
  readonly place: Place | undefined;
  /** No other process could be started that runs the same code. */
  readonly isAlone?: boolean;
}

async function serveOnce(serving: Serving): Promise<'ended' | TakenBack> {
  const { configuration, signals, place } = serving;
  const { server: options, shares, logLevel } = configuration();
  const { stateFolder } = options;
  const log = makeNodeLog(logLevel);
  const failure = new Failure();
  const { onEvent } = failure;
  if (serving.isAlone)
    log.warn({}, "one process serves until 'semba upgrade': files were replaced");
  const server = new SmbServer({
    ...options,
    ...(serving.isAlone && { workers: 1 }),
    log,
    onEvent,
  });
  const reload = (): Promise<ReloadReport> => reloadServer(server, configuration);
  const upgrades = new Upgrades({ server, stateFolder, log, version: version() });
  const jobs = { reload, upgrade: (request: UpgradeRequest) => upgrades.run(request) };
  let control: ControlServer | undefined;
  try {
    control = await makeControl(server, stateFolder, jobs);
    upgrades.control = control;
    signals.onReload = () => reloadLogged(reload, log);
    if (place === undefined) {
      // One server at a time has a state folder: this tells before anything in it is touched.
      await control.listen();
      removeHandOverFolder(stateFolder);
      for (const share of shares) await server.addShare(share);
      await start(server, options.port);
      await greet(server, serving.flags, options, shares);
      tellServiceManager(['READY=1']);
    } else {
      await takePlace(server, { place, shares, stateFolder, control });
    }
    return await Promise.race([signals.end, upgrades.end, failure.end]);
  } finally {
    upgrades.abort();
    await control?.close();
    await server.stop();
  }
}

/** What `serve` prints once it serves. */
async function greet(
  server: SmbServer,
  flags: ServeFlags,
  { listen, port, stateFolder }: Configuration['server'],
  shares: readonly ShareOptions[],
): Promise<void> {
  // A password that is told once is made when nothing can fail any more.
  const made = await makeFirstUser(server, flags.user);
  const users = await server.users();
  const first = flags.user ?? made?.name;
  const isDefaultState = flags.state === undefined && flags.config === undefined;
  const params = { listen, port, shares, stateFolder, isDefaultState, version: version() };
  const ordered = users.toSorted((a, b) => Number(b === first) - Number(a === first));
  process.stdout.write(welcome({ ...params, users: ordered, password: made?.password }));
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

/** That nothing serves any more. Whoever watches this process starts what is installed. */
class Failure {
  readonly onEvent: (event: SmbServerEvent) => void;
  /** Never resolves. */
  readonly end: Promise<never>;

  constructor() {
    let fail = (_: Error): void => {};
    this.end = new Promise((_, reject) => {
      fail = reject;
    });
    // Nobody may be waiting yet.
    this.end.catch(() => {});
    this.onEvent = (event) => {
      if (event.kind === 'out-of-service') fail(new CommandError(`nobody serves: ${event.reason}`));
    };
  }
}

/** Of this process, whichever server it has. */
class Signals {
  /** SIGHUP. */
  onReload: () => Promise<void> = async () => {};
  /** SIGINT or SIGTERM. */
  readonly end: Promise<'ended'>;

  constructor() {
    process.on('SIGHUP', () => void this.onReload());
    this.end = new Promise((done) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => done('ended'));
    });
  }
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
  return [...(before ?? []), filled('--listen')(text)];
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
