/** Files of the state folder: read whole, replaced whole, never seen half-written. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { OptionError } from './options.ts';

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_FOLDER_MODE = 0o700;

/**
 * Makes the state folder, and those above it, for this user's eyes only. Throws `OptionError` where
 * something else has the name, or the system's error.
 */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    throw new OptionError(`state folder ${path}: a file is there`);
  }
}

/**
 * Replaces the file at `path`: after a crash or power loss at any moment it holds the old text or
 * the new one. `suffix` keeps the temporary files of two writers apart.
 */
export function replaceFile(path: string, text: string, suffix: string): void {
  const temporary = `${path}.${suffix}`;
  try {
    writeSafely(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

function writeSafely(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', PRIVATE_FILE_MODE);
  try {
    // All of it: a disk that fills up takes a part first, and that is no error.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
