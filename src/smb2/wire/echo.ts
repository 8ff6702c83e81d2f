import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';

/** [MS-SMB2] 2.2.28 SMB2 ECHO Request */
export function decodeEchoRequest(view: DataView, at: number, end: number): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeEchoRequest(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}

/** [MS-SMB2] 2.2.29 SMB2 ECHO Response */
export function decodeEchoResponse(view: DataView, at: number, end: number): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeEchoResponse(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}
