import { toOffset, viewOf } from '../../../base/bytes.ts';
import { after, afterAnswer, type Now, type Task, taskOf } from '../../../base/task.ts';
import { FILE_ALL_ACCESS } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_IMPERSONATION_LEVEL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_TOO_MANY_OPENED_FILES,
} from '../../../erref/ntstatus.ts';
import { closeOpenNow as closeLocalOpenNow } from '../../../fsa/close.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { parseName, parsePosixName } from '../../../fsa/names.ts';
import { openFileNow } from '../../../fsa/open.ts';
import { leaseOplockKey, type OplockRequest } from '../../../fsa/oplock.ts';
import type {
  OpenOutcome,
  OpenParams,
  PosixOpen,
  StoppedOnLink,
  StoppedOutcome,
} from '../../../fsa/surface.ts';
import type { Volume } from '../../../fsa/volume.ts';
import { FILE_OPENED } from '../../../fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../../../fscc/file-attributes.ts';
import { POSIX_MODE_PERMISSIONS } from '../../../fscc/posix-information.ts';
import type { Pipe } from '../../../rpce/pipe.ts';
import {
  SECURITY_DELEGATE,
  SMB2_DIALECT_311,
  SMB2_ERROR_ID_DEFAULT,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../wire/constants.ts';
import { type CreateRequest, decodeCreateRequest } from '../../wire/create.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_ALLOCATION_SIZE,
  SMB2_CREATE_EA_BUFFER,
  SMB2_CREATE_POSIX,
  SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST,
  SMB2_CREATE_SD_BUFFER,
  SMB2_CREATE_TIMEWARP_TOKEN,
} from '../../wire/create-context.ts';
import {
  decodeAllocationSize,
  decodeMaximalAccessRequest,
  decodeTimewarpToken,
} from '../../wire/create-context-file.ts';
import { decodePosixMode } from '../../wire/create-context-posix.ts';
import {
  encodeErrorResponseContexts,
  encodeErrorResponseData,
  encodeSymbolicLinkError,
  SYMLINK_FLAG_RELATIVE,
  symbolicLinkErrorSize,
} from '../../wire/error.ts';
import { channelSequence } from '../../wire/header.ts';
import type { AppInstance } from '../app-instances.ts';
import { answerApple } from '../apple.ts';
import { closeOpenNow } from '../closing.ts';
import { oplockLevelOf, oplockRequestOf } from '../oplock-contexts.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import type { TreeConnect } from '../state/tree-connect.ts';
import { respond, respondOpened } from './create-answer.ts';
import { appInstanceOf, takeOver } from './create-app-instance.ts';
import {
  type DurableContexts,
  durableContextsOf,
  grantDurable,
  NO_DURABLE,
} from './create-durable.ts';
import { reconnectOpen } from './create-reconnect.ts';
import { createOnce } from './create-replay.ts';
import { whyGone } from './why-gone.ts';

/** Bytes of an error response, and of one context in it, up to the data. */
const ERROR_HEAD_SIZE = 16;

type Opened = Extract<OpenOutcome, { readonly status: 0 }>;

/** [MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request. */
export function handleCreate(request: Request): Now<NtStatus> {
  const { chain, treeConnect } = request;
  const create = decodeCreateRequest(request.view, request.body, request.end);
  request.leavesNothing = create?.contexts.length === 0;
  const created =
    create === undefined || treeConnect === undefined
      ? STATUS_INVALID_PARAMETER
      : createIn(request, treeConnect, create);
  return after(created, (status) => {
    if (status !== 0) {
      chain.open = undefined;
      chain.openFailure = status;
    }
    return status;
  });
}

function createIn(
  request: Request,
  treeConnect: TreeConnect,
  create: CreateRequest,
): Now<NtStatus> {
  const { limits } = request.server.options;
  if (treeConnect.session.opens.size >= limits.opensPerSessionMax) {
    return STATUS_TOO_MANY_OPENED_FILES;
  }
  const isPipe = treeConnect.share.volume === undefined;
  const durable = isPipe ? NO_DURABLE : durableContextsOf(request.connection, create);
  if (typeof durable === 'number') return durable;
  if (durable.kind === 'reconnect') return reconnectOpen(request, treeConnect, create, durable);
  if (create.impersonationLevel > SECURITY_DELEGATE) return STATUS_BAD_IMPERSONATION_LEVEL;
  return afterAnswer(request.server.mayOpen(), (mayOpen): Now<NtStatus> => {
    if (!mayOpen) return STATUS_INSUFFICIENT_RESOURCES;
    if (isPipe) return createPipe(request, treeConnect, create);
    if (durable.kind !== 'request' || durable.version !== 2) {
      return createFile(request, treeConnect, create, durable);
    }
    const run = (): Task<NtStatus> => taskOf(createFile(request, treeConnect, create, durable));
    return createOnce(request, { treeConnect, create, durable }, run);
  });
}

