/** Files of the state folder: read whole, replaced whole, never seen half-written. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_FOLDER_MODE = 0o700;

/** Makes the folder, and those above it, for this user's eyes only. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER_MODE });
}

/**
 * Replaces the file at `path`: after a crash or power loss at any moment it holds the old text or
 * the new one. `suffix` keeps the temporary files of two writers apart.
 */
export function replaceFile(path: string, text: string, suffix: string): void {
  const temporary = `${path}.${suffix}`;
  const descriptor = openSync(temporary, 'wx', PRIVATE_FILE_MODE);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
