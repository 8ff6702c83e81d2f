// A Node SMB client from npm (v9u-smb2: SMB 2.0.2, NTLMv2, no signing). Run by node-client.sh.
// usage: node --openssl-legacy-provider node-client.mjs PORT   (its NTLM asks OpenSSL for MD4)
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import SMB2 from 'v9u-smb2';

const port = Number(process.argv[2]);
const SIZES = [0, 1, 65_535, 65_536, 65_537, 2_000_000];
let passed = 0;
let failed = 0;

function connect(share, password = 'torture1pw') {
  return new SMB2({
    share: `\\\\127.0.0.1\\${share}`,
    port,
    domain: 'WORKGROUP',
    username: 'torture1',
    password,
    autoCloseTimeout: 0,
  });
}

const TIME_MAX_MS = 30_000;

async function check(name, action) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), TIME_MAX_MS);
  });
  try {
    await Promise.race([action(), late]);
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n     ${error?.stack ?? error}`);
  } finally {
    clearTimeout(timer);
  }
}

const client = connect('share');
for (const size of SIZES) {
  await check(`${size} bytes`, async () => {
    const data = randomBytes(size);
    await client.writeFile('node.bin', data);
    const back = await client.readFile('node.bin');
    assert.equal(Buffer.compare(data, back), 0, `${back.length} bytes came back`);
    await client.unlink('node.bin');
  });
}
await check('mkdir, readdir, rename, rmdir', async () => {
  await client.mkdir('node-dir');
  await client.writeFile('node-dir\\a.txt', 'hello');
  await client.rename('node-dir\\a.txt', 'node-dir\\b.txt');
  assert.deepEqual(await client.readdir('node-dir'), ['b.txt']);
  assert.equal(await client.readFile('node-dir\\b.txt', { encoding: 'utf8' }), 'hello');
  await client.unlink('node-dir\\b.txt');
  await client.rmdir('node-dir');
});
await check('a file that is not there', async () => {
  await assert.rejects(client.readFile('nothing-here'), /STATUS_OBJECT_NAME_NOT_FOUND/);
});
client.disconnect();
await check('wrong password is refused', async () => {
  await assert.rejects(connect('share', 'wrong').readdir(''), /STATUS_LOGON_FAILURE/);
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
