import { fileTimeOfNs } from '../dtyp/file-time.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_REPARSE_POINT,
  FILE_ATTRIBUTE_SPARSE_FILE,
} from '../fscc/file-attributes.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import {
  CHANGE_MARK_WINDOW_NS,
  type DosAttributes,
  decodeDosAttributes,
} from './dos-attributes.ts';
import type { VolumeOptions } from './volume.ts';

/** NTFS's cluster: what a file that is not sparse takes is a multiple of it. */
export const CLUSTER_SIZE = 4096;

/** What is known besides stat and attributes. */
export interface MetadataExtras {
  readonly name: string;
  readonly deletePending: boolean;
  /** Size of the named stream that is asked about; undefined for the unnamed one. */
  readonly streamSize: number | undefined;
  readonly eaSize: number;
  /** Only listings tell it. */
  readonly shortName?: string;
  /** Set for a reparse point. */
  readonly reparseTag?: number;
  /** A reparse point that is no directory on disk, and one for clients. */
  readonly isDirectoryLink?: boolean;
}

/** Attributes and creation time as stored; defaults where nothing, or nothing legible, is. */
export function storedAttributes(value: Uint8Array | Errno, stat: FileStat): DosAttributes {
  const stored = failed(value) ? undefined : decodeDosAttributes(value);
  if (stored === undefined) {
    const hasNone = stat.type === 'directory' || stat.type === 'symlink';
    return hasNone ? NO_ATTRIBUTES : FILE_DEFAULT;
  }
  return stored;
}

/** A file that Windows programs have not touched carries ARCHIVE, as a new one does. */
const FILE_DEFAULT: DosAttributes = {
  attributes: FILE_ATTRIBUTE_ARCHIVE,
  creationTime: undefined,
  changeMark: undefined,
  eaSize: 0,
};
const NO_ATTRIBUTES: DosAttributes = {
  attributes: 0,
  creationTime: undefined,
  changeMark: undefined,
  eaSize: 0,
};

const STORED_ONLY = FILE_ATTRIBUTE_NORMAL | FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;

/**
 * The attributes that clients see: never 0. [MS-FSA] 2.1.5.12.6 FileBasicInformation: a named
 * stream of a directory is none itself; clients that are told it is (smbclient) refuse to use it.
 */
function visibleAttributes(
  stored: DosAttributes,
  stat: FileStat,
  extras: MetadataExtras,
  options: VolumeOptions,
): number {
  let attributes = stored.attributes & ~STORED_ONLY;
  const isStream = extras.streamSize !== undefined;
  if (stat.type === 'directory' && !isStream) attributes |= FILE_ATTRIBUTE_DIRECTORY;
  if (extras.reparseTag) {
    attributes |= FILE_ATTRIBUTE_REPARSE_POINT;
    if (extras.isDirectoryLink === true) attributes |= FILE_ATTRIBUTE_DIRECTORY;
  }
  if (options.hideDotFiles && isDotFile(extras.name)) attributes |= FILE_ATTRIBUTE_HIDDEN;
  if (options.isHiddenName?.(extras.name) === true) attributes |= FILE_ATTRIBUTE_HIDDEN;
  return attributes === 0 ? FILE_ATTRIBUTE_NORMAL : attributes;
}

/** The stored creation time, else the store's, else the oldest time there is. */
export function creationTimeOf(stored: DosAttributes, stat: FileStat): bigint {
  if (stored.creationTime !== undefined) return stored.creationTime;
  if (stat.birthTimeNs !== undefined) return fileTimeOfNs(stat.birthTimeNs);
  // A file that was touched later was there before.
  if (stat.modifyTimeNs < stat.changeTimeNs) return fileTimeOfNs(stat.modifyTimeNs);
  return fileTimeOfNs(stat.changeTimeNs);
}

/** The ChangeTime that a client set, as long as nothing changed the file since; else its ctime. */
export function changeTimeOf({ changeMark }: DosAttributes, { changeTimeNs }: FileStat): bigint {
  if (
    changeMark !== undefined &&
    changeTimeNs <= changeMark.untilNs &&
    changeTimeNs > changeMark.untilNs - CHANGE_MARK_WINDOW_NS
  ) {
    return changeMark.changeTime;
  }
  return fileTimeOfNs(changeTimeNs);
}

/** One object for whatever asks: CREATE, QUERY_INFO and an entry of a listing. */
export function metadataOf(
  options: VolumeOptions,
  stat: FileStat,
  stored: DosAttributes,
  extras: MetadataExtras,
): DirectoryEntryData {
  const isDirectory =
    (stat.type === 'directory' && extras.streamSize === undefined) ||
    extras.isDirectoryLink === true;
  const size = extras.streamSize ?? (stat.type === 'symlink' ? 0 : stat.size);
  const isSparse = (stored.attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0;
  let allocationSize = extras.streamSize === undefined ? stat.allocated : 0;
  if (isDirectory) allocationSize = 0;
  else if (!isSparse) allocationSize = Math.max(allocationSize, roundUp(size));
  return {
    creationTime: creationTimeOf(stored, stat),
    lastAccessTime: fileTimeOfNs(stat.accessTimeNs),
    lastWriteTime: fileTimeOfNs(stat.modifyTimeNs),
    changeTime: changeTimeOf(stored, stat),
    attributes: visibleAttributes(stored, stat, extras, options),
    endOfFile: isDirectory ? 0 : size,
    allocationSize,
    // [MS-FSA] 2.1.5.12.29: a link that is to be deleted does not count any more.
    numberOfLinks: Math.max(0, (isDirectory ? 1 : stat.links) - (extras.deletePending ? 1 : 0)),
    deletePending: extras.deletePending,
    isDirectory,
    fileId: fileIdOf(stat.inode, options),
    eaSize: extras.eaSize,
    reparseTag: extras.reparseTag ?? 0,
    name: extras.name,
    shortName: extras.shortName ?? '',
    fileIndex: 0,
  };
}

/** Unique in the volume and, snapshots included, in the share. */
export function fileIdOf(inode: bigint, { fileIdSalt }: VolumeOptions): bigint {
  return fileIdSalt === 0n ? inode : inode ^ fileIdSalt;
}

export function roundUp(size: number): number {
  return Math.ceil(size / CLUSTER_SIZE) * CLUSTER_SIZE;
}

function isDotFile(name: string): boolean {
  return name.charCodeAt(0) === 0x2e && name !== '.' && name !== '..' && name.length > 1;
}
