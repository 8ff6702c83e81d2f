/** The state folder holds what logs anybody in: no share's, and nobody else's to touch. */
import { realpathSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { OptionError, type ShareOptions } from './options.ts';
import { PERSISTENT_FOLDER } from './persistent-store.ts';

const OTHERS_MAY_WRITE = 0o022;
const OTHERS_MAY_READ = 0o044;

/** Throws `OptionError` for a share whose clients would reach the accounts of the server. */
export function refuseSharedState({ name, path }: ShareOptions, stateFolder: string): void {
  if (path === undefined) return;
  const [share, state] = [realPath(path), realPath(stateFolder)];
  if (!isWithin(share, state) && !isWithin(join(state, PERSISTENT_FOLDER), share)) return;
  throw new OptionError(
    `share '${name}': ${resolve(path)} holds the server's state (${resolve(stateFolder)}): ` +
      'clients could read the accounts; use another state folder (--state)',
  );
}

/** What is wrong with who may do what in the state folder, a line each; none where it is not. */
export function exposuresOf(stateFolder: string, accountsFile: string): readonly string[] {
  const found: string[] = [];
  if ((modeOf(stateFolder) & OTHERS_MAY_WRITE) !== 0) {
    found.push(`others can write to ${stateFolder}: chmod 700`);
  }
  if ((modeOf(accountsFile) & (OTHERS_MAY_READ | OTHERS_MAY_WRITE)) !== 0) {
    found.push(`others can read or write ${accountsFile}: chmod 600`);
  }
  return found;
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}

/** As the kernel names it; of what is not there, as it is written. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function modeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
}
