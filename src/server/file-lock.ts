/**
 * A lock between processes that edit one file of the state folder. The lock is a file beside it
 * that names its holder; it appears whole (`link` of a finished file) and belongs to exactly one.
 * A holder that died, or that took longer than any edit takes, loses it.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { pause } from '../env/node/pause.ts';
import { isRunning, processName } from '../env/node/processes.ts';

const RETRY_MS = 20;
const WAIT_MAX_MS = 5_000;
/** Since its holder began to wait for it. Edits take milliseconds: a holder of this age hangs. */
const HELD_MAX_MS = 10_000;

/** Somebody else has it all the time. */
export class FileLockError extends Error {}

/**
 * Runs `action` alone among all processes that use the same lock. Throws `FileLockError`, or the
 * system's error.
 */
export async function withFileLock<T>(path: string, token: string, action: () => T): Promise<T> {
  const mine = `${path}.${token}`;
  try {
    writeFileSync(mine, `${processName()}\n`, { mode: 0o600, flag: 'wx' });
    await acquire(path, mine);
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return action();
  } finally {
    rmSync(path, { force: true });
  }
}

async function acquire(path: string, mine: string): Promise<void> {
  for (let waitedMs = 0; waitedMs <= WAIT_MAX_MS; waitedMs += RETRY_MS) {
    if (tryLink(mine, path)) return;
    if (isAbandoned(path)) takeAway(path, `${mine}.stale`);
    else await pause(RETRY_MS);
  }
  throw new FileLockError(`${path} is held by another process; remove it if none is running`);
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  // Moving it aside changes its ctime. After now: the clock was set back since.
  if (Math.abs(Date.now() - stat.mtimeMs) > HELD_MAX_MS) return true;
  return !isHeld(path);
}

/** Moves an abandoned lock aside; puts it back when another process had just renewed it. */
function takeAway(path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (!isAbandoned(aside)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function isHeld(path: string): boolean {
  try {
    const holder = readFileSync(path, 'utf8').trim();
    // Of who cannot be told it is left to its age.
    return !/^\d/.test(holder) || isRunning(holder);
  } catch {
    return true; // gone meanwhile: the next attempt decides
  }
}
