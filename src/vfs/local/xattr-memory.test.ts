import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XATTR_MEMORY_FILES } from '../../base/limits.ts';
import { FILE_TIME_OF_1970 } from '../../dtyp/file-time.ts';
import { EACCES, EIO, ENODATA } from '../errno.ts';
import type { FileStat } from '../vfs.ts';
import { BTRFS_SUPER_MAGIC, EXT_SUPER_MAGIC, RAMFS_MAGIC, TMPFS_MAGIC } from './linux.ts';
import { EntryXattrs, movesChangeTime, XattrMemory } from './xattr-memory.ts';

const NS = 1_000_000_000n;
const NAME = 'user.x';
const VALUE = Uint8Array.of(1, 2, 3);
const clock = { fileTime: () => FILE_TIME_OF_1970 + 100n * 10_000_000n, monotonicMs: () => 0 };

/** Of a clock that stands at 100 s. */
function stat(inode: bigint, changedAtS: bigint, device = 7n): FileStat {
  const times = { accessTimeNs: 0n, modifyTimeNs: 0n, birthTimeNs: 0n };
  const sizes = { size: 0, allocated: 0, links: 1, mode: 0o644, uid: 0, gid: 0 };
  return { type: 'file', device, inode, ...sizes, ...times, changeTimeNs: changedAtS * NS };
}

function remembering(isFine = false): XattrMemory {
  return new XattrMemory({ clock, device: 7n, isFine });
}

describe('XattrMemory', () => {
  it('knows what was read at the same change time, and what is not there', () => {
    const memory = remembering();
    assert.equal(memory.find(NAME, stat(1n, 90n)), undefined);
    memory.keep(NAME, stat(1n, 90n), VALUE);
    memory.keep(NAME, stat(2n, 90n), ENODATA);
    assert.equal(memory.find(NAME, stat(1n, 90n)), VALUE);
    assert.equal(memory.find(NAME, stat(2n, 90n)), ENODATA);
    assert.equal(memory.find('user.y', stat(1n, 90n)), undefined);
  });

  it('knows nothing of a file that changed, or of another file system', () => {
    const memory = remembering();
    memory.keep(NAME, stat(1n, 90n), VALUE);
    assert.equal(memory.find(NAME, stat(1n, 91n)), undefined);
    assert.equal(memory.find(NAME, stat(1n, 90n, 8n)), undefined);
    memory.keep(NAME, stat(1n, 90n, 8n), ENODATA);
    assert.equal(memory.find(NAME, stat(1n, 90n)), VALUE);
  });

  it('keeps nothing of a file that may change again within the same tick', () => {
    const memory = remembering();
    for (const changedAtS of [98n, 99n, 100n, 101n]) {
      memory.keep(NAME, stat(1n, changedAtS), VALUE);
      assert.equal(memory.find(NAME, stat(1n, changedAtS)), undefined);
    }
  });

  it('keeps what just changed where every change has a time of its own', () => {
    const memory = remembering(true);
    const fine = { ...stat(1n, 99n), changeTimeNs: 99n * NS + 1n };
    memory.keep(NAME, fine, VALUE);
    assert.equal(memory.find(NAME, fine), VALUE);
    memory.keep(NAME, stat(2n, 99n), VALUE);
    assert.equal(memory.find(NAME, stat(2n, 99n)), undefined);
  });

  it('keeps no failure and no large value', () => {
    const memory = remembering();
    for (const value of [EACCES, EIO, new Uint8Array(1025)]) {
      memory.keep(NAME, stat(1n, 90n), value);
      assert.equal(memory.find(NAME, stat(1n, 90n)), undefined);
    }
  });

  it('forgets what is changed here, or all of an attribute', () => {
    const memory = remembering();
    for (const inode of [1n, 2n]) memory.keep(NAME, stat(inode, 90n), VALUE);
    memory.forget(NAME, 1n);
    assert.equal(memory.find(NAME, stat(1n, 90n)), undefined);
    assert.equal(memory.find(NAME, stat(2n, 90n)), VALUE);
    memory.forget(NAME, undefined);
    assert.equal(memory.find(NAME, stat(2n, 90n)), undefined);
  });

  it('keeps what is asked for, and lets the rest go beyond its size', () => {
    const memory = remembering();
    for (let i = 0n; i < 3n * BigInt(XATTR_MEMORY_FILES); i++) {
      memory.keep(NAME, stat(i, 90n), VALUE);
      assert.equal(memory.find(NAME, stat(0n, 90n)), VALUE);
    }
    assert.equal(memory.find(NAME, stat(1n, 90n)), undefined);
  });
});

describe('EntryXattrs', () => {
  function read(directories: readonly [FileStat, FileStat | typeof EIO]): XattrMemory {
    const memory = remembering();
    const entries = new EntryXattrs(memory);
    entries.add(NAME, stat(1n, 90n), VALUE);
    entries.look(directories[0]);
    entries.add(NAME, stat(2n, 90n), VALUE);
    entries.look(directories[1]);
    return memory;
  }

  it('keeps what was read between two looks at a directory that did not change', () => {
    const memory = read([stat(9n, 80n), stat(9n, 80n)]);
    assert.equal(memory.find(NAME, stat(1n, 90n)), undefined);
    assert.equal(memory.find(NAME, stat(2n, 90n)), VALUE);
  });

  it('keeps nothing where another file may have been put under a name', () => {
    const changed = [stat(9n, 80n), stat(9n, 99n)] as const;
    const maybe = [stat(9n, 99n), stat(9n, 99n)] as const;
    for (const directories of [changed, maybe, [stat(9n, 80n), EIO] as const]) {
      assert.equal(read(directories).find(NAME, stat(2n, 90n)), undefined);
    }
  });
});

describe('movesChangeTime', () => {
  it('is true of the file systems that are known to', () => {
    for (const type of [EXT_SUPER_MAGIC, BTRFS_SUPER_MAGIC]) {
      assert.equal(movesChangeTime(type, false), true);
    }
    assert.deepEqual(
      [movesChangeTime(TMPFS_MAGIC, false), movesChangeTime(TMPFS_MAGIC, true)],
      [false, true],
    );
    assert.equal(movesChangeTime(RAMFS_MAGIC, true), false);
  });
});
