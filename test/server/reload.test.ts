/** A configuration that is read again while clients are connected, by one process and by two. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { freePort } from './free-port.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

let folder: string;
let config: string;
let child: ChildProcess;
let port: number;
let password: string;
const clients: SmbClient[] = [];
/** Lines of the server's log. */
const logged: string[] = [];
let onLine: (line: string) => void = () => {};

function configure(text: string): void {
  writeFileSync(config, text);
}

function share(name: string, ...lines: readonly string[]): string {
  mkdirSync(join(folder, name), { recursive: true });
  return [`[shares.${name}]`, `path = "${name}"`, ...lines, ''].join('\n');
}

async function start(workers: number): Promise<void> {
  port = await freePort();
  configure(share('docs'));
  const args = ['serve', '--config', config, '--listen', '127.0.0.1', '--user', 'anna'];
  args.push('--port', String(port), '--workers', String(workers), '--state', join(folder, 'state'));
  child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  createInterface({ input: child.stderr! }).on('line', (line) => {
    logged.push(line);
    onLine(line);
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    const shown = /^ {2}password {2}(\S+)/.exec(line)?.[1];
    if (shown !== undefined) password = shown;
    if (line.startsWith('  Windows')) return;
  }
  throw new Error(`the server ended early: ${logged.join('\n')}`);
}

async function reload() {
  const command = spawn(process.execPath, [MAIN, 'reload', '--state', join(folder, 'state')]);
  const parts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    command[name].on('data', (part) => {
      parts[name] += part;
    });
  }
  const [code] = await once(command, 'close');
  return { code, ...parts };
}

async function connect(name: string): Promise<SmbClient> {
  const options = { host: '127.0.0.1', port, user: 'anna', password, share: name };
  const client = await SmbClient.connect(options);
  clients.push(client);
  return client;
}

async function read(client: SmbClient, name: string): Promise<string> {
  return Buffer.from(await client.readFile(name)).toString();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'semba-reload-'));
  config = join(folder, 'semba.toml');
  logged.length = 0;
});
afterEach(async () => {
  onLine = () => {};
  for (const client of clients.splice(0)) await client.close().catch(() => undefined);
  child.kill('SIGTERM');
  await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

for (const workers of [1, 2]) {
  describe(`semba reload, ${workers} processes`, () => {
    it('adds, changes and removes shares under clients that notice nothing', async () => {
      await start(workers);
      const [one, two] = [await connect('docs'), await connect('docs')];
      await one.writeFile('a.txt', Buffer.from('hello'));
      configure(share('docs', 'read_only = true') + share('more'));
      const { code, stdout, stderr } = await reload();
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout, 'share docs: changed\nshare more: added\n');
      assert.equal(await read(two, 'a.txt'), 'hello');
      await assert.rejects((await connect('docs')).writeFile('b.txt', Buffer.from('x')));
      for (const _ of [1, 2]) await (await connect('more')).writeFile('c.txt', Buffer.from('x'));
      assert.equal((await reload()).stdout, 'nothing changed\n');
    });

    it('says what has to wait, and takes nothing of a file that is wrong', async () => {
      await start(workers);
      const client = await connect('docs');
      await client.writeFile('a.txt', Buffer.from('hello'));
      mkdirSync(join(folder, 'other'));
      configure('[server]\nname = "OTHER"\n[shares.docs]\npath = "other"\n');
      const { code, stderr } = await reload();
      assert.equal(code, 1);
      assert.match(stderr, /name: changes when the server starts again/);
      assert.match(stderr, /share docs: path changes when nobody is connected to it/);
      configure('[shares.docs]\npath = 7\n');
      const wrong = await reload();
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /semba\.toml:2: shares\.docs\.path: .*\nnothing changed\n$/);
      assert.equal(await read(client, 'a.txt'), 'hello');
      await client.close();
      configure('[shares.docs]\npath = "other"\n');
      assert.equal((await reload()).stdout, 'share docs: changed\n');
      await assert.rejects((await connect('docs')).readFile('a.txt'), /NOT_FOUND/);
    });

    it('does the same after SIGHUP, and tells the log', async () => {
      await start(workers);
      configure(`[server]\nencryption = "required"\n${share('docs')}${share('more')}`);
      const taken = new Promise<void>((resolve) => {
        onLine = (line) => line.includes('share more: added') && resolve();
      });
      child.kill('SIGHUP');
      await taken;
      assert.ok(logged.some((line) => line.includes('encryption changed')));
      const client = await connect('more');
      assert.equal(client.session.encryptData, true);
    });
  });
}
