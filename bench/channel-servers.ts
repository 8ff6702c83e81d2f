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

/** The clock ticks of /proc are hundredths of a second. */
const TICK_US = 10_000;

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
  const stats = new Map<number, { readonly parent: number; readonly ticks: number }>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = statOf(Number(name));
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  let ticks = 0;
  for (const pid of stats.keys()) {
    for (let at: number | undefined = pid; at !== undefined; at = stats.get(at)?.parent) {
      if (at === root) ticks += stats.get(pid)!.ticks;
    }
  }
  return ticks * TICK_US;
}

/** Parent, and user and system time, of /proc/PID/stat; undefined when it has just ended. */
function statOf(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // it ended
  }
  // The name, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}
