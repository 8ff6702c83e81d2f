import { isError, type NtStatus, statusName } from '../../erref/ntstatus.ts';
import { meaningOf } from './error-codes.ts';
import type { Reply } from './request.ts';

/** A server's refusal, or a connection that broke, as `SmbClient` throws it. */
export class SmbError extends Error {
  /** The status' name: `STATUS_OBJECT_NAME_NOT_FOUND`. */
  override readonly name: string;
  /** [MS-ERREF] 2.3. */
  readonly status: NtStatus;
  /** The nearest of Node's: `ENOENT`, `EEXIST`, `EACCES`, `EBUSY` …; else `EIO`. */
  readonly code: string;
  /** What was asked for: a path below the share, a share, or a host. */
  readonly path: string;

  constructor(status: NtStatus, path: string, detail?: string) {
    const name = statusName(status);
    const { code, text } = meaningOf(status);
    const why = detail ?? text;
    super(why === '' ? `${name}: ${path}` : `${name}: ${path}: ${why}`);
    this.name = name;
    this.status = status;
    this.code = code;
    this.path = path;
  }
}

/** The response, or the throw that a caller of the high level expects. */
export function responseOf<R>(reply: Reply<R>, path: string): R {
  if (reply.response === undefined || isError(reply.status)) {
    throw new SmbError(reply.status, path);
  }
  return reply.response;
}
