/**
 * An open whose client is away goes to the server that takes this one's place. What it is made from
 * again is written where that one reads it:
 *
 *     held --T0 handOver()--> written --T1 takeOpens(), there--> held by the other server
 *
 * written: nobody has the file open; the record has its share mode, locks and oplock.
 */
import { type Task, wait } from '../base/task.ts';
import { failed } from '../vfs/errno.ts';
import { heldBy } from './decide-persistent.ts';
import type { FileRecord } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { keptLocalOpen, leaveOpen } from './persist.ts';
import { type PersistentOpen, persistentIdentityOf } from './persistent-open.ts';

/** T0: the record of the file with this open alone. Undefined: the open has gone. */
export function* handOver(open: LocalOpen, owner: object): Task<FileRecord | undefined> {
  const { volume, fileKey, openId } = open;
  const stat = yield* wait(open.file.stat());
  const record = yield* wait(volume.files.get(fileKey));
  const entry = record?.opens.find((one) => one.openId === openId);
  if (record === undefined || entry === undefined) return undefined;
  if (failed(stat) || open.closed) return undefined;
  const identity = persistentIdentityOf(stat);
  const persistent: PersistentOpen = { isAway: true, identity, local: keptLocalOpen(open), owner };
  leaveOpen(open);
  return { ...record, ...heldBy(record, [{ ...entry, persistent }]) };
}
