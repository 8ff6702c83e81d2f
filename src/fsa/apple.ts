/**
 * What Apple's clients, once they asked for it, are told with each entry of a listing, so that the
 * Finder needs no further requests: Samba's vfs_fruit, readdir_attr.
 */
import { viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import type { AppleAttributes } from '../fscc/file-metadata.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { checkAccess } from './access.ts';
import { AFP_DATE_UNKNOWN, FINDER_INFO_AT, isAfpInfo } from './afp-info.ts';
import type { LocalOpen } from './local-open.ts';
import { joinPath } from './names.ts';
import { decodeNtAcl } from './nt-acl.ts';
import { streamSize, streamXattr } from './stream-backing.ts';
import { markedId } from './stream-store.ts';

const AFP_INFO_XATTR = streamXattr('AFP_AfpInfo');
const AFP_RESOURCE_XATTR = streamXattr('AFP_Resource');

const NS_PER_SECOND = 1_000_000_000n;
/** Seconds from 1970 to 2000, where AFP begins to count. */
const AFP_EPOCH = 946_684_800n;
/** What a date takes behind type, creator and the two words of flags. */
const COMPRESSED_SIZE = 16;

/** Of an entry of an open directory; `attributes` are FILE_ATTRIBUTE_*. */
export function* appleAttributesOf(
  open: LocalOpen,
  entry: { readonly onDisk: string; readonly stat: FileStat; readonly attributes: number },
): Task<AppleAttributes> {
  const { onDisk, stat } = entry;
  const info = yield* wait(open.file.getEntryXattr(onDisk, AFP_INFO_XATTR));
  return {
    maximalAccess: yield* maximalAccessOf(open, entry),
    resourceForkSize: stat.type === 'file' ? yield* resourceForkSize(open, onDisk) : 0,
    finderInfo: compressFinderInfo(info, stat),
    mode: stat.mode | (stat.type === 'directory' ? S_IFDIR : S_IFREG),
  };
}

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

function* maximalAccessOf(
  open: LocalOpen,
  entry: { readonly onDisk: string; readonly stat: FileStat; readonly attributes: number },
): Task<number> {
  const { volume, security, file } = open;
  const { onDisk, stat, attributes } = entry;
  const acl = yield* wait(file.getEntryXattr(onDisk, volume.options.securityXattr));
  const access = yield* checkAccess(
    {
      volume,
      security,
      path: joinPath(open.path, onDisk),
      stat,
      descriptor: failed(acl) ? undefined : decodeNtAcl(acl),
      attributes,
      createOptions: 0,
      opened: 'metadata',
    },
    { desired: 0, implied: 0, maximum: true },
  );
  return typeof access === 'number' ? 0 : access.granted;
}

/** Of what lies in the side store the size costs an open; a small fork's is in its attribute. */
function* resourceForkSize(open: LocalOpen, onDisk: string): Task<number> {
  const { volume, security } = open;
  const value = yield* wait(open.file.getEntryXattr(onDisk, AFP_RESOURCE_XATTR));
  if (failed(value)) return 0;
  if (markedId(value) === undefined) return Math.max(0, value.length - 1);
  const path = joinPath(open.path, onDisk);
  const opening = volume.vfs.open(security.credentials, path, { access: 'metadata' });
  const file = yield* wait(opening);
  if (failed(file)) return 0;
  const size = yield* streamSize(volume.streams, file, value);
  file.close();
  return failed(size) ? 0 : size.size;
}

/**
 * Type and creator (of files), Finder flags, extended flags, and the time of birth, big endian: the
 * five parts of AFP_AfpInfo that a listing has room for.
 */
function compressFinderInfo(info: Uint8Array | Errno, stat: FileStat): Uint8Array {
  const compressed = new Uint8Array(COMPRESSED_SIZE);
  const view = viewOf(compressed);
  view.setUint32(12, AFP_DATE_UNKNOWN);
  // The attribute holds one byte more than the stream.
  if (failed(info) || !isAfpInfo(info.subarray(0, Math.max(0, info.length - 1)))) return compressed;
  const finder = info.subarray(FINDER_INFO_AT);
  if (stat.type === 'file') compressed.set(finder.subarray(0, 8));
  compressed.set(finder.subarray(8, 10), 8);
  compressed.set(finder.subarray(24, 26), 10);
  const born = (stat.birthTimeNs ?? stat.changeTimeNs) / NS_PER_SECOND - AFP_EPOCH;
  view.setUint32(12, Number(BigInt.asUintN(32, born)));
  return compressed;
}
