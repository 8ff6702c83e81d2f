import { type Task, wait } from '../base/task.ts';
import { isUnlinked } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';

/**
 * Whether the name that the open came through is gone, and `open.path` says nothing any more: to
 * be asked before every operation by path. One look at the record.
 */
export function* isLinkGone(open: LocalOpen): Task<boolean> {
  return isUnlinked(yield* wait(open.volume.files.get(open.fileKey)), open.openId);
}
