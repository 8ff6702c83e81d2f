import { type Task, wait } from '../../base/task.ts';
import { type NtStatus, STATUS_CANCELLED, STATUS_PIPE_BROKEN } from '../../erref/ntstatus.ts';
import type { Pipe } from '../../rpce/pipe.ts';
import type { Request } from './request.ts';

export interface PipeMessage {
  readonly bytes: Uint8Array;
  readonly more: boolean;
}

/** What a pipe has to read; waits for it with STATUS_PENDING, gives up when cancelled. */
export function* waitForPipe(
  request: Request,
  pipe: Pipe,
  sizeMax: number,
): Task<PipeMessage | NtStatus> {
  const ready = pipe.read(sizeMax);
  if (ready !== undefined) return ready;
  request.waiting();
  yield* wait(
    new Promise<void>((resolve) => {
      pipe.whenReadable(resolve);
      request.onCancel(resolve);
      if (request.cancelled) resolve();
    }),
  );
  if (request.cancelled) return STATUS_CANCELLED;
  return pipe.read(sizeMax) ?? STATUS_PIPE_BROKEN;
}
