/** [MS-SRVS] as both ends need it: the interface, share types, and the client's NetrShareEnum. */
import { NdrReader, NdrWriter } from './ndr.ts';
import type { RpcClient } from './rpc-client.ts';
import { ERROR_MORE_DATA, ERROR_SUCCESS, NCA_PROTO_ERROR } from './rpc-status.ts';

/** [MS-SRVS] 1.9 Standards Assignments. */
export const SRVSVC_UUID = '4b324fc8-1670-01d3-1278-5a47bf6ee188';
export const SRVSVC_VERSION = 3;

/** [MS-SRVS] 2.2.2.4 Share Types. */
export const STYPE_DISKTREE = 0x0000_0000;
export const STYPE_PRINTQ = 0x0000_0001;
export const STYPE_DEVICE = 0x0000_0002;
export const STYPE_IPC = 0x0000_0003;
export const STYPE_CLUSTER_FS = 0x0200_0000;
export const STYPE_CLUSTER_SOFS = 0x0400_0000;
export const STYPE_TEMPORARY = 0x4000_0000;
export const STYPE_SPECIAL = 0x8000_0000;

/** [MS-SRVS] 3.1.4 opnum of NetrShareEnum. */
export const NETR_SHARE_ENUM = 15;
export const MAX_PREFERRED_LENGTH = 0xffff_ffff;

export interface ShareInfo1 {
  readonly name: string;
  readonly type: number;
  readonly comment: string;
}

export type ShareEnumOutcome =
  | { readonly error: 0; readonly shares: readonly ShareInfo1[] }
  /** A Win32 error or an RPC fault status. */
  | { readonly error: number; readonly shares?: undefined };

/** Lists a server's shares: [MS-SRVS] 3.1.4.8 NetrShareEnum, level 1, page by page. */
export async function listShares(client: RpcClient, serverName: string): Promise<ShareEnumOutcome> {
  const shares: ShareInfo1[] = [];
  let resumeHandle = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const outcome = await client.call(NETR_SHARE_ENUM, shareEnumRequest(serverName, resumeHandle));
    if (outcome.stub === undefined) return { error: outcome.fault };
    const answer = decodeShareEnumResponse(outcome.stub);
    if (answer === undefined) return { error: NCA_PROTO_ERROR };
    shares.push(...answer.shares);
    if (answer.error === ERROR_SUCCESS) return { error: 0, shares };
    if (answer.error !== ERROR_MORE_DATA) return { error: answer.error };
    resumeHandle = answer.resumeHandle;
  }
  return { error: ERROR_MORE_DATA };
}

const PAGES_MAX = 1024;

function shareEnumRequest(serverName: string, resumeHandle: number): Uint8Array {
  const out = new NdrWriter();
  out.parameter(() => out.string(`\\\\${serverName}`));
  out.u32(1);
  out.u32(1);
  out.parameter(() => {
    out.u32(0);
    out.u32(0);
  });
  out.u32(MAX_PREFERRED_LENGTH);
  out.parameter(() => out.u32(resumeHandle));
  return out.take();
}

interface ShareEnumResponse {
  readonly shares: readonly ShareInfo1[];
  readonly resumeHandle: number;
  readonly error: number;
}

/** The stub of a level 1 answer; undefined when the bytes are none. */
export function decodeShareEnumResponse(stub: Uint8Array): ShareEnumResponse | undefined {
  const from = new NdrReader(stub);
  if (from.u32() !== 1 || from.u32() !== 1) return undefined;
  const shares = from.pointer() ? decodeContainer1(from) : [];
  from.u32();
  const resumeHandle = from.pointer() ? from.u32() : 0;
  const error = from.u32();
  return from.ok && shares !== undefined ? { shares, resumeHandle, error } : undefined;
}

/** [MS-SRVS] 2.2.4.33 SHARE_INFO_1_CONTAINER. */
function decodeContainer1(from: NdrReader): readonly ShareInfo1[] | undefined {
  const entriesRead = from.u32();
  if (!from.pointer()) return [];
  const count = from.count(12);
  if (count !== entriesRead) return undefined;
  const fixed: { hasName: boolean; type: number; hasComment: boolean }[] = [];
  for (let i = 0; i < count; i++) {
    fixed.push({ hasName: from.pointer(), type: from.u32(), hasComment: from.pointer() });
  }
  return fixed.map(({ hasName, type, hasComment }) => ({
    name: hasName ? from.string() : '',
    type,
    comment: hasComment ? from.string() : '',
  }));
}
