import { FILE_WRITE_DATA } from '../../dtyp/access-mask.ts';
import {
  isError,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_FILE_CLOSED,
} from '../../erref/ntstatus.ts';
import { FILE_CREATE } from '../../fscc/create-parameters.ts';
import {
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
} from '../wire/constants.ts';
import type { CreateResponse } from '../wire/create.ts';
import type { Guid } from '../wire/guid.ts';
import type { LeaseBreakNotification } from '../wire/lease-break.ts';
import type { ClientConnection } from './connection.ts';
import {
  type Durability,
  durableReconnect,
  durableRequest,
  grantedDurability,
  grantedLease,
  guided,
  knowsReplays,
  type OpenNames,
  READ_LEASE,
  WRITE_LEASE,
} from './durability.ts';
import { type Logon, TRIES_MAX } from './logon.ts';
import { ClientOpen } from './open.ts';
import { type Performed, perform } from './perform.ts';
import type { Reply } from './request.ts';
import type { CreateParameters } from './requests.ts';
import type { ClientSession } from './session.ts';
import { responseOf, SmbError } from './smb-error.ts';
import type { TreeSendOptions } from './tree.ts';

/** Which file, on which share, and how its CREATE looks like. */
export interface FileToOpen {
  readonly logon: Logon;
  readonly share: string;
  /** For errors. */
  readonly path: string;
  readonly parameters: CreateParameters;
}

const GUID_SIZE = 16;

/**
 * An open file that may move from one connection to the next.
 *
 *   open --T1--> lost --T2--> open
 *     \            \---T3--> gone
 *      \--T4--> closed
 *
 *   open   requests go out on any channel of the session, and again on another one that stands
 *   lost   the session broke; the server keeps what is durable for a while
 *   gone   it did not: every request fails
 *   T0 open   T1 seen by `perform`   T2, T3 #takeUp   T4 close
 */
export class FileHandle {
  readonly path: string;
  readonly #file: FileToOpen;
  readonly #names: OpenNames;
  #open: ClientOpen;
  #durability: Durability;
  #lease: number;
  #takingUp: Promise<void> | undefined;

  private constructor(file: FileToOpen, names: OpenNames, open: ClientOpen) {
    this.path = file.path;
    this.#file = file;
    this.#names = names;
    this.#open = open;
    this.#durability = grantedDurability(open.response);
    this.#lease = grantedLease(open.response);
    if (this.#lease !== 0) file.logon.listen(names.leaseKey, (taken) => this.#broken(taken));
  }

  /** T0. Throws `SmbError`. */
  static async open(file: FileToOpen): Promise<FileHandle> {
    const { logon, share, path, parameters } = file;
    let names = newNames(file);
    for (let tries = 1; ; tries++) {
      const flags = tries === 1 ? 0 : SMB2_FLAGS_REPLAY_OPERATION;
      const tree = await logon.tree(share);
      const { session } = tree;
      // Before 3.0 nothing tells a CREATE from its repetition: the first open has to give way.
      if (!knowsReplays(tree)) names = newNames(file);
      const isAlone = session.channelCount < 2;
      const asked = logon.returns
        ? durableRequest(tree, names)
        : { contexts: isAlone ? [] : guided(tree, names) };
      const contexts = [...(parameters.contexts ?? []), ...(asked.contexts ?? [])];
      const create = { ...parameters, ...asked, contexts };
      // The first break may come with the answer, before anybody has seen that.
      const early: LeaseBreakNotification[] = [];
      logon.listen(names.leaseKey, (taken) => early.push(taken));
      const reply = await perform(session, ({ header, ...options }) =>
        tree.create(create, { ...options, header: { flags, ...header } }),
      );
      // What the server made it closed with the session, or it gives it back to the same names.
      const isLost = reply.status === STATUS_CONNECTION_DISCONNECTED && logon.returns;
      const isRepeatable = parameters.createDisposition !== FILE_CREATE;
      logon.unlisten(names.leaseKey);
      if (isLost && isRepeatable && tries < TRIES_MAX) continue;
      const open = new ClientOpen(tree, responseOf(reply, path));
      const handle = new FileHandle(file, names, open);
      for (const taken of early) handle.#broken(taken);
      return handle;
    }
  }

  get session(): ClientSession {
    return this.#open.tree.session;
  }

  /** Of the CREATE, or of the one that took the open up last. */
  get response(): CreateResponse {
    return this.#open.response;
  }

  /** Whether the server keeps it when the session breaks. */
  get isDurable(): boolean {
    if (this.#durability === 'persistent') return true;
    return this.#durability === 'durable' && (this.#lease & SMB2_LEASE_HANDLE_CACHING) !== 0;
  }

  /**
   * A request that does no harm when the server did it before, as `perform` of perform.ts, and over
   * a new session too. Throws `SmbError` when the open could not be taken up there.
   */
  async perform<R>(
    send: (open: ClientOpen, options: TreeSendOptions) => PromiseLike<Reply<R>>,
    first?: ClientConnection,
  ): Promise<Performed<R>> {
    for (let tries = 1; ; tries++) {
      const open = this.#open;
      const channel = tries === 1 ? first : undefined;
      const reply = await perform(open.tree.session, (options) => send(open, options), channel);
      const isLost = reply.header === undefined && reply.status === STATUS_CONNECTION_DISCONNECTED;
      if (!isLost || !this.isDurable || !this.#file.logon.returns || tries === TRIES_MAX) {
        return tries === 1 ? reply : { ...reply, isRepeated: true };
      }
      if (this.#open === open) await this.#takeUpOnce(open);
    }
  }

  /** T4, of what was only read: nobody minds how it ends. */
  async closeQuietly(): Promise<void> {
    await this.#close().catch((error: unknown) => {
      if (!(error instanceof SmbError)) throw error;
    });
  }

  /** T4. Throws `SmbError` when what was written may not have arrived. */
  async close(): Promise<void> {
    const { status, isRepeated } = await this.#close();
    // The channel that was lost had closed it.
    if (isRepeated && status === STATUS_FILE_CLOSED) return;
    if (isError(status)) throw new SmbError(status, this.path);
  }

  async #close(): Promise<Performed<unknown>> {
    try {
      return await this.perform((open, options) => open.close(options));
    } finally {
      this.#file.logon.unlisten(this.#names.leaseKey);
    }
  }

