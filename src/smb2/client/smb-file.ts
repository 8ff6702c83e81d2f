import type { Readable, Writable } from 'node:stream';
import { viewOf } from '../../base/bytes.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../dtyp/access-mask.ts';
import { STATUS_INVALID_NETWORK_RESPONSE } from '../../erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../../fscc/file-attributes.ts';
import {
  decodeNetworkOpenInformation,
  type NetworkOpenInformation,
} from '../../fscc/file-information.ts';
import { FileEndOfFileInformation, FileNetworkOpenInformation } from '../../fscc/info-classes.ts';
import { encodeFileSize } from '../../fscc/set-information.ts';
import {
  SMB2_DIALECT_210,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../wire/constants.ts';
import type { LockElement } from '../wire/lock.ts';
import type { FileHandle } from './file-handle.ts';
import { readRange } from './file-reader.ts';
import { type FileStat, statOfInformation } from './file-stat.ts';
import { readableOf, writableOf } from './file-streams.ts';
import { FileWriter } from './file-writer.ts';
import { type LockSequence, LockSequences } from './lock-sequences.ts';
import { baseName, toShareRelative } from './path.ts';
import type { CreateParameters } from './requests.ts';
import { responseOf, SmbError } from './smb-error.ts';

export interface OpenOptions {
  /** Default 'read'. */
  readonly access?: 'read' | 'write' | 'read-write';
  /**
   * 'existing' (default) opens what is there, 'create' makes what is not, 'keep' does either;
   * 'overwrite' makes it or empties it.
   */
  readonly mode?: 'existing' | 'create' | 'keep' | 'overwrite';
  /** What others may do meanwhile; default: 'all' to what is read, 'read' to what is written. */
  readonly share?: 'none' | 'read' | 'all';
}

export interface ReadOptions {
  /** First byte; default 0. */
  readonly start?: number;
  /** The byte after the last one; default: the file's end. */
  readonly end?: number;
}

export interface LockOptions {
  /** First byte. */
  readonly offset: number;
  /** Bytes; may reach beyond the end of the file. */
  readonly length: number;
  /** Others may have shared locks of the same bytes; default false. */
  readonly shared?: boolean;
  /** Whether to wait for who has it; default true. Otherwise STATUS_LOCK_NOT_GRANTED. */
  readonly wait?: boolean;
  /** Ends the wait, with STATUS_CANCELLED. */
  readonly signal?: AbortSignal;
}

const ACCESS = {
  read: FILE_GENERIC_READ,
  write: FILE_GENERIC_WRITE,
  'read-write': FILE_GENERIC_READ | FILE_GENERIC_WRITE,
} as const;
const DISPOSITIONS = {
  existing: FILE_OPEN,
  create: FILE_CREATE,
  keep: FILE_OPEN_IF,
  overwrite: FILE_OVERWRITE_IF,
} as const;
const SHARING = {
  none: 0,
  read: FILE_SHARE_READ,
  all: FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
} as const;

/** The CREATE of a file for `OpenOptions`. */
export function parametersFor(path: string, options: OpenOptions): CreateParameters {
  const { access = 'read', mode = 'existing' } = options;
  const share = options.share ?? (access === 'read' ? 'all' : 'read');
  return {
    name: toShareRelative(path),
    desiredAccess: ACCESS[access],
    fileAttributes: FILE_ATTRIBUTE_NORMAL,
    shareAccess: SHARING[share],
    createDisposition: DISPOSITIONS[mode],
    createOptions: FILE_NON_DIRECTORY_FILE,
  };
}

/**
 * An open file of `SmbClient.open`. Methods may overlap; each rejects with `SmbError`. With several
 * channels, or with `reconnect` where `isDurable`, a connection that breaks is not noticed: what it
 * left unanswered is sent again, locks included, which the server knows to have granted.
 */
export class SmbFile {
  readonly #handle: FileHandle;
  readonly #sequences = new LockSequences();
  readonly #locking = new Set<Promise<void>>();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get path(): string {
    return this.#handle.path;
  }

  /**
   * Whether the server keeps the file open for this client when the last connection breaks. That
   * ends when another client, or another open of this one, writes to the file or wants it for
   * itself; with locks in it, as soon as somebody else opens it.
   */
  get isDurable(): boolean {
    return this.#handle.isDurable;
  }

  /** The bytes from `offset` on, fewer where the file ends. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const { path } = this;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const range = { start: offset, end: offset + length, path };
    for await (const chunk of readRange(this.#handle, range)) {
      chunks.push(chunk);
      size += chunk.length;
    }
    return chunks.length === 1 ? chunks[0]! : joined(chunks, size);
  }

  /** Fulfilled when the server has all of it. `data` must not change before. */
  async write(offset: number, data: Uint8Array | string): Promise<void> {
    const writer = this.#writerAt(offset);
    await writer.write(typeof data === 'string' ? Buffer.from(data) : data);
    await writer.finish();
  }

  /** A node stream of `[start, end)`; the file stays open at its end. */
  createReadStream({ start = 0, end = Infinity }: ReadOptions = {}): Readable {
    const { path } = this;
    const handle = this.#handle;
    return readableOf(async function* () {
      const { endOfFile } = await informationOf(handle);
      yield* readRange(handle, { start, end: Math.min(end, endOfFile), path });
    });
  }

  /** A node stream that writes from `start` on; the file stays open at its end. */
  createWriteStream({ start = 0 }: Pick<ReadOptions, 'start'> = {}): Writable {
    const close = (): Promise<void> => Promise.resolve();
    return writableOf(() => Promise.resolve({ writer: this.#writerAt(start), close }));
  }

  /** Cuts the file, or fills it with zeros, to that many bytes. */
  async truncate(size: number): Promise<void> {
    const buffer = new Uint8Array(8);
    encodeFileSize(viewOf(buffer), 0, BigInt(size));
    const parameters = { fileInfoClass: FileEndOfFileInformation, buffer };
    const reply = await this.#handle.perform((open, to) => open.setInfo(parameters, to));
    responseOf(reply, this.path);
  }

  /** Fulfilled when what was written is on the server's disk. */
  async flush(): Promise<void> {
    responseOf(await this.#handle.perform((open, options) => open.flush(options)), this.path);
  }

  /** Of a file that is open to read. */
  async stat(): Promise<FileStat> {
    return statOfInformation(baseName(this.path), await informationOf(this.#handle));
  }

  /**
   * Locks bytes against other opens, those of other clients and of this one.
   * STATUS_LOCK_NOT_GRANTED: somebody has them and `wait` is false.
   */
  async lock({ offset, length, shared, wait = true, signal }: LockOptions): Promise<void> {
    const kind = shared === true ? SMB2_LOCKFLAG_SHARED_LOCK : SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
    const flags = kind | (wait ? 0 : SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
    await this.#lock({ offset: BigInt(offset), length: BigInt(length), flags }, signal);
  }

  /** STATUS_RANGE_NOT_LOCKED: not by exactly that range. */
  async unlock({ offset, length }: Pick<LockOptions, 'offset' | 'length'>): Promise<void> {
    const flags = SMB2_LOCKFLAG_UNLOCK;
    await this.#lock({ offset: BigInt(offset), length: BigInt(length), flags });
  }

  /** Its locks end with it. Rejects when what was written may not have arrived. */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  #writerAt(position: number): FileWriter {
    return new FileWriter(this.#handle, { position, path: this.path });
  }

  async #lock(element: LockElement, signal?: AbortSignal): Promise<void> {
    const locked = this.#lockOnce(element, await this.#nextSequence(), signal);
    const settled = locked.catch(() => {}).finally(() => this.#locking.delete(settled));
    this.#locking.add(settled);
    await locked;
  }

  /** A LOCK without one could not be told from its repetition. */
  async #nextSequence(): Promise<LockSequence> {
    for (;;) {
      const sequence = this.#sequences.take();
      if (sequence !== undefined) return sequence;
      await Promise.race(this.#locking);
    }
  }

  async #lockOnce(
    element: LockElement,
    taken: LockSequence,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      const { negotiated } = this.#handle.session.connection;
      const sequence = (negotiated?.dialect ?? 0) < SMB2_DIALECT_210 ? {} : taken;
      const reply = await this.#handle.perform((open, options) =>
        open.lock([element], { ...options, sequence, signal }),
      );
      responseOf(reply, this.path);
    } finally {
      this.#sequences.release(taken);
    }
  }
}

async function informationOf(handle: FileHandle): Promise<NetworkOpenInformation> {
  const query = { fileInfoClass: FileNetworkOpenInformation };
  const reply = await handle.perform((open, options) => open.queryInfo(query, options));
  const { buffer } = responseOf(reply, handle.path);
  const information = decodeNetworkOpenInformation(viewOf(buffer), 0, buffer.length);
  if (information === undefined) throw new SmbError(STATUS_INVALID_NETWORK_RESPONSE, handle.path);
  return information;
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
