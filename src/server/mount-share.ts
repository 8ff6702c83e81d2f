import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { getSystemErrorName } from 'node:util';
import type { Limits } from '../base/limits.ts';
import type { Sid, UnixId } from '../dtyp/sid.ts';
import type { Clock, Env } from '../env/ports.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../fsa/make-volume.ts';
import type { StoredFiles } from '../fsa/persistent-files.ts';
import { scheduleSweep } from '../fsa/sweep-streams.ts';
import type { Volume, VolumeOptions } from '../fsa/volume.ts';
import type { VolumePeers } from '../fsa/volume-peers.ts';
import { compilePattern } from '../fscc/patterns.ts';
import { sha256 } from '../smb2/crypto/sha256.ts';
import type { AppleShare, ForcedIds, Share } from '../smb2/server/options.ts';
import type { RecordStore } from '../state/record-store.ts';
import { failed } from '../vfs/errno.ts';
import { openLocalVfs } from '../vfs/local/local-vfs.ts';
import { compileSnapshotPattern, SnapshotFolder } from '../vfs/local/snapshot-folder.ts';
import type { Snapshots } from '../vfs/snapshots.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { findPosixGroup, findPosixUser } from './nss.ts';
import { OptionError, type ShareOptions } from './options.ts';

export interface MountedShare {
  readonly options: ShareOptions;
  readonly share: Share;
  /** Closes the storage, unless the embedder gave it. */
  close(): void;
}

export interface MountContext {
  readonly env: Env;
  readonly limits: Limits;
  readonly store: RecordStore;
  readonly serverId: string;
  /** For shares that are continuously available. */
  readonly storedFiles?: StoredFiles | undefined;
  readonly peers?: VolumePeers | undefined;
  readonly unixIdOf?: (sid: Sid) => UnixId | undefined;
}

/** Opens the share's storage and makes its volume. Throws `OptionError` when it has none. */
export function mountShare(options: ShareOptions, context: MountContext): MountedShare {
  const vfs = openStorage(options, context.env.clock);
  const { name, streamsFolder } = options;
  const streamsVfs = isPath(streamsFolder)
    ? openFolder(name, streamsFolder, context.env.clock)
    : undefined;
  const volume = makeVolume({
    id: options.name.toLowerCase(),
    vfs,
    env: context.env,
    options: volumeOptions(options, context.limits),
    serverId: context.serverId,
    store: context.store,
    storedFiles: options.continuousAvailability ? context.storedFiles : undefined,
    peers: context.peers,
    streamsVfs,
    snapshots: snapshotsOf(options),
    unixIdOf: context.unixIdOf,
    // Where descriptors alone decide, a local chmod outdoes none.
    sha256: options.access === 'acl-only' ? undefined : sha256,
  });
  const share = shareOf(options, volume);
  const sweep = scheduleSweep(volume);
  const close = (): void => {
    sweep.cancel();
    volume.snapshots?.close();
    volume.localChanges.close();
    volume.localLeaseBreaks?.close();
    volume.kernelLeases?.close();
    if (options.vfs === undefined) vfs.close();
    streamsVfs?.close();
  };
  return { options, share, close };
}

/**
 * The mounted share with other options, of those that change at run time (`decideReload`): the
 * volume stays. Throws `OptionError`, and nothing has changed.
 */
export function changeMounted(
  mounted: MountedShare,
  options: ShareOptions,
  limits: Limits,
): MountedShare {
  const { volume } = mounted.share;
  const share = shareOf(options, volume);
  const { readOnly, createMask, directoryMask, forceCreateMode, forceDirectoryMode, ...rest } =
    volumeOptions(options, limits);
  const { access, hideDotFiles, strictSync, accessBasedEnumeration } = rest;
  const masks = { createMask, directoryMask, forceCreateMode, forceDirectoryMode };
  const changed = { readOnly, access, hideDotFiles, strictSync, accessBasedEnumeration, ...masks };
  if (volume !== undefined) volume.options = { ...volume.options, ...changed };
  return { ...mounted, options, share };
}

