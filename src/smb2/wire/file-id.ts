import { LE } from '../../base/bytes.ts';

/**
 * [MS-SMB2] 2.2.14.1 SMB2_FILEID
 *
 *    0   8  Persistent
 *    8   8  Volatile
 */
export interface FileId {
  readonly persistent: bigint;
  readonly volatile: bigint;
}
export const FILE_ID_SIZE = 16;

/**
 * Both halves of the FileId that a related request of a compound carries ([MS-SMB2] 3.3.5.2.7.2).
 */
export const RELATED_FILE_ID: FileId = {
  persistent: 0xffff_ffff_ffff_ffffn,
  volatile: 0xffff_ffff_ffff_ffffn,
};

export function getFileId(view: DataView, at: number): FileId {
  return {
    persistent: view.getBigUint64(at, LE),
    volatile: view.getBigUint64(at + 8, LE),
  };
}

export function setFileId(view: DataView, at: number, fileId: FileId): number {
  view.setBigUint64(at, fileId.persistent, LE);
  view.setBigUint64(at + 8, fileId.volatile, LE);
  return at + FILE_ID_SIZE;
}
