import type { Readable, Writable } from 'node:stream';
import { viewOf } from '../../base/bytes.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../dtyp/access-mask.ts';
import {
  isError,
  STATUS_ACCESS_DENIED,
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
} from '../../erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../../fscc/file-attributes.ts';
import { FileDispositionInformation, FileRenameInformation } from '../../fscc/info-classes.ts';
import { encodeDisposition, encodeNewName, newNameSize } from '../../fscc/set-information.ts';
import { RELATED_FILE_ID } from '../wire/file-id.ts';
import { type ConnectOptions, type DialectName, dialectName } from './connect-options.ts';
import { readRange } from './file-reader.ts';
import { type FileStat, type ListEntry, statOfResponse } from './file-stat.ts';
import { readableOf, type WritableFile, writableOf } from './file-streams.ts';
import { FileWriter } from './file-writer.ts';
import { listSharesOver, type ShareInfo } from './list-shares.ts';
import { type ListOptions, listDirectory } from './listing.ts';
import { logOn } from './log-on.ts';
import { ClientOpen } from './open.ts';
import { baseName, prefixesOf, toShareRelative } from './path.ts';
import {
  type CreateParameters,
  closeRequest,
  createRequest,
  readRequest,
  setInfoRequest,
} from './requests.ts';
import type { ClientSession } from './session.ts';
import { responseOf, SmbError } from './smb-error.ts';
import { ClientTree } from './tree.ts';
import { isNegotiationGenuine } from './validate-negotiate.ts';

export type {
  ClientSession,
  ClientTree,
  ConnectOptions,
  DialectName,
  FileStat,
  ListEntry,
  ListOptions,
  ShareInfo,
};
export { SmbError };

export interface ReadOptions {
  /** First byte; default 0. */
  readonly start?: number;
  /** The byte after the last one; default: the file's end. */
  readonly end?: number;
}

export interface WriteOptions {
  /** Where to begin; default 0. */
  readonly start?: number;
  /** 'overwrite' (default) empties the file, 'create' refuses an existing one, 'keep' writes into it. */
  readonly mode?: 'overwrite' | 'create' | 'keep';
}

const SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
/** What comes with the open of `readFile`: one credit's worth. */
const FIRST_READ_SIZE = 65_536;
const DISPOSITIONS = {
  overwrite: FILE_OVERWRITE_IF,
  create: FILE_CREATE,
  keep: FILE_OPEN_IF,
} as const;

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
  readonly session: ClientSession;
  readonly #host: string;
  readonly #tree: ClientTree | undefined;

  private constructor(session: ClientSession, host: string, tree: ClientTree | undefined) {
    this.session = session;
    this.#host = host;
    this.#tree = tree;
  }

  /**
   * Connects and logs on, and connects the share when one is given. STATUS_LOGON_FAILURE and its
   * relatives: user or password; STATUS_BAD_NETWORK_NAME: no such share; STATUS_ACCESS_DENIED: not
   * allowed, or weaker than `signing` and `encryption` ask for; STATUS_NOT_SUPPORTED: no dialect in
   * common. Rejects with the system's error (`ECONNREFUSED` …) when nobody answers.
   */
  static async connect(options: ConnectOptions): Promise<SmbClient> {
    const session = await logOn(options);
    const client = new SmbClient(session, options.host, undefined);
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
    return new SmbClient(this.session, this.#host, await this.#connectTree(share));
  }

  /** The protocol's own level of the share. */
  get tree(): ClientTree {
    if (this.#tree === undefined) throw new SmbError(STATUS_INVALID_PARAMETER, '', 'no share');
    return this.#tree;
  }

  get dialect(): DialectName | undefined {
    const { negotiated } = this.session.connection;
    return negotiated && dialectName(negotiated.dialect);
  }

  /** The server's shares as NetrShareEnum of [MS-SRVS] lists them. */
  async shares(): Promise<readonly ShareInfo[]> {
    const tree = await this.#connectTree('IPC$');
    try {
      return await listSharesOver(tree, this.#host);
    } finally {
      await tree.disconnect();
    }
  }

  /** The entries of a folder, without `.` and `..`, in the server's order. */
  list(path: string = '', options: ListOptions = {}): AsyncIterable<ListEntry> {
    return listDirectory(this.tree, toShareRelative(path), options);
  }

  /** One round trip. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND: not there. */
  async stat(path: string): Promise<FileStat> {
    const [created] = this.tree.compound(
      [
        createRequest({
          name: toShareRelative(path),
          desiredAccess: FILE_READ_ATTRIBUTES,
          shareAccess: SHARE_ALL,
          createDisposition: FILE_OPEN,
        }),
        closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
      ],
      { related: true },
    );
    return statOfResponse(baseName(path), responseOf(await created, path));
  }

  /** A whole file, or a part of it; what fits 64 KiB comes with the open. */
  async readFile(path: string, { start = 0, end }: ReadOptions = {}): Promise<Uint8Array> {
    const firstSize = Math.max(1, Math.min(FIRST_READ_SIZE, (end ?? Infinity) - start));
    const [created, first] = this.tree.compound(
      [
        createRequest(forReading(path)),
        readRequest({
          fileId: RELATED_FILE_ID,
          offset: start,
          length: firstSize,
          flags: this.tree.readFlags,
        }),
      ],
      { related: true },
    );
    const open = new ClientOpen(this.tree, responseOf(await created, path));
    try {
      const reply = await first;
      if (reply.status === STATUS_END_OF_FILE) return new Uint8Array(0);
      const { data } = responseOf(reply, path);
      const to = Math.min(end ?? Infinity, open.response.endOfFile);
      if (start + data.length >= to) return data.slice(0, Math.max(0, to - start));
      return await readRest(open, { data, start, end: to, path });
    } finally {
      await open.close();
    }
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
    const { tree } = this;
    return readableOf(async function* () {
      const open = new ClientOpen(tree, responseOf(await tree.create(forReading(path)), path));
      try {
        yield* readRange(open, { start, end: Math.min(end, open.response.endOfFile), path });
      } finally {
        await open.close();
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
      const [created] = this.tree.compound(
        [
          createRequest({
            name,
            desiredAccess: FILE_READ_ATTRIBUTES,
            shareAccess: SHARE_ALL,
            createDisposition: recursive ? FILE_OPEN_IF : FILE_CREATE,
            createOptions: FILE_DIRECTORY_FILE,
          }),
          closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
        ],
        { related: true },
      );
      responseOf(await created, path);
    }
  }

  /** Logs off and ends the connection, also under other shares of it. */
  async close(): Promise<void> {
    await this.#tree?.disconnect();
    await this.session.logoff();
    this.session.connection.close();
  }

  async #connectTree(share: string): Promise<ClientTree> {
    const path = `\\\\${this.#host}\\${share}`;
    const { status, tree } = await ClientTree.connect(this.session, path);
    if (tree === undefined) throw new SmbError(status, path);
    if (!(await isNegotiationGenuine(tree))) {
      const reason = 'the negotiation was changed on its way';
      this.session.connection.close(reason);
      throw new SmbError(STATUS_ACCESS_DENIED, path, reason);
    }
    return tree;
  }

  async #openForWriting(path: string, options: WriteOptions): Promise<WritableFile> {
    const { start = 0, mode = 'overwrite' } = options;
    const reply = await this.tree.create({
      name: toShareRelative(path),
      desiredAccess: FILE_GENERIC_WRITE,
      fileAttributes: FILE_ATTRIBUTE_NORMAL,
      shareAccess: FILE_SHARE_READ,
      createDisposition: DISPOSITIONS[mode],
      createOptions: FILE_NON_DIRECTORY_FILE,
    });
    const open = new ClientOpen(this.tree, responseOf(reply, path));
    const close = async (): Promise<void> => {
      const { status } = await open.close();
      if (isError(status)) throw new SmbError(status, path);
    };
    return { writer: new FileWriter(open, { position: start, path }), close };
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
    const calls = this.tree.compound(
      [
        createRequest({
          name: toShareRelative(path),
          shareAccess: SHARE_ALL,
          createDisposition: FILE_OPEN,
          ...create,
        }),
        setInfoRequest({ fileId: RELATED_FILE_ID, ...information }),
        closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
      ],
      { related: true },
    );
    const [created, changed, closed] = [await calls[0], await calls[1], await calls[2]];
    // A server may give up the whole compound after a failed request; the open stands then.
    if (isError(closed.status) && created.response !== undefined) {
      await new ClientOpen(this.tree, created.response).close();
    }
    responseOf(created, path);
    responseOf(changed, path);
  }
}

function forReading(path: string): CreateParameters {
  return {
    name: toShareRelative(path),
    desiredAccess: FILE_GENERIC_READ,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
    createOptions: FILE_NON_DIRECTORY_FILE,
  };
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
  for await (const chunk of readRange(open, { start: start + filled, end, path })) {
    all.set(chunk, filled);
    filled += chunk.length;
  }
  return all.subarray(0, filled);
}
