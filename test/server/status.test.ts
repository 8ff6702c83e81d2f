import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ControlStatus } from '../../src/admin/control-server.ts';
import { STATUS_FILE_CLOSED } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF, FILE_SHARE_READ } from '../../src/fscc/create-parameters.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { SmbClient, SmbError } from '../../src/smb2/client/smb-client.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/wire/constants.ts';
import { durableRequestV2Context } from '../../src/smb2/wire/create-context-durable.ts';
import { freePort } from './free-port.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const READ_WRITE = 0x0012_019f;

let folder: string;
let child: ChildProcess;
let port: number;
let password: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'semba-status-'));
  const args = ['serve', '--listen', '127.0.0.1', '--state', folder, '--user', 'anna'];
  port = await freePort();
  child = spawn(process.execPath, [MAIN, ...args, '--port', String(port), '--log', 'error'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    const shown = /^ {2}password {2}(\S+)/.exec(line)?.[1];
    if (shown !== undefined) password = shown;
    if (line.startsWith('  Windows')) return;
  }
  throw new Error('the server ended early');
});
afterEach(async () => {
  child.kill('SIGTERM');
  await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

async function semba(...args: readonly string[]) {
  const command = spawn(process.execPath, [MAIN, ...args, '--state', folder]);
  let stdout = '';
  let stderr = '';
  command.stdout.on('data', (part) => {
    stdout += part;
  });
  command.stderr.on('data', (part) => {
    stderr += part;
  });
  const [code] = await once(command, 'close');
  return { code, stdout, stderr };
}

async function status(...args: readonly string[]): Promise<ControlStatus> {
  const { stdout } = await semba('status', '--json', ...args);
  return JSON.parse(stdout) as ControlStatus;
}

function connect(
  channels: number = 1,
  encryption: 'auto' | 'required' = 'auto',
): Promise<SmbClient> {
  return SmbClient.connect({
    encryption,
    host: '127.0.0.1',
    channels,
    port,
    user: 'anna',
    password,
    share: 'semba-share',
  });
}

describe('semba status and close', () => {
  it('shows names of clients as text, whatever a terminal would make of them', async () => {
    const client = await connect();
    // How clients name a file that has an escape character on disk; and a control of their own.
    const name = 'a\uf01b[2Jb\u009b31m.txt';
    const desiredAccess = READ_WRITE;
    const asked = { name, desiredAccess, createDisposition: FILE_OPEN_IF };
    assert.equal((await client.tree.create(asked)).status, 0);
    const { stdout } = await semba('status');
    assert.match(stdout, /a\\u001b\[2Jb\\u009b31m\.txt/);
    assert.deepEqual([stdout.includes('\u001b'), stdout.includes('\u009b')], [false, false]);
    await client.close();
  });

  it('shows sessions, opens, oplocks and locks, filters them and ends them', async () => {
    assert.equal(statSync(join(folder, 'control.sock')).mode & 0o777, 0o600);
    const client = await connect();
    const { response } = await client.tree.create({
      name: 'report.txt',
      desiredAccess: READ_WRITE,
      shareAccess: FILE_SHARE_READ,
      createDisposition: FILE_OPEN_IF,
      requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
    });
    assert(response !== undefined);
    const open = new ClientOpen(client.tree, response);
    const locked = await open.lock([{ offset: 10n, length: 5n, flags: 0x12 }]);
    assert.equal(locked.status, 0);

    const all = await status();
    assert.equal(all.sessions.length, 1);
    const [session] = all.sessions;
    assert.equal(session?.user, 'anna');
    assert.equal(session?.dialect, '3.1.1');
    assert.deepEqual(session?.shares, [{ name: 'semba-share', opens: 1, encrypted: false }]);
    const [shown] = all.opens;
    assert.equal(shown?.path, 'report.txt');
    assert.equal(shown?.sharing, 'r');
    assert.deepEqual(shown?.caching, { kind: 'oplock', state: 'RHW', breaking: false });
    assert.deepEqual(shown?.locks, [{ offset: '10', length: '5', exclusive: true }]);
    assert.equal((await status('--user', 'ANNA', '--file', 'REPORT')).opens.length, 1);
    assert.deepEqual((await status('--user', 'bob')).sessions, []);
    assert.deepEqual((await status('--share', 'other')).opens, []);
    const { stdout } = await semba('status');
    assert.match(stdout, /1 connections, 1 sessions, 1 open files/);
    assert.match(stdout, /anna +semba-share +rw +r +oplock RHW +1 +- +\/report\.txt\n/);

    assert.equal((await semba('close', 'open', shown?.id ?? '')).code, 0);
    assert.deepEqual((await status()).opens, []);
    assert.equal((await open.close()).status, STATUS_FILE_CLOSED);
    assert.equal((await semba('close', 'share', 'semba-share')).code, 0);
    assert.equal((await semba('close', 'session', session?.id ?? '')).code, 0);
    assert.deepEqual((await status()).sessions, []);
    await client.close().catch((error: unknown) => assert(error instanceof SmbError));
  });

  it('shows what is encrypted, though nothing has to be', async () => {
    const client = await connect(1, 'required');
    const [session] = (await status()).sessions;
    assert.deepEqual([session?.encrypted, session?.sawEncrypted], [false, true]);
    const { stdout } = await semba('status');
    assert.match(stdout, /3\.1\.1 +signed, AES-GMAC; partly AES-128-GCM /);
    await client.close();
  });

  it('goes on every second with --watch, also without a terminal', async () => {
    const watching = spawn(process.execPath, [MAIN, 'status', '--watch', '--state', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let shown = 0;
    for await (const line of createInterface({ input: watching.stdout })) {
      if (/ 0 sessions/.test(line) && ++shown === 2) watching.kill();
    }
    assert.equal(shown, 2);
  });

  it('ends with --watch once nobody reads it any more', async () => {
    const watching = spawn(process.execPath, [MAIN, 'status', '--watch', '--state', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(watching, 'exit');
    await once(watching.stdout, 'data');
    watching.stdout.destroy();
    assert.deepEqual(await exited, [0, null]);
  });

  it('shows the channels of a session', async () => {
    const client = await connect(2);
    const { sessions, connections } = await status();
    const [first, second] = sessions[0]?.channels ?? [];
    assert.deepEqual(connections.map(({ id }) => id).sort(), [first, second]);
    assert.deepEqual(
      connections.map(({ localAddress }) => localAddress),
      ['127.0.0.1', '127.0.0.1'],
    );
    const { stdout } = await semba('status');
    assert.match(stdout, new RegExp(` ${first} ${second} +\\d+s +semba-share`));
    assert.match(
      stdout,
      new RegExp(`\\n${second} +127.0.0.1 +127.0.0.1 +${sessions[0]?.id} +3.1.1`),
    );
    await client.close();
  });

  it('shows what a client that is away left open, and ends it', async () => {
    const client = await connect();
    const { response } = await client.tree.create({
      name: 'kept.txt',
      desiredAccess: READ_WRITE,
      createDisposition: FILE_OPEN_IF,
      requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
      contexts: [
        durableRequestV2Context({ timeoutMs: 30_000, flags: 0, createGuid: 'c3'.repeat(16) }),
      ],
    });
    assert(response !== undefined);
    client.session.connection.close();
    let shown: ControlStatus['opens'][number] | undefined;
    for (let asked = 0; asked < 50 && shown?.durable?.disconnected !== true; asked++) {
      [shown] = (await status('--file', 'kept')).opens;
    }
    assert.deepEqual(shown?.durable, { kind: 'durable', timeoutMs: 30_000, disconnected: true });
    assert.equal(shown?.user, 'anna');
    assert.deepEqual((await status()).sessions, []);
    assert.match((await semba('status')).stdout, /durable 30s \(away\) +\/kept\.txt\n/);
    assert.equal((await semba('close', 'open', shown?.id ?? '')).code, 0);
    assert.deepEqual((await status()).opens, []);
  });

  it('says what is not there, and that nobody answers', async () => {
    const none = await semba('close', 'session', '0123456789abcdef');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^semba: there is no session '0123456789abcdef'\n$/);
    assert.equal((await semba('close', 'nonsense')).code, 2);
    assert.equal((await semba('status', '--watch', '--json')).code, 2);
    const other = String(await freePort());
    const second = await semba('serve', '--port', other, '--listen', '127.0.0.1');
    assert.equal(second.code, 1);
    assert.match(second.stderr, /a server runs already with the state folder/);
    const { stderr } = await new Promise<{ stderr: string }>((resolve) => {
      const command = spawn(process.execPath, [MAIN, 'status', '--state', join(folder, 'none')]);
      let text = '';
      command.stderr.on('data', (part) => {
        text += part;
      });
      command.once('close', () => resolve({ stderr: text }));
    });
    assert.match(stderr, /^semba: no server runs with the state folder /);
  });
});
