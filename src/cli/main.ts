#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { closeCommand } from './close.ts';
import { CommandError, EXIT_FAILURE, EXIT_USAGE, UsageError } from './command-error.ts';
import { reloadCommand } from './reload.ts';
import { serveCommand } from './serve.ts';
import { statusCommand } from './status.ts';
import { upgradeCommand } from './upgrade.ts';
import { userCommand } from './user.ts';
import { version } from './version.ts';

// Who reads may have gone, which is fine, or their disk be full: a server goes on all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`semba: this cannot be written: ${error.message}\n`);
  process.exitCode = EXIT_FAILURE;
});
const exitCode = await main(process.argv);
if (exitCode !== 0) process.exitCode = exitCode;

/** Runs one command line and returns its exit code: 0 done, 1 failed, 2 no such command line. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('semba')
    .description('An SMB2/SMB3 file server')
    .version(version(), '-V, --version')
    .showHelpAfterError()
    .exitOverride()
    .configureHelp({ showGlobalOptions: false });
  const commands = [
    serveCommand,
    userCommand,
    checkCommand,
    statusCommand,
    closeCommand,
    reloadCommand,
    upgradeCommand,
  ];
  for (const make of commands) program.addCommand(make());
  for (const command of program.commands) inherit(command);
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    const asked = program.commands.find((command) => command.name() === argv[2]);
    return report(error, asked === undefined ? 'semba' : `semba ${asked.name()}`);
  }
}

function inherit(command: Command): void {
  command.exitOverride().showHelpAfterError();
  for (const child of command.commands) inherit(child);
}

function report(error: unknown, command: string): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof UsageError) {
    process.stderr.write(`semba: ${error.message}\nTry: ${command} --help\n`);
    return EXIT_USAGE;
  }
  if (error instanceof CommandError) {
    process.stderr.write(`semba: ${error.message}\n`);
    return EXIT_FAILURE;
  }
  throw error;
}
