/**
 * Set-id bits of files that the server changes for somebody: Linux lets the kind of caller decide
 * what becomes of them, and the caller of the calls is the server.
 */
import { EPERM, type Errno, failed } from '../errno.ts';
import type { Credentials, FileStat } from '../vfs.ts';
import { S_ISGID, S_ISUID, S_IXGRP } from './linux.ts';
import { chmod, type Descriptor } from './pinned.ts';

export const S_ISETID: number = S_ISUID | S_ISGID;

export function setModeAs(credentials: Credentials, file: Descriptor, mode: number): 0 | Errno {
  const { impersonation } = file.root;
  const set = impersonation.run(credentials, () => chmod(file, mode));
  // Whom `fsa` lets change what is another's; but nobody lends out another's id.
  const isAnothers = set === EPERM && (mode & S_ISETID) === 0;
  return isAnothers && impersonation.needed(credentials) ? chmod(file, mode) : set;
}

/** As the kernel does for whoever is not root (inode(7)): they would be root's to keep. */
export function clearSetId(file: Descriptor & { stat(): FileStat | Errno }): void {
  const stat = file.stat();
  if (failed(stat)) return;
  const runsAsGroup = (stat.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  const cleared = stat.mode & ~(S_ISUID | (runsAsGroup ? S_ISGID : 0));
  if (cleared !== stat.mode) chmod(file, cleared);
}
