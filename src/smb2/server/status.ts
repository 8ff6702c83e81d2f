/** What the server is doing, as plain data: for `semba status`, dashboards and metrics. */
import { type Task, wait } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import type { FileRecord } from '../../fsa/file-record.ts';
import {
  HANDLE_CACHING,
  NO_CACHING,
  type OplockEntry,
  READ_CACHING,
  WRITE_CACHING,
} from '../../fsa/oplock.ts';
import {
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../fscc/create-parameters.ts';
import type { CipherId, SigningAlgorithmId } from '../crypto/algorithms.ts';
import type { Smb2Server } from './server.ts';
import { type Connection, DIALECT_NONE } from './state/connection.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';

export interface ConnectionStatus {
  readonly id: number;
  readonly address: string;
  /** This server's end: channels of a session differ in it where the client uses several cards. */
  readonly localAddress: string;
  /** '3.1.1'; '' before NEGOTIATE. */
  readonly dialect: string;
  readonly clientGuid: string;
  /** 'AES-128-GCM'; '' when none was agreed on. */
  readonly cipher: string;
  readonly signing: string;
  /** Message ids that the client may use now. */
  readonly credits: number;
  /** Requests that wait, and of those the ones that were answered STATUS_PENDING. */
  readonly waiting: number;
  readonly async: number;
  /** Bytes of replies that the client did not take yet. */
  readonly queuedBytes: number;
}

export interface SessionStatus {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly user: string;
  readonly domain: string;
  readonly state: string;
  readonly dialect: string;
  readonly clientGuid: string;
  readonly addresses: readonly string[];
  /** Connections of the session, by id. */
  readonly channels: readonly number[];
  readonly signed: boolean;
  /** All of it must be. */
  readonly encrypted: boolean;
  /** Some of it was: a share wants it, or the client. */
  readonly sawEncrypted: boolean;
  /** Seconds since it began. */
  readonly age: number;
  readonly shares: readonly {
    readonly name: string;
    readonly opens: number;
    readonly encrypted: boolean;
  }[];
  readonly opens: number;
}

export interface LockStatus {
  /** Bytes, decimal: a range may be longer than a number can tell. */
  readonly offset: string;
  readonly length: string;
  readonly exclusive: boolean;
}

export interface OpenStatus {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly session: string;
  readonly user: string;
  readonly share: string;
  /** '/'-separated, from the share's root; '' is the root itself, and any pipe of IPC$. */
  readonly path: string;
  readonly stream: string;
  readonly directory: boolean;
  /** Access mask ([MS-DTYP] 2.4.3). */
  readonly access: number;
  /** Of 'rwd': what it lets others do. */
  readonly sharing: string;
  /** 'none', 'oplock' or 'lease', and of 'RHW' what is cached. */
  readonly caching: { readonly kind: string; readonly state: string; readonly breaking: boolean };
  readonly locks: readonly LockStatus[];
  /** Undefined: it ends with its connection. */
  readonly durable: DurableStatus | undefined;
}

export interface DurableStatus {
  readonly kind: string;
  /** Milliseconds that it is kept without a client. */
  readonly timeoutMs: number;
  /** Its client is gone, and may come back. */
  readonly disconnected: boolean;
}

export interface WorkerStatus {
  readonly slot: number;
  readonly pid: number;
  /** 'silent': it did not answer in time, so that nothing of what it serves is in the status. */
  readonly state: 'starting' | 'serving' | 'silent';
  readonly connections: number;
}

export interface ServerStatus {
  readonly connections: readonly ConnectionStatus[];
  readonly sessions: readonly SessionStatus[];
  readonly opens: readonly OpenStatus[];
  /** Of a server of several processes. */
  readonly workers?: readonly WorkerStatus[];
}

/** A snapshot; what changes while it is taken may be in it or not. */
export function* serverStatus(server: Smb2Server): Task<ServerStatus> {
  const nowMs = server.options.env.clock.monotonicMs();
  const sessions = [...server.sessions.values()].filter(({ state }) => state !== 'in-progress');
  const opens: OpenStatus[] = [];
  const turns = new Turns(server.options.env);
  for (const open of allOpens(server)) {
    if (open.state !== 'closed') opens.push(yield* statusOfOpen(open));
    yield* turns.next();
  }
  return {
    connections: [...server.connections].map(statusOfConnection),
    sessions: sessions.map((session) => statusOfSession(session, nowMs)),
    opens,
  };
}

/** [MS-SMB2] 3.3.1.5 GlobalOpenTable, a copy. */
export function allOpens(server: Smb2Server): readonly Open[] {
  const all: Open[] = [];
  for (const sessions of [server.sessions, server.endingSessions]) {
    for (const { opens } of sessions.values()) for (const open of opens.values()) all.push(open);
  }
  return all.concat(server.durableOpens.disconnected());
}

/** [MS-SMB2] 3.3.1.10: an open's id in `ServerStatus`. */
export function idOfOpen({ fileId }: Open): string {
  return hex64(fileId.volatile);
}

export function idOfSession({ sessionId }: Session): string {
  return hex64(sessionId);
}

function hex64(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}

function statusOfConnection(connection: Connection): ConnectionStatus {
  return {
    id: connection.id,
    address: connection.transport.remoteAddress,
    localAddress: connection.transport.localAddress,
    dialect: dialectName(connection.dialect),
    clientGuid: connection.clientGuid,
    cipher: CIPHER_NAMES[connection.cipherId as CipherId] ?? '',
    signing: connection.dialect === DIALECT_NONE ? '' : signingName(connection),
    credits: connection.window.available,
    waiting: connection.waiting.size,
    async: connection.asyncCommands.size,
    queuedBytes: connection.transport.queuedBytes,
  };
}

function statusOfSession(session: Session, nowMs: number): SessionStatus {
  const channels = [...session.channels.keys()];
  return {
    id: idOfSession(session),
    user: session.identity?.userName ?? '',
    domain: session.identity?.domainName ?? '',
    state: session.state,
    dialect: dialectName(session.dialect),
    clientGuid: session.clientGuid,
    addresses: [...new Set(channels.map(({ transport }) => transport.remoteAddress))],
    channels: channels.map(({ id }) => id),
    signed: session.signingRequired,
    encrypted: session.encryptData,
    sawEncrypted: session.sawEncrypted,
    age: Math.floor((nowMs - session.createdMs) / 1000),
    shares: [...session.treeConnects.values()].map(({ share, openCount, encryptData }) => ({
      name: share.name,
      opens: openCount,
      encrypted: session.encryptData || encryptData,
    })),
    opens: session.opens.size,
  };
}

function* statusOfOpen(open: Open): Task<OpenStatus> {
  const { localOpen, session, treeConnect } = open;
  const known = {
    id: idOfOpen(open),
    session: idOfSession(session),
    user: session.identity?.userName ?? '',
    share: treeConnect.share.name,
    access: open.grantedAccess,
    durable: durableOf(open),
  };
  if (localOpen === undefined) {
    const none = { kind: 'none', state: '', breaking: false };
    const pipe = { path: '', stream: '', directory: false };
    return { ...known, ...pipe, sharing: '', caching: none, locks: [] };
  }
  const record = yield* wait(localOpen.volume.files.get(localOpen.fileKey));
  return {
    ...known,
    path: localOpen.path,
    stream: localOpen.streamName,
    directory: localOpen.isDirectory,
    sharing: letters(localOpen.shareAccess, SHARING),
    caching: cachingOf(record?.oplocks.find((entry) => isHeldBy(entry, localOpen))),
    locks: locksOf(record, localOpen.openId),
  };
}

function durableOf({ durable, state }: Open): DurableStatus | undefined {
  if (durable === undefined) return undefined;
  const { kind, timeoutMs } = durable;
  return { kind, timeoutMs, disconnected: state === 'disconnected' };
}

function isHeldBy(
  entry: OplockEntry,
  open: { readonly oplockKey: string; readonly streamKey: string },
): boolean {
  return entry.oplockKey === open.oplockKey && entry.streamKey === open.streamKey;
}

function cachingOf(entry: OplockEntry | undefined): OpenStatus['caching'] {
  if (entry === undefined || entry.caching === NO_CACHING) {
    return { kind: 'none', state: '', breaking: false };
  }
  return {
    kind: entry.lease === undefined ? 'oplock' : 'lease',
    state: letters(entry.caching, CACHING),
    breaking: entry.breaking !== undefined,
  };
}

function locksOf(record: FileRecord | undefined, openId: string): readonly LockStatus[] {
  return (record?.locks ?? [])
    .filter((lock) => lock.openId === openId)
    .map(({ offset, length, exclusive }) => ({
      offset: String(offset),
      length: String(length),
      exclusive,
    }));
}

const SHARING: readonly (readonly [number, string])[] = [
  [FILE_SHARE_READ, 'r'],
  [FILE_SHARE_WRITE, 'w'],
  [FILE_SHARE_DELETE, 'd'],
];
const CACHING: readonly (readonly [number, string])[] = [
  [READ_CACHING, 'R'],
  [HANDLE_CACHING, 'H'],
  [WRITE_CACHING, 'W'],
];

function letters(bits: number, names: readonly (readonly [number, string])[]): string {
  return names.map(([bit, letter]) => ((bits & bit) === 0 ? '' : letter)).join('');
}

const DIALECT_NAMES: Readonly<Record<number, string>> = {
  514: '2.0.2',
  528: '2.1',
  768: '3.0',
  770: '3.0.2',
  785: '3.1.1',
};

function dialectName(dialect: number): string {
  return DIALECT_NAMES[dialect] ?? '';
}

const CIPHER_NAMES: Readonly<Record<CipherId, string>> = {
  1: 'AES-128-CCM',
  2: 'AES-128-GCM',
  3: 'AES-256-CCM',
  4: 'AES-256-GCM',
};
const SIGNING_NAMES: Readonly<Record<SigningAlgorithmId, string>> = {
  0: 'HMAC-SHA256',
  1: 'AES-CMAC',
  2: 'AES-GMAC',
};

function signingName({ dialect, signingAlgorithm }: Connection): string {
  if (dialect < 0x0300) return SIGNING_NAMES[0];
  return dialect < 0x0311 ? SIGNING_NAMES[1] : SIGNING_NAMES[signingAlgorithm];
}
