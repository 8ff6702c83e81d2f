import { resolve } from 'node:path';
import { Command } from 'commander';
import { ControlClient } from '../admin/control-client.ts';
import { readConfig } from '../server/config.ts';
import { UpgradeProblem, type UpgradeReport } from '../server/upgrade/upgrade.ts';
import { CommandError, UsageError } from './command-error.ts';
import { toControlError } from './control-error.ts';
import { filled } from './filled.ts';
import { defaultStateFolder } from './state-folder.ts';

interface UpgradeFlags {
  readonly state?: string;
  readonly config?: string;
  readonly program?: string;
  readonly timeout?: number;
}

export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description('have the installed version take over from the server that runs')
    .option('--state <DIR>', 'state folder of the server', filled('--state'))
    .option('--config <FILE>', 'configuration that names the state folder', filled('--config'))
    .option(
      '--program <PATH>',
      "the new version's script (default: the one that runs)",
      filled('--program'),
    )
    .option('--timeout <SECONDS>', 'how long it may take to be ready (default: 60)', toSeconds)
    .action(run);
}

async function run({ state, config, program, timeout }: UpgradeFlags): Promise<void> {
  try {
    const configured = config === undefined ? undefined : readConfig(config).server;
    const folder = state ?? configured?.stateFolder ?? defaultStateFolder();
    const report = await new ControlClient(folder).upgrade({
      program: program === undefined ? undefined : resolve(program),
      timeMs: timeout === undefined ? undefined : timeout * 1000,
    });
    process.stdout.write(told(report));
  } catch (error) {
    if (error instanceof UpgradeProblem) throw new CommandError(`not upgraded: ${error.message}`);
    throw toControlError(error);
  }
}

function told(report: UpgradeReport): string {
  const { from, to, connections, durable, taken, persistent, pauseMs } = report;
  const lost = durable - taken;
  const ofThem = persistent > 0 ? ` (${persistent} persistent)` : '';
  const lines = [
    `${to.version} (process ${to.pid}) serves instead of ${from.version} (process ${from.pid})`,
    `  connections ended  ${connections}`,
    `  opens handed over  ${taken + persistent}${ofThem}`,
    `  without service    ${pauseMs} ms`,
  ];
  if (lost > 0) lines.push(`  opens lost         ${lost}; the log says why`);
  return `${lines.join('\n')}\n`;
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > 3600) {
    throw new UsageError(`--timeout ${text}: expected seconds, 1 to 3600`);
  }
  return seconds;
}
