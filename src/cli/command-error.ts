import { AccountEditError } from '../server/accounts.ts';
import { AccountsFileError } from '../server/accounts-file.ts';
import { ConfigError } from '../server/config.ts';
import { OptionError } from '../server/options.ts';
import { WorkerStartError } from '../server/workers/worker-process.ts';

export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** The command could not be done; the message is for a person, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What can be wrong outside of this program becomes a message; a bug keeps its stack. */
export function toCommandError(error: unknown, what: string): unknown {
  if (error instanceof ConfigError) return new CommandError(error.message);
  if (error instanceof AccountEditError || error instanceof AccountsFileError) {
    return new CommandError(error.message);
  }
  if (error instanceof OptionError) return new CommandError(error.message);
  if (error instanceof WorkerStartError) return new CommandError(`${what}: ${error.message}`);
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof Error && typeof code === 'string' && /^E[A-Z]+$/.test(code)) {
    return new CommandError(`${what}: ${error.message}`);
  }
  return error;
}
