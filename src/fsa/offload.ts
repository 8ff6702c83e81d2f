/**
 * Copies that a client steers with tokens instead of data: [MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ,
 * 2.1.5.10.21 FSCTL_OFFLOAD_WRITE.
 *
 *     (none) --T0 issue()--> valid --T1 find(): too old, closed, or its file changed--> (none)
 *
 * A token stands for a range of a file as it was. Nothing is copied aside: when the file changed
 * since, the token is no longer good, and the client copies by reading and writing.
 */

import { toHex } from '../base/bytes.ts';
import { OFFLOAD_SIZE_MAX, OFFLOAD_TOKEN_TIME_MS, OFFLOAD_TOKENS_MAX } from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import type { Env } from '../env/ports.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_TOKEN,
  STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED,
  STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  OFFLOAD_TOKEN_ID_SIZE,
  type OffloadRead,
  type OffloadWrite,
} from '../fscc/fsctl-offload.ts';
import { failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { copyRange, setZeroData } from './fs-control.ts';
import type { LocalOpen } from './local-open.ts';
import { isLocked, sizeOf } from './read-write.ts';
import type { CountOutcome } from './surface.ts';

/** Bytes of a logical sector, as FileFsSectorSizeInformation tells. */
const SECTOR_SIZE = 512;
/** Random bytes of a token's id; who has it may copy what it stands for. */
const SECRET_SIZE = 32;

interface Token {
  readonly source: LocalOpen;
  readonly offset: number;
  readonly length: number;
  /** On the monotonic clock. */
  readonly expiresMs: number;
  readonly state: FileState;
}

/** By which a change is noticed; one within the same tick of the file system's clock is not. */
type FileState = Pick<FileStat, 'size' | 'modifyTimeNs' | 'changeTimeNs'>;

export class OffloadTokens {
  readonly #env: Env;
  /** By id in hexadecimal; the oldest first. */
  readonly #tokens = new Map<string, Token>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** `timeToLiveMs` 0 is the default; nothing lives longer than that. */
  issue(token: Omit<Token, 'expiresMs'>, timeToLiveMs: number): Uint8Array {
    const nowMs = this.#env.clock.monotonicMs();
    const time = Math.min(timeToLiveMs || OFFLOAD_TOKEN_TIME_MS, OFFLOAD_TOKEN_TIME_MS);
    const id = new Uint8Array(OFFLOAD_TOKEN_ID_SIZE);
    id.set(this.#env.random.bytes(SECRET_SIZE));
    for (const [oldest] of this.#tokens) {
      if (this.#tokens.size < OFFLOAD_TOKENS_MAX) break;
      this.#tokens.delete(oldest);
    }
    this.#tokens.set(toHex(id), { ...token, expiresMs: nowMs + time });
    return id;
  }

  /** Undefined: there is none, or no longer. */
  *find(id: Uint8Array): Task<Token | undefined> {
    const key = toHex(id);
    const token = this.#tokens.get(key);
    if (token === undefined) return undefined;
    const isOver = token.source.closed || token.expiresMs <= this.#env.clock.monotonicMs();
    const stat = isOver ? undefined : yield* wait(token.source.file.stat());
    if (stat === undefined || failed(stat) || isChanged(token.state, stat)) {
      this.#tokens.delete(key);
      return undefined;
    }
    return token;
  }
}

function isChanged(before: FileState, now: FileState): boolean {
  if (before.size !== now.size || before.modifyTimeNs !== now.modifyTimeNs) return true;
  return before.changeTimeNs !== now.changeTimeNs;
}

export interface OffloadReadOutcome {
  readonly status: NtStatus;
  /** Undefined unless status is STATUS_SUCCESS. */
  readonly output?: { readonly id: Uint8Array; readonly transferLength: number };
}

/**
 * [MS-FSA] 2.1.5.10.20. STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED: a directory or a named stream.
 * STATUS_INVALID_PARAMETER: no multiples of a sector. STATUS_END_OF_FILE: begins behind it.
 * STATUS_ACCESS_DENIED: not opened for reading. STATUS_FILE_LOCK_CONFLICT. The token stands for as
 * much of the range as there is, up to OFFLOAD_SIZE_MAX bytes.
 */
export function* offloadRead(
  tokens: OffloadTokens,
  open: LocalOpen,
  { offset, length, timeToLiveMs }: OffloadRead,
): Task<OffloadReadOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED };
  if (!isPlain(open)) return { status: STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED };
  const rights = FILE_READ_DATA | FILE_EXECUTE;
  if ((open.grantedAccess & rights) === 0) return { status: STATUS_ACCESS_DENIED };
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return { status: statusOf(stat) };
  if (!isAligned(offset, length, stat.size)) return { status: STATUS_INVALID_PARAMETER };
  if (offset >= stat.size) return { status: STATUS_END_OF_FILE };
  if (yield* isLocked(open, offset, length, 'read')) return { status: STATUS_FILE_LOCK_CONFLICT };
  const transferLength = Math.min(length, stat.size - offset, OFFLOAD_SIZE_MAX);
  const token = { source: open, offset, length: transferLength, state: stat };
  const id = tokens.issue(token, timeToLiveMs);
  return { status: STATUS_SUCCESS, output: { id, transferLength } };
}

/**
 * [MS-FSA] 2.1.5.10.21; `count` are the bytes written, maybe less than asked for. Statuses as in
 * `offloadRead` and `copyRange`. STATUS_INVALID_TOKEN: unknown, too old, or what it stands for has
 * changed or was closed. The file does not grow: STATUS_END_OF_FILE behind its end.
 */
export function* offloadWrite(
  tokens: OffloadTokens,
  open: LocalOpen,
  { offset, length, transferOffset, token: named }: OffloadWrite,
): Task<CountOutcome> {
  const refused = yield* checkWrite(open, offset, length);
  if (refused !== STATUS_SUCCESS) return { status: refused, count: 0 };
  if (named === undefined) return { status: STATUS_INVALID_TOKEN, count: 0 };
  const size = yield* sizeOf(open);
  if (failed(size)) return { status: statusOf(size), count: 0 };
  const room = Math.min(length, size - offset, OFFLOAD_SIZE_MAX);
  if (named.kind === 'zero') {
    const status = yield* setZeroData(open, offset, offset + room);
    return { status, count: status === STATUS_SUCCESS ? room : 0 };
  }
  const token = yield* tokens.find(named.id);
  if (token === undefined) return { status: STATUS_INVALID_TOKEN, count: 0 };
  if (transferOffset % SECTOR_SIZE !== 0 || transferOffset >= token.length) {
    return { status: STATUS_INVALID_PARAMETER, count: 0 };
  }
  return yield* copyRange(token.source, open, {
    sourceOffset: token.offset + transferOffset,
    targetOffset: offset,
    length: Math.min(room, token.length - transferOffset),
  });
}

function* checkWrite(open: LocalOpen, offset: number, length: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (!isPlain(open)) return STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  const size = yield* sizeOf(open);
  if (failed(size)) return statusOf(size);
  if (!isAligned(offset, length, size)) return STATUS_INVALID_PARAMETER;
  return offset >= size ? STATUS_END_OF_FILE : STATUS_SUCCESS;
}

function isPlain(open: LocalOpen): boolean {
  return !open.isDirectory && open.backing === undefined;
}

/** Multiples of a sector, but for an end that is the file's or lies behind it. */
function isAligned(offset: number, length: number, size: number): boolean {
  if (offset % SECTOR_SIZE !== 0 || offset + length > Number.MAX_SAFE_INTEGER) return false;
  return length % SECTOR_SIZE === 0 || offset + length >= size;
}
