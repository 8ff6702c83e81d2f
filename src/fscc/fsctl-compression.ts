import { LE } from '../base/bytes.ts';

/** [MS-FSCC] 2.3.16 FSCTL_GET_COMPRESSION Reply, CompressionState. */
export const COMPRESSION_FORMAT_NONE = 0;
export const COMPRESSION_FORMAT_DEFAULT = 1;
export const COMPRESSION_FORMAT_LZNT1 = 2;
export const COMPRESSION_STATE_SIZE = 2;

/** 2.3.16 and 2.3.65 FSCTL_SET_COMPRESSION Request: CompressionState; undefined when too short. */
export function decodeCompressionState(
  view: DataView,
  at: number,
  end: number,
): number | undefined {
  return end - at < COMPRESSION_STATE_SIZE ? undefined : view.getUint16(at, LE);
}

export function encodeCompressionState(view: DataView, at: number, state: number): number {
  view.setUint16(at, state, LE);
  return at + COMPRESSION_STATE_SIZE;
}
