import { Command } from 'commander';
import { ControlClient } from '../admin/control-client.ts';
import type { ControlStatus } from '../admin/control-server.ts';
import { DELETE, FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { nodeTimers } from '../env/node/node-timers.ts';
import { readConfig } from '../server/config.ts';
import { EXIT_FAILURE, UsageError } from './command-error.ts';
import { toControlError } from './control-error.ts';
import { filled } from './filled.ts';
import { defaultStateFolder } from './state-folder.ts';
import { table } from './table.ts';

type SessionStatus = ControlStatus['sessions'][number];

const WATCH_MS = 1_000;
/** Clears a terminal, and goes to its top left. */
const CLEAR = '\x1b[2J\x1b[H';

interface StatusFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly user?: string;
  readonly client?: string;
  readonly share?: string;
  readonly file?: string;
  readonly state?: string;
  readonly config?: string;
}

export function statusCommand(): Command {
  return new Command('status')
    .description('what a running server is doing: sessions, open files, locks')
    .option('--json', 'for programs')
    .option('--watch', 'again every second, until Ctrl-C')
    .option('--user <NAME>', 'only of this user')
    .option('--client <ADDRESS>', 'only of this address')
    .option('--share <NAME>', 'only on this share')
    .option('--file <TEXT>', 'only open files whose path contains this')
    .option('--state <DIR>', 'state folder of the server', filled('--state'))
    .option('--config <FILE>', 'configuration that names the state folder', filled('--config'))
    .action(status);
}

async function status(flags: StatusFlags): Promise<void> {
  // Who reads it, `head` for one, may have had enough.
  process.stdout.once('error', ({ code }: NodeJS.ErrnoException) => {
    process.exit(code === 'EPIPE' ? 0 : EXIT_FAILURE);
  });
  if (flags.watch && flags.json) throw new UsageError('--watch and --json: only one of them');
  try {
    const configured = flags.config === undefined ? undefined : readConfig(flags.config).server;
    const folder = flags.state ?? configured?.stateFolder ?? defaultStateFolder();
    const client = new ControlClient(folder);
    do {
      const shown = select(await client.status(), flags);
      const text = flags.json ? `${JSON.stringify(shown, undefined, 2)}\n` : render(shown);
      process.stdout.write(flags.watch && process.stdout.isTTY ? CLEAR + text : text);
      if (flags.watch) await pause();
    } while (flags.watch);
  } catch (error) {
    throw toControlError(error);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => nodeTimers.after(WATCH_MS, resolve, { keepsAlive: true }));
}

/** What the filters leave; a connection or session stays when anything of it could. */
function select(all: ControlStatus, flags: StatusFlags): ControlStatus {
  const sameText = (a: string, b: string | undefined): boolean =>
    b === undefined || a.toLowerCase() === b.toLowerCase();
  const sessions = all.sessions.filter(
    ({ user, addresses, shares }) =>
      sameText(user, flags.user) &&
      (flags.client === undefined ||
        addresses.some((address) => address.includes(flags.client!))) &&
      (flags.share === undefined || shares.some(({ name }) => sameText(name, flags.share))),
  );
  const ids = new Set(sessions.map(({ id }) => id));
  const known = new Set(all.sessions.map(({ id }) => id));
  // Of a client that is away the session is gone; what it left open has no address.
  const isAway = (session: string): boolean => flags.client === undefined && !known.has(session);
  const opens = all.opens.filter(
    ({ session, user, share, path }) =>
      (ids.has(session) || isAway(session)) &&
      sameText(user, flags.user) &&
      sameText(share, flags.share) &&
      (flags.file === undefined || path.toLowerCase().includes(flags.file.toLowerCase())),
  );
  const holders = new Set(opens.map(({ session }) => session));
  const kept = flags.file === undefined ? sessions : sessions.filter(({ id }) => holders.has(id));
  const channels = new Set(kept.flatMap((session) => session.channels));
  const isFiltered = kept.length < all.sessions.length;
  const connections = isFiltered
    ? all.connections.filter(({ id }) => channels.has(id))
    : all.connections;
  return { ...all, sessions: kept, opens, connections };
}

