import type { Limits } from '../base/limits.ts';
import { openRpcEndpoint, type RpcInterface } from '../rpce/endpoint.ts';
import type { PipeOpener } from '../rpce/pipe.ts';
import type { PipeMemory } from '../rpce/pipe-memory.ts';
import { lsarpcInterface } from './lsarpc.ts';
import type { ServiceHost } from './service-host.ts';
import { srvsvcInterface } from './srvsvc.ts';
import { wkssvcInterface } from './wkssvc.ts';

interface PipeOptions extends Pick<Limits, 'pipeMessageSize'> {
  readonly memory: PipeMemory;
}

/** The named pipes of IPC$: each name, and the RPC interfaces that answer behind it. */
export function createPipeOpener(host: ServiceHost, options: PipeOptions): PipeOpener {
  const { pipeMessageSize: messageSizeMax, memory } = options;
  const srvsvc = [srvsvcInterface(host)];
  const wkssvc = [wkssvcInterface(host)];
  const lsarpc = [lsarpcInterface(host)];
  const pipes: ReadonlyMap<string, readonly RpcInterface[]> = new Map([
    ['srvsvc', srvsvc],
    ['wkssvc', wkssvc],
    ['lsarpc', lsarpc],
    ['lsass', lsarpc],
  ]);
  return (name, client) => {
    const interfaces = pipes.get(name);
    return interfaces && openRpcEndpoint({ name, interfaces, client, messageSizeMax, memory });
  };
}
