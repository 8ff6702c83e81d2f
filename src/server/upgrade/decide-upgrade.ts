/** Whether one process can take the place of another. Pure. */
import type { Layouts } from './messages.ts';

/** What a process's service manager made of it. */
export interface Circumstances {
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Why another process would not outlive this one; undefined: it would. */
export function whyNotReplaced({ pid, env }: Circumstances): string | undefined {
  if (pid === 1) {
    return 'this server is process 1, with which its container ends: replace the container instead';
  }
  // sd_notify(3): without a socket nobody can be told that another process is the service now.
  if (env.SYSTEMD_EXEC_PID === String(pid) && env.NOTIFY_SOCKET === undefined) {
    return 'systemd would end the new process with this one: its unit needs Type=notify';
  }
  return undefined;
}

/** What the new process has to go by. */
export interface Heir {
  readonly stateFolder: string;
  readonly layouts: Layouts;
  /** Some of its shares have persistent handles. */
  readonly isPersistent: boolean;
}

/** Why the new process cannot have what the old one leaves; undefined: it can. */
export function whyNotHeir(old: Omit<Heir, 'isPersistent'>, heir: Heir): string | undefined {
  if (old.stateFolder !== heir.stateFolder) {
    return `state: it is ${heir.stateFolder} now, and the server that runs has ${old.stateFolder}`;
  }
  const opens = whyNotRead(old.layouts.handOver, heir.layouts.handOver);
  if (opens !== undefined) return `what clients have open ${opens}`;
  if (!heir.isPersistent) return undefined;
  const persistent = whyNotRead(old.layouts.persistent, heir.layouts.persistent);
  return persistent === undefined ? undefined : `persistent handles: the store ${persistent}`;
}

function whyNotRead(layout: number, own: number): string | undefined {
  if (layout === own) return undefined;
  const age = layout > own ? 'newer' : 'older';
  return `has layout ${layout}, expected ${own}: it is of a version too much ${age}`;
}
