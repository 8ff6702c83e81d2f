import { put, slice } from '../base/bytes.ts';

/** Sixteen opaque bytes each. */
export interface ObjectId {
  readonly objectId: Uint8Array;
  readonly birthVolumeId: Uint8Array;
  readonly birthObjectId: Uint8Array;
  readonly domainId: Uint8Array;
}

export const OBJECT_ID_BUFFER_SIZE = 64;

/**
 * [MS-FSCC] 2.1.3.1 FILE_OBJECTID_BUFFER Type 1; undefined when too short. Fields are copies.
 *
 *    0  16  ObjectId
 *   16  16  BirthVolumeId
 *   32  16  BirthObjectId
 *   48  16  DomainId
 */
export function decodeObjectId(view: DataView, at: number, end: number): ObjectId | undefined {
  if (end - at < OBJECT_ID_BUFFER_SIZE) return undefined;
  return {
    objectId: slice(view, at, at + 16).slice(),
    birthVolumeId: slice(view, at + 16, at + 32).slice(),
    birthObjectId: slice(view, at + 32, at + 48).slice(),
    domainId: slice(view, at + 48, at + 64).slice(),
  };
}

export function encodeObjectId(view: DataView, at: number, id: ObjectId): number {
  put(view, at, id.objectId);
  put(view, at + 16, id.birthVolumeId);
  put(view, at + 32, id.birthObjectId);
  return put(view, at + 48, id.domainId);
}
