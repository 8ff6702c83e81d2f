import { type Task, wait } from '../base/task.ts';
import { fileTimeOfNs } from '../dtyp/file-time.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileSystemStat } from '../vfs/vfs.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { hasStreams } from './open-request.ts';
import type { PosixVolumeOutcome, VolumeOutcome } from './surface.ts';
import type { Volume } from './volume.ts';

/**
 * [MS-FSCC] 2.5.1 FileFsAttributeInformation, FileSystemAttributes: those that a store can have.
 */
const FILE_CASE_SENSITIVE_SEARCH = 0x0000_0001;
const FILE_CASE_PRESERVED_NAMES = 0x0000_0002;
const FILE_UNICODE_ON_DISK = 0x0000_0004;
const FILE_PERSISTENT_ACLS = 0x0000_0008;
const FILE_SUPPORTS_SPARSE_FILES = 0x0000_0040;
const FILE_SUPPORTS_REPARSE_POINTS = 0x0000_0080;
const FILE_SUPPORTS_OBJECT_IDS = 0x0001_0000;
const FILE_NAMED_STREAMS = 0x0004_0000;
const FILE_READ_ONLY_VOLUME = 0x0008_0000;
const FILE_SUPPORTS_HARD_LINKS = 0x0040_0000;
const FILE_SUPPORTS_EXTENDED_ATTRIBUTES = 0x0080_0000;

const FILE_SUPPORT_INTEGRITY_STREAMS = 0x0400_0000;
const FILE_SUPPORTS_BLOCK_REFCOUNTING = 0x0800_0000;

/** [MS-FSA] 2.1.1.1 Per Volume, LogicalBytesPerSector. */
export const SECTOR_SIZE = 512;

/** [MS-FSA] 2.1.5.13 Server Requests a Query of File System Information. */
export function* queryVolume(volume: Volume): Task<VolumeOutcome> {
  const { vfs, options } = volume;
  const space = yield* spaceOf(volume);
  if (failed(space)) return { status: statusOf(space) };
  const root = yield* wait(vfs.stat(ROOT, ''));
  const unitSize = Math.max(SECTOR_SIZE, space.blockSize);
  const scale = space.blockSize / unitSize;
  return {
    status: 0,
    information: {
      creationTime: failed(root) ? 0n : fileTimeOfNs(root.birthTimeNs ?? root.changeTimeNs),
      serialNumber: options.serialNumber,
      label: options.label,
      totalUnits: Math.floor(space.blocks * scale),
      callerAvailableUnits: Math.floor(space.blocksAvailable * scale),
      actualAvailableUnits: Math.floor(space.blocksFree * scale),
      sectorsPerUnit: Math.floor(unitSize / SECTOR_SIZE),
      bytesPerSector: SECTOR_SIZE,
      attributes:
        attributesOf(volume) | (options.readOnly || space.readOnly ? FILE_READ_ONLY_VOLUME : 0),
      componentNameLengthMax: Math.min(255, space.nameLengthMax),
      fileSystemName: vfs.capabilities.fileSystemName,
      readOnly: options.readOnly || space.readOnly,
    },
  };
}

/** What statfs(2) tells, for FileFsPosixInformation of the SMB3 POSIX Extensions. */
export function* queryPosixVolume(volume: Volume): Task<PosixVolumeOutcome> {
  const { options } = volume;
  const space = yield* spaceOf(volume);
  if (failed(space)) return { status: statusOf(space) };
  return {
    status: 0,
    information: {
      optimalTransferSize: space.blockSize,
      blockSize: space.blockSize,
      totalBlocks: space.blocks,
      blocksFree: space.blocksFree,
      blocksAvailable: space.blocksAvailable,
      totalFiles: space.files ?? 0,
      filesFree: space.filesFree ?? 0,
      fileSystemId: BigInt(options.serialNumber),
    },
  };
}

function* spaceOf({ vfs, backupSize }: Volume): Task<FileSystemStat | Errno> {
  const space = yield* wait(vfs.fileSystemStat());
  return failed(space) || backupSize === undefined ? space : yield* backupSize.limit(space);
}

/** The volume's birth is nobody's secret. */
const ROOT = { uid: 0, gid: 0, groups: [] } as const;

function attributesOf(volume: Volume): number {
  const { capabilities } = volume.vfs;
  let attributes = FILE_CASE_SENSITIVE_SEARCH | FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK;
  if (capabilities.xattrs) {
    attributes |=
      FILE_PERSISTENT_ACLS |
      FILE_SUPPORTS_REPARSE_POINTS |
      FILE_SUPPORTS_OBJECT_IDS |
      FILE_SUPPORTS_EXTENDED_ATTRIBUTES;
  }
  if (hasStreams(volume)) attributes |= FILE_NAMED_STREAMS;
  if (capabilities.sparseFiles) attributes |= FILE_SUPPORTS_SPARSE_FILES;
  if (capabilities.sharedBlocks) attributes |= FILE_SUPPORTS_BLOCK_REFCOUNTING;
  if (capabilities.checksums === true) attributes |= FILE_SUPPORT_INTEGRITY_STREAMS;
  if (capabilities.hardLinks) attributes |= FILE_SUPPORTS_HARD_LINKS;
  return attributes;
}
