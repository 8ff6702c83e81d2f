/** What embedding code, the configuration file and the command line all boil down to. */
import type { Limits } from '../base/limits.ts';
import type { Log } from '../env/ports.ts';
import type { OplockBreakChannels } from '../smb2/server/break-delivery.ts';
import type {
  CompressionPolicy,
  EncryptionPolicy,
  ReplayOrder,
  ServerEvent,
} from '../smb2/server/options.ts';
import type { SnapshotFolderOptions } from '../vfs/local/snapshot-folder.ts';
import type { Snapshots } from '../vfs/snapshots.ts';
import type { Vfs } from '../vfs/vfs.ts';
import type { UnixIds } from './accounts.ts';

/** [MS-SMB2] 2.2.3 DialectRevision, as people write it. */
export const DIALECTS = {
  '2.0.2': 0x0202,
  '2.1': 0x0210,
  '3.0': 0x0300,
  '3.0.2': 0x0302,
  '3.1.1': 0x0311,
} as const;
export type DialectName = keyof typeof DIALECTS;

export interface SmbServerOptions {
  /** Addresses to listen on; default: every one of this machine. */
  readonly listen?: readonly string[];
  /** Default 445, which needs privileges on most systems; 0 takes a free one. */
  readonly port?: number;
  /** The server's NetBIOS-style name; default: the host's name. */
  readonly name?: string;
  readonly workgroup?: string;
  /** Default 'required': what is not signed or encrypted is refused. */
  readonly signing?: 'enabled' | 'required';
  /** A CREATE that is sent again while it waits: 'sane' (default) has it sent later once more. */
  readonly replayOrder?: ReplayOrder;
  /**
   * What clients are told of this machine's addresses, for further channels; default: every one, as
   * the kernel describes it. Each is a name or an address and what is special about it:
   * `eth0;speed=10000000000,capability=RSS`.
   */
  readonly interfaces?: readonly string[];
  /**
   * Where the breaks of an oplock go: 'retry' (default), one channel of the session after the other
   * until one takes them; 'windows', the channel bound last and no other.
   */
  readonly oplockBreakChannels?: OplockBreakChannels;
  /** Default 'off'; a share may ask for more. */
  readonly encryption?: EncryptionPolicy;
  /** Lets nameless peers reach IPC$ (to browse), never a share with files. Default false. */
  readonly allowAnonymous?: boolean;
  /** Offers FSCTL_SMBTORTURE, by which a test makes the server misbehave. Only for tests. */
  readonly testControls?: boolean;
  readonly dialectMin?: DialectName;
  readonly dialectMax?: DialectName;
  /** SMB3 POSIX Extensions for clients that ask for them (Linux: mount -o posix); default true. */
  readonly posix?: boolean;
  /**
   * Where the POSIX ids of accounts come from, for a server that runs as root: 'accounts'
   * (default), what the account names; 'nss', besides, this machine's user of the same name.
   */
  readonly posixUsers?: 'accounts' | 'nss';
  /** Accounts and the server's identity are kept here; without it they live in memory. */
  readonly stateFolder?: string;
  readonly limits?: Partial<Limits>;
  /**
   * Processes that serve: 'auto' is one for each core. Default 1: this process alone. With more
   * the clients are spread over them; storage of the program's own (`vfs`) cannot be.
   */
  readonly workers?: number | 'auto';
  readonly log?: Log;
  /** Called at each logon, failed logon and refused connection: for metrics and bans. */
  readonly onEvent?: (event: SmbServerEvent) => void;
}

/** What the server tells of; or that nothing serves any more, and the program had better end. */
export type SmbServerEvent =
  | ServerEvent
  | { readonly kind: 'out-of-service'; readonly reason: string };

