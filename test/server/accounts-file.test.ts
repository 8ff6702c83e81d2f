import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ntHash } from '../../src/auth/ntlm/nt-hash.ts';
import { makeNodeEnv } from '../../src/env/node/node-env.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { processName } from '../../src/env/node/processes.ts';
import { AccountStore } from '../../src/server/account-store.ts';
import {
  AccountEditError,
  addAccount,
  removeAccount,
  setPassword,
} from '../../src/server/accounts.ts';
import { AccountsFile, AccountsFileError } from '../../src/server/accounts-file.ts';
import { mountSmall } from '../faults/small-file-system.ts';

const env = makeNodeEnv(makeNodeLog('silent'));
let folder: string;
let file: AccountsFile;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'semba-accounts-'));
  file = new AccountsFile(join(folder, 'state'), env.random);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('accounts file', () => {
  it('is nothing until it is opened, and then for its owner only', async () => {
    assert.equal(file.read(), undefined);
    await file.open();
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'state')).mode & 0o777, 0o700);
  });

  it('keeps NT hashes and no passwords', async () => {
    await file.edit((data) => addAccount(data, 'anna', ntHash('a secret of hers')));
    const text = readFileSync(file.path, 'utf8');
    assert(!text.includes('a secret of hers'));
    assert(text.includes(Buffer.from(ntHash('a secret of hers')).toString('hex')));
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
  });

  it('keeps the server’s identity over edits, and gives no RID twice', async () => {
    const first = await file.open();
    await file.edit((data) => addAccount(data, 'anna', ntHash('a')));
    await file.edit((data) => removeAccount(data, 'ANNA'));
    const last = await file.edit((data) => addAccount(data, 'ben', ntHash('b')));
    assert.equal(last.serverGuid, first.serverGuid);
    assert.equal(last.machineSid, first.machineSid);
    assert.equal(last.accounts[0]?.rid, 1001);
  });

  it('leaves nothing but itself behind', async () => {
    await file.edit((data) => addAccount(data, 'anna', ntHash('a')));
    await assert.rejects(
      file.edit(() => {
        throw new AccountEditError('no');
      }),
    );
    assert.deepEqual(readdirSync(join(folder, 'state')), ['accounts.json']);
  });

  it('loses no edit of many at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `user${i}`);
    const others = names.map((_, i) =>
      i % 2 === 0 ? file : new AccountsFile(join(folder, 'state'), env.random),
    );
    await Promise.all(
      names.map((name, i) => others[i]!.edit((data) => addAccount(data, name, ntHash(name)))),
    );
    const data = file.read();
    assert.deepEqual(data?.accounts.map((account) => account.name).toSorted(), names.toSorted());
    assert.equal(new Set(data?.accounts.map((account) => account.rid)).size, names.length);
  });

  const noProcess = 2 ** 22 + 1;
  const longAgo = { name: processName(), mtime: new Date(Date.now() - 11_000) };
  const locks: Readonly<Record<string, { readonly name: string; readonly mtime?: Date }>> = {
    'a process that died': { name: `${noProcess}` },
    'one whose id another process has now': { name: `${process.pid}-1` },
    'one that hangs': longAgo,
    'one of before the clock was set back': { ...longAgo, mtime: new Date(Date.now() + 60_000) },
  };
  for (const [whose, { name, mtime }] of Object.entries(locks)) {
    it(`takes the lock of ${whose}`, async () => {
      await file.open();
      writeFileSync(`${file.path}.lock`, `${name}\n`);
      if (mtime !== undefined) utimesSync(`${file.path}.lock`, mtime, mtime);
      await file.edit((data) => addAccount(data, 'anna', ntHash('a')));
      assert.equal(file.read()?.accounts.length, 1);
      assert.deepEqual(readdirSync(join(folder, 'state')), ['accounts.json']);
    });
  }

  it('is what it was when the disk fills up in the middle of an edit', async (t) => {
    const disk = mountSmall(128 * 1024);
    if (typeof disk === 'string') {
      t.skip(disk);
      return;
    }
    try {
      const full = new AccountsFile(join(disk.path, 'state'), env.random);
      const names = Array.from({ length: 100 }, (_, i) => `user${i}`);
      await full.edit((data) =>
        names.reduce((all, one) => addAccount(all, one, ntHash('a')), data),
      );
      fill(join(disk.path, 'other'), 8 * 1024);
      await assert.rejects(
        full.edit((data) => addAccount(data, 'one more', ntHash('a'))),
        new AccountsFileError(`cannot write ${full.path}: ENOSPC: no space left on device, write`),
      );
      fill(join(disk.path, 'rest'), 0);
      await assert.rejects(
        full.edit((data) => data),
        AccountsFileError,
      );
      assert.equal(full.read()?.accounts.length, 100);
      assert.deepEqual(readdirSync(join(disk.path, 'state')), ['accounts.json']);
    } finally {
      disk.release();
    }
  });

  for (const [what, text] of [
    ['is no JSON', '{"version": 1, "acc'],
    ['has an account without a hash', '{"version":1,"serverGuid":"","accounts":[{"name":"a"}]}'],
    ['is of a later version', '{"version":2}'],
    ['is empty', ''],
  ] as const) {
    it(`that ${what} is refused by name and never written over`, async () => {
      await file.open();
      writeFileSync(file.path, text);
      const named = (error: Error) =>
        error instanceof AccountsFileError && error.message.includes(file.path);
      assert.throws(() => file.read(), named);
      await assert.rejects(
        file.edit((data) => addAccount(data, 'anna', ntHash('a'))),
        named,
      );
      assert.equal(readFileSync(file.path, 'utf8'), text);
    });
  }

  it('that cannot be read is an error, not an empty one', async (t) => {
    if (process.getuid?.() === 0) {
      t.skip('root reads everything');
      return;
    }
    await file.open();
    chmodSync(file.path, 0);
    assert.throws(() => file.read(), AccountsFileError);
  });
});

