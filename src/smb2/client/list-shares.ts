import { FILE_READ_DATA, FILE_WRITE_DATA } from '../../dtyp/access-mask.ts';
import {
  STATUS_INVALID_NETWORK_RESPONSE,
  STATUS_NOT_SUPPORTED,
  STATUS_UNSUCCESSFUL,
} from '../../erref/ntstatus.ts';
import { FILE_OPEN, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../../fscc/create-parameters.ts';
import { RpcClient, type RpcTransport } from '../../rpce/rpc-client.ts';
import { listShares, SRVSVC_UUID, SRVSVC_VERSION, STYPE_SPECIAL } from '../../rpce/srvs.ts';
import { ClientOpen } from './open.ts';
import { responseOf, SmbError } from './smb-error.ts';
import type { ClientTree } from './tree.ts';

export interface ShareInfo {
  readonly name: string;
  readonly comment: string;
  readonly kind: 'disk' | 'printer' | 'device' | 'pipe';
  /** Meant for administration, as `IPC$` and `C$` are. */
  readonly isSpecial: boolean;
}

const PIPE = 'srvsvc';
const READ_SIZE = 4280;
const KINDS = ['disk', 'printer', 'device', 'pipe'] as const;
const KIND_MASK = 0x3;

/** [MS-SRVS] 3.1.4.8 NetrShareEnum over the IPC$ share `tree`. Throws `SmbError`. */
export async function listSharesOver(
  tree: ClientTree,
  serverName: string,
): Promise<readonly ShareInfo[]> {
  const reply = await tree.create({
    name: PIPE,
    desiredAccess: FILE_READ_DATA | FILE_WRITE_DATA,
    shareAccess: FILE_SHARE_READ | FILE_SHARE_WRITE,
    createDisposition: FILE_OPEN,
  });
  const pipe = new ClientOpen(tree, responseOf(reply, PIPE));
  try {
    const target = { uuid: SRVSVC_UUID, version: SRVSVC_VERSION };
    const rpc = await RpcClient.bind(transportOver(pipe), target);
    if (rpc === undefined) throw new SmbError(STATUS_NOT_SUPPORTED, PIPE, 'bind refused');
    const outcome = await listShares(rpc, serverName);
    if (outcome.shares === undefined) {
      throw new SmbError(STATUS_UNSUCCESSFUL, PIPE, `NetrShareEnum: error ${outcome.error}`);
    }
    return outcome.shares.map(({ name, comment, type }) => ({
      name,
      comment,
      kind: KINDS[type & KIND_MASK]!,
      isSpecial: (type & STYPE_SPECIAL) !== 0,
    }));
  } finally {
    await pipe.close();
  }
}

/** A message-mode pipe by WRITE and READ: [MS-SMB2] 3.2.4.6 and 3.2.4.7. */
function transportOver(pipe: ClientOpen): RpcTransport {
  return {
    async write(data): Promise<void> {
      const { count } = responseOf(await pipe.write({ offset: 0, data }), PIPE);
      if (count !== data.length) throw new SmbError(STATUS_INVALID_NETWORK_RESPONSE, PIPE);
    },
    async read(): Promise<Uint8Array> {
      return responseOf(await pipe.read({ offset: 0, length: READ_SIZE }), PIPE).data;
    },
  };
}
