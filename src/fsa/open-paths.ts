import type { LocalOpen } from './local-open.ts';
import { pathFromDisk } from './names.ts';

/** The '\'-separated path below the volume's root, with ':stream' of a named stream. */
export function currentName(open: LocalOpen): string {
  const path = pathFromDisk(open.path);
  return open.streamName === '' ? path : `${path}:${open.streamName}`;
}
