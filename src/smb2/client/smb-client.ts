import type { Readable, Writable } from 'node:stream';
import { viewOf } from '../../base/bytes.ts';
import { DELETE, FILE_READ_ATTRIBUTES, SYNCHRONIZE } from '../../dtyp/access-mask.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
} from '../../erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../fscc/create-parameters.ts';
import { FileDispositionInformation, FileRenameInformation } from '../../fscc/info-classes.ts';
import { encodeDisposition, encodeNewName, newNameSize } from '../../fscc/set-information.ts';
import type { Transport, TransportListener } from '../transport/transport.ts';
import type { FileId } from '../wire/file-id.ts';
import {
  type ConnectOptions,
  type DialectName,
  dialectName,
  type TransportConnect,
} from './connect-options.ts';
import { FileHandle } from './file-handle.ts';
import { readRange } from './file-reader.ts';
import { type FileStat, type ListEntry, statOfResponse } from './file-stat.ts';
import { readableOf, type WritableFile, writableOf } from './file-streams.ts';
import { FileWriter } from './file-writer.ts';
import { listSharesOver, type ShareInfo } from './list-shares.ts';
import { type ListOptions, listDirectory } from './listing.ts';
import { Logon, TRIES_MAX } from './logon.ts';
import { ClientOpen } from './open.ts';
import { change, closeQuietly, openWith, touch } from './open-with.ts';
import { baseName, prefixesOf, toShareRelative } from './path.ts';
import { withinSession } from './perform.ts';
import { type CreateParameters, setInfoRequest } from './requests.ts';
import type { ClientSession } from './session.ts';
import { responseOf, SmbError } from './smb-error.ts';
import {
  type LockOptions,
  type OpenOptions,
  parametersFor,
  type ReadOptions,
  SmbFile,
} from './smb-file.ts';
import { readRequest } from './transfer-requests.ts';
import type { ClientTree } from './tree.ts';

export type {
  ClientSession,
  ClientTree,
  ConnectOptions,
  DialectName,
  FileStat,
  ListEntry,
  ListOptions,
  LockOptions,
  OpenOptions,
  ReadOptions,
  ShareInfo,
  Transport,
  TransportConnect,
  TransportListener,
};
export { SmbError, SmbFile };

export interface WriteOptions {
  /** Where to begin; default 0. */
  readonly start?: number;
  /** 'overwrite' (default) empties the file, 'create' refuses one, 'keep' writes into it. */
  readonly mode?: 'overwrite' | 'create' | 'keep';
}

const SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
/** What comes with the open of `readFile`: one credit's worth. */
const FIRST_READ_SIZE = 65_536;

/**
 * A logged-in user on a share: the public client.
 *
 *   connected --close()--> closed
 *
 * Paths are relative to the share, with `/` or `\` between components. Every method rejects with
 * `SmbError`: the server's status, or STATUS_CONNECTION_DISCONNECTED and STATUS_IO_TIMEOUT. Methods
 * may be called while others are under way; they share the connection. `session` and `tree` are the
 * protocol's own level, for whatever has no method here.
 */
export class SmbClient {
  readonly #logon: Logon;
  readonly #share: string | undefined;

  private constructor(logon: Logon, share?: string) {
    this.#logon = logon;
    this.#share = share;
  }

