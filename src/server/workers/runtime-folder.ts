/**
 * Where the processes of a server keep what ends with it: the sockets of their bus and the volatile
 * store. On a tmpfs where there is one, and entered by its owner only.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning, processName } from '../../env/node/processes.ts';

const PREFIX = 'semba-';
const SHARED_MEMORY = '/dev/shm';

export function makeRuntimeFolder(): string {
  const base =
    process.env.XDG_RUNTIME_DIR ?? (existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
  removeAbandoned(base);
  return mkdtempSync(join(base, `${PREFIX}${processName()}-`));
}

export function removeRuntimeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** What a process left behind that was killed. */
export function removeLeftOver(path: string): void {
  rmSync(path, { force: true });
}

/** Folders of servers that were killed, which only an owner of theirs could remove. */
function removeAbandoned(base: string): void {
  for (const name of readdirSync(base)) {
    const owner = /^semba-(\d+(?:-\d+)?)-/.exec(name)?.[1];
    if (owner === undefined || isRunning(owner)) continue;
    const folder = join(base, name);
    const uid = statSync(folder, { throwIfNoEntry: false })?.uid;
    if (uid === process.getuid?.()) rmSync(folder, { recursive: true, force: true });
  }
}
