/**
 * Upgrades a running server, again and again, under clients that write, read and lock: no operation
 * of theirs may fail, every write must be there in the end, and nobody who connects meanwhile is
 * refused. Then upgrades that cannot be: the server that runs has to go on. With one process and
 * with two workers. Ends with "N passed, N failed".
 *
 *     upgrade [UPGRADES [PORT]]
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ControlClient } from '../../src/admin/control-client.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { UpgradeClient, Visitors } from './upgrade-client.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.js');
const CLIENTS = 4;
/** Milliseconds of work between two upgrades. */
const WORK_MS = 200;

const [upgrades = 2, port = 4589] = process.argv.slice(2).map(Number);
const runFile = promisify(execFile);
const problems: string[] = [];
let passed = 0;
process.exitCode = await main();

async function main(): Promise<number> {
  for (const workers of [1, 2]) await withServer(workers);
  for (const problem of problems.slice(0, 20)) process.stdout.write(`FAIL ${problem}\n`);
  process.stdout.write(`${passed} passed, ${problems.length} failed\n`);
  return problems.length === 0 ? 0 : 1;
}

function check(isFine: boolean, what: string, detail = ''): void {
  if (isFine) passed++;
  else problems.push(`${what}: ${detail}`);
}

interface Running {
  readonly folder: string;
  readonly state: string;
  readonly config: string;
  readonly workers: number;
  readonly password: string;
  readonly notified: () => string;
}

async function withServer(workers: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'semba-upgrade-'));
  const state = join(folder, 'state');
  const manager = await serviceManager(join(folder, 'notify'));
  try {
    const server = await start({ folder, state, workers, notified: manager.said });
    try {
      await upgradeUnderLoad(server);
      if (workers === 1) await upgradeInVain(server);
    } finally {
      process.kill(await pidOf(server), 'SIGTERM');
    }
    await gone(state);
  } finally {
    manager.process.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(from: Omit<Running, 'password' | 'config'>): Promise<Running> {
  const { folder, state, workers } = from;
  const config = join(folder, 'semba.toml');
  writeFileSync(config, configOf(folder));
  const args = [MAIN, 'serve', '--config', config, '--state', state, '--user', 'anna'];
  args.push('--port', String(port), '--listen', '127.0.0.1', '--workers', String(workers));
  const env = { ...process.env, NOTIFY_SOCKET: join(folder, 'notify') };
  const server = spawn(process.execPath, [...args, '--log', 'warn'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (text: Buffer) => {
      said += text;
      if (/^ {2}Windows/m.test(said)) resolve();
    });
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  server.unref();
  const password = /^ {2}password {2}(\S+)/m.exec(said)?.[1] ?? '';
  return { ...from, config, password };
}

function configOf(folder: string): string {
  return ['plain', 'kept']
    .map((name) => {
      mkdirSync(join(folder, name), { recursive: true });
      const isKept = name === 'kept';
      return `[shares.${name}]\npath = "${name}"\ncontinuous_availability = ${isKept}\n`;
    })
    .join('\n');
}

async function upgradeUnderLoad(server: Running): Promise<void> {
  const { workers, folder, password } = server;
  const failures: string[] = [];
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => {
      const isKept = index % 2 === 0;
      const share = isKept ? 'kept' : 'plain';
      const name = `client-${index}`;
      return UpgradeClient.start({
        name,
        share,
        counts: isKept,
        port,
        password,
        problems: failures,
      });
    }),
  );
  const running = clients.map((client) => client.run());
  for (let n = 0; n < upgrades; n++) {
    await pause(WORK_MS);
    await upgradeOnce(server);
  }
  await failWhileTaking(server);
  await pause(WORK_MS);
  for (const client of clients) client.isStopping = true;
  await Promise.all(running);
  check(failures.length === 0, `${workers} processes`, failures.join('; '));
  for (const client of clients) {
    const expected = await client.end();
    const share = client.counted > 0 ? 'kept' : 'plain';
    const found = readFileSync(join(folder, share, client.name));
    check(found.equals(expected), client.name, 'its file is not what was written');
  }
  const counted = clients.reduce((sum, client) => sum + client.counted, 0);
  const found = readFileSync(join(folder, 'kept', 'counter')).readBigUInt64LE();
  check(found === BigInt(counted), 'counter', `${found}, counted ${counted}`);
  const operations = clients.reduce((sum, client) => sum + client.operations, 0);
  const longest = Math.round(Math.max(...clients.map(({ longestMs }) => longestMs)));
  process.stdout.write(
    `${workers} processes: ${operations} operations, ${counted} counted, longest ${longest} ms\n`,
  );
}

async function upgradeOnce(server: Running): Promise<void> {
  const oldPid = await pidOf(server);
  const visitors = new Visitors(port);
  const listing = list(server);
  const { code, stdout, stderr } = await upgrade(server);
  const refused = await visitors.stop();
  const pid = await pidOf(server);
  process.stdout.write(`${stdout.replace(/\n +/g, ', ').trim()}, ${visitors.count} visitors\n`);
  check(code === 0 && pid !== oldPid, 'upgrade', `${code} ${stderr}`);
  check(refused === 0, 'visitors', `${refused} of ${visitors.count} were refused`);
  check(!/REFUSED/.test(await listing), 'smbclient', await listing);
  const told = server.notified();
  check(told.includes('READY=1') && told.endsWith(`MAINPID=${pid}\n`), 'service manager', told);
}

