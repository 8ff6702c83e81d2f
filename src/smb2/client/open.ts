import { type NtStatus, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import type { CloseResponse } from '../wire/close.ts';
import type { CreateResponse } from '../wire/create.ts';
import type { EmptyBody } from '../wire/empty-body.ts';
import type { FileId } from '../wire/file-id.ts';
import type { IoctlResponse } from '../wire/ioctl.ts';
import type { LockElement } from '../wire/lock.ts';
import type { OplockBreak } from '../wire/oplock-break.ts';
import type { OutputBufferResponse } from '../wire/output-buffer.ts';
import type { ReadResponse } from '../wire/read.ts';
import type { SetInfoResponse } from '../wire/set-info.ts';
import type { WriteResponse } from '../wire/write.ts';
import type { Call } from './call.ts';
import { readPlaced, writePlaced } from './rdma-transfer.ts';
import type { Reply } from './request.ts';
import {
  type CreateParameters,
  changeNotifyRequest,
  closeRequest,
  flushRequest,
  type IoctlParameters,
  ioctlRequest,
  type LockParameters,
  lockRequest,
  oplockBreakRequest,
  type QueryDirectoryParameters,
  type QueryInfoParameters,
  queryDirectoryRequest,
  queryInfoRequest,
  type SetInfoParameters,
  setInfoRequest,
} from './requests.ts';
import {
  type ReadParameters,
  readRequest,
  type WriteOptions,
  writeRequest,
} from './transfer-requests.ts';
import type { ClientTree, TreeSendOptions } from './tree.ts';

export interface OpenResult {
  readonly status: NtStatus;
  readonly reply: Reply<CreateResponse>;
  /** With STATUS_SUCCESS. */
  readonly open: ClientOpen | undefined;
}

/** The parameters of a request on an open, which knows its FileId. */
type OnOpen<P> = Omit<P, 'fileId'> & { readonly fileId?: FileId };

/**
 * An open file, directory or pipe: [MS-SMB2] 3.2.1.6 Per Application Open of a File. Each method is
 * one request; what it returns is awaited for the reply, and may be cancelled.
 */
export class ClientOpen {
  readonly tree: ClientTree;
  readonly fileId: FileId;
  readonly response: CreateResponse;

  constructor(tree: ClientTree, response: CreateResponse) {
    this.tree = tree;
    this.fileId = response.fileId;
    this.response = response;
  }

  /** [MS-SMB2] 3.2.4.3 Opening a File and 3.2.5.7 Receiving an SMB2 CREATE Response. */
  static async create(
    tree: ClientTree,
    parameters: CreateParameters,
    options: TreeSendOptions = {},
  ): Promise<OpenResult> {
    const reply = await tree.create(parameters, options);
    const { status, response } = reply;
    const open = status === STATUS_SUCCESS && response ? new ClientOpen(tree, response) : undefined;
    return { status, reply, open };
  }

  /** [MS-SMB2] 3.2.4.5; `flags` SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB asks for attributes. */
  close(options: TreeSendOptions & { readonly flags?: number } = {}): Call<CloseResponse> {
    const { flags = 0, ...send } = options;
    return this.tree.call(closeRequest({ flags, fileId: this.fileId }), send);
  }

  /** [MS-SMB2] 3.2.4.6. */
  read(parameters: OnOpen<ReadParameters>, options: TreeSendOptions = {}): Call<ReadResponse> {
    const { fileId, tree } = this;
    const read = { fileId, flags: tree.readFlags, ...parameters };
    return readPlaced(tree, read, options) ?? tree.call(readRequest(read), options);
  }

  /** [MS-SMB2] 3.2.4.7. The data must not change until the reply has come. */
  write(parameters: OnOpen<WriteOptions>, options: TreeSendOptions = {}): Call<WriteResponse> {
    const { fileId, tree } = this;
    const write = { fileId, ...parameters };
    return writePlaced(tree, write, options) ?? tree.call(writeRequest(write), options);
  }

  /** [MS-SMB2] 3.2.4.18. */
  flush(options: TreeSendOptions = {}): Call<EmptyBody> {
    return this.tree.call(flushRequest(this.fileId), options);
  }

  /** [MS-SMB2] 3.2.4.19 and 3.2.4.20: a lock that waits answers with an interim response first. */
  lock(
    locks: readonly LockElement[],
    options: TreeSendOptions & { readonly sequence?: OnOpen<Partial<LockParameters>> } = {},
  ): Call<EmptyBody> {
    const { sequence, ...send } = options;
    return this.tree.call(lockRequest({ fileId: this.fileId, ...sequence, locks }), send);
  }

  /** [MS-SMB2] 3.2.4.17. Entries are decoded by directory-entries.ts. */
  queryDirectory(
    parameters: OnOpen<QueryDirectoryParameters>,
    options: TreeSendOptions = {},
  ): Call<OutputBufferResponse> {
    return this.tree.call(queryDirectoryRequest({ fileId: this.fileId, ...parameters }), options);
  }

  /** [MS-SMB2] 3.2.4.8, 3.2.4.10, 3.2.4.12, 3.2.4.14. */
  queryInfo(
    parameters: OnOpen<QueryInfoParameters>,
    options: TreeSendOptions = {},
  ): Call<OutputBufferResponse> {
    return this.tree.call(queryInfoRequest({ fileId: this.fileId, ...parameters }), options);
  }

  /** [MS-SMB2] 3.2.4.9, 3.2.4.11, 3.2.4.13, 3.2.4.15. */
  setInfo(
    parameters: OnOpen<SetInfoParameters>,
    options: TreeSendOptions = {},
  ): Call<SetInfoResponse> {
    return this.tree.call(setInfoRequest({ fileId: this.fileId, ...parameters }), options);
  }

  /** [MS-SMB2] 3.2.4.21. */
  ioctl(parameters: OnOpen<IoctlParameters>, options: TreeSendOptions = {}): Call<IoctlResponse> {
    return this.tree.call(ioctlRequest({ fileId: this.fileId, ...parameters }), options);
  }

  /** [MS-SMB2] 3.2.4.16: answered when something changed. Never times out by itself. */
  notify(
    parameters: {
      readonly completionFilter: number;
      readonly flags?: number;
      readonly outputBufferLength?: number;
    },
    options: TreeSendOptions = {},
  ): Call<OutputBufferResponse> {
    const { completionFilter, flags = 0, outputBufferLength = 65_536 } = parameters;
    const { fileId } = this;
    const body = { fileId, completionFilter, flags, outputBufferLength };
    return this.tree.call(changeNotifyRequest(body), { timeoutMs: 0, ...options });
  }

  /** [MS-SMB2] 3.2.5.19.1: answers an oplock break. */
  acknowledgeOplockBreak(oplockLevel: number, options: TreeSendOptions = {}): Call<OplockBreak> {
    return this.tree.call(oplockBreakRequest({ oplockLevel, fileId: this.fileId }), options);
  }
}
