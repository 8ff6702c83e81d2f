import { LE, toHex, viewOf } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import { FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../../erref/ntstatus.ts';
import { copyWholeFile } from '../../../fsa/copy-file.ts';
import { duplicateExtents } from '../../../fsa/duplicate-extents.ts';
import { copyRange } from '../../../fsa/fs-control.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX, FSCTL_SRV_COPYCHUNK } from '../../../fscc/fsctl.ts';
import {
  COPY_CHUNK_RESPONSE_SIZE,
  type CopyChunk,
  type CopyChunkResult,
  decodeCopyChunkCopy,
  encodeCopyChunkResponse,
  encodeResumeKeyResponse,
  RESUME_KEY_RESPONSE_SIZE,
  RESUME_KEY_SIZE,
} from '../../../fscc/fsctl-copychunk.ts';
import { DUPLICATE_EXTENTS_SIZE, decodeDuplicateExtents } from '../../../fscc/fsctl-ranges.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import { type Ioctl, outputWhole } from './ioctl-call.ts';

/** What TotalBytesWritten can tell. */
const COUNT_MAX = 0xffff_ffff;

/** [MS-FSCC] 2.3.11 SMB2_DUPLICATE_EXTENTS_DATA_EX: StructureSize; then as without _EX, Flags. */
const DUPLICATE_EXTENTS_EX_HEAD_SIZE = 8;

/** [MS-SMB2] 3.3.5.15.5 Handling a Resume Key Request: the key is the open's id, and zeros. */
export function* requestResumeKey(call: Ioctl, open: Open): Task<NtStatus> {
  if (open.localOpen === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (call.ioctl.maxOutputResponse < RESUME_KEY_RESPONSE_SIZE) return STATUS_INVALID_PARAMETER;
  const key = new Uint8Array(RESUME_KEY_SIZE);
  viewOf(key).setBigUint64(0, open.fileId.persistent, LE);
  viewOf(key).setBigUint64(8, open.fileId.volatile, LE);
  open.resumeKey = toHex(key);
  return outputWhole(call, RESUME_KEY_RESPONSE_SIZE, (view, at) => {
    encodeResumeKeyResponse(view, at, key);
  });
}

/** [MS-SMB2] 3.3.5.15.6 Handling a Server-Side Data Copy Request. */
export function* copyChunks(call: Ioctl, open: Open): Task<NtStatus> {
  const { request, ioctl, input } = call;
  if (open.localOpen === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (ioctl.maxOutputResponse < COPY_CHUNK_RESPONSE_SIZE) return STATUS_INVALID_PARAMETER;
  const copy = decodeCopyChunkCopy(input, 0, input.byteLength);
  if (copy === undefined) return STATUS_INVALID_PARAMETER;
  const source = findByResumeKey(request, toHex(copy.sourceKey));
  if (source === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (!mayCopy(ioctl.ctlCode, source, open.localOpen)) return STATUS_ACCESS_DENIED;
  if (copy.chunks.length === 0 && open.treeConnect.isApple) {
    return yield* copyFile(call, source, open.localOpen);
  }
  if (exceedsLimits(request, copy.chunks)) {
    const { copyChunksMax, copyChunkSizeMax, copyDataSizeMax } = request.server.options.limits;
    respond(call, {
      chunksWritten: copyChunksMax,
      chunkBytesWritten: copyChunkSizeMax,
      totalBytesWritten: copyDataSizeMax,
    });
    return STATUS_INVALID_PARAMETER;
  }
  return yield* copyAll(call, source, open.localOpen, copy.chunks);
}

function* copyAll(
  call: Ioctl,
  source: LocalOpen,
  target: LocalOpen,
  chunks: readonly CopyChunk[],
): Task<NtStatus> {
  let chunksWritten = 0;
  let totalBytesWritten = 0;
  let status: NtStatus = 0;
  for (const chunk of chunks) {
    const copied = yield* copyRange(source, target, chunk);
    status = copied.status;
    if (status !== 0) break;
    chunksWritten++;
    totalBytesWritten += copied.count;
  }
  respond(call, { chunksWritten, chunkBytesWritten: 0, totalBytesWritten });
  return status;
}

/** Apple's copyfile: no chunks stand for the whole file. */
function* copyFile(call: Ioctl, source: LocalOpen, target: LocalOpen): Task<NtStatus> {
  const { status, count } = yield* copyWholeFile(source, target);
  const totalBytesWritten = Math.min(count, COUNT_MAX);
  respond(call, { chunksWritten: 0, chunkBytesWritten: 0, totalBytesWritten });
  return status;
}

function respond(call: Ioctl, result: CopyChunkResult): void {
  call.output(COPY_CHUNK_RESPONSE_SIZE, (view, at) => {
    encodeCopyChunkResponse(view, at, result);
  });
}

/**
 * [MS-SMB2] 3.3.5.15.17 Handling a Duplicate Extents To File Request and 3.3.5.15.18 its _EX form:
 * the source is one of the session's opens, STATUS_INVALID_HANDLE where it is none.
 */
export function* duplicateToFile(call: Ioctl, open: Open): Task<NtStatus> {
  const { request, ioctl, input } = call;
  if (open.localOpen === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const isEx = ioctl.ctlCode === FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX;
  const from = isEx ? DUPLICATE_EXTENTS_EX_HEAD_SIZE : 0;
  const extents = decodeDuplicateExtents(input, from, input.byteLength);
  if (extents === undefined) {
    const isShort = input.byteLength - from < DUPLICATE_EXTENTS_SIZE;
    return isShort ? STATUS_BUFFER_TOO_SMALL : STATUS_INVALID_PARAMETER;
  }
  const fileId = viewOf(extents.sourceFileId);
  const source = request.session?.opens.get(fileId.getBigUint64(8, LE));
  if (source?.fileId.persistent !== fileId.getBigUint64(0, LE)) return STATUS_INVALID_HANDLE;
  if (source.localOpen === undefined) return STATUS_INVALID_PARAMETER;
  return yield* duplicateExtents(source.localOpen, open.localOpen, extents);
}

/** Keys are the session's: an open on another of its tree connects may be the source. */
function findByResumeKey({ session }: Request, key: string): LocalOpen | undefined {
  const volatile = viewOf(Buffer.from(key, 'hex')).getBigUint64(8, LE);
  const open = session?.opens.get(volatile);
  return open?.resumeKey === key ? open.localOpen : undefined;
}

/** FSCTL_SRV_COPYCHUNK wants read access on the target too; the _WRITE form does not. */
function mayCopy(ctlCode: number, source: LocalOpen, target: LocalOpen): boolean {
  if ((source.grantedAccess & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return false;
  if ((target.grantedAccess & FILE_WRITE_DATA) === 0) return false;
  return ctlCode !== FSCTL_SRV_COPYCHUNK || (target.grantedAccess & FILE_READ_DATA) !== 0;
}

function exceedsLimits({ server }: Request, chunks: readonly CopyChunk[]): boolean {
  const { copyChunksMax, copyChunkSizeMax, copyDataSizeMax } = server.options.limits;
  if (chunks.length > copyChunksMax) return true;
  let total = 0;
  for (const { length } of chunks) {
    if (length === 0 || length > copyChunkSizeMax) return true;
    total += length;
  }
  return total > copyDataSizeMax;
}
