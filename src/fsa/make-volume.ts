import { DEFAULT_LIMITS } from '../base/limits.ts';
import { isPromise } from '../base/task.ts';
import { type Sid, type UnixId, unixIdOf } from '../dtyp/sid.ts';
import type { Env } from '../env/ports.ts';
import type { RecordStore } from '../state/record-store.ts';
import type { Snapshots } from '../vfs/snapshots.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { AclVfs } from './acl-vfs.ts';
import { BackupSize } from './backup-size.ts';
import { breakDirectory } from './break-parent.ts';
import { DirectoryLeases } from './directory-leases.ts';
import { FILE_RECORD_VERSION, type FileRecord } from './file-record.ts';
import { KernelLeases } from './kernel-leases.ts';
import { LocalChanges } from './local-changes.ts';
import { LocalLeaseBreaks, type OtherLeaseholders } from './local-lease-breaks.ts';
import type { LocalOpen } from './local-open.ts';
import { LocalOpens } from './local-opens.ts';
import { Makings } from './makings.ts';
import { makeExactResolver, makeNameResolver, type NameResolver } from './name-resolver.ts';
import { ChangeNotifyList } from './notify-list.ts';
import { OplockBreaks } from './oplock-breaks.ts';
import { PersistentFiles, type StoredFiles } from './persistent-files.ts';
import { SnapshotVolumes } from './snapshot-volumes.ts';
import { StreamStore } from './stream-store.ts';
import { TunnelCache } from './tunnel-cache.ts';
import type { Volume, VolumeOptions } from './volume.ts';
import type { VolumePeers } from './volume-peers.ts';
import { WatchingProcessesOf } from './watching-processes.ts';

export interface VolumeParams {
  readonly id: string;
  readonly vfs: Vfs;
  readonly env: Env;
  readonly options: VolumeOptions;
  readonly serverId: string;
  readonly store: RecordStore;
  /** Where opens stand that outlive the server; without it none does. */
  readonly storedFiles?: StoredFiles | undefined;
  /** Other processes with this volume, and this store. */
  readonly peers?: VolumePeers | undefined;
  /** A store outside of the share for streams that outgrow their attribute: its root. */
  readonly streamsVfs?: Vfs | undefined;
  /** What the volume looked like before, where the store keeps that. */
  readonly snapshots?: Snapshots | undefined;
  /** Without it a change of POSIX permissions does not outdo a stored descriptor. */
  readonly sha256?: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Default: what 'S-1-22-…' SIDs say themselves. */
  readonly unixIdOf?: ((sid: Sid) => UnixId | undefined) | undefined;
}

export const DEFAULT_VOLUME_OPTIONS: VolumeOptions = {
  readOnly: false,
  label: 'semba',
  serialNumber: 0x0005_e3ba,
  fileIdSalt: 0n,
  createMask: 0o644,
  directoryMask: 0o755,
  forceCreateMode: 0,
  forceDirectoryMode: 0,
  access: 'acl',
  securityXattr: 'user.NTACL',
  hideDotFiles: true,
  canonicalAcls: false,
  keepsAutoInherited: false,
  shortNames: false,
  followLinks: true,
  namedStreams: true,
  appleStreams: false,
  timeMachineSizeMax: 0,
  streamsFolder: '.semba-streams',
  strictSync: true,
  directoryLeases: true,
  accessBasedEnumeration: false,
  eaSizeMax: DEFAULT_LIMITS.eaSizeMax,
  securityDescriptorSize: DEFAULT_LIMITS.securityDescriptorSize,
  kernelOplocks: false,
  posixLocks: false,
  locksPerOpenMax: DEFAULT_LIMITS.locksPerOpenMax,
  pathDepthMax: DEFAULT_LIMITS.pathDepthMax,
  pathLengthMax: DEFAULT_LIMITS.pathLengthMax,
  nameCacheDirectories: DEFAULT_LIMITS.nameCacheDirectories,
  nameCacheNames: DEFAULT_LIMITS.nameCacheNames,
  notifyBufferSize: DEFAULT_LIMITS.notifyBufferSize,
  notifyBuffersSize: DEFAULT_LIMITS.notifyBuffersSize,
  localWatchesMax: DEFAULT_LIMITS.localWatchesMax,
  breakTimeoutMs: DEFAULT_LIMITS.breakTimeoutMs,
};

/**
 * [MS-FSA] 2.1.1.1: makes a mounted store the volume behind a share. The store stays the caller's.
 */
