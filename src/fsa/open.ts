import type { Task } from '../base/task.ts';
import type { SecurityContext } from './security-context.ts';
import type { OpenOutcome, OpenParams } from './surface.ts';
import type { Volume } from './volume.ts';

export function openFile(
  _volume: Volume,
  _security: SecurityContext,
  _params: OpenParams,
): Task<OpenOutcome> {
  throw new Error('stub');
}
