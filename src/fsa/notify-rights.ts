/** What a watcher of a whole tree may know of: [MS-FSA] 2.1.5.11. */
import { NOTIFY_RIGHTS_FRESH_MS, NOTIFY_RIGHTS_MAX } from '../base/limits.ts';
import { isPromise, type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { FILE_LIST_DIRECTORY } from '../dtyp/access-mask.ts';
import { failed } from '../vfs/errno.ts';
import { ownAccess } from './access.ts';
import type { LocalOpen } from './local-open.ts';
import { descriptorOf, getSecurity, statToJudge } from './stored-security.ts';

/**
 * Whether the watcher could list a directory below the one that it watches, for then its changes
 * are no news to it; remembered for NOTIFY_RIGHTS_FRESH_MS. Windows asks so of callers without
 * SeChangeNotifyPrivilege, Samba of all; a directory that is gone cannot be asked about.
 */
export function listingRights(open: LocalOpen): (directory: string) => MaybePromise<boolean> {
  const known = new Map<string, { readonly may: boolean; readonly atMs: number }>();
  const { clock } = open.volume.env;
  const keep = (directory: string, may: boolean): boolean => {
    if (known.size >= NOTIFY_RIGHTS_MAX) known.clear();
    known.set(directory, { may, atMs: clock.monotonicMs() });
    return may;
  };
  return (directory) => {
    const fresh = known.get(directory);
    if (fresh !== undefined && clock.monotonicMs() - fresh.atMs < NOTIFY_RIGHTS_FRESH_MS) {
      return fresh.may;
    }
    const may = run(mayList(open, directory));
    return isPromise(may) ? may.then((is) => keep(directory, is)) : keep(directory, may);
  };
}

function* mayList({ volume, security, createOptions }: LocalOpen, path: string): Task<boolean> {
  const { credentials } = security;
  const file = yield* wait(volume.vfs.open(credentials, path, { access: 'directory' }));
  if (failed(file)) return false;
  const stat = yield* statToJudge(volume, file, yield* wait(file.stat()));
  const value = yield* wait(getSecurity(volume, file));
  const descriptor = failed(stat)
    ? undefined
    : yield* descriptorOf(volume, { source: file, stat, path, value });
  file.close();
  if (failed(stat)) return false;
  const opened = 'directory';
  const question = { volume, security, path, stat, descriptor, attributes: 0, createOptions };
  return (ownAccess({ ...question, opened }) & FILE_LIST_DIRECTORY) !== 0;
}
