import { LE } from '../../base/bytes.ts';

/**
 * [MS-SMB2] 2.2.44 SMB2 SERVER_TO_CLIENT_NOTIFICATION, with 2.2.44.1 SMB2_NOTIFY_SESSION_CLOSED
 *
 *    0   2  StructureSize     4
 *    2   2  Reserved
 *    4   4  NotificationType
 *    8   4  Reserved          of SMB2_NOTIFY_SESSION_CLOSED
 */
export interface ServerToClientNotification {
  readonly notificationType: number;
}
const FIXED_SIZE = 8;

/** Undefined when the bytes are no SERVER_TO_CLIENT_NOTIFICATION. */
export function decodeServerToClientNotification(
  view: DataView,
  at: number,
  end: number,
): ServerToClientNotification | undefined {
  if (end - at < FIXED_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 4) return undefined;
  return { notificationType: view.getUint32(at + 4, LE) };
}

export function encodeServerToClientNotification(
  view: DataView,
  at: number,
  notification: ServerToClientNotification,
): number {
  view.setUint32(at, 4, LE);
  view.setUint32(at + 4, notification.notificationType, LE);
  view.setUint32(at + 8, 0, LE);
  return at + 12;
}
