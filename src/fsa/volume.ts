import type { Sid, UnixId } from '../dtyp/sid.ts';
import type { Env } from '../env/ports.ts';
import type { RecordTable } from '../state/record-store.ts';
import type { Vfs } from '../vfs/vfs.ts';
import type { BackupSize } from './backup-size.ts';
import type { DirectoryLeases } from './directory-leases.ts';
import type { FileRecord } from './file-record.ts';
import type { KernelLeases } from './kernel-leases.ts';
import type { LocalChanges } from './local-changes.ts';
import type { LocalLeaseBreaks } from './local-lease-breaks.ts';
import type { LocalOpen } from './local-open.ts';
import type { LocalOpens } from './local-opens.ts';
import type { Makings } from './makings.ts';
import type { NameResolver } from './name-resolver.ts';
import type { ChangeNotifyList } from './notify-list.ts';
import type { OplockBreaks } from './oplock-breaks.ts';
import type { PersistentFiles } from './persistent-files.ts';
import type { SnapshotVolumes } from './snapshot-volumes.ts';
import type { StreamStore } from './stream-store.ts';
import type { TunnelCache } from './tunnel-cache.ts';
import type { VolumePeers } from './volume-peers.ts';

/** How file attributes and security are kept and checked; from the share's configuration. */
export interface VolumeOptions {
  readonly readOnly: boolean;
  /** Label for FileFsVolumeInformation, the share's name as a rule. */
  readonly label: string;
  readonly serialNumber: number;
  /** Changes the ids of files: a snapshot's are not those of the files that are there now. */
  readonly fileIdSalt: bigint;
  /** Permission bits of new files and directories. */
  readonly createMask: number;
  readonly directoryMask: number;
  /** Bits that new files and folders have whatever was asked for and the umask took. */
  readonly forceCreateMode: number;
  readonly forceDirectoryMode: number;
  /**
   * 'acl': stored security descriptors decide, where the store's own permissions let the caller,
   * and these alone where there is none; 'acl-only': stored ones decide whatever the store says;
   * 'posix': permission bits alone.
   */
  readonly access: 'acl' | 'acl-only' | 'posix';
  /** Security descriptors are kept in 'security.NTACL' (root) or 'user.NTACL'. */
  readonly securityXattr: string;
  /** Dot files carry FILE_ATTRIBUTE_HIDDEN. */
  readonly hideDotFiles: boolean;
  /** Names besides whose files carry it; undefined: none. */
  readonly isHiddenName?: ((name: string) => boolean) | undefined;
  /** A DACL that is not in the canonical order is refused. */
  readonly canonicalAcls: boolean;
  /** 'Auto-inherited' is kept as a client sets it, without asking for it as Windows wants. */
  readonly keepsAutoInherited: boolean;
  /** Files whose name is no 8.3 name have one besides, and are found by it. */
  readonly shortNames: boolean;
  /** Symbolic links that stay in the share are followed here; false leaves all to clients. */
  readonly followLinks: boolean;
  /** Files have named streams. */
  readonly namedStreams: boolean;
  /** Empty streams are none, and Apple's own keep to its rules: apple-streams.ts. */
  readonly appleStreams: boolean;
  /** Bytes that Time Machine may fill; 0: all there are. */
  readonly timeMachineSizeMax: number;
  /** Name of the folder, anywhere in the share, that nobody sees: the side store's. */
  readonly streamsFolder: string;
  /** FLUSH and write-through reach the disk; false answers from the page cache. */
  readonly strictSync: boolean;
  /** Directories are leased to clients that ask for it. */
  readonly directoryLeases: boolean;
  /** Directories list only what the caller may read. */
  readonly accessBasedEnumeration: boolean;
  readonly eaSizeMax: number;
  readonly securityDescriptorSize: number;
  /** Local processes that open a file break what clients cache of it. */
  readonly kernelOplocks: boolean;
  /** Byte-range locks count against local processes too. */
  readonly posixLocks: boolean;
  readonly locksPerOpenMax: number;
  readonly pathDepthMax: number;
  readonly pathLengthMax: number;
  readonly nameCacheDirectories: number;
  readonly nameCacheNames: number;
  readonly notifyBufferSize: number;
  readonly notifyBuffersSize: number;
  readonly localWatchesMax: number;
  /** Milliseconds that the holder of an oplock or lease has to acknowledge a break. */
  readonly breakTimeoutMs: number;
}

/** [MS-FSA] 2.1.1.1 Per Volume: one for each share. */
export interface Volume {
  /** Shares of one folder may have one id: file records are keyed by device and inode anyway. */
  readonly id: string;
  readonly vfs: Vfs;
  readonly env: Env;
  /** Replaced, in part, when the share's configuration changes. */
  options: VolumeOptions;
  readonly serverId: string;
  /** Other processes that serve this volume; undefined: there are none. */
  readonly peers: VolumePeers | undefined;
  /** With `peers`. */
  readonly makings: Makings | undefined;
  readonly files: RecordTable<FileRecord>;
  /** The same, where opens may outlive the server. */
  readonly persistentFiles: PersistentFiles | undefined;
  readonly names: NameResolver;
  /** For opens that keep to POSIX. */
  readonly exactNames: NameResolver;
  /** Whom a SID stands for on disk: 'S-1-22-…', and the accounts that have ids of their own. */
  readonly unixIdOf: (sid: Sid) => UnixId | undefined;
  /** Tells whether POSIX permissions changed behind a stored descriptor; undefined: not told. */
  readonly sha256: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** File keys of those whose descriptor was found damaged: the log tells it once. */
  readonly damagedDescriptors: Set<string>;
  /** The opens that this process serves. */
  readonly opens: LocalOpens;
  /** What the volume looked like before; those volumes have the same ones. */
  readonly snapshots: SnapshotVolumes | undefined;
  /** A snapshot's: whatever moves into or out of it, moves between devices. */
  readonly isSnapshot: boolean;
  /** With `timeMachineSizeMax`. */
  readonly backupSize: BackupSize | undefined;
  /** With `shortNames`. */
  readonly tunnel: TunnelCache | undefined;
  /** Who watches which directory, by the open that watches. */
  readonly changeNotifyList: ChangeNotifyList<LocalOpen>;
  /** Tells those of what local processes do there. */
  readonly localChanges: LocalChanges;
  readonly oplockBreaks: OplockBreaks;
  /** Set where local processes break what clients cache. */
  readonly kernelLeases: KernelLeases | undefined;
  readonly directoryLeases: DirectoryLeases;
  /** Set where local processes can change what is leased of directories. */
  readonly localLeaseBreaks: LocalLeaseBreaks | undefined;
  /** Where named streams go that outgrow their extended attribute. */
  readonly streams: StreamStore;
}
