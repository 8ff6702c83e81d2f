import type { Task } from '../base/task.ts';
import type { LocalOpen } from './local-open.ts';
import type { StreamsOutcome } from './surface.ts';

export function queryStreams(_open: LocalOpen): Task<StreamsOutcome> {
  throw new Error('stub');
}
