/** What a listing tells of one entry. */
import { isPromise, type Task, wait } from '../base/task.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_REPARSE_POINT,
} from '../fscc/file-attributes.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import { IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-data.ts';
import { ENODATA, type Errno, failed } from '../vfs/errno.ts';
import type { DirectoryEntry, FileStat } from '../vfs/vfs.ts';
import { appleAttributesOf } from './apple.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { mayListEntry } from './entry-access.ts';
import { isDirectoryTarget, isUnfollowed } from './link-target.ts';
import type { LocalOpen } from './local-open.ts';
import { fileIdOf, metadataOf, storedAttributes } from './metadata.ts';
import { joinPath, parentOf } from './names.ts';
import { posixMetadataOf, unknownPosix, withPosix } from './posix.ts';
import { REPARSE_XATTR, reparseTagOf } from './reparse-xattr.ts';
import { shortNameOf } from './short-names.ts';
import type { VolumeOptions } from './volume.ts';

/**
 * An entry of which everything is known at once: a file or directory, and nothing special. As
 * `tellEntry` tells it; undefined for all others, of which nothing was decided yet.
 */
export function tellAtOnce(
  open: LocalOpen,
  found: DirectoryEntry,
  name: string,
): DirectoryEntryData | undefined {
  const { file, volume } = open;
  const stat = file.statEntry(found.name);
  if (isPromise(stat) || failed(stat) || stat.type === 'symlink') return undefined;
  const value = volume.vfs.capabilities.xattrs
    ? file.getEntryXattr(found.name, DOSATTRIB_XATTR, stat)
    : ENODATA;
  if (isPromise(value)) return undefined;
  const stored = storedAttributes(value, stat);
  if ((stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0) return undefined;
  return metadataOf(volume.options, stat, stored, {
    name,
    deletePending: false,
    streamSize: undefined,
    eaSize: stored.eaSize,
    shortName: volume.options.shortNames ? shortNameOf(name) : '',
    reparseTag: 0,
  });
}

/**
 * An entry with its metadata, a link that is followed with its target's; undefined when it vanished
 * or must not be seen.
 */
export function* tellEntry(
  open: LocalOpen,
  onDisk: string,
  name: string,
  found: FileStat | Errno,
): Task<DirectoryEntryData | undefined> {
  if (failed(found)) return undefined;
  const { volume, file } = open;
  let stat = found;
  let value: Uint8Array | Errno = ENODATA;
  if (stat.type === 'symlink' && !open.isPosix) {
    const path = joinPath(open.path, onDisk);
    const target = yield* wait(volume.vfs.stat(open.security.credentials, path));
    if (failed(target) || !volume.options.followLinks) {
      return yield* tellLink(open, { onDisk, path, name, stat, target });
    }
    stat = target;
  } else if (volume.vfs.capabilities.xattrs) {
    const getting = file.getEntryXattr(onDisk, DOSATTRIB_XATTR, found);
    value = isPromise(getting) ? yield* wait(getting) : getting;
  }
  if (volume.options.accessBasedEnumeration) {
    const isLink = found.type === 'symlink';
    if (!(yield* mayListEntry(open, { onDisk, stat, isLink }))) return undefined;
  }
  const stored = storedAttributes(value, stat);
  let reparseTag = stat.type === 'symlink' ? IO_REPARSE_TAG_SYMLINK : 0;
  let reparseData: Uint8Array | Errno | undefined;
  if ((stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0 && stat === found) {
    reparseData = yield* wait(file.getEntryXattr(onDisk, REPARSE_XATTR));
    reparseTag = reparseTagOf(reparseData);
  }
  const shortName = volume.options.shortNames ? shortNameOf(name) : '';
  const extras = {
    name,
    deletePending: false,
    streamSize: undefined,
    eaSize: stored.eaSize,
    shortName,
    reparseTag,
  };
  const metadata = metadataOf(volume.options, stat, stored, extras);
  if (open.cursor?.withApple === true) {
    const { attributes } = metadata;
    return { ...metadata, apple: yield* appleAttributesOf(open, { onDisk, stat, attributes }) };
  }
  if (!open.isPosix) return metadata;
  return { ...metadata, posix: posixMetadataOf(metadata, stat, reparseData) };
}

/** A link that clients follow themselves, if at all. */
function* tellLink(
  open: LocalOpen,
  link: {
    readonly onDisk: string;
    readonly path: string;
    readonly name: string;
    readonly stat: FileStat;
    readonly target: FileStat | Errno;
  },
): Task<DirectoryEntryData | undefined> {
  const { volume, security } = open;
  const { onDisk, path, name, stat, target } = link;
  if (volume.options.accessBasedEnumeration) {
    const isSeen = failed(target)
      ? isUnfollowed(target)
      : yield* mayListEntry(open, { onDisk, stat: target, isLink: true });
    if (!isSeen) return undefined;
  }
  const text = yield* wait(volume.vfs.readLink(security.credentials, path));
  if (failed(text)) return undefined;
  const isDirectoryLink = failed(target) ? isDirectoryTarget(text) : target.type === 'directory';
  return metadataOf(volume.options, stat, storedAttributes(ENODATA, stat), {
    name,
    deletePending: false,
    streamSize: undefined,
    eaSize: 0,
    reparseTag: IO_REPARSE_TAG_SYMLINK,
    isDirectoryLink,
  });
}

/** '.' is the directory itself; '..' its parent, the root its own. */
export function* dotEntry(open: LocalOpen, name: '.' | '..'): Task<DirectoryEntryData | undefined> {
  const { volume, file, path } = open;
  let stat: FileStat | Errno;
  let value: Uint8Array | Errno = ENODATA;
  if (name === '.' || path === '') {
    stat = yield* wait(file.stat());
    value = failed(stat) ? stat : yield* wait(file.getXattr(DOSATTRIB_XATTR, stat));
  } else {
    stat = yield* wait(volume.vfs.stat(open.security.credentials, parentOf(path)));
  }
  if (failed(stat)) return undefined;
  const extras = { name, deletePending: false, streamSize: undefined, eaSize: 0 };
  const metadata = metadataOf(volume.options, stat, storedAttributes(value, stat), extras);
  if (!open.isPosix) return metadata;
  // What is above the root is nobody's business.
  if (name === '..' && path === '') return { ...metadata, posix: unknownPosix(metadata) };
  return yield* withPosix(open, metadata, stat);
}

/** For FileNamesInformation: what the directory itself tells. */
export function nameEntry(
  found: DirectoryEntry,
  name: string,
  options: VolumeOptions,
): DirectoryEntryData {
  const isDirectory = found.type === 'directory';
  return {
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    attributes: isDirectory ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_NORMAL,
    endOfFile: 0,
    allocationSize: 0,
    numberOfLinks: 1,
    deletePending: false,
    isDirectory,
    fileId: fileIdOf(found.inode, options),
    eaSize: 0,
    reparseTag: 0,
    name,
    shortName: '',
    fileIndex: 0,
  };
}
