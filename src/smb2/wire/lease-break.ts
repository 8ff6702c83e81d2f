import { LE } from '../../base/bytes.ts';
import { type Guid, getGuid, setGuid } from './guid.ts';

/**
 * [MS-SMB2] 2.2.23.2 Lease Break Notification
 *
 *    0   2  StructureSize      44
 *    2   2  NewEpoch           lease V2; otherwise 0
 *    4   4  Flags
 *    8  16  LeaseKey
 *   24   4  CurrentLeaseState
 *   28   4  NewLeaseState
 *   32   4  BreakReason        0
 *   36   4  AccessMaskHint     0
 *   40   4  ShareMaskHint      0
 */
export interface LeaseBreakNotification {
  readonly newEpoch: number;
  readonly flags: number;
  readonly leaseKey: Guid;
  readonly currentLeaseState: number;
  readonly newLeaseState: number;
}
const NOTIFICATION_SIZE = 44;

/** Undefined when the bytes are no lease break notification. */
export function decodeLeaseBreakNotification(
  view: DataView,
  at: number,
  end: number,
): LeaseBreakNotification | undefined {
  if (end - at < NOTIFICATION_SIZE) return undefined;
  if (view.getUint16(at, LE) !== NOTIFICATION_SIZE) return undefined;
  return {
    newEpoch: view.getUint16(at + 2, LE),
    flags: view.getUint32(at + 4, LE),
    leaseKey: getGuid(view, at + 8),
    currentLeaseState: view.getUint32(at + 24, LE),
    newLeaseState: view.getUint32(at + 28, LE),
  };
}

export function encodeLeaseBreakNotification(
  view: DataView,
  at: number,
  notification: LeaseBreakNotification,
): number {
  view.setUint16(at, NOTIFICATION_SIZE, LE);
  view.setUint16(at + 2, notification.newEpoch, LE);
  view.setUint32(at + 4, notification.flags, LE);
  setGuid(view, at + 8, notification.leaseKey);
  view.setUint32(at + 24, notification.currentLeaseState, LE);
  view.setUint32(at + 28, notification.newLeaseState, LE);
  view.setUint32(at + 32, 0, LE);
  view.setUint32(at + 36, 0, LE);
  view.setUint32(at + 40, 0, LE);
  return at + NOTIFICATION_SIZE;
}

/**
 * [MS-SMB2] 2.2.24.2 Lease Break Acknowledgment, 2.2.25.2 Lease Break Response: one layout
 *
 *    0   2  StructureSize  36
 *    2   2  Reserved
 *    4   4  Flags          0
 *    8  16  LeaseKey
 *   24   4  LeaseState
 *   28   8  LeaseDuration  0
 */
export interface LeaseBreak {
  readonly leaseKey: Guid;
  readonly leaseState: number;
}
const SIZE = 36;

/** Undefined when the bytes are no lease break; an oplock break has another StructureSize. */
export function decodeLeaseBreak(view: DataView, at: number, end: number): LeaseBreak | undefined {
  if (end - at < SIZE) return undefined;
  if (view.getUint16(at, LE) !== SIZE) return undefined;
  return { leaseKey: getGuid(view, at + 8), leaseState: view.getUint32(at + 24, LE) };
}

export function encodeLeaseBreak(view: DataView, at: number, leaseBreak: LeaseBreak): number {
  view.setUint32(at, SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  setGuid(view, at + 8, leaseBreak.leaseKey);
  view.setUint32(at + 24, leaseBreak.leaseState, LE);
  view.setUint32(at + 28, 0, LE);
  view.setUint32(at + 32, 0, LE);
  return at + SIZE;
}
