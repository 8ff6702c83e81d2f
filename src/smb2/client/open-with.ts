import { isError } from '../../erref/ntstatus.ts';
import type { CreateResponse } from '../wire/create.ts';
import { durableRequestV2Context } from '../wire/create-context-durable.ts';
import { type FileId, RELATED_FILE_ID } from '../wire/file-id.ts';
import { ClientOpen } from './open.ts';
import { perform } from './perform.ts';
import { localReply, type Reply, type Request } from './request.ts';
import { type CreateParameters, closeRequest, createRequest } from './requests.ts';
import { responseOf } from './smb-error.ts';
import type { ClientTree } from './tree.ts';

/** The reply to a CREATE and those to what went to its open. */
export interface Opened<R> {
  readonly created: Reply<CreateResponse>;
  readonly reply: Reply<R>;
}

/** Opens a file so that the CREATE can be asked for again on another channel, by its CreateGuid. */
async function openRepeatable(
  tree: ClientTree,
  parameters: CreateParameters,
): Promise<Reply<CreateResponse>> {
  const { session } = tree;
  const createGuid = Buffer.from(session.connection.random.bytes(16)).toString('hex');
  const guided = durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid });
  const contexts = [...(parameters.contexts ?? []), guided];
  return await perform(session, (options) => tree.create({ ...parameters, contexts }, options));
}

/**
 * Opens a file and sends a request to it: as one message, or where there are several channels one
 * after the other, for only single requests can be repeated.
 */
export async function openWith<R>(
  tree: ClientTree,
  parameters: CreateParameters,
  request: (fileId: FileId) => Request<R>,
): Promise<Opened<R>> {
  if (tree.session.channelCount < 2) {
    const requests = [createRequest(parameters), request(RELATED_FILE_ID)] as const;
    const [create, other] = tree.compound(requests, { related: true });
    return { created: await create, reply: await other };
  }
  const created = await openRepeatable(tree, parameters);
  if (created.response === undefined) return { created, reply: localReply(created.status) };
  const { fileId } = created.response;
  const reply = await perform(tree.session, (options) => tree.call(request(fileId), options));
  return { created, reply };
}

/** Opens a file and closes it again; what the CREATE answered. Throws `SmbError`. */
export async function touch(
  tree: ClientTree,
  parameters: CreateParameters,
  path: string,
): Promise<CreateResponse> {
  const close = (fileId: FileId): Request<unknown> => closeRequest({ flags: 0, fileId });
  const { created } = await openWith(tree, parameters, close);
  return responseOf(created, path);
}

/** Opens a file, sends one request to it that changes it, and closes it. Throws `SmbError`. */
export async function change(
  tree: ClientTree,
  parameters: CreateParameters,
  { request, path }: { readonly request: (fileId: FileId) => Request<unknown>; path: string },
): Promise<void> {
  if (tree.session.channelCount > 1) {
    const { created, reply } = await openWith(tree, parameters, request);
    await closeQuietly(new ClientOpen(tree, responseOf(created, path)));
    responseOf(reply, path);
    return;
  }
  const close = closeRequest({ flags: 0, fileId: RELATED_FILE_ID });
  const requests = [createRequest(parameters), request(RELATED_FILE_ID), close] as const;
  const calls = tree.compound(requests, { related: true });
  const [created, changed, closed] = [await calls[0], await calls[1], await calls[2]];
  // A server may give up the whole compound after a failed request; the open stands then.
  if (isError(closed.status) && created.response !== undefined) {
    await closeQuietly(new ClientOpen(tree, created.response));
  }
  responseOf(created, path);
  responseOf(changed, path);
}

/** For what was only read: nobody minds how it ends. */
export async function closeQuietly(open: ClientOpen): Promise<void> {
  await perform(open.tree.session, (options) => open.close(options));
}
