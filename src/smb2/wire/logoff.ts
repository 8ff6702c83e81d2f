import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';

/** [MS-SMB2] 2.2.7 SMB2 LOGOFF Request */
export function decodeLogoffRequest(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeLogoffRequest(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}

/** [MS-SMB2] 2.2.8 SMB2 LOGOFF Response */
export function decodeLogoffResponse(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeLogoffResponse(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}
