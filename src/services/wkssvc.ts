/** [MS-WKST] Workstation Service Remote Protocol: who is this machine. */
import type { RpcCall, RpcInterface } from '../rpce/endpoint.ts';
import { ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_SUCCESS } from '../rpce/rpc-status.ts';
import type { ServiceHost } from './service-host.ts';

const WKSSVC_UUID = '6bffd098-a112-3610-9833-46c3f87e345a';
const NETR_WKSTA_GET_INFO = 0;
const PLATFORM_ID_NT = 500;

export function wkssvcInterface(host: ServiceHost): RpcInterface {
  const operations = new Map([
    [NETR_WKSTA_GET_INFO, (call: RpcCall) => workstationGetInfo(host, call)],
  ]);
  return { uuid: WKSSVC_UUID, version: 1, operations };
}

/** [MS-WKST] 3.2.4.1 NetrWkstaGetInfo: 2.2.5.1 WKSTA_INFO_100 to 102. */
function workstationGetInfo(host: ServiceHost, { in: from, out }: RpcCall): number {
  from.uniqueString();
  const level = from.u32();
  out.u32(level);
  if (level < 100 || level > 102) {
    out.u32(0);
    out.u32(level === 502 ? ERROR_ACCESS_DENIED : ERROR_INVALID_LEVEL);
    return 0;
  }
  out.parameter(() => {
    out.u32(PLATFORM_ID_NT);
    out.stringPointer(host.serverName);
    out.stringPointer(host.domainName);
    out.u32(host.osVersion.major);
    out.u32(host.osVersion.minor);
    if (level >= 101) out.stringPointer('');
    if (level === 102) out.u32(1);
  });
  out.u32(ERROR_SUCCESS);
  return 0;
}