function shareOf(options: ShareOptions, volume: Volume | undefined): Share {
  return {
    name: options.name,
    comment: options.comment ?? '',
    type: 'disk',
    volume,
    encryption: options.encryption ?? 'off',
    compression: options.compression ?? 'off',
    sendFile: options.sendFile ?? false,
    allowedUsers: options.allowedUsers?.map((name) => name.toLowerCase()),
    administrators: options.administrators?.map((name) => name.toLowerCase()) ?? [],
    readOnly: options.readOnly ?? false,
    hidden: options.hidden ?? false,
    accessBasedEnumeration: options.accessBasedEnumeration ?? false,
    owner: ownerOf(options),
    forced: forcedIdsOf(options),
    posixExtensions: options.posix ?? true,
    apple: appleShareOf(options),
  };
}

function openStorage({ name, path, vfs }: ShareOptions, clock: Clock): Vfs {
  if (vfs !== undefined && path !== undefined) {
    throw new OptionError(`share '${name}' has a path and a vfs: only one of them can be`);
  }
  if (vfs !== undefined) return vfs;
  if (path === undefined) throw new OptionError(`share '${name}' needs a path or a vfs`);
  return openFolder(name, path, clock);
}

/** Whether streams go outside of the share. */
function isPath(folder: string | undefined): folder is string {
  return folder?.startsWith('/') === true;
}

function openFolder(name: string, path: string, clock: Clock): Vfs {
  const folder = resolve(path);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) throw new OptionError(`share '${name}': there is no folder ${folder}`);
  if (!stat.isDirectory()) throw new OptionError(`share '${name}': ${folder} is not a folder`);
  const opened = openLocalVfs(folder, { clock });
  if (!failed(opened)) return opened;
  const reason = getSystemErrorName(opened);
  throw new OptionError(`share '${name}': ${folder} cannot be opened (${reason})`);
}

/** A relative folder of snapshots is below the share. */
function snapshotsOf({ name, path, snapshots }: ShareOptions): Snapshots | undefined {
  if (snapshots === undefined || 'open' in snapshots) return snapshots;
  if (compileSnapshotPattern(snapshots.pattern ?? '%s') === undefined) {
    throw new OptionError(`share '${name}': '${snapshots.pattern}' tells no date: ${PATTERN_HINT}`);
  }
  const isBelow = !isAbsolute(snapshots.folder) && path !== undefined;
  return new SnapshotFolder(isBelow ? { ...snapshots, share: resolve(path) } : snapshots);
}

const PATTERN_HINT = 'it needs %Y, %m and %d (and %H, %M, %S), or %s';

function ownerOf({
  path,
}: ShareOptions): { readonly uid: number; readonly gid: number } | undefined {
  if (path === undefined) return undefined;
  const { uid, gid } = statSync(resolve(path));
  return { uid, gid };
}

/** Throws `OptionError` for whom nobody knows, and where the server may not switch. */
function forcedIdsOf({ name, forceUser, forceGroup }: ShareOptions): ForcedIds | undefined {
  if (forceUser === undefined && forceGroup === undefined) return undefined;
  if (process.getuid?.() !== 0) {
    throw new OptionError(`share '${name}': force_user and force_group need a server run as root`);
  }
  const user = forceUser === undefined ? undefined : findPosixUser(forceUser);
  if (forceUser !== undefined && user === undefined) {
    throw new OptionError(`share '${name}': force_user: this machine has no user '${forceUser}'`);
  }
  const membersOnly = forceGroup?.startsWith('+') === true;
  const groupName = membersOnly ? forceGroup.slice(1) : forceGroup;
  const gid = groupName === undefined ? undefined : findPosixGroup(groupName);
  if (groupName !== undefined && gid === undefined) {
    throw new OptionError(`share '${name}': force_group: this machine has no group '${groupName}'`);
  }
  return {
    ...(user === undefined ? {} : { user }),
    ...(gid === undefined ? {} : { group: { gid, membersOnly } }),
  };
}

