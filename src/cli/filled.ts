import { UsageError } from './command-error.ts';

/**
 * The value of an option as it is, which is more than nothing: what a shell makes of a variable
 * that is not set would mean the folder where the command runs, or all addresses.
 */
export function filled(option: string): (text: string) => string {
  return (text) => {
    if (text === '') throw new UsageError(`${option}: expected something, not ''`);
    return text;
  };
}
