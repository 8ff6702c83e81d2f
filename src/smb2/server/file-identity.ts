import { type Task, wait } from '../../base/task.ts';
import { contentIdentity } from '../../fsa/content-identity.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { failed } from '../../vfs/errno.ts';
import type { FileStat } from '../../vfs/vfs.ts';
import type { FileIdentity } from './state/durable-record.ts';

/** What is open, as it is now; undefined: there is nothing any more. */
export function* identityNow(open: LocalOpen): Task<FileIdentity | undefined> {
  const stat = yield* wait(open.file.stat());
  return failed(stat) ? undefined : yield* identityIn(open, stat);
}

/** The same of the file that `stat` tells of, which may be another one by now. */
export function* identityIn(open: LocalOpen, stat: FileStat): Task<FileIdentity | undefined> {
  const { device, inode } = stat;
  const content = yield* contentIdentity(open, stat);
  return failed(content) ? undefined : { device, inode, ...content };
}