export function makeVolume(params: VolumeParams): Volume {
  const { id, env, options, serverId, store, storedFiles, snapshots, peers } = params;
  const vfs =
    options.access === 'acl-only' ? new AclVfs(params.vfs, options.securityXattr) : params.vfs;
  const changeNotifyList = notifyListOf(options);
  const localChanges = new LocalChanges({
    vfs,
    env,
    streamsFolder: options.streamsFolder,
    directoriesMax: options.localWatchesMax,
    list: changeNotifyList,
    isShared: peers !== undefined,
  });
  changeNotifyList.observe(localChanges);
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  const persistentFiles =
    storedFiles && new PersistentFiles({ files, stored: storedFiles, ...env });
  if (peers !== undefined) {
    changeNotifyList.share(new WatchingProcessesOf({ volumeId: id, serverId, peers, store }));
  }
  const opens = new LocalOpens(serverId);
  const tellsChanges = vfs.openChangeFeed !== undefined && options.directoryLeases;
  const directoryLeases = new DirectoryLeases(store, serverId);
  const localLeaseBreaks = new LocalLeaseBreaks({
    vfs,
    env,
    streamsFolder: options.streamsFolder,
    directoriesMax: options.localWatchesMax,
    opens,
    breakLeases: (fileKey) => breakDirectory(volume, fileKey, ''),
    others: peers && othersWith(params, peers, directoryLeases),
  });
  const volume: Volume = {
    id,
    vfs,
    env,
    options,
    serverId,
    files: persistentFiles ?? files,
    persistentFiles,
    peers,
    makings: peers && new Makings({ volumeId: id, serverId, env, store }),
    names: namesOf(vfs, env, options),
    tunnel: options.shortNames ? new TunnelCache(env.clock) : undefined,
    exactNames: makeExactResolver(vfs),
    backupSize: backupSizeOf(vfs, env, options),
    unixIdOf: params.unixIdOf ?? unixIdOf,
    sha256: params.sha256,
    damagedDescriptors: new Set(),
    opens,
    changeNotifyList,
    localChanges,
    kernelLeases: options.kernelOplocks ? new KernelLeases(vfs) : undefined,
    oplockBreaks: new OplockBreaks({ env, timeoutMs: options.breakTimeoutMs }),
    directoryLeases,
    localLeaseBreaks: tellsChanges ? localLeaseBreaks : undefined,
    streams: streamsOf(params.streamsVfs ?? vfs, { id, env, options }),
    snapshots:
      snapshots === undefined
        ? undefined
        : new SnapshotVolumes({
            snapshots,
            env,
            mount: (past, seconds) => snapshotOf(volume, past, seconds),
          }),
    isSnapshot: false,
  };
  return volume;
}

function othersWith(
  { id, serverId, store }: VolumeParams,
  peers: VolumePeers,
  directoryLeases: DirectoryLeases,
): OtherLeaseholders {
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  const isForeign = (record: FileRecord | undefined): boolean =>
    record?.opens.some((open) => open.serverId !== serverId) === true;
  return {
    get areThere(): boolean {
      return directoryLeases.areElsewhere;
    },
    noted: (path, deed) => peers.tell(id, { kind: 'noted', path, deed }),
    haveOpen: (fileKey) => {
      const record = files.get(fileKey);
      return isPromise(record) ? record.then(isForeign) : isForeign(record);
    },
  };
}

/** Opens of a snapshot are counted with its volume's; nobody is told of changes, there are none. */
function snapshotOf(volume: Volume, vfs: Vfs, seconds: number): Volume {
  const fileIdSalt = BigInt.asUintN(64, BigInt(seconds) << 32n);
  const options = { ...volume.options, readOnly: true, fileIdSalt };
  return {
    ...volume,
    id: `${volume.id}@${seconds}`,
    vfs,
    options,
    names: namesOf(vfs, volume.env, options),
    streams: streamsOf(vfs, volume),
    tunnel: undefined,
    makings: undefined,
    changeNotifyList: notifyListOf(options),
    localLeaseBreaks: undefined,
    isSnapshot: true,
  };
}

function streamsOf(
  vfs: Vfs,
  { id, env, options }: Pick<Volume, 'id' | 'env' | 'options'>,
): StreamStore {
  return new StreamStore({
    vfs,
    folder: options.streamsFolder,
    volumeId: id,
    env,
    xattrSizeMax: vfs.capabilities.xattrSizeMax,
    strictSync: options.strictSync,
  });
}

function namesOf(vfs: Vfs, env: Env, options: VolumeOptions): NameResolver {
  return makeNameResolver({
    vfs,
    env,
    directoriesMax: options.nameCacheDirectories,
    namesMax: options.nameCacheNames,
    shortNames: options.shortNames,
  });
}

function backupSizeOf(vfs: Vfs, env: Env, options: VolumeOptions): BackupSize | undefined {
  const { timeMachineSizeMax: sizeMax } = options;
  return sizeMax === 0 ? undefined : new BackupSize({ vfs, env, sizeMax });
}

function notifyListOf(options: VolumeOptions): ChangeNotifyList<LocalOpen> {
  return new ChangeNotifyList({
    entrySize: options.notifyBufferSize,
    totalSize: options.notifyBuffersSize,
  });
}
