/** Servers for bench/channels.ts, and what they cost the processor. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface BenchServer {
  /** For the table. */
  readonly name: string;
  /** HOST:PORT/SHARE */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** Microseconds of processor of it and all its workers so far; undefined where it is not ours. */
  cpuUs(): number | undefined;
  stop(): Promise<void>;
}

/** A server of its own, on a free port; SEMBA_DIR says where its files are. */
export async function startServer(workers: number): Promise<BenchServer> {
  const port = await freePort();
  const script = fileURLToPath(new URL('../test/interop/serve.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(port), String(workers)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    name: `${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    address: `127.0.0.1:${port}/share`,
    user: 'torture1',
    password: 'torture1pw',
    cpuUs: () => treeCpuUs(child.pid!),
    stop: () => stop(child),
  };
}

export function runningServer(address: string, user: string, password: string): BenchServer {
  return {
    ...{ name: 'server', address, user, password },
    cpuUs: () => undefined,
    stop: async () => {},
  };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Of a process and all below it. */
function treeCpuUs(root: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = textOf(`/proc/${name}/stat`);
    // Parent is the second field behind the name, in brackets, which may hold anything.
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0));
  }
  let cpuUs = 0;
  for (const pid of parents.keys()) {
    for (let at: number | undefined = pid; at !== undefined; at = parents.get(at)) {
      if (at === root) cpuUs += processCpuUs(pid);
    }
  }
  return cpuUs;
}

/** Of all its threads: /proc/PID/task/TID/schedstat, whose first field is nanoseconds. */
function processCpuUs(pid: number): number {
  let ns = 0;
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(textOf(`/proc/${pid}/task/${tid}/schedstat`).split(' ')[0]);
  }
  return ns / 1000;
}

/** Empty when the process has just ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
