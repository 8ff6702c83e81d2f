/** What tests of durable handles ask for, and how their clients go and come back. */
import type { NtStatus } from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/wire/constants.ts';
import {
  findCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
} from '../../src/smb2/wire/create-context.ts';
import {
  decodeDurableResponseV2,
  durableReconnectContext,
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { openFile, type Rig, tryOpen, until } from './rig.ts';

export const CLIENT_GUID: string = 'a1'.repeat(16);
export const OTHER_GUID: string = 'b2'.repeat(16);

/** The same client each time: its ClientGuid says so. */
export async function treeOfClient(
  rig: Rig,
  clientGuid: string = CLIENT_GUID,
  share: string = 'share',
): Promise<ClientTree> {
  return await rig.tree(await rig.logOn(await rig.connect({ clientGuid })), share);
}

let lastGuid = 0;
/** What each open's CREATE was sent with. */
const guids = new WeakMap<ClientOpen, string>();

export function newGuid(): string {
  return (++lastGuid).toString(16).padStart(32, '0');
}

/** A new durable open with a batch oplock. */
export async function openDurable(
  tree: ClientTree,
  name: string,
  options: {
    readonly timeoutMs?: number;
    readonly flags?: number;
  } & Partial<CreateParameters> = {},
): Promise<ClientOpen> {
  const { timeoutMs = 0, flags = 0, ...rest } = options;
  const createGuid = newGuid();
  const open = await openFile(tree, {
    name,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
    contexts: [durableRequestV2Context({ timeoutMs, flags, createGuid })],
    ...rest,
  });
  guids.set(open, createGuid);
  return open;
}

/** The time-out in milliseconds that was granted; undefined: the open is not durable. */
export function grantedMs({ response }: ClientOpen): number | undefined {
  const data = findCreateContext(response.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
  return data && decodeDurableResponseV2(data)?.timeoutMs;
}

/** Asks for an open that was lost, as `openDurable` or an earlier `reconnect` made it. */
export async function reconnect(
  tree: ClientTree,
  lost: ClientOpen,
  options: { readonly version?: 1 | 2; readonly flags?: number } & Partial<CreateParameters> = {},
): Promise<{ readonly status: NtStatus; readonly open: ClientOpen | undefined }> {
  const { version = 2, flags = 0, ...rest } = options;
  const { fileId } = lost;
  const createGuid = guids.get(lost) ?? '';
  const context =
    version === 1
      ? durableReconnectContext(fileId)
      : durableReconnectV2Context({ fileId, createGuid, flags });
  const { status, open } = await tryOpen(tree, { name: '', contexts: [context], ...rest });
  if (open !== undefined) guids.set(open, createGuid);
  return { status, open };
}

/** The client's connection breaks; the server has noticed when this ends. */
export async function lose(rig: Rig, tree: ClientTree): Promise<void> {
  const left = rig.engine.connections.size - 1;
  tree.session.connection.close();
  await until(() => rig.engine.connections.size === left);
}
