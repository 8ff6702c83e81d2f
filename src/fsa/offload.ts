/**
 * Copies that a client steers with tokens instead of data: [MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ,
 * 2.1.5.10.21 FSCTL_OFFLOAD_WRITE.
 *
 *     (none) --T0 issue()--> valid --T1 find(): its file changed--> (none)
 *                                \--T2 its time is over, or others came--> (none)
 *
 * A token stands for a range of a file as it was. Nothing is copied aside: when the file changed
 * since, the token is no longer good, and the client copies by reading and writing. It outlives the
 * open that it was read through: all tokens of one open share a descriptor of their own.
 */

import { toHex } from '../base/bytes.ts';
import { OFFLOAD_SIZE_MAX, OFFLOAD_TOKEN_TIME_MS, OFFLOAD_TOKENS_MAX } from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import type { Env, TimerHandle } from '../env/ports.ts';
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
import { fileKeyOf } from './file-record.ts';
import { copyRange, setZeroData } from './fs-control.ts';
import type { LocalOpen } from './local-open.ts';
import { isLocked, sizeOf } from './read-write.ts';
import type { CountOutcome } from './surface.ts';

/** Bytes of a logical sector, as FileFsSectorSizeInformation tells. */
const SECTOR_SIZE = 512;
/** Random bytes of a token's id; who has it may copy what it stands for. */
const SECRET_SIZE = 32;

interface Token {
  readonly source: Source;
  readonly offset: number;
  readonly length: number;
  /** On the monotonic clock. */
  readonly expiresMs: number;
  readonly state: FileState;
}

/** What is read from: nobody's open, with a descriptor that goes with the last token. */
interface Source {
  readonly open: LocalOpen;
  /** Of the open that it came from. */
  readonly openId: string;
  readonly isDetached: boolean;
  tokens: number;
}

/** By which a change is noticed; one within the same tick of the file system's clock is not. */
type FileState = Pick<FileStat, 'size' | 'modifyTimeNs' | 'changeTimeNs'>;

export class OffloadTokens {
  readonly #env: Env;
  /** By id in hexadecimal; the oldest first. */
  readonly #tokens = new Map<string, Token>();
  readonly #sources = new Map<string, Source>();
  #timer: TimerHandle | undefined;

  constructor(env: Env) {
    this.#env = env;
  }

  /** T0. `timeToLiveMs` 0 is the default; nothing lives longer than that. */
  *issue(
    open: LocalOpen,
    range: Pick<Token, 'offset' | 'length' | 'state'>,
    timeToLiveMs: number,
  ): Task<Uint8Array> {
    const source = yield* this.#sourceOf(open);
    source.tokens++;
    const time = Math.min(timeToLiveMs || OFFLOAD_TOKEN_TIME_MS, OFFLOAD_TOKEN_TIME_MS);
    const expiresMs = this.#env.clock.monotonicMs() + time;
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size < OFFLOAD_TOKENS_MAX) break;
      this.#drop(oldest);
    }
    const id = new Uint8Array(OFFLOAD_TOKEN_ID_SIZE);
    id.set(this.#env.random.bytes(SECRET_SIZE));
    this.#tokens.set(toHex(id), { ...range, source, expiresMs });
    this.#timer ??= this.#env.timers.after(time, () => this.#sweep());
    return id;
  }

  /** Undefined: there is none, or no longer. */
  *find(id: Uint8Array): Task<Token | undefined> {
    const key = toHex(id);
    const token = this.#tokens.get(key);
    if (token === undefined) return undefined;
    const { open } = token.source;
    const isOver = open.closed || token.expiresMs <= this.#env.clock.monotonicMs();
    const stat = isOver ? undefined : yield* wait(open.file.stat());
    if (stat !== undefined && !failed(stat) && !isChanged(token.state, stat)) return token;
    this.#drop(key);
    return undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const key of [...this.#tokens.keys()]) this.#drop(key);
  }

  /** The store may refuse a second open: then tokens are good while the first one stands. */
  *#sourceOf(open: LocalOpen): Task<Source> {
    const { openId, volume, security, path, fileKey } = open;
    const known = this.#sources.get(openId);
    if (known !== undefined) return known;
    const file = yield* wait(volume.vfs.open(security.credentials, path, { access: 'read' }));
    const stat = failed(file) ? file : yield* wait(file.stat());
    const isIt = !failed(stat) && fileKeyOf(stat) === fileKey && !this.#sources.has(openId);
    if (!isIt && !failed(file)) file.close();
    const other = this.#sources.get(openId);
    if (other !== undefined) return other;
    const isDetached = isIt && !failed(file);
    const own = isDetached ? { ...open, file } : open;
    const source = { open: own, openId, isDetached, tokens: 0 };
    this.#sources.set(openId, source);
    return source;
  }

  #drop(key: string): void {
    const token = this.#tokens.get(key);
    if (token === undefined) return;
    this.#tokens.delete(key);
    const { source } = token;
    if (--source.tokens > 0) return;
    this.#sources.delete(source.openId);
    if (!source.isDetached) return;
    source.open.closed = true;
    source.open.file.close();
  }

  /** T2. */
  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#env.clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [key, { expiresMs }] of [...this.#tokens]) {
      if (expiresMs <= nowMs) this.#drop(key);
      else nextMs = Math.min(nextMs, expiresMs);
    }
    if (this.#tokens.size === 0) return;
    this.#timer = this.#env.timers.after(nextMs - nowMs, () => this.#sweep());
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
  const range = { offset, length: transferLength, state: stat };
  const id = yield* tokens.issue(open, range, timeToLiveMs);
  return { status: STATUS_SUCCESS, output: { id, transferLength } };
}

/**
 * [MS-FSA] 2.1.5.10.21; `count` are the bytes written, maybe less than asked for. Statuses as in
 * `offloadRead` and `copyRange`. STATUS_INVALID_TOKEN: unknown, too old, or what it stands for has
 * changed. The file does not grow: STATUS_END_OF_FILE behind its end.
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
  return yield* copyRange(token.source.open, open, {
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
