import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from './command-error.ts';

/** Where accounts are kept unless said otherwise: the system's place for root, else the user's. */
export function defaultStateFolder(): string {
  if (process.getuid?.() === 0) return '/var/lib/semba';
  const base = process.env.XDG_STATE_HOME || join(home(), '.local', 'state');
  return join(base, 'semba');
}

/** A user id without a name, as in a container, has no home but the one that $HOME says. */
function home(): string {
  try {
    return homedir();
  } catch {
    throw new CommandError('this user has no home folder for the accounts; name one with --state');
  }
}