/** [MS-SMB2] 3.3.5.9, "If the share is a named pipe share". */
function createPipe(request: Request, treeConnect: TreeConnect, create: CreateRequest): NtStatus {
  const { server } = request;
  const { identity, keys } = treeConnect.session;
  if (identity === undefined) return STATUS_ACCESS_DENIED;
  const name = create.name.replace(/^\\/, '').toLowerCase();
  const pipe = server.options.openPipe(name, {
    userName: identity.userName,
    domainName: identity.domainName,
    serverName: server.options.serverName,
    sessionKey: keys?.applicationKey ?? new Uint8Array(16),
  });
  if (pipe === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const open = addOpen(request, treeConnect, {
    pipe,
    grantedAccess: FILE_ALL_ACCESS,
    createAction: FILE_OPENED,
  });
  respond(request, {
    oplockLevel: SMB2_OPLOCK_LEVEL_NONE,
    flags: 0,
    createAction: FILE_OPENED,
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    allocationSize: 4096,
    endOfFile: 0,
    fileAttributes: FILE_ATTRIBUTE_NORMAL,
    fileId: open.fileId,
    contexts: [],
  });
  return 0;
}

function createFile(
  request: Request,
  treeConnect: TreeConnect,
  create: CreateRequest,
  durable: DurableContexts,
): Now<NtStatus> {
  const { volume } = treeConnect.share;
  const { security } = treeConnect;
  if (volume === undefined || security === undefined) return STATUS_ACCESS_DENIED;
  const oplock = oplockRequestOf(request.connection, create);
  if (typeof oplock === 'number') return oplock;
  const posix = posixOf(request, treeConnect, create);
  if (typeof posix === 'number') return posix;
  const appInstance = appInstanceOf(request.connection, create);
  if (typeof appInstance === 'number') return appInstance;
  const apple = answerApple(treeConnect, create.contexts);
  if (typeof apple === 'number') return apple;
  if (!mayJoinLease(request, volume, { create, oplock, posix })) return STATUS_INVALID_PARAMETER;
  const params = toOpenParams(request, { create, oplock, posix });
  if (typeof params === 'number') return params;

  const isFree = appInstance && takeOver(request, treeConnect, create, appInstance);
  return after<NtStatus, NtStatus>(isFree ?? 0, (refused) => {
    if (refused !== 0) return refused;
    return after(openFileNow(volume, security, params), (outcome) => {
      if (outcome.status === 0) {
        const besides = { create, durable, appInstance, apple };
        return keepOpen(request, treeConnect, outcome as Opened, besides);
      }
      const { link } = outcome as StoppedOutcome;
      if (link !== undefined) tellLink(request, link);
      return outcome.status;
    });
  });
}

/** What a CREATE asks for besides a file. */
interface Besides {
  readonly create: CreateRequest;
  readonly durable: DurableContexts;
  readonly appInstance: AppInstance | undefined;
  readonly apple: CreateContext | undefined;
}

/** The object store has opened it: it becomes an open of the session, and is answered. */
function keepOpen(
  request: Request,
  treeConnect: TreeConnect,
  { open: localOpen, metadata, createAction }: Opened,
  { create, durable, appInstance, apple }: Besides,
): Now<NtStatus> {
  const gone = whyGone(request, treeConnect);
  if (gone !== 0) return after(closeLocalOpenNow(localOpen), () => gone);
  const open = addOpen(request, treeConnect, {
    localOpen,
    grantedAccess: localOpen.grantedAccess,
    createAction,
    appInstance,
  });
  if (localOpen.oplock !== undefined && !request.server.oplockHolders.add(open)) {
    return after(closeOpenNow(request.server, open), () => STATUS_INVALID_PARAMETER);
  }
  const granting = durable.kind === 'request' ? grantDurable(request, open, durable) : undefined;
  return after<CreateContext | undefined, NtStatus>(granting, (extra) => {
    const { oplockBreaks } = localOpen.volume;
    if (oplockBreaks.isUnclaimed(localOpen)) {
      if (request.connection.closed) oplockBreaks.claim(localOpen);
      else request.afterSend = () => oplockBreaks.claim(localOpen);
    }
    const { oplock } = localOpen;
    const oplockLevel = oplockLevelOf(oplock);
    const told = { open: localOpen, metadata, oplock, oplockLevel, createAction, apple, extra };
    return after(respondOpened(request, create, open, told), () => 0);
  });
}

/** A CREATE with those of its contexts that more than one step looks at. */
interface Asked {
  readonly create: CreateRequest;
  readonly oplock: OplockRequest | undefined;
  readonly posix: PosixOpen | undefined;
}

/** A mode of all ones: Linux opens what stands already. */
const POSIX_NO_MODE: ReadonlySet<number> = new Set([0xffff, 0xffff_ffff]);

/**
 * The POSIX create context, where its extensions were agreed on. Samba: STATUS_INVALID_PARAMETER
 * for one of another length.
 */
function posixOf(
  { connection }: Request,
  { share }: TreeConnect,
  { contexts }: CreateRequest,
): PosixOpen | undefined | NtStatus {
  if (!connection.posixExtensions || share.posixExtensions !== true) return undefined;
  const data = findCreateContext(contexts, SMB2_CREATE_POSIX);
  if (data === undefined) return undefined;
  const mode = decodePosixMode(data);
  if (mode === undefined) return STATUS_INVALID_PARAMETER;
  return { mode: POSIX_NO_MODE.has(mode) ? undefined : mode & POSIX_MODE_PERMISSIONS };
}

/** [MS-SMB2] 2.2.2.2.1 Symbolic Link Error Response; 3.1.1 has it in an error context. */
function tellLink(request: Request, stopped: StoppedOnLink): void {
  const error = { ...stopped, flags: stopped.isRelative ? SYMLINK_FLAG_RELATIVE : 0 };
  const data = new Uint8Array(symbolicLinkErrorSize(error));
  encodeSymbolicLinkError(viewOf(data), 0, error);
  const reply = request.room(ERROR_HEAD_SIZE + data.length);
  reply.finish(
    request.connection.dialect === SMB2_DIALECT_311
      ? encodeErrorResponseContexts(reply.view, reply.body, [{ id: SMB2_ERROR_ID_DEFAULT, data }])
      : encodeErrorResponseData(reply.view, reply.body, data),
  );
}

/** [MS-SMB2] 3.3.5.9.8: whether the lease that is asked for, if it stands, is this file's. */
function mayJoinLease(request: Request, volume: Volume, { create, oplock, posix }: Asked): boolean {
  if (oplock?.lease === undefined) return true;
  const parse = posix === undefined ? parseName : parsePosixName;
  const name = parse(create.name, volume.options);
  // What is wrong with a name the object store says.
  if (typeof name === 'number') return true;
  return request.server.oplockHolders.mayJoin(leaseOplockKey(oplock.lease), volume, name);
}

/** The request and its contexts as the object store takes them, or why they are no good. */
function toOpenParams(request: Request, { create, oplock, posix }: Asked): OpenParams | NtStatus {
  const { contexts } = create;
  let allocationSize: number | undefined;
  const alsi = findCreateContext(contexts, SMB2_CREATE_ALLOCATION_SIZE);
  if (alsi !== undefined) {
    const size = decodeAllocationSize(alsi);
    if (size === undefined) return STATUS_INVALID_PARAMETER;
    // What no file can have fails as what no disk has room for.
    allocationSize = toOffset(size) ?? Number.MAX_SAFE_INTEGER;
  }
  let timewarp: bigint | undefined;
  const twrp = findCreateContext(contexts, SMB2_CREATE_TIMEWARP_TOKEN);
  if (twrp !== undefined) {
    timewarp = decodeTimewarpToken(twrp);
    if (timewarp === undefined) return STATUS_INVALID_PARAMETER;
  }
  const mxac = findCreateContext(contexts, SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST);
  if (mxac !== undefined && decodeMaximalAccessRequest(mxac) === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  return {
    path: create.name,
    desiredAccess: create.desiredAccess,
    fileAttributes: create.fileAttributes,
    shareAccess: create.shareAccess,
    createDisposition: create.createDisposition,
    createOptions: create.createOptions,
    allocationSize,
    eaBuffer: findCreateContext(contexts, SMB2_CREATE_EA_BUFFER),
    securityDescriptor: findCreateContext(contexts, SMB2_CREATE_SD_BUFFER),
    timewarp,
    oplock,
    posix,
    cancel: request,
  };
}

function addOpen(
  request: Request,
  treeConnect: TreeConnect,
  behind: {
    readonly localOpen?: LocalOpen;
    readonly pipe?: Pipe;
    readonly grantedAccess: number;
    readonly createAction: number;
    readonly appInstance?: AppInstance | undefined;
  },
): Open {
  const { server, chain } = request;
  const open: Open = {
    fileId: server.fileIds.make(),
    session: treeConnect.session,
    treeConnect,
    localOpen: behind.localOpen,
    pipe: behind.pipe,
    grantedAccess: behind.grantedAccess,
    resumeKey: undefined,
    state: 'connected',
    durable: undefined,
    createAction: behind.createAction,
    appInstance: behind.appInstance,
    replayKey: undefined,
    lockSequences: undefined,
    channelSequence: channelSequence(request.header),
    outstanding: 0,
    outstandingBefore: 0,
    inFlight: 0,
    whenIdle: undefined,
  };
  treeConnect.session.opens.set(open.fileId.volatile, open);
  treeConnect.openCount++;
  server.openAdded();
  server.appInstances.add(open);
  chain.open = open;
  chain.openFailure = 0;
  return open;
}
