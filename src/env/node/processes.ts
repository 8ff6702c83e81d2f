/** Which process is meant: its id, and when it began, for ids are given again. */
import { readFileSync } from 'node:fs';

/** Of what [proc_pid_stat(5)] tells behind the name, which may hold anything. */
const STATE_FIELD = 0;
const START_FIELD = 19;

interface Running {
  /** Clock ticks between the start of the machine and its own. */
  readonly start: string;
}

/** Names this process among all that had its id or will: `<id>-<start>`. */
export function processName(): string {
  const { pid } = process;
  const running = runningOf(pid);
  return typeof running === 'object' ? `${pid}-${running.start}` : `${pid}`;
}

/**
 * Whether the process still runs that called itself so; of a bare id, whether any process has it.
 * One that ended does not run, whether or not its parent took notice yet.
 */
export function isRunning(name: string): boolean {
  const [pid = '', start] = name.trim().split('-');
  if (!/^[1-9]\d*$/.test(pid)) return false;
  const running = runningOf(Number(pid));
  if (running === undefined) return isHidden(Number(pid));
  return running !== 'ended' && (start === undefined || start === running.start);
}

/** Undefined: there is none, or none to be seen. Throws the system's error. */
function runningOf(pid: number): Running | 'ended' | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[STATE_FIELD];
    if (state === 'Z' || state === 'X') return 'ended';
    return { start: fields[START_FIELD] ?? '' };
  } catch (error) {
    if (/^(ENOENT|ESRCH)$/.test((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** [proc(5)] hidepid: another user's processes may not be seen. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
