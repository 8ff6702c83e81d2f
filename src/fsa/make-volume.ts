import { DEFAULT_LIMITS } from '../base/limits.ts';
import type { Env } from '../env/ports.ts';
import type { RecordStore } from '../state/record-store.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { DirectoryLeases } from './directory-leases.ts';
import type { FileRecord } from './file-record.ts';
import { LocalOpens } from './local-opens.ts';
import { makeNameResolver } from './name-resolver.ts';
import { ChangeNotifyList } from './notify-list.ts';
import { OplockBreaks } from './oplock-breaks.ts';
import { StreamStore } from './stream-store.ts';
import { TunnelCache } from './tunnel-cache.ts';
import type { Volume, VolumeOptions } from './volume.ts';

export interface VolumeParams {
  readonly id: string;
  readonly vfs: Vfs;
  readonly env: Env;
  readonly options: VolumeOptions;
  readonly serverId: string;
  readonly store: RecordStore;
  /** A store outside of the share for streams that outgrow their attribute: its root. */
  readonly streamsVfs?: Vfs | undefined;
}

export const DEFAULT_VOLUME_OPTIONS: VolumeOptions = {
  readOnly: false,
  label: 'semba',
  serialNumber: 0x0005_e3ba,
  createMask: 0o644,
  directoryMask: 0o755,
  securityXattr: 'user.NTACL',
  hideDotFiles: true,
  shortNames: false,
  followLinks: true,
  namedStreams: true,
  streamsFolder: '.semba-streams',
  strictSync: true,
  accessBasedEnumeration: false,
  eaSizeMax: DEFAULT_LIMITS.eaSizeMax,
  securityDescriptorSize: DEFAULT_LIMITS.securityDescriptorSize,
  locksPerOpenMax: DEFAULT_LIMITS.locksPerOpenMax,
  pathDepthMax: DEFAULT_LIMITS.pathDepthMax,
  pathLengthMax: DEFAULT_LIMITS.pathLengthMax,
  nameCacheDirectories: DEFAULT_LIMITS.nameCacheDirectories,
  nameCacheNames: DEFAULT_LIMITS.nameCacheNames,
  notifyBufferSize: DEFAULT_LIMITS.notifyBufferSize,
  notifyBuffersSize: DEFAULT_LIMITS.notifyBuffersSize,
  breakTimeoutMs: DEFAULT_LIMITS.breakTimeoutMs,
};

/** Layout of `FileRecord`. */
const FILE_RECORD_VERSION = 3;

/**
 * [MS-FSA] 2.1.1.1: makes a mounted store the volume behind a share. The store stays the caller's.
 */
export function makeVolume(params: VolumeParams): Volume {
  const { id, vfs, env, options, serverId, store } = params;
  return {
    id,
    vfs,
    env,
    options,
    serverId,
    files: store.table<FileRecord>('file', FILE_RECORD_VERSION),
    names: makeNameResolver({
      vfs,
      clock: env.clock,
      directoriesMax: options.nameCacheDirectories,
      namesMax: options.nameCacheNames,
      shortNames: options.shortNames,
    }),
    tunnel: options.shortNames ? new TunnelCache(env.clock) : undefined,
    opens: new LocalOpens(serverId),
    changeNotifyList: new ChangeNotifyList({
      entrySize: options.notifyBufferSize,
      totalSize: options.notifyBuffersSize,
    }),
    oplockBreaks: new OplockBreaks({ env, timeoutMs: options.breakTimeoutMs }),
    directoryLeases: new DirectoryLeases(store, serverId),
    streams: new StreamStore({
      vfs: params.streamsVfs ?? vfs,
      folder: options.streamsFolder,
      volumeId: id,
      env,
      xattrSizeMax: vfs.capabilities.xattrSizeMax,
      strictSync: options.strictSync,
    }),
  };
}