export interface ShareOptions {
  readonly name: string;
  /** The folder to share; or `vfs`, any other storage. Exactly one of the two. */
  readonly path?: string;
  readonly vfs?: Vfs;
  readonly readOnly?: boolean;
  readonly comment?: string;
  readonly encryption?: EncryptionPolicy;
  /**
   * 'asked' compresses what clients of 3.1.1 ask to have compressed, 'on' also tells them to ask;
   * default 'off'. It saves bandwidth, not time, on networks over some 100 Mbit/s.
   */
  readonly compression?: CompressionPolicy;
  /**
   * Large READs that are neither signed nor encrypted go from the page cache to the network without
   * passing through the server's memory (sendfile); default false.
   */
  readonly sendFile?: boolean;
  /** Who may connect; default: every account. */
  readonly allowedUsers?: readonly string[];
  /**
   * Who has the privileges of administrators and backup operators on this share, and, where the
   * server runs as root, acts as root. Default: nobody.
   */
  readonly administrators?: readonly string[];
  /** Not shown to those who browse, still reachable by name. */
  readonly hidden?: boolean;
  /**
   * 'acl' (default): what clients set as permissions is kept and decides, and permission bits do
   * where nothing was set; run as root, the kernel's own checks come on top. 'acl-only': what
   * clients set decides alone. 'posix': permission bits alone, which take what they can of that.
   */
  readonly access?: 'acl' | 'acl-only' | 'posix';
  /** Folders list only what the caller may read; default false. */
  readonly accessBasedEnumeration?: boolean;
  /** Permission bits of new files (default 0o644) and folders (default 0o755). */
  readonly createMask?: number;
  readonly directoryMask?: number;
  /** Bits that every new file and folder has besides, POSIX clients' included; default none. */
  readonly forceCreateMode?: number;
  readonly forceDirectoryMode?: number;
  /**
   * Whom everybody but administrators acts as on disk, where the server runs as root: a name or
   * number of this machine's.
   */
  readonly forceUser?: string;
  /** The primary group; with '+' before it only for those who are in it. */
  readonly forceGroup?: string;
  /** Names that start with a dot carry the hidden attribute; default true. */
  readonly hideDotFiles?: boolean;
  /** Patterns ('*', '?') of further names that do, in any case. */
  readonly hideFiles?: readonly string[];
  /** 'any' (default): DACLs are taken as they come. 'canonical': not where allow precedes deny. */
  readonly aclOrder?: 'any' | 'canonical';
  /**
   * The flag 'auto-inherited' of a DACL that a client sets: 'asked' (default) when it asks for it
   * as well, as on Windows; 'kept' as it comes.
   */
  readonly aclAutoInherited?: 'asked' | 'kept';
  /** Where what the share looked like before is kept: previous versions, to read. */
  readonly snapshots?: SnapshotFolderOptions | Snapshots;
  /** Files have 8.3 names for old programs; default false. */
  readonly shortNames?: boolean;
  /**
   * 'follow' (default): symbolic links that stay in the share are followed by the server. 'client':
   * all are told to clients, which follow them themselves. No link ever leads out of a share here.
   */
  readonly symlinks?: 'follow' | 'client';
  /** Local processes that open a file make clients write back and forget what they cache of it. */
  readonly kernelOplocks?: boolean;
  /** Byte-range locks of clients and fcntl locks of local processes exclude each other. */
  readonly posixLocks?: boolean;
  /** Files have named streams (alternate data streams); default true. */
  readonly streams?: boolean;
  /**
   * Where named streams go that an extended attribute cannot hold: the name of a hidden folder in
   * the share (default '.semba-streams'), or the path of a folder anywhere, from '/'.
   */
  readonly streamsFolder?: string;
  /** Extensions for Apple's clients; default false. */
  readonly apple?: boolean;
  /** What the server looks like in the Finder; default 'MacSamba', as Samba's. */
  readonly appleModel?: string;
  /** Time Machine may keep its backups here; implies `apple`, and needs `strictSync`. */
  readonly timeMachine?: boolean;
  /** Bytes that its backups may take together; needs `timeMachine`. Default: all there are. */
  readonly timeMachineSizeMax?: number;
  /** The server's `posix` for this share; default true. */
  readonly posix?: boolean;
  /** FLUSH and write-through reach the disk; default true. */
  readonly strictSync?: boolean;
  /**
   * Persistent handles: what clients of 3.x hold open survives the server, and is theirs again
   * after a restart. Needs `stateFolder`. Default false.
   */
  readonly continuousAvailability?: boolean;
  /** Clients of 3.x may cache what folders list until it changes through semba; default true. */
  readonly directoryLeases?: boolean;
}

export interface UserOptions {
  readonly name: string;
  readonly password: string;
  /**
   * Whom the account acts as on disk, where the server runs as root; default: the owner of the
   * shared folder. Accounts that share ids share their files' ownership.
   */
  readonly unixIds?: UnixIds;
}

/** A share or an option that cannot be; the message is for the person who wrote it. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

const SHARE_NAME_LENGTH_MAX = 80;

/** [MS-SRVS] 2.2.4.23: at most 80 characters; and none that a UNC path gives another meaning. */
export function checkShareName(name: string): void {
  if (name.length === 0 || name.length > SHARE_NAME_LENGTH_MAX) {
    throw new OptionError(`a share name has 1 to ${SHARE_NAME_LENGTH_MAX} characters`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/["/\\[\]:;|=,+*?<>\u0000-\u001f]/.test(name) || name.trim() !== name) {
    throw new OptionError(
      `'${name}' cannot be a share's name: it has a character not allowed there`,
    );
  }
  if (/^(ipc|admin|print)\$$|^(pipe|mailslot)$/i.test(name)) {
    throw new OptionError(`'${name}' cannot be a share's name: it is reserved`);
  }
}
