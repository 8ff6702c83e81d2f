/**
 * Where the processes of a server keep what ends with it: the sockets of their bus and the volatile
 * store. On a tmpfs where there is one, and entered by its owner only.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning, processName } from '../../env/node/processes.ts';
import { OptionError } from '../options.ts';

const PREFIX = 'semba-';
const SHARED_MEMORY = '/dev/shm';
/** What `mkdtemp` appends. */
const RANDOM_SIZE = 6;

/** Bytes of the path of a unix socket, and those that a name there takes behind the folder's. */
const SOCKET_PATH_SIZE_MAX = 107;
const SOCKET_NAME_SIZE = 22;

/** In the first place that can be used. Throws what is wrong with the last one. */
export function makeRuntimeFolder(): string {
  const { XDG_RUNTIME_DIR: own } = process.env;
  let problem: unknown;
  for (const base of own === undefined ? PLACES : [own, ...PLACES]) {
    try {
      return makeIn(base);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

const PLACES: readonly string[] = [SHARED_MEMORY, tmpdir()];

function makeIn(base: string): string {
  const prefix = join(base, `${PREFIX}${processName()}-`);
  const socketSize = Buffer.byteLength(prefix) + RANDOM_SIZE + SOCKET_NAME_SIZE;
  if (socketSize > SOCKET_PATH_SIZE_MAX) throw new OptionError(`${base}: the path is too long`);
  removeAbandoned(base);
  return mkdtempSync(prefix);
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
