import { basename, resolve } from 'node:path';
import { checkShareName, OptionError, type ShareOptions } from '../server/options.ts';
import { UsageError } from './command-error.ts';

/** `NAME=FOLDER` or `NAME=FOLDER:ro`. */
export function parseShareArgument(text: string): ShareOptions {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new UsageError(`--share ${text}: expected NAME=FOLDER or NAME=FOLDER:ro`);
  const readOnly = text.endsWith(':ro');
  const folder = text.slice(equals + 1, readOnly ? -':ro'.length : undefined);
  if (folder === '') throw new UsageError(`--share ${text}: expected a folder behind '='`);
  const name = text.slice(0, equals);
  usage(`--share ${text}`, () => checkShareName(name));
  return { name, path: resolve(folder), readOnly };
}

/** A folder of the command line is shared by its own name. */
export function shareOfFolder(folder: string): ShareOptions {
  // A variable of a shell that is not set would share the folder where it stands.
  if (folder === '') throw new UsageError("expected a folder, not ''");
  const path = resolve(folder);
  const name = basename(path);
  usage(`${folder} needs a name: --share NAME=${folder}`, () => checkShareName(name));
  return { name, path };
}

/** Two shares whose names differ in nothing that a client can see. */
export function refuseTwins(shares: readonly ShareOptions[]): void {
  const seen = new Map<string, ShareOptions>();
  for (const share of shares) {
    const twin = seen.get(share.name.toLowerCase());
    if (twin !== undefined) {
      throw new UsageError(
        `${twin.path} and ${share.path} would both be shared as '${share.name}';` +
          ' name them with --share NAME=FOLDER',
      );
    }
    seen.set(share.name.toLowerCase(), share);
  }
}

function usage(what: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof OptionError) throw new UsageError(`${what}: ${error.message}`);
    throw error;
  }
}
