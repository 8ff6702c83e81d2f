/**
 * An open whose client is away goes to the server that takes this one's place. What it is made from
 * again is written where that one reads it:
 *
 *     held --T0 handOver()--> written --T1 takeOpens(), there--> held by the other server
 *
 * written: nobody has the file open; the table has its share mode, locks and oplock.
 */
import { type Task, wait } from '../base/task.ts';
import type { RecordStore, RecordTable } from '../state/record-store.ts';
import { failed } from '../vfs/errno.ts';
import { decideRestored, heldBy } from './decide-persistent.ts';
import { FILE_RECORD_VERSION, type FileRecord } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { keptLocalOpen, leaveOpen } from './persist.ts';
import { type PersistentOpen, persistentIdentityOf } from './persistent-open.ts';

/** `ownerVersion` is the layout of what the layer above keeps. */
export function handedOverTable(store: RecordStore, ownerVersion: number): RecordTable<FileRecord> {
  return store.table<FileRecord>('handed-over', handedOverLayout(ownerVersion));
}

/** Both layouts in one number: either may change. */
function handedOverLayout(ownerVersion: number): number {
  return FILE_RECORD_VERSION * 1000 + ownerVersion;
}

/** T0. False: the open has gone. */
export function* handOver(
  open: LocalOpen,
  owner: object,
  table: RecordTable<FileRecord>,
): Task<boolean> {
  const { volume, fileKey, openId } = open;
  const stat = yield* wait(open.file.stat());
  const record = yield* wait(volume.files.get(fileKey));
  const entry = record?.opens.find((one) => one.openId === openId);
  if (record === undefined || entry === undefined || failed(stat) || open.closed) return false;
  const identity = persistentIdentityOf(stat);
  const persistent: PersistentOpen = { isAway: true, identity, local: keptLocalOpen(open), owner };
  const written = { ...record, ...heldBy(record, [{ ...entry, persistent }]) };
  yield* wait(table.update(fileKey, (current) => decideRestored(current, written)));
  leaveOpen(open);
  return true;
}
