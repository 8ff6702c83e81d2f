/** [MS-FSA] 2.1.1.6 UserSetModificationTime and UserSetChangeTime: times that operations leave. */
import { type Task, wait } from '../base/task.ts';
import { nsOfFileTime } from '../dtyp/file-time.ts';
import { failed } from '../vfs/errno.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import type { LocalOpen } from './local-open.ts';
import { changeTimeOf, creationTimeOf, storedAttributes } from './metadata.ts';
import { storeChangeTime } from './store-attributes.ts';

/** What stood before an operation and has to stand after it. */
export interface KeptTimes {
  /** Nanoseconds since 1970; undefined when it may move. */
  readonly modifyTimeNs: bigint | undefined;
  /** FILETIME; undefined when it may move. */
  readonly changeTime: bigint | undefined;
}

/** Asked before an operation that changes the file; undefined, at no cost, as a rule. */
export function* timesToKeep(open: LocalOpen): Task<KeptTimes | undefined> {
  const { userSetModificationTime, userSetChangeTime, file } = open;
  if (!userSetModificationTime && !userSetChangeTime) return undefined;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return undefined;
  let changeTime: bigint | undefined;
  if (userSetChangeTime) {
    const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
    changeTime = changeTimeOf(stored, stat);
  }
  return { modifyTimeNs: userSetModificationTime ? stat.modifyTimeNs : undefined, changeTime };
}

/**
 * Sets the times after a change back to what `timesToKeep` told. The modification time of a file
 * one of whose named streams changed is set to now: the store does not know that it is content.
 */
export function* settleTimes(open: LocalOpen, kept: KeptTimes | undefined): Task<void> {
  if (kept === undefined && open.backing === undefined) return;
  const { file, volume } = open;
  let modifyTimeNs = kept?.modifyTimeNs;
  if (modifyTimeNs === undefined && open.backing !== undefined) {
    modifyTimeNs = nsOfFileTime(volume.env.clock.fileTime());
  }
  if (modifyTimeNs !== undefined) yield* wait(file.setTimes(undefined, modifyTimeNs));
  if (kept?.changeTime !== undefined) yield* keepChangeTime(open, kept.changeTime);
}

/** Gives the file a ChangeTime; its attributes stay. What cannot be kept is not. */
function* keepChangeTime(open: LocalOpen, changeTime: bigint): Task<void> {
  const { file } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return;
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
  const { attributes, eaSize } = stored;
  const creationTime = creationTimeOf(stored, stat);
  yield* storeChangeTime(file, { attributes, creationTime, eaSize }, changeTime);
}
