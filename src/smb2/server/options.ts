/** What the composition root (src/server) gives the protocol engine. */
import type { Authenticator } from '../../auth/acceptor.ts';
import type { LogonGuard } from '../../auth/logon-throttle.ts';
import type { Identity } from '../../auth/token.ts';
import type { Limits } from '../../base/limits.ts';
import type { MaybePromise } from '../../base/task.ts';
import type { Env } from '../../env/ports.ts';
import type { SecurityContext } from '../../fsa/security-context.ts';
import type { Volume } from '../../fsa/volume.ts';
import type { PipeOpener } from '../../rpce/pipe.ts';
import type { RecordStore } from '../../state/record-store.ts';
import type { Guid } from '../wire/guid.ts';
import type { InstanceMove } from './app-instances.ts';
import type { OplockBreakChannels } from './break-delivery.ts';

/**
 * 'off' leaves it to the client (ciphers are offered all the same), 'desired' asks every client that
 * can, 'required' refuses those that cannot.
 */
export type EncryptionPolicy = 'off' | 'desired' | 'required';

/**
 * 'off' answers READs as they are, 'asked' compresses what clients ask for, 'on' tells them to ask
 * ([MS-SMB2] 3.3.1.6 Share.CompressData).
 */
export type CompressionPolicy = 'off' | 'asked' | 'on';

/** What Apple's clients are told of a share. */
export interface AppleShare {
  /** Decides what the server looks like in the Finder. */
  readonly model: string;
  /** Time Machine may use it: a flush reaches the disk. */
  readonly fullSync: boolean;
}

/** How a CREATE is answered that is sent again while the first one waits: as Samba, as Windows. */
export type ReplayOrder = 'sane' | 'windows';

/** POSIX ids that a share gives to those who use it. */
export interface ForcedIds {
  readonly user?: { readonly uid: number; readonly gid: number; readonly gids: readonly number[] };
  readonly group?: { readonly gid: number; readonly membersOnly: boolean };
}

/** [MS-SMB2] 3.3.1.6 Per Share. */
export interface Share {
  readonly name: string;
  readonly comment: string;
  readonly type: 'disk' | 'pipe';
  /** Undefined for IPC$. */
  readonly volume: Volume | undefined;
  readonly encryption: EncryptionPolicy;
  /** Default 'off'. While it is so on every share, compression is not offered at all. */
  readonly compression?: CompressionPolicy | undefined;
  /** Large READs are answered with ranges of files where the transport sends them. */
  readonly sendFile?: boolean | undefined;
  /** Lower-cased names of those who may connect; undefined: every account. */
  readonly allowedUsers: readonly string[] | undefined;
  /** Lower-cased names of those with the privileges of administrators. */
  readonly administrators: readonly string[];
  readonly readOnly: boolean;
  /** POSIX owner of the shared folder: whom accounts without ids of their own act for. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Whom everybody but administrators acts as instead, as far as the server may. */
  readonly forced?: ForcedIds | undefined;
  /** CREATE may ask for the SMB3 POSIX Extensions here. */
  readonly posixExtensions?: boolean | undefined;
  /** Apple's extensions are offered here. */
  readonly apple?: AppleShare | undefined;
  /** Not listed by NetrShareEnum, still reachable. */
  readonly hidden: boolean;
  /** Share.DoAccessBasedDirectoryEnumeration; the volume does it. */
  readonly accessBasedEnumeration: boolean;
}

/** Share.IsCA: its opens may outlive the server. */
export function isContinuouslyAvailable({ volume }: Share): boolean {
  return volume?.persistentFiles !== undefined;
}

/** [MS-SMB2] 2.2.32.5 NETWORK_INTERFACE_INFO, as the server tells it. */
export interface NetworkInterface {
  readonly index: number;
  readonly rssCapable: boolean;
  readonly rdmaCapable: boolean;
  readonly linkSpeedBitsPerSecond: bigint;
  readonly address: string;
}

