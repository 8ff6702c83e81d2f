import type { LocalOpen } from './local-open.ts';

/** The '\\'-separated path below the volume's root, with ':stream' of a named stream. */
export function currentName(_open: LocalOpen): string {
  throw new Error('stub');
}
