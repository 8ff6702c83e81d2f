import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ACCESS_SYSTEM_SECURITY, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  SACL_SECURITY_INFORMATION,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { STATUS_ACCESS_DENIED, STATUS_MEDIA_WRITE_PROTECTED } from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileEndOfFileInformation } from '../../src/fscc/info-classes.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/wire/constants.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { assertStatus, openFile, pattern, type Rig, tryOpen, withRig } from './rig.ts';
import { mountSmall } from './small-file-system.ts';
import { VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 30_000;
const DATA = pattern(10_000);

describe('a file system that is, or becomes, read-only', { timeout: TIMEOUT_MS }, () => {
  it('fails changes with STATUS_MEDIA_WRITE_PROTECTED and serves reads, in memory', async () => {
    const options = { readOnly: false };
    const vfs = new MemoryVfs(new VirtualTime(), options);
    await withRig({ shares: [{ name: 'share', vfs }] }, async (rig) => {
      await assertProtected(rig, () => {
        options.readOnly = true;
      });
    });
  });

  it('fails changes with STATUS_MEDIA_WRITE_PROTECTED and serves reads, on a mount', async (test) => {
    const mounted = mountSmall(1024 * 1024);
    if (typeof mounted === 'string') return test.skip(mounted);
    try {
      await withRig({ shares: [{ name: 'share', path: mounted.path }] }, async (rig) => {
        const tree = await rig.tree();
        const open = await openFile(tree, { name: 'data' });
        assertStatus((await open.write({ offset: 0, data: DATA })).status, 0);
        assertStatus((await open.close()).status, 0);
        mounted.remount('ro');
        await assertReadable(rig);
        await assertNothingNew(rig);
      });
    } finally {
      mounted.release();
    }
  });

  it('fails changes on a share that is read-only with STATUS_ACCESS_DENIED', async (test) => {
    const mounted = mountSmall(1024 * 1024);
    if (typeof mounted === 'string') return test.skip(mounted);
    try {
      writeFileSync(join(mounted.path, 'data'), DATA);
      const share = { name: 'share', path: mounted.path, readOnly: true };
      await withRig({ shares: [share] }, async (rig) => {
        await assertReadable(rig);
        const tree = await rig.tree();
        assertStatus((await tryOpen(tree, { name: 'data' })).status, STATUS_ACCESS_DENIED);
        assertStatus((await tryOpen(tree, { name: 'new' })).status, STATUS_ACCESS_DENIED);
      });
    } finally {
      mounted.release();
    }
  });
});

describe('a share that is read-only, for its administrators', { timeout: TIMEOUT_MS }, () => {
  it('takes no audit rules: STATUS_MEDIA_WRITE_PROTECTED', async () => {
    const vfs = new MemoryVfs(new VirtualTime());
    const share = { name: 'share', vfs, readOnly: true, administrators: ['torture1'] };
    await withRig({ shares: [share] }, async (rig) => {
      const open = await openFile(await rig.tree(), {
        name: '',
        desiredAccess: ACCESS_SYSTEM_SECURITY,
        createDisposition: FILE_OPEN,
      });
      const none = { control: 0, owner: undefined, group: undefined, dacl: undefined };
      const { status } = await open.setInfo({
        infoType: SMB2_0_INFO_SECURITY,
        fileInfoClass: 0,
        additionalInformation: SACL_SECURITY_INFORMATION,
        buffer: securityDescriptorBytes({ ...none, sacl: { revision: 2, aces: [] } }),
      });
      assertStatus(status, STATUS_MEDIA_WRITE_PROTECTED);
      assertStatus((await open.close()).status, 0);
    });
  });
});

/** What is open when the store turns read-only is still readable, and no change is acknowledged. */
async function assertProtected(rig: Rig, protect: () => void): Promise<void> {
  const open = await openFile(await rig.tree(), { name: 'data' });
  assertStatus((await open.write({ offset: 0, data: DATA })).status, 0);
  protect();
  const write = await open.write({ offset: 0, data: new Uint8Array(100) });
  assertStatus(write.status, STATUS_MEDIA_WRITE_PROTECTED);
  const buffer = new Uint8Array(8);
  const cut = await open.setInfo({ fileInfoClass: FileEndOfFileInformation, buffer });
  assertStatus(cut.status, STATUS_MEDIA_WRITE_PROTECTED);
  await assertReadable(rig);
  await assertNothingNew(rig);
  assertStatus((await open.close()).status, 0);
}

async function assertReadable(rig: Rig): Promise<void> {
  const open = await openFile(await rig.tree(), {
    name: 'data',
    desiredAccess: FILE_GENERIC_READ,
    createDisposition: FILE_OPEN,
  });
  const read = await open.read({ offset: 0, length: DATA.length });
  assert.deepEqual(read.response?.data, DATA);
  assertStatus((await open.close()).status, 0);
}

async function assertNothingNew(rig: Rig): Promise<void> {
  const tree = await rig.tree();
  const file = await tryOpen(tree, { name: 'new', createDisposition: FILE_CREATE });
  assertStatus(file.status, STATUS_MEDIA_WRITE_PROTECTED);
  const folder = await tryOpen(tree, {
    name: 'folder',
    createDisposition: FILE_CREATE,
    createOptions: FILE_DIRECTORY_FILE,
  });
  assertStatus(folder.status, STATUS_MEDIA_WRITE_PROTECTED);
  const existing = await tryOpen(tree, { name: 'data' });
  assertStatus(existing.status, STATUS_MEDIA_WRITE_PROTECTED);
}
