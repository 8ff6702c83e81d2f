/**
 * What a server leaves to the process that takes its place, in a folder of the state folder. It is
 * made for one hand-over and removed with it; what a server that ended meanwhile left there counts
 * for nothing.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FileRecord } from '../fsa/file-record.ts';
import { handedOverTable } from '../fsa/hand-over.ts';
import { DURABLE_RECORD_VERSION } from '../smb2/server/state/durable-record.ts';
import { LmdbRecordStore } from '../state/lmdb/lmdb-record-store.ts';
import type { RecordTable } from '../state/record-store.ts';
import { checkStore } from './check-store.ts';
import { OptionError } from './options.ts';

const FOLDER = 'hand-over';
const PRIVATE_FOLDER_MODE = 0o700;

/** An empty one. */
export function makeHandOverFolder(stateFolder: string): string {
  const folder = join(stateFolder, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  return folder;
}

/**
 * Opens the table in it, which several processes may at once. Throws `OptionError` for a folder
 * that is damaged, and what the store throws for one of another layout.
 */
export function openHandOver(folder: string): {
  readonly table: RecordTable<FileRecord>;
  close(): Promise<void>;
} {
  const damage = checkStore(folder);
  if (damage !== undefined) throw new OptionError(damage);
  const store = new LmdbRecordStore({ folder, durability: 'volatile' });
  const table = handedOverTable(store, DURABLE_RECORD_VERSION);
  return { table, close: () => store.close() };
}
