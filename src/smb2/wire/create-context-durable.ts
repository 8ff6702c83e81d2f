import { LE, viewOf } from '../../base/bytes.ts';
import {
  type CreateContext,
  makeCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_RECONNECT,
  SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
} from './create-context.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { type Guid, getGuid, setGuid } from './guid.ts';

/**
 * [MS-SMB2] 2.2.13.2.3 SMB2_CREATE_DURABLE_HANDLE_REQUEST
 *
 *    0  16  DurableRequest  0
 */
export function durableRequestContext(): CreateContext {
  return { name: SMB2_CREATE_DURABLE_HANDLE_REQUEST, data: new Uint8Array(16) };
}

/** Whether `data` has the request's size; its content is reserved. */
export function isDurableRequest(data: Uint8Array): boolean {
  return data.length === 16;
}

/**
 * [MS-SMB2] 2.2.14.2.3 SMB2_CREATE_DURABLE_HANDLE_RESPONSE
 *
 *    0   8  Reserved
 */
export function durableResponseContext(): CreateContext {
  return { name: SMB2_CREATE_DURABLE_HANDLE_REQUEST, data: new Uint8Array(8) };
}

/**
 * [MS-SMB2] 2.2.13.2.4 SMB2_CREATE_DURABLE_HANDLE_RECONNECT
 *
 *    0  16  Data  the FileId
 */
export function decodeDurableReconnect(data: Uint8Array): FileId | undefined {
  return data.length === 16 ? getFileId(viewOf(data), 0) : undefined;
}

export function durableReconnectContext(fileId: FileId): CreateContext {
  return makeCreateContext(SMB2_CREATE_DURABLE_HANDLE_RECONNECT, 16, (view) => {
    setFileId(view, 0, fileId);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.11 SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2
 *
 *    0   4  Timeout     milliseconds, 0 lets the server choose
 *    4   4  Flags
 *    8   8  Reserved
 *   16  16  CreateGuid
 */
export interface DurableRequestV2 {
  readonly timeoutMs: number;
  readonly flags: number;
  readonly createGuid: Guid;
}

/** Undefined when `data` has another size. */
export function decodeDurableRequestV2(data: Uint8Array): DurableRequestV2 | undefined {
  if (data.length !== 32) return undefined;
  const view = viewOf(data);
  return {
    timeoutMs: view.getUint32(0, LE),
    flags: view.getUint32(4, LE),
    createGuid: getGuid(view, 16),
  };
}

export function durableRequestV2Context(request: DurableRequestV2): CreateContext {
  return makeCreateContext(SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2, 32, (view) => {
    view.setUint32(0, request.timeoutMs, LE);
    view.setUint32(4, request.flags, LE);
    setGuid(view, 16, request.createGuid);
  });
}

/**
 * [MS-SMB2] 2.2.14.2.12 SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2
 *
 *    0   4  Timeout  milliseconds
 *    4   4  Flags
 */
export interface DurableResponseV2 {
  readonly timeoutMs: number;
  readonly flags: number;
}

/** Undefined when `data` has another size. */
export function decodeDurableResponseV2(data: Uint8Array): DurableResponseV2 | undefined {
  if (data.length !== 8) return undefined;
  const view = viewOf(data);
  return { timeoutMs: view.getUint32(0, LE), flags: view.getUint32(4, LE) };
}

export function durableResponseV2Context(response: DurableResponseV2): CreateContext {
  return makeCreateContext(SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2, 8, (view) => {
    view.setUint32(0, response.timeoutMs, LE);
    view.setUint32(4, response.flags, LE);
  });
}

/**
 * [MS-SMB2] 2.2.13.2.12 SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2
 *
 *    0  16  FileId
 *   16  16  CreateGuid
 *   32   4  Flags
 */
export interface DurableReconnectV2 {
  readonly fileId: FileId;
  readonly createGuid: Guid;
  readonly flags: number;
}

/** Undefined when `data` has another size. */
export function decodeDurableReconnectV2(data: Uint8Array): DurableReconnectV2 | undefined {
  if (data.length !== 36) return undefined;
  const view = viewOf(data);
  return {
    fileId: getFileId(view, 0),
    createGuid: getGuid(view, 16),
    flags: view.getUint32(32, LE),
  };
}

export function durableReconnectV2Context(reconnect: DurableReconnectV2): CreateContext {
  return makeCreateContext(SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2, 36, (view) => {
    setFileId(view, 0, reconnect.fileId);
    setGuid(view, 16, reconnect.createGuid);
    view.setUint32(32, reconnect.flags, LE);
  });
}
