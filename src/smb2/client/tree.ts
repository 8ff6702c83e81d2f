import { type NtStatus, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import {
  SMB2_DIALECT_311,
  SMB2_READFLAG_REQUEST_COMPRESSED,
  SMB2_SHAREFLAG_COMPRESS_DATA,
  SMB2_SHAREFLAG_ENCRYPT_DATA,
} from '../wire/constants.ts';
import type { CreateResponse } from '../wire/create.ts';
import type { EmptyBody } from '../wire/empty-body.ts';
import type { IoctlResponse } from '../wire/ioctl.ts';
import type { LeaseBreak } from '../wire/lease-break.ts';
import type { TreeConnectResponse } from '../wire/tree-connect.ts';
import type { Call, Calls } from './call.ts';
import type { ClientConnection } from './connection.ts';
import type { Channel, CompoundOptions, Reply, Request, SendOptions } from './request.ts';
import {
  type CreateParameters,
  createRequest,
  type IoctlParameters,
  ioctlRequest,
  leaseBreakRequest,
  treeConnectRequest,
  treeDisconnectRequest,
} from './requests.ts';
import type { ClientSession } from './session.ts';

export interface TreeConnectResult {
  readonly status: NtStatus;
  readonly reply: Reply<TreeConnectResponse>;
  /** With STATUS_SUCCESS. */
  readonly tree: ClientTree | undefined;
}

/** How one message goes out; `connection` chooses among the session's channels. */
export interface TreeSendOptions extends CompoundOptions {
  readonly connection?: ClientConnection;
}

/** A connected share: [MS-SMB2] 3.2.1.4 Per Tree Connect. */
export class ClientTree {
  readonly session: ClientSession;
  readonly treeId: number;
  readonly response: TreeConnectResponse;

  constructor(session: ClientSession, treeId: number, response: TreeConnectResponse) {
    this.session = session;
    this.treeId = treeId;
    this.response = response;
  }

  /** [MS-SMB2] 3.2.4.2.4 Connecting to the Share. `path` is `\\server\share`. */
  static async connect(
    session: ClientSession,
    path: string,
    options: SendOptions & { readonly flags?: number } = {},
  ): Promise<TreeConnectResult> {
    const { connection, channel } = session;
    // 3.2.4.1.1: in 3.1.1 this request is signed whenever there is a key.
    const sign =
      connection.negotiated?.dialect === SMB2_DIALECT_311 && channel.signer !== undefined;
    const { flags = 0, ...send } = options;
    const reply = await connection.call(treeConnectRequest({ flags, path }), {
      channel,
      ...(sign ? { sign } : {}),
      ...send,
    });
    const { status, response, header } = reply;
    if (status !== STATUS_SUCCESS || !response || !header) {
      return { status, reply, tree: undefined };
    }
    return { status, reply, tree: new ClientTree(session, header.treeId, response) };
  }

  /** Whether the share, or the session, wants every message encrypted. */
  get encryptData(): boolean {
    return (
      this.session.encryptData || (this.response.shareFlags & SMB2_SHAREFLAG_ENCRYPT_DATA) !== 0
    );
  }

  /** Whether what is written goes out compressed, and what is read is asked for so. */
  get compressData(): boolean {
    const { compressAllRequests, negotiated } = this.session.connection;
    if (negotiated?.compression === undefined) return false;
    return compressAllRequests || (this.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA) !== 0;
  }

  /** SMB2_READFLAG_* of a READ, unless it has its own. */
  get readFlags(): number {
    return this.compressData ? SMB2_READFLAG_REQUEST_COMPRESSED : 0;
  }

  call<R>(request: Request<R>, options: TreeSendOptions = {}): Call<R> {
    const connection = options.connection ?? this.session.connection;
    return connection.call(request, this.#complete(connection, options));
  }

  compound<const T extends readonly Request<unknown>[]>(
    requests: T,
    options: TreeSendOptions = {},
  ): Calls<T> {
    const connection = options.connection ?? this.session.connection;
    return connection.compound(requests, this.#complete(connection, options));
  }

  /** [MS-SMB2] 3.2.4.3 Opening a File; `ClientOpen` takes the response's FileId. */
  create(parameters: CreateParameters, options: TreeSendOptions = {}): Call<CreateResponse> {
    return this.call(createRequest(parameters), options);
  }

  /** An FSCTL on the share itself, or on any FileId. */
  ioctl(parameters: IoctlParameters, options: TreeSendOptions = {}): Call<IoctlResponse> {
    return this.call(ioctlRequest(parameters), options);
  }

  /** [MS-SMB2] 3.2.5.19.2: answers a lease break. */
  acknowledgeLeaseBreak(leaseBreak: LeaseBreak, options: TreeSendOptions = {}): Call<LeaseBreak> {
    return this.call(leaseBreakRequest(leaseBreak), options);
  }

  /** [MS-SMB2] 3.2.4.22 Application Requests Closing a Share Connection. */
  disconnect(options: TreeSendOptions = {}): Call<EmptyBody> {
    return this.call(treeDisconnectRequest(), options);
  }

  #complete(connection: ClientConnection, options: TreeSendOptions): CompoundOptions {
    const channel: Channel = this.session.channelOn(connection);
    const encrypt = this.encryptData && channel.encryptor !== undefined;
    const compress = this.compressData;
    const { channelSequence } = this.session;
    const header = { treeId: this.treeId, channelSequence, ...options.header };
    return { channel, encrypt, compress, ...options, header };
  }
}
