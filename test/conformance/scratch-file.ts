import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DELETE_ON_CLOSE } from '../../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

/** A new file of `size` bytes that goes with its last close; on a logon of its own, or `on`. */
export async function scratch(
  target: GetTarget,
  size: number = 0,
  on?: ClientTree,
): Promise<{ readonly tree: ClientTree; readonly name: string; readonly file: ClientOpen }> {
  const tree = on ?? (await logOnAt(target())).tree;
  const name = uniqueName('control');
  const file = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: 7,
    createDisposition: FILE_CREATE,
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  const data = Uint8Array.from({ length: size }, (_, i) => i % 251);
  if (size > 0) expectStatus(await file.write({ offset: 0, data }), STATUS_SUCCESS);
  return { tree, name, file };
}