/** The other processes of this server. */
export interface ServerPeers {
  /** The low bits of this process's session ids, and how many those are: they are unique then. */
  readonly sessionIdClass: { readonly value: bigint; readonly bits: number };
  /** Counts failed logons of all processes together. */
  readonly logonGuard: LogonGuard;
  /** [MS-SMB2] 3.3.5.5.3: ends the session if it is this user's, wherever it is. */
  endSession(sessionId: bigint, userSid: string): MaybePromise<void>;
  /** [MS-SMB2] 3.3.1.1 Server Global, GlobalSessionTable: a session of another process. */
  findSession(sessionId: bigint): MaybePromise<ForeignSession | undefined>;
  /** What `foreignCreateOf` says in the other processes. */
  findCreate(name: CreateName): MaybePromise<bigint | undefined>;
  /**
   * Has that process offer an open whose client is away. False: it has none; undefined: it is
   * gone.
   */
  askForOpen(serverId: string, persistentId: bigint): MaybePromise<boolean | undefined>;
  /** [MS-SMB2] 3.3.5.9.13, in the other processes. False: one there is as new, or newer. */
  closeInstances(move: InstanceMove): MaybePromise<boolean>;
  /** Tells what became of the offer. */
  settleOpen(serverId: string, persistentId: bigint, isTaken: boolean): void;
}

/** What a CREATE is known by that may be sent again. */
export interface CreateName {
  readonly clientGuid: Guid;
  readonly createGuid: Guid;
}

/** What a refusal to bind a session of another process takes. */
export interface ForeignSession {
  readonly dialect: number;
  readonly cipherId: number;
  readonly signingAlgorithm: number;
  /** Session.SigningKey; 16 bytes. */
  readonly signingKey: Uint8Array;
}

export interface Smb2ServerOptions {
  readonly env: Env;
  readonly limits: Limits;
  /** Where opens that outlive their connection stand. */
  readonly store: RecordStore;
  /** 16 bytes, stable for a server. */
  readonly serverGuid: Uint8Array;
  /** Identifies this process in file records. */
  readonly serverId: string;
  readonly serverName: string;
  /** Undefined: this process is all of the server. */
  readonly peers?: ServerPeers | undefined;
  readonly authenticator: Authenticator;
  /** Dialect revisions, 0x0202 … 0x0311. */
  readonly dialectMin: number;
  readonly dialectMax: number;
  readonly signing: 'enabled' | 'required';
  readonly replayOrder: ReplayOrder;
  readonly oplockBreakChannels: OplockBreakChannels;
  readonly encryption: EncryptionPolicy;
  /** Ciphers and signing algorithms in order of preference ([MS-SMB2] 2.2.3.1.2, 2.2.3.1.7). */
  readonly ciphers: readonly number[];
  readonly signingAlgorithms: readonly number[];
  /** Whom a logged-in identity acts for in the object store. */
  readonly securityContext: (identity: Identity, share: Share) => SecurityContext;
  readonly openPipe: PipeOpener;
  /** The SMB3 POSIX Extensions are offered to clients that ask for them. */
  readonly posixExtensions: boolean;
  /** What a client is told whose connection ends at this address of the server. */
  readonly networkInterfaces: (localAddress: string) => readonly NetworkInterface[];
  /** FSCTL_SMBTORTURE is offered; see commands/ioctl-torture.ts. */
  readonly testControls: boolean;
  /** Called once, while the server runs, when a limit or an attack shows: for logs and metrics. */
  readonly onEvent?: (event: ServerEvent) => void;
}

/** What may change while the server runs; the rest is for its whole life. */
export type Smb2RunTimeOptions = Pick<
  Smb2ServerOptions,
  | 'dialectMin'
  | 'dialectMax'
  | 'signing'
  | 'replayOrder'
  | 'encryption'
  | 'posixExtensions'
  | 'networkInterfaces'
>;

export type ServerEvent =
  | { readonly kind: 'logon'; readonly user: string; readonly address: string }
  | {
      readonly kind: 'logon-failed';
      readonly user: string;
      readonly address: string;
      readonly status: number;
    }
  | { readonly kind: 'connection-refused'; readonly address: string; readonly reason: string };

/**
 * The engine's face to the composition root; implemented by `Smb2Server` in server.ts:
 *
 *   new Smb2Server(options)
 *   .accept: TransportAcceptor                 give it to a transport listener
 *   .addShare(share) / .removeShare(name)      at run time; removal closes its tree connects
 *   .shares(): readonly Share[]
 *   .logoffUser(name)                          closes the sessions of a removed account
 *   .counts(): {connections, sessions, treeConnects, opens}
 *   .close(): Promise<void>                    closes every open in order, then the connections
 */
