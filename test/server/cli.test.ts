import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'semba-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function semba(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    input,
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

describe('semba: command lines', () => {
  const wrong: readonly (readonly string[])[] = [
    [],
    ['nonsense'],
    ['serve', '--nonsense'],
    ['serve', '--port', 'abc'],
    ['serve', '--port', '65536'],
    ['serve', '--log', 'loud'],
    ['serve', '--share', 'no-folder'],
    ['serve', '--share', 'a/b=.'],
    ['serve', '--share', 'a='],
    ['serve', '--user', 'a/b'],
    ['serve', '--user', ''],
    ['serve', 'x/same', 'y/same'],
    ['serve', '/'],
    ['serve', ''],
    ['serve', '--listen', ''],
    ['serve', '--state', ''],
    ['serve', '--config', ''],
    ['status', '--state', ''],
    ['user', 'list', '--state', ''],
    ['upgrade', '--program', ''],
    ['user'],
    ['user', 'add'],
    ['check'],
    ['upgrade', '--timeout', 'soon'],
    ['upgrade', '--timeout', '0'],
    ['upgrade', 'now'],
  ];
  for (const args of wrong) {
    it(`exits with 2 and says how for: semba ${args.join(' ')}`, () => {
      const { status, stderr } = semba(args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /Usage: semba|Try: semba (serve|upgrade|status|user) --help/);
      assert(!existsSync(join(folder, 'semba-share')), 'nothing was made');
    });
  }

  it('tells its version and its help', () => {
    assert.match(semba(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
    const help = semba(['serve', '--help']);
    assert.equal(help.status, 0);
    for (const option of ['--share', '--user', '--port', '--listen', '--config', '--state']) {
      assert(help.stdout.includes(option), option);
    }
  });
});

describe('semba user', () => {
  const state = () => ['--state', join(folder, 'state')];

  it('adds with a password from stdin, lists, changes and removes', () => {
    assert.equal(semba(['user', 'add', 'anna', ...state()], 'secret\n').status, 0);
    assert.equal(semba(['user', 'list', ...state()]).stdout, 'anna\n');
    assert.equal(semba(['user', 'passwd', 'anna', ...state()], 'other\n').status, 0);
    assert.equal(semba(['user', 'remove', 'anna', ...state()]).status, 0);
    assert.equal(semba(['user', 'list', ...state()]).stdout, '');
    assert.equal(statSync(join(folder, 'state', 'accounts.json')).mode & 0o777, 0o600);
  });

  it("tells accounts which of this machine's users they act as", () => {
    const posix = (...args: string[]) => semba(['user', ...args, ...state()], 'secret\n');
    assert.equal(posix('add', 'anna', '--posix', '0').stdout, 'user anna added as uid 0\n');
    assert.equal(posix('add', 'root').status, 0);
    assert.equal(posix('posix', 'root').stdout, 'user root acts as uid 0, gid 0\n');
    assert.equal(posix('list').stdout, 'anna (uid 0)\nroot (uid 0)\n');
    assert.equal(posix('posix', 'anna', '--posix', 'no-such-user').status, 1);
    assert.equal(posix('add', 'bert', '--posix', 'no-such-user').status, 1);
    assert.equal(posix('posix', 'bert', '--posix', 'root').status, 1);
  });

  it('warns of a password on the command line', () => {
    const { status, stderr } = semba(['user', 'add', 'anna', '--password', 'x', ...state()]);
    assert.equal(status, 0);
    assert.match(stderr, /can be seen by others/);
  });

  it('refuses an empty password, and one that is not there', () => {
    assert.equal(semba(['user', 'add', 'anna', ...state()], '\n').status, 1);
    assert.equal(semba(['user', 'add', 'anna', ...state()], '').status, 1);
  });

  it('exits with 1 for a user who is not there', () => {
    const { status, stderr } = semba(['user', 'remove', 'anna', ...state()]);
    assert.equal(status, 1);
    assert.equal(stderr, "semba: there is no user 'anna'\n");
  });
});

describe('semba upgrade', () => {
  it('exits with 1 where no server runs, and changes nothing', () => {
    const { status, stderr } = semba(['upgrade', '--state', join(folder, 'state')]);
    assert.equal(status, 1);
    assert.match(stderr, /^semba: no server runs with the state folder /);
    assert(!existsSync(join(folder, 'state')));
  });
});

describe('semba check', () => {
  it('accepts a fine file and warns of a folder that is missing', () => {
    writeFileSync(join(folder, 'a.toml'), '[shares.docs]\npath = "docs"\n');
    const { status, stdout, stderr } = semba(['check', 'a.toml']);
    assert.equal(status, 0);
    assert.equal(stdout, 'a.toml is fine; shares: docs\n');
    assert.match(stderr, /a\.toml: warning: shares\.docs\.path: there is no folder /);
  });

  it('exits with 1 and names file, line and key', () => {
    writeFileSync(join(folder, 'a.toml'), '[server]\nport = "many"\n');
    const { status, stderr } = semba(['check', 'a.toml']);
    assert.equal(status, 1);
    assert.equal(stderr, 'semba: a.toml:2: server.port: expected a port, 1 to 65535\n');
  });
});

describe('semba serve', () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill('SIGKILL'));

  /** Starts it and resolves with what it printed up to the last line of its welcome. */
  function serve(...args: readonly string[]): Promise<string> {
    return serveAs({}, ...args);
  }

  async function serveAs(
    who: { readonly uid?: number; readonly gid?: number },
    ...args: readonly string[]
  ): Promise<string> {
    const state = join(folder, 'state');
    const all = [
      MAIN,
      'serve',
      '--listen',
      '127.0.0.1',
      '--state',
      state,
      '--log',
      'warn',
      ...args,
    ];
    child = spawn(process.execPath, all, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      ...who,
    });
    let text = '';
    for await (const line of createInterface({ input: child.stdout! })) {
      text += `${line}\n`;
      if (line.startsWith('  Windows')) return text;
    }
    throw new Error(`it ended early: ${text}`);
  }

  it('makes a folder and an account, tells the password once, ends on SIGTERM', async () => {
    const port = await freePort();
    const first = await serve('--port', String(port));
    assert(statSync(join(folder, 'semba-share')).isDirectory());
    assert.match(first, /\n {2}password {2}([a-z2-9]{4}-){3}[a-z2-9]{4} /);
    assert(first.includes(` --state ${join(folder, 'state')})`), first);
    assert.match(first, new RegExp(`smbclient -p ${port} -U \\S+ //127\\.0\\.0\\.1/semba-share\n`));
    const ended = once(child!, 'exit');
    child!.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);

    const second = await serve('--port', String(port));
    assert(!second.includes('password  '));
    child!.kill('SIGINT');
    assert.deepEqual(await once(child!, 'exit'), [0, null]);
  });

  it('serves as a user id that has no name', async (test) => {
    const [uid, gid] = [4242, 4343];
    // Needs root, and a checkout that others can read.
    if (spawnSync(process.execPath, ['--check', MAIN], { uid, gid }).status !== 0) {
      test.skip('this process cannot run it as somebody else');
      return;
    }
    chownSync(folder, uid, gid);
    const env = { PATH: process.env.PATH };
    const homeless = spawnSync(process.execPath, [MAIN, 'user', 'list'], { uid, gid, env });
    assert.equal(
      homeless.stderr.toString(),
      'semba: this user has no home folder for the accounts; name one with --state\n',
    );
    const welcome = await serveAs({ uid, gid }, '--port', String(await freePort()));
    assert.match(welcome, /\n {2}user {6}semba\n {2}password {2}\S/);
    child!.kill('SIGTERM');
    assert.deepEqual(await once(child!, 'exit'), [0, null]);
  });

  it('tells commands that shells understand', async () => {
    const port = String(await freePort());
    mkdirSync(join(folder, 'docs'));
    const text = await serve('--port', port, '--user', "anna o'hara", '--share', 'my docs=docs');
    for (const command of [
      `smbclient -p ${port} -U 'anna o'\\''hara' '//127.0.0.1/my docs'`,
      `-o 'username=anna o'\\''hara,port=${port}' '//127.0.0.1/my docs' /mnt`,
      `open 'smb://anna%20o'\\''hara@127.0.0.1:${port}/my%20docs'`,
      `net use Z: "\\\\127.0.0.1\\my docs" /user:"anna o'hara" `,
    ]) {
      assert(text.includes(command), `${command} in:\n${text}`);
    }
  });

  it('says so when a folder is missing', () => {
    const { status, stderr } = semba(['serve', 'not-here', '--port', '1', '--state', folder]);
    assert.equal(status, 1);
    assert.match(stderr, /^semba: share 'not-here': there is no folder .*not-here\n$/);
  });

  it('says so when the state folder is a file', () => {
    const state = join(folder, 'state');
    writeFileSync(state, '');
    const { status, stderr } = semba(['serve', '--port', '1', '--state', state]);
    assert.equal(status, 1);
    assert.equal(stderr, `semba: state folder ${state}: a file is there\n`);
  });

  it('serves, and says so, though nobody can be told that it does', async () => {
    const state = join(folder, 'state');
    const args = ['serve', '--listen', '127.0.0.1', '--port', String(await freePort())];
    const full = openSync('/dev/full', 'w');
    child = spawn(process.execPath, [MAIN, ...args, '--state', state], {
      cwd: folder,
      stdio: ['ignore', full, 'pipe'],
    });
    const [line] = await once(createInterface({ input: child.stderr! }), 'line');
    assert.match(line, /^semba: this cannot be written: ENOSPC/);
    assert.equal(semba(['status', '--state', state]).status, 0);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [1, null]);
  });

  it('says so when an address is no address', () => {
    const args = ['--listen', 'no such host', '--port', '1', '--state', folder];
    const { status, stderr } = semba(['serve', ...args]);
    assert.equal(status, 1);
    assert.equal(stderr, 'semba: cannot listen: this machine has no address no such host\n');
  });

  it('ends, and says why, when the path of the state folder is too long', () => {
    const state = join(folder, 'x'.repeat(120));
    const { status, stderr } = semba(['serve', '--port', '1', '--state', state]);
    assert.equal(status, 1);
    assert.equal(stderr, `semba: state folder ${state}: expected a path of at most 94 bytes\n`);
  });

  it('refuses a state folder that another server uses, and touches nothing in it', async () => {
    const port = await freePort();
    await serve('--port', String(port), '--user', 'anna');
    const args = ['--port', String(await freePort()), '--user', 'ben'];
    const { status, stderr } = semba(['serve', ...args, '--state', join(folder, 'state')]);
    assert.equal(status, 1);
    assert.match(stderr, /^semba: a server runs already with the state folder .*state\n$/);
    assert.equal(semba(['user', 'list', '--state', join(folder, 'state')]).stdout, 'anna\n');
    child!.kill('SIGTERM');
    assert.deepEqual(await once(child!, 'exit'), [0, null]);
  });

  it('says so when the port is in use, and makes no account nobody knows', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const args = ['--listen', '127.0.0.1', '--port', String(port), '--state', folder];
    const { status, stderr } = semba(['serve', ...args]);
    taken.close();
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `semba: port ${port} is in use by another program; choose one with --port\n`,
    );
    assert.equal(semba(['user', 'list', '--state', folder]).stdout, '');
  });
});
