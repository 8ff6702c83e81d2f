/** Another version is installed over the one that runs, with several workers. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../src/admin/control-client.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { freePort } from './free-port.ts';

const TIMEOUT_MS = 240_000;
const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));
const CODE = 'dist/src';
const USER = 'anna';

let folder: string;
let state: string;
let port: number;
let server: ChildProcess;
let password: string;
/** Lines of its log. */
let log: string[];
let whenLogged: () => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'semba-replaced-'));
  state = join(folder, 'state');
  mkdirSync(join(folder, 'dist'));
  const isCode = (path: string): boolean => !/\.(ts|map|test\.js)$/.test(path);
  cpSync(join(PACKAGE, CODE), join(folder, CODE), { recursive: true, filter: isCode });
  cpSync(join(PACKAGE, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(PACKAGE, 'node_modules'), join(folder, 'node_modules'));
  port = await freePort();
  log = [];
  whenLogged = () => {};
  const args = ['--workers', '2', '--listen', '127.0.0.1', '--port', `${port}`, '--state', state];
  args.push('--user', USER);
  server = spawn(process.execPath, [join(folder, CODE, 'cli/main.js'), 'serve', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface({ input: server.stderr! }).on('line', (line) => {
    log.push(line);
    whenLogged();
  });
  let said = '';
  for await (const line of createInterface({ input: server.stdout! })) {
    said += `${line}\n`;
    if (line.startsWith('  Windows')) break;
  }
  password = /^ {2}password {2}(\S+)/m.exec(said)?.[1] ?? '';
});

afterEach(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function logged(expected: RegExp): Promise<string> {
  for (;;) {
    const line = log.find((one) => expected.test(one));
    if (line !== undefined) return line;
    await new Promise<void>((resolve) => {
      whenLogged = resolve;
    });
  }
}

function install(): void {
  appendFileSync(join(folder, CODE, 'base/assert.js'), '\n// Of another version.\n');
  const file = join(folder, 'package.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": ".*?"/, '"version": "9.9.9"'));
}

async function workers(): Promise<readonly { readonly pid: number; readonly state: string }[]> {
  return (await new ControlClient(state).status()).workers ?? [];
}

async function upgrade(): Promise<{ readonly status: number; readonly stderr: string }> {
  const args = [join(folder, CODE, 'cli/main.js'), 'upgrade', '--state', state];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, stderr };
}

/** To who logs on now. */
async function serves(): Promise<void> {
  const who = { host: '127.0.0.1', port, user: USER, password, share: 'semba-share' };
  const client = await SmbClient.connect(who);
  assert.equal((await client.stat('')).isDirectory, true);
  await client.close();
}

function isRefused(error: unknown): false {
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  return false;
}

describe('a server of several workers whose files were replaced', { timeout: TIMEOUT_MS }, () => {
  it('starts no worker of them, serves with those it has, and ends with the last', async () => {
    const [one, other] = await workers();
    install();
    process.kill(one!.pid, 'SIGKILL');
    const line = JSON.parse(await logged(/semba upgrade/)) as Record<string, unknown>;
    assert.equal(line.installed, '9.9.9');
    await serves();
    assert.deepEqual((await workers()).map(({ state }) => state).toSorted(), [
      'serving',
      'starting',
    ]);
    const ended = once(server, 'exit');
    process.kill(other!.pid, 'SIGKILL');
    assert.deepEqual(await ended, [1, null]);
    await logged(/^semba: nobody serves: .*semba upgrade/);
  });

  it('upgrades with a worker less', async () => {
    const [one] = await workers();
    install();
    process.kill(one!.pid, 'SIGKILL');
    await logged(/semba upgrade/);
    const { status, stderr } = await upgrade();
    assert.equal(status, 0, stderr);
    const { pid } = await new ControlClient(state).status();
    try {
      assert.deepEqual(
        (await workers()).map(({ state }) => state),
        ['serving', 'serving'],
      );
      await serves();
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('takes its place back, where the new version fails, with one process', async () => {
    install();
    const file = join(folder, CODE, 'cli/take-place.js');
    const text = readFileSync(file, 'utf8');
    const failing = text.replace(/await place\.prepared\(\);/, '$& process.exit(3);');
    assert.notEqual(failing, text);
    writeFileSync(file, failing);
    const { status, stderr } = await upgrade();
    assert.equal(status, 1, stderr);
    await logged(/one process serves/);
    // It listens again once it has taken back what clients had open.
    while (!(await serves().then(() => true, isRefused)));
    assert.deepEqual(await workers(), []);
  });
});
