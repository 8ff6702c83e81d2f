import { Command } from 'commander';
import { ControlClient } from '../admin/control-client.ts';
import { ConfigProblem } from '../admin/control-server.ts';
import { readConfig } from '../server/config.ts';
import { CommandError } from './command-error.ts';
import { toControlError } from './control-error.ts';
import { filled } from './filled.ts';
import { defaultStateFolder } from './state-folder.ts';

interface ReloadFlags {
  readonly state?: string;
  readonly config?: string;
}

export function reloadCommand(): Command {
  return new Command('reload')
    .description('have a running server read its configuration and accounts again')
    .option('--state <DIR>', 'state folder of the server', filled('--state'))
    .option('--config <FILE>', 'configuration that names the state folder', filled('--config'))
    .action(run);
}

/** Fails, too, when something that changed in the file has to wait. */
async function run(flags: ReloadFlags): Promise<void> {
  try {
    const configured = flags.config === undefined ? undefined : readConfig(flags.config).server;
    const folder = flags.state ?? configured?.stateFolder ?? defaultStateFolder();
    const { changes, refused } = await new ControlClient(folder).reload();
    for (const line of changes) process.stdout.write(`${line}\n`);
    if (changes.length + refused.length === 0) process.stdout.write('nothing changed\n');
    if (refused.length > 0) throw new CommandError(`not changed:\n  ${refused.join('\n  ')}`);
  } catch (error) {
    if (error instanceof ConfigProblem) {
      throw new CommandError(`${error.message}\nnothing changed`);
    }
    throw toControlError(error);
  }
}
