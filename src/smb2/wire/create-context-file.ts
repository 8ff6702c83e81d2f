import { LE, viewOf } from '../../base/bytes.ts';
import type { NtStatus } from '../../erref/ntstatus.ts';
import {
  type CreateContext,
  makeCreateContext,
  SMB2_CREATE_ALLOCATION_SIZE,
  SMB2_CREATE_APP_INSTANCE_ID,
  SMB2_CREATE_APP_INSTANCE_VERSION,
  SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST,
  SMB2_CREATE_QUERY_ON_DISK_ID,
  SMB2_CREATE_TIMEWARP_TOKEN,
} from './create-context.ts';
import { type Guid, getGuid, setGuid } from './guid.ts';

/**
 * [MS-SMB2] 2.2.13.2.6 SMB2_CREATE_ALLOCATION_SIZE
 *
 *    0   8  AllocationSize
 */
export function decodeAllocationSize(data: Uint8Array): bigint | undefined {
  return data.length === 8 ? viewOf(data).getBigUint64(0, LE) : undefined;
}

export function allocationSizeContext(allocationSize: bigint): CreateContext {
  return makeCreateContext(SMB2_CREATE_ALLOCATION_SIZE, 8, (view) => {
    view.setBigUint64(0, allocationSize, LE);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.5 SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST
 *
 *    0   8  Timestamp  may be absent
 *
 * A FILETIME, 0 when absent: the answer may leave the access out for a file not changed since.
 */
export function decodeMaximalAccessRequest(data: Uint8Array): bigint | undefined {
  if (data.length === 0) return 0n;
  return data.length === 8 ? viewOf(data).getBigUint64(0, LE) : undefined;
}

export function maximalAccessRequestContext(): CreateContext {
  return { name: SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST, data: new Uint8Array(0) };
}

/**
 * [MS-SMB2] 2.2.14.2.5 SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE
 *
 *    0   4  QueryStatus
 *    4   4  MaximalAccess
 */
export interface MaximalAccessResponse {
  readonly queryStatus: NtStatus;
  readonly maximalAccess: number;
}

/** Undefined when `data` has another size. */
export function decodeMaximalAccessResponse(data: Uint8Array): MaximalAccessResponse | undefined {
  if (data.length !== 8) return undefined;
  const view = viewOf(data);
  return { queryStatus: view.getUint32(0, LE), maximalAccess: view.getUint32(4, LE) };
}

export function maximalAccessResponseContext(response: MaximalAccessResponse): CreateContext {
  return makeCreateContext(SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST, 8, (view) => {
    view.setUint32(0, response.queryStatus, LE);
    view.setUint32(4, response.maximalAccess, LE);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.7 SMB2_CREATE_TIMEWARP_TOKEN
 *
 *    0   8  Timestamp  FILETIME of the snapshot
 */
export function decodeTimewarpToken(data: Uint8Array): bigint | undefined {
  return data.length === 8 ? viewOf(data).getBigUint64(0, LE) : undefined;
}

export function timewarpTokenContext(timestamp: bigint): CreateContext {
  return makeCreateContext(SMB2_CREATE_TIMEWARP_TOKEN, 8, (view) => {
    view.setBigUint64(0, timestamp, LE);
  });
}

/** [MS-SMB2] 2.2.13.2.9 SMB2_CREATE_QUERY_ON_DISK_ID: no data. */
export function onDiskIdRequestContext(): CreateContext {
  return { name: SMB2_CREATE_QUERY_ON_DISK_ID, data: new Uint8Array(0) };
}

/**
 * [MS-SMB2] 2.2.14.2.9 SMB2_CREATE_QUERY_ON_DISK_ID
 *
 *    0   8  DiskFileId
 *    8   8  VolumeId
 *   16  16  Reserved
 */
export interface OnDiskId {
  readonly diskFileId: bigint;
  readonly volumeId: bigint;
}

/** Undefined when `data` has another size. */
export function decodeOnDiskId(data: Uint8Array): OnDiskId | undefined {
  if (data.length !== 32) return undefined;
  const view = viewOf(data);
  return { diskFileId: view.getBigUint64(0, LE), volumeId: view.getBigUint64(8, LE) };
}

export function onDiskIdContext(id: OnDiskId): CreateContext {
  return makeCreateContext(SMB2_CREATE_QUERY_ON_DISK_ID, 32, (view) => {
    view.setBigUint64(0, id.diskFileId, LE);
    view.setBigUint64(8, id.volumeId, LE);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.13 SMB2_CREATE_APP_INSTANCE_ID
 *
 *    0   2  StructureSize  20
 *    2   2  Reserved
 *    4  16  AppInstanceId
 */
export function decodeAppInstanceId(data: Uint8Array): Guid | undefined {
  if (data.length !== 20) return undefined;
  const view = viewOf(data);
  return view.getUint16(0, LE) === 20 ? getGuid(view, 4) : undefined;
}

export function appInstanceIdContext(appInstanceId: Guid): CreateContext {
  return makeCreateContext(SMB2_CREATE_APP_INSTANCE_ID, 20, (view) => {
    view.setUint16(0, 20, LE);
    setGuid(view, 4, appInstanceId);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.15 SMB2_CREATE_APP_INSTANCE_VERSION
 *
 *    0   2  StructureSize           24
 *    2   2  Reserved
 *    4   4  Padding
 *    8   8  AppInstanceVersionHigh
 *   16   8  AppInstanceVersionLow
 */
export interface AppInstanceVersion {
  readonly high: bigint;
  readonly low: bigint;
}

/** Undefined when `data` is no application instance version. */
export function decodeAppInstanceVersion(data: Uint8Array): AppInstanceVersion | undefined {
  if (data.length !== 24) return undefined;
  const view = viewOf(data);
  if (view.getUint16(0, LE) !== 24) return undefined;
  return { high: view.getBigUint64(8, LE), low: view.getBigUint64(16, LE) };
}

export function appInstanceVersionContext(version: AppInstanceVersion): CreateContext {
  return makeCreateContext(SMB2_CREATE_APP_INSTANCE_VERSION, 24, (view) => {
    view.setUint16(0, 24, LE);
    view.setBigUint64(8, version.high, LE);
    view.setBigUint64(16, version.low, LE);
  });
}