function render(status: ControlStatus): string {
  const { name, pid, connections, sessions, opens, workers = [] } = status;
  const counts = `${connections.length} connections, ${sessions.length} sessions`;
  const parts = [
    `${name}, process ${pid}: ${counts}, ${opens.length} open files\n`,
    table(
      ['WORKER', 'PROCESS', 'STATE', 'CONNECTIONS'],
      workers.map((one) => [
        String(one.slot),
        String(one.pid),
        one.state === 'silent' ? 'does not answer: not shown below' : one.state,
        String(one.connections),
      ]),
    ),
    table(
      ['SESSION', 'USER', 'CLIENT', 'DIALECT', 'PROTECTION', 'CHANNELS', 'AGE', 'SHARES'],
      sessions.map((one) => [
        one.id,
        one.user === '' ? '(anonymous)' : one.user,
        one.addresses.join(' '),
        one.dialect,
        protectionOf(status, one),
        one.channels.join(' '),
        ageText(one.age),
        one.shares.map(shareText).join(' '),
      ]),
    ),
    table(
      ['OPEN', 'USER', 'SHARE', 'ACCESS', 'SHARING', 'CACHING', 'LOCKS', 'KEPT', 'FILE'],
      opens.map((one) => [
        one.id,
        one.user,
        one.share,
        accessText(one.access),
        one.sharing === '' ? '-' : one.sharing,
        cachingText(one.caching),
        one.locks.length === 0 ? '-' : String(one.locks.length),
        keptText(one.durable),
        `/${one.path}${one.stream === '' ? '' : `:${one.stream}`}${one.directory ? '/' : ''}`,
      ]),
    ),
    table(
      ['CONNECTION', 'CLIENT', 'SERVER', 'SESSIONS', 'DIALECT', 'CREDITS', 'WAITING', 'UNSENT'],
      connections.map((one) => [
        String(one.id),
        one.address,
        one.localAddress,
        sessionsOn(sessions, one.id),
        one.dialect,
        String(one.credits),
        String(one.waiting),
        String(one.queuedBytes),
      ]),
    ),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** Several connections with one session are its channels. */
function sessionsOn(sessions: ControlStatus['sessions'], connection: number): string {
  const ids = sessions.filter(({ channels }) => channels.includes(connection)).map(({ id }) => id);
  return ids.length === 0 ? '-' : ids.join(' ');
}

function shareText({ name, opens, encrypted }: SessionStatus['shares'][number]): string {
  return encrypted ? `${name} (${opens}, encrypted)` : `${name} (${opens})`;
}

function protectionOf({ connections }: ControlStatus, session: SessionStatus): string {
  const connection = connections.find(({ id }) => session.channels.includes(id));
  if (connection === undefined) return '-';
  const cipher = connection.cipher === '' ? 'AES-128-CCM' : connection.cipher;
  if (session.encrypted) return cipher;
  const signed = session.signed ? `signed, ${connection.signing}` : '-';
  if (!session.sawEncrypted) return signed;
  return session.signed ? `${signed}; partly ${cipher}` : `partly ${cipher}`;
}

/** What of 'rwd' the open may itself, as its sharing tells what it lets others. */
function accessText(access: number): string {
  const letters = ACCESS.map(([bits, letter]) => ((access & bits) === 0 ? '' : letter)).join('');
  return letters === '' ? '-' : letters;
}

const ACCESS: readonly (readonly [number, string])[] = [
  [FILE_READ_DATA, 'r'],
  [FILE_WRITE_DATA | FILE_APPEND_DATA, 'w'],
  [DELETE, 'd'],
];

function cachingText({ kind, state, breaking }: ControlStatus['opens'][number]['caching']): string {
  if (kind === 'none') return '-';
  return `${kind} ${state}${breaking ? ' (breaking)' : ''}`;
}

function keptText(durable: ControlStatus['opens'][number]['durable']): string {
  if (durable === undefined) return '-';
  const { kind, timeoutMs, disconnected } = durable;
  return `${kind} ${ageText(Math.floor(timeoutMs / 1000))}${disconnected ? ' (away)' : ''}`;
}

function ageText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
