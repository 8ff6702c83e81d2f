/**
 * A 16-byte identifier (ClientGuid, lease key, CreateGuid, AppInstanceId) as 32 lower-case hex
 * digits in the order of the wire: comparable with `===`, a key of maps and of stores as it is.
 */
export type Guid = string;

export const NO_GUID: Guid = '00000000000000000000000000000000';

export function getGuid(view: DataView, at: number): Guid {
  return Buffer.from(view.buffer, view.byteOffset + at, 16).toString('hex');
}

/** Writes the 16 bytes of `guid` and returns the end offset. */
export function setGuid(view: DataView, at: number, guid: Guid): number {
  return at + Buffer.from(view.buffer, view.byteOffset + at, 16).write(guid, 'hex');
}
