/**
 * Opens that keep to POSIX, as the SMB3 POSIX Extensions ask for: names are case-sensitive and as
 * on disk, permission bits are the client's, and who has a file open does not keep others from
 * removing or replacing its name. What decides so is in open.ts, decide-close.ts and rename.ts;
 * here is what such an open is told.
 */
import { viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import { SID_NULL, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import type { FileMetadata, PosixMetadata } from '../fscc/file-metadata.ts';
import {
  POSIX_TYPE_BLOCK_DEVICE,
  POSIX_TYPE_CHARACTER_DEVICE,
  POSIX_TYPE_DIRECTORY,
  POSIX_TYPE_FIFO,
  POSIX_TYPE_FILE,
  POSIX_TYPE_SOCKET,
  POSIX_TYPE_SYMLINK,
} from '../fscc/posix-information.ts';
import {
  decodeNfsType,
  IO_REPARSE_TAG_NFS,
  IO_REPARSE_TAG_SYMLINK,
  NFS_SPECFILE_BLK,
  NFS_SPECFILE_CHR,
  NFS_SPECFILE_FIFO,
  NFS_SPECFILE_LNK,
  NFS_SPECFILE_SOCK,
} from '../fscc/reparse-data.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileStat, FileType } from '../vfs/vfs.ts';
import type { LocalOpen } from './local-open.ts';
import { REPARSE_XATTR } from './reparse-xattr.ts';

/** The metadata of an open, with the POSIX side where the open keeps to POSIX. */
export function* withPosix<T extends FileMetadata>(
  open: LocalOpen,
  metadata: T,
  stat: FileStat,
): Task<T> {
  if (!open.isPosix) return metadata;
  const isNfs = metadata.reparseTag === IO_REPARSE_TAG_NFS;
  const data = isNfs ? yield* wait(open.file.getXattr(REPARSE_XATTR)) : undefined;
  return { ...metadata, posix: posixMetadataOf(metadata, stat, data) };
}

/** The POSIX side of a file; `reparseData` is what is stored with one of IO_REPARSE_TAG_NFS. */
export function posixMetadataOf(
  { reparseTag }: FileMetadata,
  stat: FileStat,
  reparseData: Uint8Array | Errno | undefined,
): PosixMetadata {
  return {
    numberOfLinks: stat.links,
    reparseTag,
    mode: typeOf(stat.type, reparseTag, reparseData) | stat.mode,
    owner: unixUserSid(stat.uid),
    group: unixGroupSid(stat.gid),
    inode: stat.inode,
    device: Number(BigInt.asUintN(32, stat.device)),
  };
}

/** Of the directory above the root: that it is one, and nothing else. */
export function unknownPosix({ numberOfLinks }: FileMetadata): PosixMetadata {
  return {
    numberOfLinks,
    reparseTag: 0,
    mode: POSIX_TYPE_DIRECTORY,
    owner: SID_NULL,
    group: SID_NULL,
    inode: 0n,
    device: 0,
  };
}

/** Samba: a reparse point of a tag that stands for no POSIX object is a file. */
function typeOf(
  type: FileType,
  reparseTag: number,
  reparseData: Uint8Array | Errno | undefined,
): number {
  if (type === 'symlink' || reparseTag === IO_REPARSE_TAG_SYMLINK) return POSIX_TYPE_SYMLINK;
  if (reparseTag === IO_REPARSE_TAG_NFS && reparseData !== undefined && !failed(reparseData)) {
    return (
      POSIX_TYPE_OF_NFS.get(decodeNfsType(viewOf(reparseData), 0, reparseData.length) ?? 0n) ??
      POSIX_TYPE_FILE
    );
  }
  return type === 'directory' && reparseTag === 0 ? POSIX_TYPE_DIRECTORY : POSIX_TYPE_FILE;
}

const POSIX_TYPE_OF_NFS: ReadonlyMap<bigint, number> = new Map([
  [NFS_SPECFILE_LNK, POSIX_TYPE_SYMLINK],
  [NFS_SPECFILE_CHR, POSIX_TYPE_CHARACTER_DEVICE],
  [NFS_SPECFILE_BLK, POSIX_TYPE_BLOCK_DEVICE],
  [NFS_SPECFILE_FIFO, POSIX_TYPE_FIFO],
  [NFS_SPECFILE_SOCK, POSIX_TYPE_SOCKET],
]);
