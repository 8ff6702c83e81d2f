import { type Task, wait } from '../base/task.ts';
import { isBeingRemoved } from './file-record.ts';
import type { CancelSignal } from './surface.ts';
import type { Volume } from './volume.ts';

/** Milliseconds; whoever removes a file takes far less, or is gone. */
const REMOVAL_TIME_MS = 2_000;

/**
 * Whether the removal came to its end. In one process it is seldom seen on its way; another process
 * has a connection to close, and the client that lost it may be back before.
 */
export function* waitForRemoval(
  { files, env }: Volume,
  fileKey: string,
  cancel: CancelSignal,
): Task<boolean> {
  let wake: () => void = () => {};
  const changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const unwatch = files.watch(fileKey, wake);
  const unlisten = cancel.onCancel(wake);
  const late = env.timers.after(REMOVAL_TIME_MS, wake);
  try {
    // Looked at after the watch stands: no change from here on is missed.
    if (!isBeingRemoved(yield* wait(files.get(fileKey)))) return true;
    yield* wait(changed);
    return !isBeingRemoved(yield* wait(files.get(fileKey)));
  } finally {
    unwatch();
    unlisten();
    late.cancel();
  }
}
