/**
 * [MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, with PARENT_OBJECT: what is cached of a
 * directory ends when something in it changes, but for who names the directory's lease as its
 * parent's. Nobody is waited for: only reads were cached, and handles that disturb no child.
 */
import { isPromise, type Task, wait } from '../base/task.ts';
import { FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { failed } from '../vfs/errno.ts';
import type { Credentials } from '../vfs/vfs.ts';
import { applyBreaks } from './break-caching.ts';
import type { Breaker } from './decide-oplock.ts';
import { fileKeyOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { parentOf } from './names.ts';
import type { Volume } from './volume.ts';

/** A name in a directory, and who changed what it stands for. */
export interface ChildChange {
  readonly volume: Volume;
  readonly path: string;
  readonly credentials: Credentials;
  /** As in `LocalOpen`. */
  readonly parentOplockKey: string;
}

/** What an open did to its file shows in the listing of the directory. */
export function* breakParentOf(open: LocalOpen): Task<void> {
  const { volume, path, parentOplockKey } = open;
  if (!mayBeLeased(volume)) return;
  yield* breakParent({ volume, path, credentials: open.security.credentials, parentOplockKey });
}

/** Costs a stat of the directory while any directory is leased, else nothing. */
export function* breakParent(change: ChildChange): Task<void> {
  const { volume, path, credentials, parentOplockKey } = change;
  // What lists the root of a share is another share's business.
  if (path === '' || !mayBeLeased(volume)) return;
  const stat = yield* wait(volume.vfs.stat(credentials, parentOf(path)));
  if (failed(stat)) return;
  yield* breakDirectory(volume, fileKeyOf(stat), parentOplockKey);
}

/** The same, where the directory is known. */
export function* breakDirectory(
  volume: Volume,
  fileKey: string,
  parentOplockKey: string,
): Task<void> {
  if (!mayBeLeased(volume)) return;
  const record = yield* wait(volume.files.get(fileKey));
  if (record === undefined || record.oplocks.length === 0) return;
  const breaker: Breaker = {
    oplockKey: parentOplockKey,
    streamKey: '',
    operation: 'child',
    access: FILE_WRITE_DATA,
    queuedAt: undefined,
  };
  const { breaks } = yield* wait(
    volume.files.update(fileKey, (current) => applyBreaks(current, breaker)),
  );
  volume.oplockBreaks.indicateAfterwards(volume, fileKey, breaks);
}

function mayBeLeased(volume: Volume): boolean {
  const leases = volume.directoryLeases.get();
  return isPromise(leases) || leases !== undefined;
}
