import { Command } from 'commander';
import { ControlClient } from '../admin/control-client.ts';
import { readConfig } from '../server/config.ts';
import { CommandError } from './command-error.ts';
import { toControlError } from './control-error.ts';
import { filled } from './filled.ts';
import { defaultStateFolder } from './state-folder.ts';

interface CloseFlags {
  readonly state?: string;
  readonly config?: string;
}

export function closeCommand(): Command {
  const close = new Command('close').description('end what clients have at a running server');
  close.addCommand(one('session', '<ID>', 'end a session: its client has to log on again'));
  close.addCommand(one('open', '<ID>', 'close an open file under its client'));
  close.addCommand(one('share', '<NAME>', "end everybody's connections to a share"));
  return close;
}

function one(what: 'session' | 'open' | 'share', argument: string, description: string): Command {
  return new Command(what)
    .description(description)
    .argument(argument, what === 'share' ? 'name of the share' : 'as semba status shows it')
    .option('--state <DIR>', 'state folder of the server', filled('--state'))
    .option('--config <FILE>', 'configuration that names the state folder', filled('--config'))
    .action((name: string, flags: CloseFlags) => run(what, name, flags));
}

async function run(
  what: 'session' | 'open' | 'share',
  name: string,
  flags: CloseFlags,
): Promise<void> {
  try {
    const configured = flags.config === undefined ? undefined : readConfig(flags.config).server;
    const folder = flags.state ?? configured?.stateFolder ?? defaultStateFolder();
    if (!(await new ControlClient(folder).close(what, name))) {
      throw new CommandError(`there is no ${what} '${name}'`);
    }
    process.stdout.write(`${what} ${name} closed\n`);
  } catch (error) {
    throw toControlError(error);
  }
}
