import { LE } from '../../base/bytes.ts';

/**
 * [MS-SMB2] 2.2.31.3 NETWORK_RESILIENCY_REQUEST Request
 *
 *    0   4  Timeout   milliseconds, 0 lets the server choose
 *    4   4  Reserved
 */
export interface NetworkResiliencyRequest {
  readonly timeoutMs: number;
}
export const NETWORK_RESILIENCY_REQUEST_SIZE = 8;

/** Undefined when the bytes are too few. */
export function decodeNetworkResiliency(
  view: DataView,
  at: number,
  end: number,
): NetworkResiliencyRequest | undefined {
  if (end - at < NETWORK_RESILIENCY_REQUEST_SIZE) return undefined;
  return { timeoutMs: view.getUint32(at, LE) };
}

export function encodeNetworkResiliency(
  view: DataView,
  at: number,
  request: NetworkResiliencyRequest,
): number {
  view.setUint32(at, request.timeoutMs, LE);
  view.setUint32(at + 4, 0, LE);
  return at + NETWORK_RESILIENCY_REQUEST_SIZE;
}
