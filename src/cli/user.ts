import { Command } from 'commander';
import { ntHash } from '../auth/ntlm/nt-hash.ts';
import { makeNodeRandom } from '../env/node/node-random.ts';
import {
  type AccountsData,
  addAccount,
  findAccount,
  removeAccount,
  setPassword,
  setUnixIds,
  type UnixIds,
} from '../server/accounts.ts';
import { AccountsFile } from '../server/accounts-file.ts';
import { readConfig } from '../server/config.ts';
import { findPosixUser } from '../server/nss.ts';
import { CommandError, toCommandError } from './command-error.ts';
import { filled } from './filled.ts';
import { readNewPassword } from './read-password.ts';
import { defaultStateFolder } from './state-folder.ts';

interface UserFlags {
  readonly state?: string;
  readonly config?: string;
  readonly password?: string;
  readonly posix?: string;
}

type Action = (file: AccountsFile, name: string, flags: UserFlags) => Promise<void>;

/** A running server sees every change within seconds, and at the next logon at the latest. */
export function userCommand(): Command {
  const user = new Command('user').description('manage the accounts of the state folder');
  user.addCommand(
    withPassword(named('add', 'add an account', add)).option(
      '--posix <NAME|UID>',
      "this machine's user that the account acts as on disk, where the server runs as root",
    ),
  );
  user.addCommand(withPassword(named('passwd', 'change the password of an account', passwd)));
  user.addCommand(
    named('posix', "say which of this machine's users an account acts as", posix).option(
      '--posix <NAME|UID>',
      'the user; the one of the same name without',
    ),
  );
  user.addCommand(named('remove', 'remove an account and end its sessions', remove));
  user.addCommand(
    withPlace(new Command('list').description('list the accounts')).action((flags: UserFlags) =>
      run(list, '', flags),
    ),
  );
  return user;
}

function named(name: string, description: string, action: Action): Command {
  return withPlace(new Command(name).description(description))
    .argument('<NAME>', 'name of the user')
    .action((user: string, flags: UserFlags) => run(action, user, flags));
}

function withPlace(command: Command): Command {
  return command
    .option('--state <DIR>', 'state folder', filled('--state'))
    .option('--config <FILE>', 'configuration that names the state folder', filled('--config'));
}

function withPassword(command: Command): Command {
  return command.option(
    '--password <TEXT>',
    'unsafe: others see it in the process list; it is asked for, or read from stdin, without',
  );
}

async function run(action: Action, name: string, flags: UserFlags): Promise<void> {
  try {
    const configured = flags.config === undefined ? undefined : readConfig(flags.config).server;
    const folder = flags.state ?? configured?.stateFolder ?? defaultStateFolder();
    await action(new AccountsFile(folder, makeNodeRandom()), name, flags);
  } catch (error) {
    throw toCommandError(error, 'accounts');
  }
}

async function add(file: AccountsFile, name: string, flags: UserFlags): Promise<void> {
  const current = file.read();
  if (current !== undefined && findAccount(current, name) !== undefined) {
    throw new CommandError(`user '${name}' exists already; semba user passwd ${name} changes it`);
  }
  const ids = flags.posix === undefined ? undefined : posixIds(flags.posix);
  const hash = ntHash(await password(name, flags));
  await file.edit((data) => {
    const added = addAccount(data, name, hash);
    return ids === undefined ? added : setUnixIds(added, name, ids);
  });
  process.stdout.write(`user ${name} added${ids === undefined ? '' : ` as uid ${ids.uid}`}\n`);
}

/** The groups are those of now; `semba user posix` again takes new ones. */
async function posix(file: AccountsFile, name: string, flags: UserFlags): Promise<void> {
  mustExist(file.read(), name);
  const ids = posixIds(flags.posix ?? name);
  await file.edit((data) => setUnixIds(data, name, ids));
  process.stdout.write(`user ${name} acts as uid ${ids.uid}, gid ${ids.gid}\n`);
}

function posixIds(nameOrUid: string): UnixIds {
  const user = findPosixUser(nameOrUid);
  if (user === undefined) throw new CommandError(`this machine has no user '${nameOrUid}'`);
  return { uid: user.uid, gid: user.gid, gids: user.gids };
}

async function passwd(file: AccountsFile, name: string, flags: UserFlags): Promise<void> {
  mustExist(file.read(), name);
  const hash = ntHash(await password(name, flags));
  await file.edit((data) => setPassword(data, name, hash));
  process.stdout.write(`password of ${name} changed\n`);
}

async function remove(file: AccountsFile, name: string): Promise<void> {
  mustExist(file.read(), name);
  await file.edit((data) => removeAccount(data, name));
  process.stdout.write(`user ${name} removed\n`);
}

async function list(file: AccountsFile): Promise<void> {
  for (const account of file.read()?.accounts ?? []) {
    const posix = account.uid === undefined ? '' : ` (uid ${account.uid})`;
    process.stdout.write(`${account.name}${posix}${account.disabled ? ' (disabled)' : ''}\n`);
  }
}

function mustExist(data: AccountsData | undefined, name: string): void {
  if (data === undefined || findAccount(data, name) === undefined) {
    throw new CommandError(`there is no user '${name}'`);
  }
}

async function password(name: string, flags: UserFlags): Promise<string> {
  if (flags.password === undefined) return readNewPassword(name);
  process.stderr.write('semba: warning: a password on the command line can be seen by others\n');
  if (flags.password === '') throw new CommandError('an empty password is refused');
  return flags.password;
}
