import { NoServerError, ServerBusyError } from '../admin/control-client.ts';
import { CommandError, toCommandError } from './command-error.ts';

/** What can go wrong between a command and the server that it asks. */
export function toControlError(error: unknown): unknown {
  if (error instanceof NoServerError) return new CommandError(error.message);
  if (error instanceof ServerBusyError) return new CommandError(`${error.message}: try again`);
  return toCommandError(error, 'the server cannot be asked');
}
