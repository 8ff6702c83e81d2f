import type { LocalOpen } from '../../fsa/local-open.ts';
import { parseName, parsePosixName } from '../../fsa/names.ts';
import { upcase } from '../../fscc/upcase.ts';

/** Whether `name`, as a CREATE has it, is what the open is of. */
export function isNameOf(open: LocalOpen, name: string): boolean {
  const parsed = (open.isPosix ? parsePosixName : parseName)(name, open.volume.options);
  if (typeof parsed === 'number') return false;
  if (open.isPosix) return parsed.path === open.path;
  return upcase(parsed.path) === upcase(open.path) && upcase(parsed.streamName) === open.streamKey;
}
