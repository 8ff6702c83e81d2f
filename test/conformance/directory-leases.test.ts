/** Leases of directories between two shares of one folder, which are two volumes of one store. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { setEndOfFile } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import {
  HANDLE_CACHING,
  type OplockBreak,
  type OplockRequest,
  READ_CACHING,
} from '../../src/fsa/oplock.ts';
import type { Volume, VolumeOptions } from '../../src/fsa/volume.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { contextOf } from './fsa-suite.ts';

const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};
const RH = READ_CACHING | HANDLE_CACHING;
const NEVER = { cancelled: false, onCancel: () => () => {}, waiting() {} };

describe('leases of directories', () => {
  it('break when a child changes through another share of the folder', async () => {
    const { one, two, breaks, opened, settled } = shares();
    const directory = await opened(one, 'd', leaseOf('one'));
    assert.equal(directory.oplock?.caching, RH);
    const child = await opened(two, 'd/child');
    await settled();
    assert.deepEqual(
      breaks.map(({ oplockKey, from, to, epoch }) => ({ oplockKey, from, to, epoch })),
      [{ oplockKey: 'client:one', from: RH, to: 0, epoch: 2 }],
    );
    await run(closeOpen(child));
    await run(closeOpen(directory));
  });

  it('are not told of what changed before they were closed', async () => {
    const { one, two, breaks, opened, settled } = shares();
    const directory = await opened(one, 'd', leaseOf('one'));
    // Both in one turn: memory answers at once.
    const making = opened(two, 'd/child');
    const closing = run(closeOpen(directory));
    await Promise.all([making, closing]);
    await settled();
    assert.deepEqual(breaks, []);
  });

  it('cost a change nothing but a look while there are none', async () => {
    const { one, two, opened, stats } = shares();
    const directory = await opened(one, 'd', leaseOf('one'));
    const child = await opened(two, 'd/child');
    const resize = async (size: number): Promise<number> => {
      const before = stats();
      assert.equal(await run(setEndOfFile(child, size)), STATUS_SUCCESS);
      return stats() - before;
    };
    assert.equal(await resize(1), 1);
    await run(closeOpen(directory));
    assert.equal(one.directoryLeases.get(), undefined);
    assert.equal(await resize(2), 0);
  });

  it('are not granted on a share that has them off', async () => {
    const { one, opened } = shares({ directoryLeases: false });
    const directory = await opened(one, 'd', leaseOf('one'));
    assert.equal(directory.oplock, undefined);
    assert.equal(one.directoryLeases.get(), undefined);
  });
});

function leaseOf(leaseKey: string): OplockRequest {
  const identity = { clientGuid: 'client', leaseKey, version: 2, epoch: 0 } as const;
  return {
    caching: RH,
    lease: { ...identity, parentLeaseKey: undefined, coversDirectories: true },
  };
}

function shares(options: Partial<VolumeOptions> = {}) {
  const vfs = new MemoryVfs(makeNodeClock());
  const store = new MemoryRecordStore();
  const breaks: OplockBreak[] = [];
  let count = 0;
  const stat = vfs.stat.bind(vfs);
  vfs.stat = (...parameters) => {
    count++;
    return stat(...parameters);
  };
  const volumeOf = (id: string): Volume => {
    const env = { ...makeVirtualEnv(), clock: makeNodeClock() };
    const all = { ...DEFAULT_VOLUME_OPTIONS, ...options };
    const volume = makeVolume({ id, vfs, env, options: all, serverId: 's', store });
    volume.oplockBreaks.connect({
      indicateBreak(oplockBreak) {
        breaks.push(oplockBreak);
        return true;
      },
    });
    return volume;
  };
  const opened = async (
    volume: Volume,
    path: string,
    oplock?: OplockRequest,
  ): Promise<LocalOpen> => {
    const isDirectory = oplock !== undefined;
    const { status, open } = await run(
      openFile(volume, contextOf(ME), {
        path: path.replace('/', '\\'),
        desiredAccess: isDirectory ? FILE_GENERIC_READ : FILE_ALL_ACCESS,
        shareAccess: 7,
        createDisposition: FILE_OPEN_IF,
        createOptions: isDirectory ? FILE_DIRECTORY_FILE : 0,
        fileAttributes: 0,
        allocationSize: undefined,
        eaBuffer: undefined,
        securityDescriptor: undefined,
        timewarp: undefined,
        cancel: NEVER,
        oplock,
      }),
    );
    assert.equal(status, STATUS_SUCCESS);
    return open!;
  };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    one: volumeOf('one'),
    two: volumeOf('two'),
    breaks,
    opened,
    settled,
    stats: () => count,
  };
}
