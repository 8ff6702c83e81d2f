/** What a CREATE is answered with: [MS-SMB2] 2.2.14, 3.3.5.9 "Response Construction". */
import { after, type Now, type Task } from '../../../base/task.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import type { OplockGrant } from '../../../fsa/oplock.ts';
import { queryMaximalAccess } from '../../../fsa/security.ts';
import type { FileMetadata } from '../../../fscc/file-metadata.ts';
import {
  type CreateRequest,
  type CreateResponse,
  encodeCreateResponse,
} from '../../wire/create.ts';
import {
  type CreateContext,
  SMB2_CREATE_AAPL,
  SMB2_CREATE_POSIX,
  SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST,
  SMB2_CREATE_QUERY_ON_DISK_ID,
  SMB2_CREATE_REQUEST_LEASE,
} from '../../wire/create-context.ts';
import { maximalAccessResponseContext, onDiskIdContext } from '../../wire/create-context-file.ts';
import { posixResponseContext } from '../../wire/create-context-posix.ts';
import { leaseContextOf } from '../oplock-contexts.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import type { TreeConnect } from '../state/tree-connect.ts';

/** An open of a file as the object store made it, or as it stands. */
export interface OpenedFile {
  readonly open: LocalOpen;
  readonly metadata: FileMetadata;
  readonly oplock: OplockGrant | undefined;
  readonly oplockLevel: number;
  readonly createAction: number;
  /** What the protocol layer adds: the durable handle's context. */
  readonly extra: CreateContext | undefined;
  /** The answer to an Apple client's query. */
  readonly apple?: CreateContext | undefined;
}

export function respondOpened(
  request: Request,
  create: CreateRequest,
  open: Open,
  opened: OpenedFile,
): Now<void> {
  const { metadata, createAction, oplockLevel } = opened;
  const answering =
    create.contexts.length === 0
      ? create.contexts
      : answerContexts(create, opened, open.treeConnect);
  return after(answering, (contexts) =>
    respond(request, {
      oplockLevel,
      flags: 0,
      createAction,
      creationTime: metadata.creationTime,
      lastAccessTime: metadata.lastAccessTime,
      lastWriteTime: metadata.lastWriteTime,
      changeTime: metadata.changeTime,
      allocationSize: metadata.allocationSize,
      endOfFile: metadata.endOfFile,
      fileAttributes: metadata.attributes,
      fileId: open.fileId,
      contexts,
    }),
  );
}

export function respond(request: Request, response: CreateResponse): void {
  let size = 96;
  for (const context of response.contexts) size += 48 + context.data.length;
  const reply = request.room(size);
  reply.finish(encodeCreateResponse(reply.view, reply.body, response));
}

/** [MS-SMB2] 3.3.5.9.5 MxAc, 3.3.5.9.9 QFid and the lease, in the order asked for. */
function* answerContexts(
  create: CreateRequest,
  { open, metadata, oplock, extra, apple }: OpenedFile,
  { isApple }: TreeConnect,
): Task<readonly CreateContext[]> {
  const answers: CreateContext[] = [];
  for (const context of create.contexts) {
    if (context.name === SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST) {
      const { status, access } = yield* queryMaximalAccess(open);
      answers.push(maximalAccessResponseContext({ queryStatus: status, maximalAccess: access }));
    } else if (context.name === SMB2_CREATE_QUERY_ON_DISK_ID) {
      const volumeId = BigInt(open.volume.options.serialNumber);
      const diskFileId = isApple ? 0n : metadata.fileId;
      answers.push(onDiskIdContext({ diskFileId, volumeId }));
    } else if (context.name === SMB2_CREATE_REQUEST_LEASE && oplock !== undefined) {
      const lease = leaseContextOf(oplock, create);
      if (lease !== undefined) answers.push(lease);
    } else if (context.name === SMB2_CREATE_AAPL && apple !== undefined) {
      answers.push(apple);
    } else if (context.name === SMB2_CREATE_POSIX && metadata.posix !== undefined) {
      answers.push(posixResponseContext(metadata.posix));
    } else if (extra !== undefined && context.name === extra.name) {
      answers.push(extra);
    }
  }
  return answers;
}