  /**
   * Connects and logs on, and connects the share when one is given. STATUS_LOGON_FAILURE and its
   * relatives: user or password; STATUS_BAD_NETWORK_NAME: no such share; STATUS_ACCESS_DENIED: not
   * allowed, or weaker than `signing` and `encryption` ask for; STATUS_NOT_SUPPORTED: no dialect in
   * common. Rejects with the system's error (`ECONNREFUSED` …) when nobody answers.
   */
  static async connect(options: ConnectOptions): Promise<SmbClient> {
    const client = new SmbClient(await Logon.start(options));
    if (options.share === undefined) return client;
    try {
      return await client.openShare(options.share);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Another share of the same server, over the same session. `close` of either closes both. */
  async openShare(share: string): Promise<SmbClient> {
    await this.#logon.connect(share);
    return new SmbClient(this.#logon, share);
  }

  /** With `reconnect`, another one after the connection broke. */
  get session(): ClientSession {
    return this.#logon.session;
  }

  /** Addresses of the server, one for each connection that the session has now. */
  get channels(): readonly string[] {
    return this.session.connections.map(({ remoteAddress }) => remoteAddress);
  }

  /** The protocol's own level of the share; with `reconnect`, as `session`. */
  get tree(): ClientTree {
    const tree = this.#logon.treeNow(this.#ownShare);
    if (tree === undefined) throw new SmbError(STATUS_CONNECTION_DISCONNECTED, this.#ownShare);
    return tree;
  }

  get dialect(): DialectName | undefined {
    const { negotiated } = this.session.connection;
    return negotiated && dialectName(negotiated.dialect);
  }

  /** The server's shares as NetrShareEnum of [MS-SRVS] lists them. */
  async shares(): Promise<readonly ShareInfo[]> {
    return await this.#repeated((tree) => listSharesOver(tree, this.#logon.host), 'IPC$');
  }

  /** The entries of a folder, without `.` and `..`, in the server's order. */
  async *list(path: string = '', options: ListOptions = {}): AsyncGenerator<ListEntry> {
    const told = this.#logon.returns ? new Set<string>() : undefined;
    for (let tries = 1; ; tries++) {
      const tree = await this.#connected();
      try {
        for await (const entry of listDirectory(tree, toShareRelative(path), options)) {
          if (told?.has(entry.name) === true) continue;
          told?.add(entry.name);
          yield entry;
        }
        return;
      } catch (error) {
        if (tries === TRIES_MAX || !this.#mayRepeat(error)) throw error;
      }
    }
  }

  /**
   * Opens a file to read, write and lock in it. STATUS_OBJECT_NAME_NOT_FOUND: see `mode`;
   * STATUS_SHARING_VIOLATION: somebody has it open and does not share it.
   */
  async open(path: string, options: OpenOptions = {}): Promise<SmbFile> {
    return new SmbFile(await this.#handle(path, options));
  }

  /** One round trip. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND: not there. */
  async stat(path: string): Promise<FileStat> {
    const create = {
      name: toShareRelative(path),
      desiredAccess: FILE_READ_ATTRIBUTES,
      shareAccess: SHARE_ALL,
      createDisposition: FILE_OPEN,
    };
    const response = await this.#repeated((tree) => touch(tree, create, path));
    return statOfResponse(baseName(path), response);
  }

  /** A whole file, or a part of it; what fits 64 KiB comes with the open. */
  async readFile(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    return await this.#repeated((tree) => readWhole(tree, path, options));
  }

  /** Creates or replaces a file; `options` can spare what is there. */
  async writeFile(
    path: string,
    data: Uint8Array | string,
    options: WriteOptions = {},
  ): Promise<void> {
    const { writer, close } = await this.#openForWriting(path, options);
    try {
      await writer.write(typeof data === 'string' ? Buffer.from(data) : data);
      await writer.finish();
    } finally {
      await close();
    }
  }

  /** A node stream of a file's bytes, read ahead as far as the stream is read. */
  createReadStream(path: string, { start = 0, end = Infinity }: ReadOptions = {}): Readable {
    const open = (): Promise<FileHandle> => this.#handle(path, {});
    return readableOf(async function* () {
      const handle = await open();
      try {
        yield* readRange(handle, { start, end: Math.min(end, handle.response.endOfFile), path });
      } finally {
        await handle.closeQuietly();
      }
    });
  }

  /**
   * A node stream into a file. Chunks are sent without a copy: do not change them afterwards. The
   * stream has finished when the server has everything.
   */
  createWriteStream(path: string, options: WriteOptions = {}): Writable {
    return writableOf(() => this.#openForWriting(path, options));
  }

  /**
   * Moves a file or folder within the share. STATUS_OBJECT_NAME_COLLISION: `to` exists, and
   * `replace` is not set or it is a folder.
   */
  async rename(
    from: string,
    to: string,
    { replace = false }: { readonly replace?: boolean } = {},
  ): Promise<void> {
    const name = toShareRelative(to);
    const buffer = new Uint8Array(newNameSize(name));
    encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: replace });
    await this.#change(
      from,
      { desiredAccess: DELETE | FILE_READ_ATTRIBUTES | SYNCHRONIZE },
      { fileInfoClass: FileRenameInformation, buffer },
    );
  }

  /** Deletes a file. STATUS_FILE_IS_A_DIRECTORY: see `rmdir`; STATUS_CANNOT_DELETE: read-only. */
  async delete(path: string): Promise<void> {
    await this.#remove(path, FILE_NON_DIRECTORY_FILE);
  }

  /** Deletes an empty folder. STATUS_DIRECTORY_NOT_EMPTY, STATUS_NOT_A_DIRECTORY. */
  async rmdir(path: string): Promise<void> {
    await this.#remove(path, FILE_DIRECTORY_FILE);
  }

  /** Makes a folder; `recursive` also those above it, and then minds none that exists. */
  async mkdir(
    path: string,
    { recursive = false }: { readonly recursive?: boolean } = {},
  ): Promise<void> {
    const names = recursive ? prefixesOf(path) : [toShareRelative(path)];
    for (const name of names) {
      const create = {
        name,
        desiredAccess: FILE_READ_ATTRIBUTES,
        shareAccess: SHARE_ALL,
        createDisposition: recursive ? FILE_OPEN_IF : FILE_CREATE,
        createOptions: FILE_DIRECTORY_FILE,
      };
      const make = (tree: ClientTree): Promise<unknown> => touch(tree, create, path);
      await (recursive ? this.#repeated(make) : make(await this.#connected()));
    }
  }

  /** Logs off and ends the connection, also under other shares of it. */
  async close(): Promise<void> {
    await this.#logon.end();
  }

  /** The share, over a new session where the last one broke and another one is wanted. */
  async #connected(): Promise<ClientTree> {
    return await this.#logon.tree(this.#ownShare);
  }

  get #ownShare(): string {
    if (this.#share === undefined) throw new SmbError(STATUS_INVALID_PARAMETER, '', 'no share');
    return this.#share;
  }

  /** Does what harms nobody when it is done twice, again when the session breaks meanwhile. */
  async #repeated<T>(
    work: (tree: ClientTree) => Promise<T>,
    share: string = this.#ownShare,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const tree = await this.#logon.tree(share);
      try {
        return await work(tree);
      } catch (error) {
        if (tries === TRIES_MAX || !this.#mayRepeat(error)) throw error;
      }
    }
  }

  #mayRepeat(error: unknown): boolean {
    if (!(error instanceof SmbError) || !this.#logon.returns) return false;
    return error.status === STATUS_CONNECTION_DISCONNECTED;
  }

  async #handle(path: string, options: OpenOptions): Promise<FileHandle> {
    const parameters = parametersFor(path, options);
    return await FileHandle.open({ logon: this.#logon, share: this.#ownShare, path, parameters });
  }

  async #openForWriting(path: string, options: WriteOptions): Promise<WritableFile> {
    const { start = 0, mode = 'overwrite' } = options;
    const handle = await this.#handle(path, { access: 'write', mode });
    return {
      writer: new FileWriter(handle, { position: start, path }),
      close: () => handle.close(),
    };
  }

  async #remove(path: string, createOptions: number): Promise<void> {
    const buffer = new Uint8Array(1);
    encodeDisposition(viewOf(buffer), 0, true);
    await this.#change(
      path,
      { desiredAccess: DELETE | FILE_READ_ATTRIBUTES, createOptions },
      { fileInfoClass: FileDispositionInformation, buffer },
    );
  }

  /** Opens, sets one information class and closes, in one round trip. */
  async #change(
    path: string,
    create: Pick<CreateParameters, 'desiredAccess' | 'createOptions'>,
    information: { readonly fileInfoClass: number; readonly buffer: Uint8Array },
  ): Promise<void> {
    const parameters = {
      name: toShareRelative(path),
      shareAccess: SHARE_ALL,
      createDisposition: FILE_OPEN,
      ...create,
    };
    const request = (fileId: FileId) => setInfoRequest({ fileId, ...information });
    await change(await this.#connected(), parameters, { request, path });
  }
}

/** Opens, reads and closes a file; the first bytes come with the open. */
async function readWhole(
  tree: ClientTree,
  path: string,
  { start = 0, end }: ReadOptions,
): Promise<Uint8Array> {
  const length = Math.max(1, Math.min(FIRST_READ_SIZE, (end ?? Infinity) - start));
  const { created, reply } = await openWith(tree, parametersFor(path, {}), (fileId: FileId) =>
    readRequest({ fileId, offset: start, length, flags: tree.readFlags }),
  );
  const open = new ClientOpen(tree, responseOf(created, path));
  try {
    if (reply.status === STATUS_END_OF_FILE) return new Uint8Array(0);
    const { data } = responseOf(reply, path);
    const to = Math.min(end ?? Infinity, open.response.endOfFile);
    if (start + data.length >= to) return data.slice(0, Math.max(0, to - start));
    return await readRest(open, { data, start, end: to, path });
  } finally {
    await closeQuietly(open);
  }
}

/** The first bytes and what follows them, in one piece. */
async function readRest(
  open: ClientOpen,
  {
    data,
    start,
    end,
    path,
  }: {
    readonly data: Uint8Array;
    readonly start: number;
    readonly end: number;
    readonly path: string;
  },
): Promise<Uint8Array> {
  const all = Buffer.allocUnsafeSlow(end - start);
  all.set(data);
  let filled = data.length;
  for await (const chunk of readRange(withinSession(open), { start: start + filled, end, path })) {
    all.set(chunk, filled);
    filled += chunk.length;
  }
  return all.subarray(0, filled);
}
