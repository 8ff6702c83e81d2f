import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where accounts are kept unless said otherwise: the system's place for root, else the user's. */
export function defaultStateFolder(): string {
  if (process.getuid?.() === 0) return '/var/lib/semba';
  const base = process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return join(base, 'semba');
}
