import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';

/** [MS-SMB2] 2.2.30 SMB2 CANCEL Request */
export function decodeCancelRequest(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeCancelRequest(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}