/** The new process ends when the old one has let go: that one takes over again. */
async function failWhileTaking(server: Running): Promise<void> {
  const pid = await pidOf(server);
  const program = fake(
    server,
    'dies',
    `
    process.send({ kind: 'hello', protocol: 1, version: '9' });
    process.on('message', ({ kind }) => {
      if (kind === 'prepare') process.send({ kind: 'prepared' });
      if (kind === 'take') process.exit(3);
    });`,
  );
  const { code, stderr } = await upgrade(server, '--program', program);
  check(
    code === 1 && /ended with 3; the server that ran takes over again/.test(stderr),
    'dies',
    stderr,
  );
  for (let tries = 0; (await pidOf(server).catch(() => 0)) !== pid && tries < 600; tries++) {
    await pause(50);
  }
  check((await pidOf(server).catch(() => 0)) === pid, 'dies', 'the server that ran is gone');
}

/** Upgrades that do not come about; the server is untouched, and so are its clients. */
async function upgradeInVain(server: Running): Promise<void> {
  const { config, password, workers } = server;
  const pid = await pidOf(server);
  const client = await SmbClient.connect({
    host: '127.0.0.1',
    port,
    user: 'anna',
    password,
    share: 'plain',
  });
  const good = readFileSync(config, 'utf8');
  const cases: readonly (readonly [what: string, expected: RegExp, args: readonly string[]])[] = [
    ['no code', /SyntaxError/, ['--program', fake(server, 'wrong', '}{')]],
    [
      'hangs',
      /not started after 1 s/,
      ['--timeout', '1', '--program', fake(server, 'hangs', 'setInterval(() => {}, 1000);')],
    ],
    [
      'other protocol',
      /version 9 cannot take over/,
      [
        '--program',
        fake(server, 'new', "process.send({ kind: 'hello', protocol: 2, version: '9' });"),
      ],
    ],
  ];
  for (const [what, expected, args] of cases) {
    const { code, stderr } = await upgrade(server, ...args);
    check(code === 1 && expected.test(stderr), what, `${code} ${stderr}`);
  }
  const configs: readonly (readonly [what: string, expected: RegExp, text: string])[] = [
    ['configuration', /semba\.toml:\d+: .*read_only/, `${good}\nread_only = 7\n`],
    ['share', /there is no folder/, `${good}\n[shares.more]\npath = "more"\n`],
  ];
  for (const [what, expected, text] of configs) {
    writeFileSync(config, text);
    const { code, stderr } = await upgrade(server);
    check(code === 1 && expected.test(stderr), what, `${code} ${stderr}`);
  }
  writeFileSync(config, good);
  check((await pidOf(server)) === pid, `${workers} processes`, 'another process serves');
  const listed = await client.stat('').catch((error: Error) => error.message);
  check(typeof listed === 'object', `${workers} processes`, `a client was cut: ${listed}`);
  await client.close();
}

/** A program that is called semba. */
function fake({ folder }: Running, name: string, code: string): string {
  const path = join(folder, `${name}.mjs`);
  const isCode = name !== 'wrong';
  const version = "if (process.argv[2] === '--version') { console.log('9'); process.exit(0); }\n";
  writeFileSync(path, isCode ? version + code : code);
  return path;
}

async function upgrade(
  { state }: Running,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const command = [MAIN, 'upgrade', '--state', state, ...args];
  try {
    return { code: 0, ...(await runFile(process.execPath, command)) };
  } catch (error) {
    return error as { readonly code: number; readonly stdout: string; readonly stderr: string };
  }
}

async function pidOf({ state }: Pick<Running, 'state'>): Promise<number> {
  return (await new ControlClient(state).status()).pid;
}

async function gone(state: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      await pidOf({ state });
    } catch {
      return;
    }
    await pause(50);
  }
  check(false, 'the server', 'it does not stop');
}

/** What smbclient says that starts now; a connection that it had may end. */
async function list({ password }: Running): Promise<string> {
  const args = ['-p', String(port), '-U', `anna%${password}`, '//127.0.0.1/plain', '-c', 'ls'];
  try {
    return (await runFile('smbclient', args)).stdout;
  } catch (error) {
    return String((error as { readonly stdout: string }).stdout);
  }
}

/** Datagrams to the socket, a line for each line of them. */
async function serviceManager(
  path: string,
): Promise<{ readonly process: ChildProcess; readonly said: () => string }> {
  const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(flush=True)
while True: print(s.recv(4096).decode(), flush=True)`;
  const manager = spawn('/usr/bin/python3', ['-c', code, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  await new Promise<void>((resolve) =>
    manager.stdout.on('data', (text: Buffer) => {
      said += text;
      resolve();
    }),
  );
  return { process: manager, said: () => said };
}
