import { statSync } from 'node:fs';
import { Command } from 'commander';
import { readConfig } from '../server/config.ts';
import { CommandError, toCommandError } from './command-error.ts';

export function checkCommand(): Command {
  return new Command('check')
    .description('check a configuration file and say what is wrong with it')
    .argument('<FILE>', 'configuration in TOML')
    .action(check);
}

function check(file: string): void {
  try {
    const { shares } = readConfig(file);
    const missing = shares.filter((share) => !isFolder(share.path));
    for (const { name, path } of missing) {
      process.stderr.write(`${file}: warning: shares.${name}.path: there is no folder ${path}\n`);
    }
    const names = shares.map((share) => share.name).join(', ') || 'none';
    process.stdout.write(`${file} is fine; shares: ${names}\n`);
  } catch (error) {
    const known = toCommandError(error, file);
    if (known instanceof CommandError) known.message = known.message.trimEnd();
    throw known;
  }
}

function isFolder(path: string | undefined): boolean {
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
