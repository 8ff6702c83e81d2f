import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import {
  STATUS_DISK_FULL,
  STATUS_SUCCESS,
  STATUS_TOO_MANY_OPENED_FILES,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { setAllocation } from '../../src/fsa/information.ts';
import {
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import { EMFILE, ENOSPC, EOPNOTSUPP, type Errno } from '../../src/vfs/errno.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { VolumeRig } from './volume-rig.ts';

const SIZE = { allocationSize: 65_536 };

/** A volume on which reserving fails, as `fault` says. */
function rigWith(fault: Errno): VolumeRig {
  const vfs = new MemoryVfs(makeNodeClock(), {
    fault: (operation) => (operation === 'allocate' ? fault : undefined),
  });
  return new VolumeRig('memory', {}, { vfs });
}

describe('[MS-FSA] 2.1.5.1.1 Creation of a New File, in a folder that cannot be looked at', () => {
  it('fails with STATUS_TOO_MANY_OPENED_FILES where descriptors are used up', async () => {
    let isFull = false;
    const vfs = new MemoryVfs(makeNodeClock(), {
      fault: (operation, path) =>
        isFull && operation === 'stat' && path === 'folder' ? EMFILE : undefined,
    });
    const rig = new VolumeRig('memory', {}, { vfs });
    await rig.make('folder', { createOptions: FILE_DIRECTORY_FILE });
    await rig.make('folder\\first');
    isFull = true;
    await rig.fails(STATUS_TOO_MANY_OPENED_FILES, 'folder\\second');
    await rig.close();
  });
});

describe('[MS-FSA] 2.1.5.1 Server Requests an Open of a File, AllocationSize', () => {
  it('is not missed on storage that cannot reserve', async () => {
    const rig = rigWith(EOPNOTSUPP);
    const open = await rig.opened('file', SIZE);
    assert.equal(await run(setAllocation(open, 131_072)), STATUS_SUCCESS);
    await rig.opened('file', { ...SIZE, createDisposition: FILE_OVERWRITE });
    await rig.close();
  });

  it('fails with STATUS_DISK_FULL when there is no room, and leaves no file', async () => {
    const rig = rigWith(ENOSPC);
    assert.equal(statusName((await rig.open('file', SIZE)).status), statusName(STATUS_DISK_FULL));
    const after = await rig.open('file', { createDisposition: FILE_OPEN });
    assert.equal(statusName(after.status), 'STATUS_OBJECT_NAME_NOT_FOUND');
    await rig.close();
  });
});
