import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';

/** [MS-SMB2] 2.2.11 SMB2 TREE_DISCONNECT Request */
export function decodeTreeDisconnectRequest(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeTreeDisconnectRequest(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}

/** [MS-SMB2] 2.2.12 SMB2 TREE_DISCONNECT Response */
export function decodeTreeDisconnectResponse(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeTreeDisconnectResponse(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}
