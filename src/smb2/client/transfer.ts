import type { ClientConnection } from './connection.ts';
import type { ClientSession } from './session.ts';

/** READs or WRITEs of one file on their way at a time, on each channel and in all. */
const REQUESTS_IN_FLIGHT = 8;
const REQUESTS_IN_FLIGHT_MAX = 32;
/** Bytes of one READ or WRITE: more brings no speed, only larger buffers. */
const PAYLOAD_SIZE_MAX = 1024 * 1024;

export function requestsInFlight(session: ClientSession): number {
  return Math.min(session.channelCount * REQUESTS_IN_FLIGHT, REQUESTS_IN_FLIGHT_MAX);
}

/** Bytes of the next READ or WRITE: what server, credits and this client allow. */
export function payloadSize(connection: ClientConnection, serverMax: number = 65_536): number {
  const size = Math.min(serverMax, connection.payloadSizeMax, PAYLOAD_SIZE_MAX);
  // Over RDMA messages are smaller than what goes beside them, and what is signed goes in them.
  const { rdma, negotiated } = connection;
  if (rdma === undefined || negotiated === undefined) return size;
  return Math.min(size, negotiated.response.maxTransactSize);
}
