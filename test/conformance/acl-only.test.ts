/** `access = "acl-only"`: stored descriptors against the kernel's own checks. As root. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  DELETE,
  FILE_ADD_FILE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE } from '../../src/dtyp/acl.ts';
import { unixGroupSid, unixUserSid } from '../../src/dtyp/sid.ts';
import { AclVfs } from '../../src/fsa/acl-vfs.ts';
import { encodeNtAcl } from '../../src/fsa/nt-acl.ts';
import { EACCES, ENOENT, failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { Credentials, OpenOptions, Vfs, VfsFile } from '../../src/vfs/vfs.ts';

const XATTR = 'security.NTACL';
const ROOT: Credentials = { uid: 0, gid: 0, groups: [] };
const ANNA: Credentials = { uid: 61_001, gid: 61_001, groups: [] };
const skip = process.geteuid!() === 0 ? false : 'needs root';

describe('A share where stored descriptors decide alone', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'semba-acl-only-'));
  let local: Vfs;
  let vfs: AclVfs;

  before(() => {
    chmodSync(folder, 0o755);
    const opened = openLocalVfs(folder);
    assert.ok(!failed(opened));
    local = opened;
    vfs = new AclVfs(local, XATTR);
    for (const name of ['described', 'plain']) {
      mkdirSync(join(folder, name), { mode: 0o700 });
      for (const file of ['told', 'untold', 'set-id']) {
        writeFileSync(join(folder, name, file), 'content', { mode: 0o600 });
      }
      chmodSync(join(folder, name, 'set-id'), 0o4700);
    }
  });
  after(() => {
    vfs.close();
    rmSync(folder, { recursive: true });
  });

  /** What it grants is the object store's to judge; that it is there is enough here. */
  async function describeIt(path: string): Promise<void> {
    const file = (await local.open(ROOT, path, { access: 'metadata' })) as VfsFile;
    const mask = FILE_GENERIC_READ | FILE_WRITE_DATA | FILE_ADD_FILE | DELETE | FILE_ALL_ACCESS;
    const ace = { type: ACCESS_ALLOWED_ACE_TYPE, flags: 0, mask, sid: unixUserSid(ANNA.uid) };
    const value = encodeNtAcl({
      control: 0x8004,
      owner: unixUserSid(0),
      group: unixGroupSid(0),
      sacl: undefined,
      dacl: { revision: 2, aces: [ace] },
    });
    assert.equal(await file.setXattr(XATTR, value), 0);
    file.close();
  }

  async function tryOpen(path: string, options: OpenOptions): Promise<number> {
    const file = await vfs.open(ANNA, path, options);
    if (failed(file)) return file;
    file.close();
    return 0;
  }

  it('opens what has one, and nothing else that the kernel refuses', async () => {
    for (const name of ['described/told', 'plain/told', 'plain/set-id']) await describeIt(name);
    assert.equal(await tryOpen('plain/told', { access: 'readwrite' }), 0);
    assert.equal(await tryOpen('described/told', { access: 'read' }), 0);
    assert.equal(await tryOpen('plain/untold', { access: 'read' }), EACCES);
    assert.equal(await tryOpen('plain/set-id', { access: 'read' }), 0);
    assert.equal(await tryOpen('plain/set-id', { access: 'readwrite' }), EACCES);
    assert.equal(await tryOpen('plain', { access: 'directory' }), EACCES);
    assert.ok(!failed(await vfs.stat(ANNA, 'plain/told')));
    assert.equal(await vfs.stat(ANNA, 'plain/untold'), EACCES);
  });

  it('makes files and folders in a folder that has one, for the caller', async () => {
    await describeIt('described');
    const make = { access: 'readwrite', createExclusive: true, mode: 0o600 } as const;
    assert.equal(await tryOpen('described/made', { access: 'read' }), ENOENT);
    assert.equal(await tryOpen('plain/made', { access: 'read' }), EACCES);
    assert.equal(await tryOpen('described/made', make), 0);
    assert.equal(await tryOpen('described/made', { access: 'read' }), 0);
    assert.equal(await tryOpen('plain/made', make), EACCES);
    assert.equal(await vfs.makeDirectory(ANNA, 'described/folder', 0o700), 0);
    assert.equal(await vfs.makeDirectory(ANNA, 'plain/folder', 0o700), EACCES);
    for (const name of ['made', 'folder']) {
      const { uid, gid } = statSync(join(folder, 'described', name));
      assert.deepEqual([uid, gid], [ANNA.uid, ANNA.gid]);
    }
    chownSync(join(folder, 'described'), 0, 61_100);
    chmodSync(join(folder, 'described'), 0o2700);
    assert.equal(await tryOpen('described/shared', make), 0);
    assert.equal(statSync(join(folder, 'described/shared')).gid, 61_100);
  });

  it('renames and removes what has one, or is in a folder that has', async () => {
    const replace = { replace: false };
    assert.equal(await vfs.rename(ANNA, 'described/untold', 'described/moved', replace), 0);
    assert.equal(await vfs.rename(ANNA, 'plain/told', 'plain/moved', replace), EACCES);
    assert.equal(await vfs.rename(ANNA, 'plain/told', 'described/taken', replace), 0);
    assert.equal(await vfs.unlink(ANNA, 'described/moved'), 0);
    assert.equal(await vfs.unlink(ANNA, 'plain/untold'), EACCES);
    assert.equal(await vfs.removeDirectory(ANNA, 'described/folder'), 0);
  });

  it('lets the kernel be where that does not refuse', async () => {
    writeFileSync(join(folder, 'open'), '', { mode: 0o644 });
    assert.equal(await tryOpen('open', { access: 'read' }), 0);
  });
});