/** All room but so many bytes. */
function fill(path: string, bytesLeft: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  writeFileSync(path, new Uint8Array(bavail * bsize - bytesLeft));
}

describe('account edits', () => {
  it('refuse a name that is taken, in any case', async () => {
    await file.edit((data) => addAccount(data, 'Anna', ntHash('a')));
    await assert.rejects(
      file.edit((data) => addAccount(data, 'ANNA', ntHash('b'))),
      { message: "user 'ANNA' exists already" },
    );
  });

  for (const name of ['', ' anna', 'a/b', 'a\\b', 'a@b', 'a%b', 'a\u0000b', 'x'.repeat(105)]) {
    it(`refuse the name ${JSON.stringify(name.slice(0, 10))}`, async () => {
      await assert.rejects(
        file.edit((data) => addAccount(data, name, ntHash('a'))),
        AccountEditError,
      );
    });
  }

  it('refuse to change or remove whom they do not know', async () => {
    const unknown = { message: "there is no user 'anna'" };
    await assert.rejects(
      file.edit((data) => setPassword(data, 'anna', ntHash('a'))),
      unknown,
    );
    await assert.rejects(
      file.edit((data) => removeAccount(data, 'anna')),
      unknown,
    );
  });
});

describe('account store of a running server', () => {
  const revoked: string[] = [];
  let store: AccountStore;

  beforeEach(async () => {
    revoked.length = 0;
    await file.edit((data) => addAccount(data, 'anna', ntHash('a')));
    store = await AccountStore.open({ file, env, revoked: (name) => revoked.push(name) });
  });

  it('finds an account in any case', () => {
    assert.equal(store.lookup('ANNA')?.userName, 'anna');
    assert.equal(store.lookup('ben'), undefined);
  });

  it('sees an account that another process added, at the next look-up', async () => {
    await new AccountsFile(join(folder, 'state'), env.random).edit((data) =>
      addAccount(data, 'ben', ntHash('b')),
    );
    assert.equal(store.lookup('ben')?.userName, 'ben');
    assert.deepEqual(revoked, []);
  });

  it('tells whose account went or got another password', async () => {
    await file.edit((data) => addAccount(data, 'ben', ntHash('b')));
    store.refresh();
    await file.edit((data) => setPassword(removeAccount(data, 'anna'), 'ben', ntHash('c')));
    store.refresh();
    assert.deepEqual(revoked, ['anna', 'ben']);
  });

  it('goes on with what it knows when the file was damaged', () => {
    writeFileSync(file.path, 'oops');
    utimesSync(file.path, 1, 1);
    assert.equal(store.lookup('anna')?.userName, 'anna');
  });
});
