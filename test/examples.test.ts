import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { makeNodeClock } from '../src/env/node/node-clock.ts';
import { makeNodeLog } from '../src/env/node/node-log.ts';
import { SmbServer } from '../src/server/smb-server.ts';
import { MemoryVfs } from '../src/server/storage.ts';

const example = (name: string) => fileURLToPath(new URL(`../examples/${name}.js`, import.meta.url));

describe('examples', () => {
  it('embed-server listens and tells how to connect', () => {
    const args = [example('embed-server'), '--once'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^smbclient -p \d+ -U anna \/\/127\.0\.0\.1\/scratch\n$/);
  });

  it('client-copy brings a file to a share and back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'semba-example-'));
    const server = new SmbServer({
      listen: ['127.0.0.1'],
      port: 0,
      log: makeNodeLog('silent'),
    });
    try {
      await server.addUser({ name: 'anna', password: 'secret' });
      await server.addShare({ name: 'docs', vfs: new MemoryVfs(makeNodeClock()) });
      await server.start();
      const file = join(folder, 'data.bin');
      writeFileSync(file, randomBytes(300_000));
      const args = ['127.0.0.1', `${server.port}`, 'anna', 'secret', 'docs', file];
      const worker = new Worker(example('client-copy'), { argv: args, stdout: true });
      const output = collect(worker);
      const code = await new Promise<number>((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
      assert.equal(code, 0);
      assert.deepEqual(readFileSync(`${file}.back`), readFileSync(file));
      assert.match(await output, /connected to 127\.0\.0\.1, 127\.0\.0\.1\n/);
      assert.match(await output, /data\.bin has 300000 bytes, over SMB 3\.1\.1/);
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function collect(worker: Worker): Promise<string> {
  let text = '';
  for await (const chunk of worker.stdout) text += String(chunk);
  return text;
}
