/** Byte-range locks of clients and of local processes. Real files, real fcntl locks. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import * as nt from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { lockRanges, unlockRanges } from '../../src/fsa/lock.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import type { CancelSignal, LockRange } from '../../src/fsa/surface.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { EAGAIN, failed } from '../../src/vfs/errno.ts';
import type { LocalFile } from '../../src/vfs/local/local-file.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { contextOf } from './fsa-suite.ts';

const ME = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };

describe('[MS-FSA] 2.1.5.8 Server Requests a Byte-Range Lock, beside local processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'semba-locks-'));
  writeFileSync(join(folder, 'f'), 'content');
  const vfs = openLocalVfs(folder);
  assert.ok(!failed(vfs));
  const env = makeVirtualEnv();
  const volume = makeVolume({
    id: 'v',
    vfs,
    env: { ...env, clock: makeNodeClock() },
    options: { ...DEFAULT_VOLUME_OPTIONS, posixLocks: true },
    serverId: 's',
    store: new MemoryRecordStore(),
  });
  const opens: LocalOpen[] = [];
  const locals: LocalFile[] = [];
  after(() => {
    vfs.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const open of opens.splice(0)) await run(closeOpen(open));
    for (const file of locals.splice(0)) file.close();
  });

  async function client(desiredAccess = FILE_READ_DATA | FILE_WRITE_DATA): Promise<LocalOpen> {
    const outcome = await run(
      openFile(volume, contextOf(ME), {
        path: 'f',
        desiredAccess,
        fileAttributes: 0,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
        createOptions: 0,
        allocationSize: undefined,
        eaBuffer: undefined,
        securityDescriptor: undefined,
        timewarp: undefined,
        cancel: NEVER,
      }),
    );
    assert.ok(outcome.open !== undefined);
    opens.push(outcome.open);
    return outcome.open;
  }

  /** An open file of its own, as another process has it: its locks and the server's conflict. */
  function local(): LocalFile {
    const file = (vfs as Exclude<typeof vfs, number>).open(ME, 'f', { access: 'readwrite' });
    assert.ok(!failed(file));
    locals.push(file);
    return file;
  }

  const range = (offset: number, length: number, exclusive = true): LockRange => ({
    offset: BigInt(offset),
    length: BigInt(length),
    exclusive,
  });

  async function lock(open: LocalOpen, ...ranges: LockRange[]): Promise<string> {
    const options = { failImmediately: true, cancel: NEVER };
    return nt.statusName(await run(lockRanges(open, ranges, options)));
  }

  it('keeps local processes out of what a client locked, until it unlocks or closes', async () => {
    const open = await client();
    const other = local();
    assert.equal(await lock(open, range(10, 10), range(30, 10, false)), 'STATUS_SUCCESS');
    assert.equal(other.setPosixLock('shared', 15n, 1n), EAGAIN);
    assert.equal(other.setPosixLock('exclusive', 30n, 1n), EAGAIN);
    assert.equal(other.setPosixLock('shared', 30n, 1n), 0);
    assert.equal(other.setPosixLock('exclusive', 20n, 10n), 0);
    assert.equal(await run(unlockRanges(open, [range(10, 10)])), 0);
    assert.equal(other.setPosixLock('exclusive', 10n, 10n), 0);
    opens.length = 0;
    await run(closeOpen(open));
    assert.equal(other.setPosixLock('exclusive', 0n, 0n), 0);
  });

  it('keeps clients out of what a local process locked, and takes nothing of a list', async () => {
    const other = local();
    const third = local();
    assert.equal(other.setPosixLock('shared', 10n, 10n), 0);
    const open = await client();
    assert.equal(await lock(open, range(0, 5), range(15, 1)), 'STATUS_LOCK_NOT_GRANTED');
    assert.equal(third.setPosixLock('exclusive', 0n, 5n), 0);
    assert.equal(await lock(open, range(15, 1, false)), 'STATUS_SUCCESS');
  });

  it('keeps the exclusive half of stacked locks when the shared one goes', async () => {
    const open = await client();
    const other = local();
    assert.equal(await lock(open, range(0, 10)), 'STATUS_SUCCESS');
    assert.equal(await lock(open, range(5, 10, false)), 'STATUS_SUCCESS');
    assert.equal(other.setPosixLock('shared', 5n, 1n), EAGAIN);
    assert.equal(other.setPosixLock('shared', 12n, 1n), 0);
    assert.equal(other.setPosixLock('none', 0n, 0n), 0);
    assert.equal(await run(unlockRanges(open, [range(0, 10)])), 0);
    assert.equal(other.setPosixLock('shared', 5n, 1n), 0);
    assert.equal(other.setPosixLock('exclusive', 5n, 1n), EAGAIN);
  });

  it('locks what an open may that cannot write, and what POSIX cannot say', async () => {
    const open = await client(FILE_READ_DATA);
    const other = local();
    assert.equal(await lock(open, range(0, 10)), 'STATUS_SUCCESS');
    assert.equal(other.setPosixLock('exclusive', 0n, 1n), EAGAIN);
    const beyond = { offset: (1n << 64n) - 10n, length: 10n, exclusive: true };
    assert.equal(await lock(open, beyond, range(50, 0)), 'STATUS_SUCCESS');
  });

  it('wakes who waits when the local lock goes', async () => {
    const other = local();
    assert.equal(other.setPosixLock('exclusive', 0n, 10n), 0);
    const open = await client();
    const waiting = run(
      lockRanges(open, [range(0, 1)], { failImmediately: false, cancel: NEVER }),
    ) as Promise<nt.NtStatus>;
    env.timers.advance(20);
    assert.equal(other.setPosixLock('none', 0n, 10n), 0);
    for (let turn = 0; turn < 4; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      env.timers.advance(40);
    }
    assert.equal(nt.statusName(await waiting), 'STATUS_SUCCESS');
    assert.equal(env.timers.pending, 0);
  });
});
