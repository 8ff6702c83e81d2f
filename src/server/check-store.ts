import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

const DATA_FILE = 'data.mdb';
/** Where LMDB's first page has its magic number, 4 bytes of the machine's order. */
const MAGIC_AT = 24;
const MAGIC = 0xbeef_c0de;
const SIZE_MIN = 8192;

/**
 * Whether a file is one of LMDB's at all, which ends the process when it maps anything else: what
 * is wrong, with the name of the file. What is damaged further inside this does not tell. A file
 * of no bytes is a new one. Throws the system's error.
 */
export function checkStore(folder: string): string | undefined {
  const file = join(folder, DATA_FILE);
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return undefined;
  if (size < SIZE_MIN) return `${file} is damaged: it is too short`;
  const head = new Uint8Array(MAGIC_AT + 4);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  const [magic] = new Uint32Array(head.buffer, MAGIC_AT, 1);
  return magic === MAGIC ? undefined : `${file} is damaged: it is no database`;
}
