import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SNAPSHOT_IDLE_MS } from '../../src/base/limits.ts';
import { run } from '../../src/base/task.ts';
import { fileTimeOfMs } from '../../src/dtyp/file-time.ts';
import type { Clock } from '../../src/env/ports.ts';
import {
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_SAME_DEVICE,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { copyRange } from '../../src/fsa/fs-control.ts';
import { queryMetadata, setBasic, setDisposition } from '../../src/fsa/information.ts';
import { readFile, writeFile } from '../../src/fsa/read-write.ts';
import { linkFile, renameFile } from '../../src/fsa/rename.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import { SnapshotFolder } from '../../src/vfs/local/snapshot-folder.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Snapshots } from '../../src/vfs/snapshots.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { VolumeRig } from './volume-rig.ts';

const TOKEN = '@GMT-2024.01.02-03.04.05';
const TIME = fileTimeOfMs(Date.UTC(2024, 0, 2, 3, 4, 5));
const STANDS = { createDisposition: FILE_OPEN };
const NOTHING = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};

describe('[MS-SMB2] 2.2.13.2.7 SMB2_CREATE_TIMEWARP_TOKEN', () => {
  let rig: VolumeRig;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'semba-snapshots-'));
    mkdirSync(join(folder, TOKEN, 'Sub'), { recursive: true });
    writeFileSync(join(folder, TOKEN, 'Sub', 'File'), 'then');
    rig = new VolumeRig('local', {}, { snapshots: new SnapshotFolder({ folder }) });
    mkdirSync(join(rig.folder, 'Sub'));
    writeFileSync(join(rig.folder, 'Sub', 'File'), 'now');
  });
  after(async () => {
    await rig.close();
    rig.volume.snapshots?.close();
    rmSync(folder, { recursive: true });
  });

  async function contentOf(path: string, asked = {}): Promise<string> {
    const target = new Uint8Array(10);
    const { count } = await run(
      readFile(await rig.opened(path, { ...STANDS, ...asked }), target, 0, {}),
    );
    return Buffer.from(target.subarray(0, count)).toString();
  }

  it('opens what was there, in any case', async () => {
    assert.equal(await contentOf('Sub\\File'), 'now');
    assert.equal(await contentOf('Sub\\File', { timewarp: TIME }), 'then');
    assert.equal(await contentOf('sub\\FILE', { timewarp: TIME }), 'then');
    assert.equal(await contentOf(`${TOKEN}\\Sub\\File`), 'then');
    assert.equal(await contentOf(`Sub\\${TOKEN}\\File`), 'then');
    assert.equal(await contentOf(`Sub\\File\\${TOKEN}`), 'then');
  });

  it('lists what was there, with file ids of its own', async () => {
    const [was] = await rig.list(`Sub\\${TOKEN}`, '*');
    assert.equal(was?.name, 'File');
    const open = await rig.opened('Sub\\File', { ...STANDS, timewarp: TIME });
    const { metadata } = await run(queryMetadata(open));
    assert.equal(metadata?.fileId, was?.fileId);
    const onDisk = await rig.volume.vfs.stat(open.security.credentials, 'Sub/File');
    assert.notEqual(typeof onDisk === 'number' ? 0n : onDisk.inode, was?.fileId);
  });

  it('fails with STATUS_OBJECT_NAME_NOT_FOUND when there is no such snapshot', async () => {
    const asked = { ...STANDS, timewarp: TIME + 10_000_000n };
    await rig.fails(STATUS_OBJECT_NAME_NOT_FOUND, 'Sub\\File', asked);
    await rig.fails(STATUS_OBJECT_NAME_NOT_FOUND, `@GMT-2024.01.02-03.04.06\\Sub`, STANDS);
  });

  it('changes nothing', async () => {
    const timewarp = TIME;
    const wanted: readonly (readonly [number, string, object])[] = [
      [STATUS_MEDIA_WRITE_PROTECTED, 'New', { createDisposition: FILE_CREATE }],
      [STATUS_MEDIA_WRITE_PROTECTED, 'New', { createDisposition: FILE_OPEN_IF }],
      [STATUS_MEDIA_WRITE_PROTECTED, 'Sub\\File', { createDisposition: FILE_OVERWRITE }],
      [STATUS_MEDIA_WRITE_PROTECTED, 'Sub\\File', { createOptions: FILE_DELETE_ON_CLOSE }],
      [STATUS_OBJECT_NAME_COLLISION, 'Sub\\File', { createDisposition: FILE_CREATE }],
    ];
    for (const [status, path, asked] of wanted)
      await rig.fails(status, path, { timewarp, ...asked });
    const open = await rig.opened('Sub\\File', { ...STANDS, timewarp });
    const newName = { newName: 'New', replaceIfExists: false };
    const changes = [
      [STATUS_MEDIA_WRITE_PROTECTED, setDisposition(open, { delete: true })],
      [STATUS_MEDIA_WRITE_PROTECTED, setBasic(open, { ...NOTHING, attributes: 2 })],
      [STATUS_NOT_SAME_DEVICE, renameFile(open, newName)],
      [STATUS_NOT_SAME_DEVICE, linkFile(open, newName)],
    ] as const;
    for (const [status, change] of changes) {
      assert.equal(statusName(await run(change)), statusName(status));
    }
    const { status } = await run(writeFile(open, [Buffer.from('x')], 0, {}));
    assert.equal(statusName(status), statusName(STATUS_MEDIA_WRITE_PROTECTED));
    assert.equal(await contentOf('Sub\\File', { timewarp }), 'then');
  });

  it('is what a file is restored from', async () => {
    const source = await rig.opened('Sub\\File', { ...STANDS, timewarp: TIME });
    const target = await rig.opened('Sub\\Restored');
    const range = { sourceOffset: 0, targetOffset: 0, length: 4 };
    assert.deepEqual(await run(copyRange(source, target, range)), {
      status: STATUS_SUCCESS,
      count: 4,
    });
    assert.equal(await contentOf('Sub\\Restored'), 'then');
  });
});

describe('snapshots that nobody uses', () => {
  it('are closed after a while, those with an open file when it is closed', async () => {
    const env = makeVirtualEnv();
    const rig = new VolumeRig('memory', {}, { env, snapshots: new MemorySnapshots(env.clock) });
    const at = (seconds: number) => run(rig.volume.snapshots!.at(seconds));
    const [used, idle] = [await at(1), await at(2)];
    const open = await rig.opened('@GMT-1970.01.01-00.00.01', STANDS);
    env.timers.advance(2 * SNAPSHOT_IDLE_MS);
    assert.equal(await at(1), used);
    assert.notEqual(await at(2), idle);
    await run(closeOpen(open));
    env.timers.advance(3 * SNAPSHOT_IDLE_MS);
    assert.equal(env.timers.pending, 0);
    assert.notEqual(await at(1), used);
    await rig.close();
  });
});

class MemorySnapshots implements Snapshots {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  list(): readonly number[] {
    return [1, 2];
  }

  open(): MemoryVfs {
    return new MemoryVfs(this.#clock);
  }
}
