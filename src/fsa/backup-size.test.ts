import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeVirtualEnv, type VirtualEnv } from '../../test/faults/virtual-env.ts';
import { run } from '../base/task.ts';
import { failed } from '../vfs/errno.ts';
import { MemoryVfs } from '../vfs/memory/memory-vfs.ts';
import { BackupSize } from './backup-size.ts';

const ROOT = { uid: 0, gid: 0, groups: [] };
const MIB = 1024 * 1024;
const PLIST = '<dict>\n <key>band-size</key>\n <integer>1048576</integer>\n</dict>';

function makeFile(vfs: MemoryVfs, path: string, text: string): void {
  const options = { access: 'readwrite', createExclusive: true, mode: 0o644 } as const;
  const file = vfs.open(ROOT, path, options);
  assert.ok(!failed(file));
  file.write([Buffer.from(text)], 0);
  file.close();
}

function makeBundle(vfs: MemoryVfs, name: string, bands: number, plist = PLIST): void {
  vfs.makeDirectory(ROOT, name, 0o755);
  vfs.makeDirectory(ROOT, `${name}/bands`, 0o755);
  if (plist !== '') makeFile(vfs, `${name}/Info.plist`, plist);
  for (let i = 0; i < bands; i++) makeFile(vfs, `${name}/bands/${i}`, '');
}

interface Rig {
  readonly env: VirtualEnv;
  readonly vfs: MemoryVfs;
  /** KiB that the volume has, and has left. */
  told(): Promise<readonly [total: number, free: number]>;
}

function makeRig(sizeMax: number): Rig {
  const env = makeVirtualEnv();
  const vfs = new MemoryVfs(env.clock);
  const backups = new BackupSize({ vfs, env, sizeMax });
  const space = vfs.fileSystemStat();
  assert.ok(!failed(space));
  const told = async (): Promise<readonly [number, number]> => {
    const limited = await run(backups.limit(space));
    assert.ok(!failed(limited));
    assert.equal(limited.blockSize, 1024);
    assert.equal(limited.blocksAvailable, limited.blocksFree);
    return [limited.blocks, limited.blocksFree];
  };
  return { env, vfs, told };
}

describe('Size of a share for Time Machine', () => {
  it('is the limit, less the bands of all backups', async () => {
    const { vfs, told } = makeRig(32 * MIB);
    assert.deepEqual(await told(), [32_768, 32_768]);
    makeBundle(vfs, 'a.sparsebundle', 3);
    makeBundle(vfs, 'b.backupbundle', 5);
    makeBundle(vfs, 'other', 7);
    assert.deepEqual(await told(), [32_768, 24_576]);
  });

  it('has nothing left when the backups outgrew it', async () => {
    const { vfs, told } = makeRig(2 * MIB);
    makeBundle(vfs, 'a.sparsebundle', 3);
    assert.deepEqual(await told(), [2048, 0]);
  });

  it('is the store’s where that is smaller', async () => {
    const { vfs, told } = makeRig(Number.MAX_SAFE_INTEGER);
    const space = vfs.fileSystemStat();
    assert.ok(!failed(space));
    assert.equal((await told())[0], Math.floor((space.blocks * space.blockSize) / 1024));
  });

  it('counts a backup for nothing that does not say how large its bands are', async () => {
    const { vfs, told } = makeRig(32 * MIB);
    makeBundle(vfs, 'a.sparsebundle', 3, '');
    makeBundle(vfs, 'b.sparsebundle', 3, '<key>band-size</key><integer>many</integer>');
    vfs.makeDirectory(ROOT, 'c.sparsebundle', 0o755);
    makeFile(vfs, 'd.sparsebundle', 'a file');
    assert.deepEqual(await told(), [32_768, 32_768]);
  });

  it('counts again what changed, at once', async () => {
    const { env, vfs, told } = makeRig(32 * MIB);
    makeBundle(vfs, 'a.sparsebundle', 1);
    assert.deepEqual(await told(), [32_768, 31_744]);
    makeFile(vfs, 'a.sparsebundle/bands/in-the-same-instant', '');
    assert.deepEqual(await told(), [32_768, 30_720]);
    env.clock.advance(2000);
    assert.deepEqual(await told(), [32_768, 30_720]);
    assert.deepEqual(await told(), [32_768, 30_720]);
    makeFile(vfs, 'a.sparsebundle/bands/later', '');
    assert.deepEqual(await told(), [32_768, 29_696]);
  });
});