function volumeOptions(options: ShareOptions, limits: Limits): VolumeOptions {
  const isRoot = process.getuid?.() === 0;
  return {
    readOnly: options.readOnly ?? false,
    label: options.name,
    fileIdSalt: DEFAULT_VOLUME_OPTIONS.fileIdSalt,
    serialNumber: serialNumberOf(options.path ?? options.name),
    createMask: options.createMask ?? DEFAULT_VOLUME_OPTIONS.createMask,
    directoryMask: options.directoryMask ?? DEFAULT_VOLUME_OPTIONS.directoryMask,
    forceCreateMode: options.forceCreateMode ?? DEFAULT_VOLUME_OPTIONS.forceCreateMode,
    forceDirectoryMode: options.forceDirectoryMode ?? DEFAULT_VOLUME_OPTIONS.forceDirectoryMode,
    access: options.access ?? DEFAULT_VOLUME_OPTIONS.access,
    securityXattr: isRoot ? 'security.NTACL' : 'user.NTACL',
    hideDotFiles: options.hideDotFiles ?? DEFAULT_VOLUME_OPTIONS.hideDotFiles,
    isHiddenName: hiddenNames(options.hideFiles),
    canonicalAcls: options.aclOrder === 'canonical',
    keepsAutoInherited: options.aclAutoInherited === 'kept',
    shortNames: options.shortNames ?? DEFAULT_VOLUME_OPTIONS.shortNames,
    followLinks: options.symlinks !== 'client',
    namedStreams: options.streams ?? DEFAULT_VOLUME_OPTIONS.namedStreams,
    appleStreams: appleShareOf(options) !== undefined,
    timeMachineSizeMax: options.timeMachineSizeMax ?? 0,
    streamsFolder: isPath(options.streamsFolder)
      ? DEFAULT_VOLUME_OPTIONS.streamsFolder
      : (options.streamsFolder ?? DEFAULT_VOLUME_OPTIONS.streamsFolder),
    strictSync: options.strictSync ?? DEFAULT_VOLUME_OPTIONS.strictSync,
    directoryLeases: options.directoryLeases ?? DEFAULT_VOLUME_OPTIONS.directoryLeases,
    accessBasedEnumeration:
      options.accessBasedEnumeration ?? DEFAULT_VOLUME_OPTIONS.accessBasedEnumeration,
    eaSizeMax: limits.eaSizeMax,
    breakTimeoutMs: limits.breakTimeoutMs,
    kernelOplocks: options.kernelOplocks ?? DEFAULT_VOLUME_OPTIONS.kernelOplocks,
    posixLocks: options.posixLocks ?? DEFAULT_VOLUME_OPTIONS.posixLocks,
    locksPerOpenMax: limits.locksPerOpenMax,
    pathDepthMax: limits.pathDepthMax,
    pathLengthMax: limits.pathLengthMax,
    securityDescriptorSize: limits.securityDescriptorSize,
    nameCacheDirectories: limits.nameCacheDirectories,
    nameCacheNames: limits.nameCacheNames,
    notifyBufferSize: limits.notifyBufferSize,
    notifyBuffersSize: limits.notifyBuffersSize,
    localWatchesMax: limits.localWatchesMax,
  };
}

function hiddenNames(patterns: readonly string[] = []): ((name: string) => boolean) | undefined {
  if (patterns.length === 0) return undefined;
  const compiled = patterns.map(compilePattern);
  return (name) =>
    name !== '' && name !== '.' && name !== '..' && compiled.some((one) => one.matches(name));
}

/** FNV-1a: the same share has the same serial number after a restart. */
function serialNumberOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}

const DEFAULT_APPLE_MODEL = 'MacSamba';

function appleShareOf(options: ShareOptions): AppleShare | undefined {
  const { name, apple, appleModel, timeMachine, timeMachineSizeMax, strictSync } = options;
  if (timeMachineSizeMax !== undefined && timeMachine !== true) {
    throw new OptionError(`share '${name}': a size for Time Machine needs timeMachine`);
  }
  if (apple !== true && timeMachine !== true) return undefined;
  if (timeMachine === true && strictSync === false) {
    throw new OptionError(`share '${name}': Time Machine needs strictSync`);
  }
  return { model: appleModel ?? DEFAULT_APPLE_MODEL, fullSync: timeMachine === true };
}