  #takeUpOnce(lost: ClientOpen): Promise<void> {
    this.#takingUp ??= this.#takeUp(lost).finally(() => {
      this.#takingUp = undefined;
    });
    return this.#takingUp;
  }

  /** T2, T3. [MS-SMB2] 3.2.4.4 Re-establishing a Durable Open. */
  async #takeUp({ fileId }: ClientOpen): Promise<void> {
    const { logon, share, path, parameters } = this.#file;
    const open = { fileId, durability: this.#durability };
    for (let tries = 1; ; tries++) {
      const tree = await logon.tree(share);
      const create = { ...parameters, ...durableReconnect(tree, this.#names, open) };
      const reply = await perform(tree.session, (options) => tree.create(create, options));
      if (reply.status === STATUS_CONNECTION_DISCONNECTED && tries < TRIES_MAX) continue;
      if (reply.response === undefined || isError(reply.status)) {
        this.#durability = 'none';
        throw new SmbError(reply.status, path, 'the server did not keep the file open');
      }
      this.#open = new ClientOpen(tree, reply.response);
      this.#lease = grantedLease(reply.response);
      return;
    }
  }

  /** [MS-SMB2] 3.2.5.19.2: this client keeps nothing in a cache, so that there is nothing to do. */
  #broken(taken: LeaseBreakNotification): void {
    const takingUp = this.#takingUp;
    // It is of the new session, whose answer nobody has seen yet.
    if (takingUp === undefined) this.#comply(taken);
    else takingUp.then(() => this.#comply(taken)).catch(() => undefined);
  }

  #comply({ leaseKey, flags, newLeaseState: leaseState }: LeaseBreakNotification): void {
    this.#lease = leaseState;
    if ((flags & SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED) === 0) return;
    const { tree } = this.#open;
    void perform(tree.session, (options) =>
      tree.acknowledgeLeaseBreak({ leaseKey, leaseState }, options),
    );
  }
}

function newNames({ logon: { dialer }, parameters: { desiredAccess } }: FileToOpen): OpenNames {
  const guid = (): Guid => Buffer.from(dialer.env.random.bytes(GUID_SIZE)).toString('hex');
  const leaseState = (desiredAccess & FILE_WRITE_DATA) === 0 ? READ_LEASE : WRITE_LEASE;
  return { createGuid: guid(), leaseKey: guid(), leaseState };
}
