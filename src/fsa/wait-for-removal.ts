import { type Task, wait } from '../base/task.ts';
import { isBeingRemoved } from './file-record.ts';
import { RecordWatch } from './record-watch.ts';
import type { CancelSignal } from './surface.ts';
import type { Volume } from './volume.ts';

/** Milliseconds; whoever removes a file takes far less, or is gone. */
const REMOVAL_TIME_MS = 2_000;

/**
 * Whether the removal came to its end. In one process it is seldom seen on its way; another process
 * has a connection to close, and the client that lost it may be back before.
 */
export function* waitForRemoval(
  volume: Volume,
  fileKey: string,
  cancel: CancelSignal,
): Task<boolean> {
  const { files, env } = volume;
  const watch = new RecordWatch(files, [fileKey], cancel);
  const late = env.timers.after(REMOVAL_TIME_MS, () => watch.wake());
  try {
    const changed = watch.next();
    if (!isBeingRemoved(yield* wait(files.get(fileKey)))) return true;
    yield* wait(changed);
    return !isBeingRemoved(yield* wait(files.get(fileKey)));
  } finally {
    watch.end();
    late.cancel();
  }
}
