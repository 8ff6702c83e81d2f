import { LE } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';

/**
 * [MS-SMB2] 2.2.23.1 Oplock Break Notification, 2.2.24.1 Oplock Break Acknowledgment,
 * 2.2.25.1 Oplock Break Response: one layout
 *
 *    0   2  StructureSize  24
 *    2   1  OplockLevel
 *    3   1  Reserved
 *    4   4  Reserved2
 *    8  16  FileId
 */
export interface OplockBreak {
  readonly oplockLevel: number;
  readonly fileId: FileId;
}
const SIZE = 24;

/** Undefined when the bytes are no oplock break; a lease break has another StructureSize. */
export function decodeOplockBreak(
  view: DataView,
  at: number,
  end: number,
): OplockBreak | undefined {
  if (end - at < SIZE) return undefined;
  if (view.getUint16(at, LE) !== SIZE) return undefined;
  return { oplockLevel: view.getUint8(at + 2), fileId: getFileId(view, at + 8) };
}

export function encodeOplockBreak(view: DataView, at: number, oplockBreak: OplockBreak): number {
  view.setUint16(at, SIZE, LE);
  view.setUint8(at + 2, oplockBreak.oplockLevel);
  view.setUint8(at + 3, 0);
  view.setUint32(at + 4, 0, LE);
  return setFileId(view, at + 8, oplockBreak.fileId);
}
