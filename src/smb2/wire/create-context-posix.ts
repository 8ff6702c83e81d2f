/** The create context of the SMB3 POSIX Extensions; Samba's librpc/idl/smb3posix.idl. */
import { LE, viewOf } from '../../base/bytes.ts';
import type { PosixAttributes } from '../../fscc/file-metadata.ts';
import {
  decodePosixAttributes,
  encodePosixAttributes,
  posixAttributesSize,
} from '../../fscc/posix-information.ts';
import { type CreateContext, makeCreateContext, SMB2_CREATE_POSIX } from './create-context.ts';

/**
 * SMB2_CREATE_POSIX of a request
 *
 *    0   4  Mode  permission bits of what is made
 */
export function decodePosixMode(data: Uint8Array): number | undefined {
  return data.length === 4 ? viewOf(data).getUint32(0, LE) : undefined;
}

export function posixModeContext(mode: number): CreateContext {
  return makeCreateContext(SMB2_CREATE_POSIX, 4, (view) => view.setUint32(0, mode, LE));
}

/** SMB2_CREATE_POSIX of a response; undefined when `data` is none. */
export function decodePosixResponse(data: Uint8Array): PosixAttributes | undefined {
  const decoded = decodePosixAttributes(viewOf(data), 0, data.length);
  return decoded?.end === data.length ? decoded.value : undefined;
}

export function posixResponseContext(attributes: PosixAttributes): CreateContext {
  return makeCreateContext(SMB2_CREATE_POSIX, posixAttributesSize(attributes), (view) => {
    encodePosixAttributes(view, 0, attributes);
  });
}
