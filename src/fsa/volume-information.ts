import type { Task } from '../base/task.ts';
import type { VolumeOutcome } from './surface.ts';
import type { Volume } from './volume.ts';

export function queryVolume(_volume: Volume): Task<VolumeOutcome> {
  throw new Error('stub');
}
