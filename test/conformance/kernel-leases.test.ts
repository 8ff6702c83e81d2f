/** Local processes break what clients cache: `kernelOplocks`. Real files, real fcntl leases. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import { STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_NONE } from '../../src/smb2/wire/constants.ts';
import { failed } from '../../src/vfs/errno.ts';
import type { LocalFile } from '../../src/vfs/local/local-file.ts';
import { type LocalVfs, openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { Credentials } from '../../src/vfs/vfs.ts';
import { type LocalServer, serveShares } from './local-server.ts';
import { create, LEASE_KEY, lease, leaseOf, listening, OTHER_KEY, RH, RWH } from './oplock-peer.ts';
import { expectStatus, opened, type Target } from './peer.ts';

const LOCAL_USER: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, by local processes', () => {
  const root = mkdtempSync(join(tmpdir(), 'semba-kernel-leases-'));
  let server: LocalServer;
  let target: Target;
  let files = 0;

  before(async () => {
    server = await serveShares([{ name: 'share', path: root, kernelOplocks: true }]);
    target = server.target;
  });
  after(async () => {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  function newFile(): { name: string; path: string } {
    const name = `f${++files}`;
    writeFileSync(join(root, name), 'old\n');
    return { name, path: join(root, name) };
  }

  const existing = (name: string, rest: Partial<CreateParameters>): CreateParameters =>
    create(name, { createDisposition: FILE_OPEN, desiredAccess: FILE_ALL_ACCESS, ...rest });

  /** A local process that works with the file; ends when it could. */
  function shell(command: string): Promise<string> {
    return new Promise((resolve) => {
      const child = spawn('/bin/sh', ['-c', command]);
      let out = '';
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
      });
      child.on('close', () => resolve(out));
    });
  }

  it('a process that appends waits until the lease is written back and given up', async () => {
    const holder = await listening(() => target);
    const { name, path } = newFile();
    const open = await opened(holder.tree, existing(name, lease(LEASE_KEY, RWH)));
    assert.equal(leaseOf(open).leaseState, RWH);
    const appended = shell(`echo local >> ${path}`);
    const told = await holder.nextBreak();
    assert.ok(told.kind === 'lease');
    assert.equal(told.notification.newLeaseState, 0);
    await open.write({ offset: 4, data: Buffer.from('cached\n') });
    const given = { leaseKey: LEASE_KEY, leaseState: 0 };
    expectStatus(await holder.tree.acknowledgeLeaseBreak(given), STATUS_SUCCESS);
    await appended;
    assert.equal(readFileSync(path, 'utf8'), 'old\ncached\nlocal\n');
    await open.close();
  });

  it('a process that reads waits for a batch oplock to come down', async () => {
    const holder = await listening(() => target);
    const { name, path } = newFile();
    const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
    const open = await opened(holder.tree, existing(name, { requestedOplockLevel }));
    assert.equal(open.response.oplockLevel, SMB2_OPLOCK_LEVEL_BATCH);
    const read = shell(`cat ${path}`);
    assert.equal((await holder.nextBreak()).kind, 'oplock');
    await open.write({ offset: 0, data: Buffer.from('new') });
    expectStatus(await open.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_NONE), STATUS_SUCCESS);
    assert.equal(await read, 'new\n');
    await open.close();
  });

  it('a process that writes ends reads that are cached, one that reads does not', async () => {
    const holder = await listening(() => target);
    const { name, path } = newFile();
    const how = { ...lease(LEASE_KEY, RH), desiredAccess: FILE_GENERIC_READ };
    const open = await opened(holder.tree, existing(name, how));
    assert.equal(leaseOf(open).leaseState, RH);
    assert.equal(await shell(`cat ${path}`), 'old\n');
    const written = shell(`echo more >> ${path}`);
    const told = await holder.nextBreak();
    assert.ok(told.kind === 'lease');
    assert.equal(told.notification.newLeaseState, 0);
    const given = { leaseKey: LEASE_KEY, leaseState: 0 };
    await holder.tree.acknowledgeLeaseBreak(given);
    await written;
    assert.equal(readFileSync(path, 'utf8'), 'old\nmore\n');
    await open.close();
  });

  it('a close lets the process go on', async () => {
    const holder = await listening(() => target);
    const { name, path } = newFile();
    const open = await opened(holder.tree, existing(name, lease(LEASE_KEY, RWH)));
    const appended = shell(`echo local >> ${path}`);
    await holder.nextBreak();
    await open.close();
    await appended;
    assert.equal(readFileSync(path, 'utf8'), 'old\nlocal\n');
  });

  it('nothing is cached of what a local process has open for writing', async () => {
    const { tree } = await listening(() => target);
    const { name, path } = newFile();
    openSync(path, 'r+');
    const open = await opened(tree, existing(name, lease(LEASE_KEY, RWH)));
    assert.equal(leaseOf(open).leaseState, 0);
    await open.close();
  });

  it('clients go on breaking one another', async () => {
    const holder = await listening(() => target);
    const other = await listening(() => target);
    const { name } = newFile();
    const first = await opened(holder.tree, existing(name, lease(LEASE_KEY, RWH)));
    const second = other.tree.create(existing(name, lease(OTHER_KEY, RWH)));
    const told = await holder.nextBreak();
    assert.ok(told.kind === 'lease');
    // The kernel could not cover reads here either, so it is told of both at once.
    assert.equal(told.notification.newLeaseState, 0);
    await holder.tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState: 0 });
    const { status } = await second;
    expectStatus({ status }, STATUS_SUCCESS);
    await first.close();
  });

  it('one client that opens the file again keeps it open, with less to cache', async () => {
    const holder = await listening(() => target);
    const { name } = newFile();
    const opens: ClientOpen[] = [];
    for (let i = 0; i < 2; i++) {
      opens.push(await opened(holder.tree, existing(name, lease(LEASE_KEY, RWH))));
    }
    const told = await holder.nextBreak();
    assert.ok(told.kind === 'lease');
    assert.equal(told.notification.newLeaseState, 0);
    for (const open of opens) await open.close();
  });

  describe('an open of what a local process has leased', () => {
    const local = openLocalVfs(root) as LocalVfs;
    after(() => local.close());

    function leased(path: string): LocalFile {
      const file = local.open(LOCAL_USER, path, { access: 'read' });
      assert.ok(!failed(file));
      assert.equal(file.setLease('write'), 0);
      return file;
    }

    it('waits until that is given up, and holds up nobody', async () => {
      const { tree } = await listening(() => target);
      const { name } = newFile();
      const file = leased(name);
      const opening = tree.create(existing(name, {}));
      assert.equal((await opening.interim)?.status, STATUS_PENDING);
      await (await opened(tree, existing(newFile().name, {}))).close();
      assert.equal(file.leaseLeft(), 'none');
      file.setLease('none');
      expectStatus({ status: (await opening).status }, STATUS_SUCCESS);
      file.close();
    });

    it('is cancelled', async () => {
      const { tree } = await listening(() => target);
      const { name } = newFile();
      const file = leased(name);
      const opening = tree.create(existing(name, {}));
      await opening.interim;
      opening.cancel();
      expectStatus({ status: (await opening).status }, STATUS_CANCELLED);
      file.close();
    });
  });
});
