/** Who a call acts as, where the server runs as root; whatever else runs meanwhile. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EACCES, EPERM, type Errno, failed } from '../../src/vfs/errno.ts';
import { type LocalVfs, openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { Credentials, OpenFor, VfsFile } from '../../src/vfs/vfs.ts';
import { bytes, good } from './vfs-suite.ts';

const root = process.geteuid!() === 0;
const SHARED_GROUP = 61_100;
const ROOT: Credentials = { uid: 0, gid: 0, groups: [] };
const ANNA: Credentials = { uid: 61_001, gid: 61_001, groups: [SHARED_GROUP, 61_005] };
const BERT: Credentials = { uid: 61_002, gid: 61_002, groups: [61_006] };
const SETUID = 0o4000;
const SETGID = 0o2000;

/** Real, effective, saved and file-system ids, and groups, of every thread of this process. */
function threads(): string[] {
  return readdirSync('/proc/self/task').map((task) => {
    const status = readFileSync(`/proc/self/task/${task}/status`, 'latin1');
    return (status.match(/^(Uid|Gid|Groups):.*$/gm) ?? []).join(' ').replace(/\s+/g, ' ').trim();
  });
}

describe('LocalVfs impersonation', { skip: root ? false : 'needs root' }, () => {
  let vfs: LocalVfs;
  let folder: string;
  let before_: string[];

  before(() => {
    before_ = threads();
    folder = mkdtempSync(join(tmpdir(), 'semba-vfs-'));
    chmodSync(folder, 0o777);
    // Every write goes to a thread.
    vfs = good(openLocalVfs(folder, { threadWriteSize: 1 })) as LocalVfs;
  });
  after(() => {
    vfs.close();
    rmSync(folder, { recursive: true });
  });

  const make = (who: Credentials, path: string, mode: number): VfsFile =>
    good(
      vfs.open(who, path, { access: 'readwrite', createExclusive: true, mode }) as VfsFile | Errno,
    );
  const tryOpen = (who: Credentials, path: string, access: OpenFor): number => {
    const file = vfs.open(who, path, { access });
    if (failed(file)) return file;
    file.close();
    return 0;
  };
  const modeOf = (path: string): number => statSync(join(folder, path)).mode & 0o7777;

  it('leaks nothing across an await, into threads or to the other user', async () => {
    const isOwn = new Set(before_);
    assert.equal(isOwn.size, 1, before_.join('\n'));
    const work = async (who: Credentials, other: Credentials): Promise<void> => {
      const private_ = `private-${who.uid}`;
      assert.equal(vfs.makeDirectory(who, private_, 0o700), 0);
      for (let i = 0; i < 40; i++) {
        const path = `${private_}/${i}`;
        const file = make(who, path, 0o600);
        // What the process itself does in the same turn is the process's.
        assert.deepEqual(ids(statSync(join(folder, path))), [who.uid, who.gid]);
        const own = join(folder, `process-${who.uid}-${i}`);
        writeFileSync(own, '');
        assert.deepEqual(ids(statSync(own)), [0, 0]);
        const writing = file.write([bytes('one'), bytes('two')], 0);
        assert.equal(tryOpen(other, path, 'read'), EACCES);
        assert.equal(await writing, 6);
        assert.ok(threads().every((thread) => isOwn.has(thread)));
        assert.equal(tryOpen(other, path, 'metadata'), EACCES);
        const reading = readFile(join(folder, path), 'latin1');
        assert.equal(await file.sync(false), 0);
        assert.equal(tryOpen(who, path, 'readwrite'), 0);
        assert.equal(await reading, 'onetwo');
        file.close();
        assert.equal(vfs.unlink(other, path), EACCES);
        if (i % 2 === 0) assert.equal(vfs.unlink(who, path), 0);
      }
    };
    await Promise.all([work(ANNA, BERT), work(BERT, ANNA)]);
    assert.deepEqual(
      threads().filter((thread) => !isOwn.has(thread)),
      [],
    );
  });

  it('is root again, but for groups that give it nothing, before the turn ends', async () => {
    mkdirSync(join(folder, 'turn'), { mode: 0o700 });
    chownSync(join(folder, 'turn'), ANNA.uid, ANNA.gid);
    await null;
    good(vfs.stat(ANNA, 'turn'));
    const main = `/proc/self/task/${process.pid}/status`;
    const status = readFileSync(main, 'latin1');
    assert.match(status, /^Uid:\t0\t0\t0\t0$/m);
    assert.match(status, /^Gid:\t0\t0\t0\t0$/m);
    await null;
    const own = before_[0]!.replace(/.*Groups: ?/, '');
    assert.match(readFileSync(main, 'latin1'), new RegExp(`^Groups:\\s*${own}\\s*$`, 'm'));
  });

  it('switches the group alone for root with another one', () => {
    make({ ...ROOT, gid: SHARED_GROUP }, 'of-group', 0o600).close();
    assert.deepEqual(ids(statSync(join(folder, 'of-group'))), [0, SHARED_GROUP]);
  });

  it('counts groups of the one user for the next user never', () => {
    make({ ...ROOT, gid: SHARED_GROUP }, 'for-group', 0o640).close();
    for (let i = 0; i < 3; i++) {
      assert.equal(tryOpen(ANNA, 'for-group', 'read'), 0);
      assert.equal(tryOpen(BERT, 'for-group', 'read'), EACCES);
    }
  });

  it('gives files to the user, and in a set-group-id folder to its group', () => {
    mkdirSync(join(folder, 'group'));
    chownSync(join(folder, 'group'), 0, SHARED_GROUP);
    chmodSync(join(folder, 'group'), 0o2777);
    make(BERT, 'group/file', 0o644).close();
    assert.equal(vfs.makeDirectory(BERT, 'group/folder', 0o755), 0);
    assert.deepEqual(ids(statSync(join(folder, 'group/file'))), [BERT.uid, SHARED_GROUP]);
    assert.deepEqual(ids(statSync(join(folder, 'group/folder'))), [BERT.uid, SHARED_GROUP]);
    assert.equal(modeOf('group/folder') & SETGID, SETGID);
  });

  it('lets nobody run a file as a group that is not theirs', () => {
    const file = make(BERT, 'group/tool', 0o755);
    assert.equal(file.setMode(0o2755), 0);
    assert.equal(modeOf('group/tool'), 0o755);
    file.close();
    const anna = make(ANNA, 'group/tool-2', 0o755);
    assert.equal(anna.setMode(0o2755), 0);
    assert.equal(modeOf('group/tool-2'), 0o2755);
    anna.close();
  });

  it('changes the mode of what is anothers, but never to their ids', () => {
    make(ANNA, 'lent', 0o666).close();
    chmodSync(join(folder, 'lent'), 0o666);
    for (const access of ['metadata', 'readwrite'] as const) {
      const file = good(vfs.open(BERT, 'lent', { access }) as VfsFile | Errno);
      assert.equal(file.setMode(0o4777), EPERM);
      assert.equal(file.setMode(0o666), 0);
      file.close();
    }
    assert.equal(modeOf('lent'), 0o666);
  });

  const changes: readonly [string, (file: VfsFile) => unknown][] = [
    ['a write', (file) => file.write([bytes('x')], 0)],
    ['a truncation', (file) => file.truncate(1)],
    ['an allocation', (file) => file.allocate(4096)],
    ['zeroes', (file) => file.zero(0, 1, false)],
    ['a copy', (file) => file.copyFrom(file, { from: 0, to: 4, length: 2 })],
  ];
  for (const [change, act] of changes) {
    it(`takes set-id bits away with ${change}, unless it is root's own`, async () => {
      for (const [who, kept] of [
        [BERT, 0],
        [ROOT, SETUID | SETGID],
      ] as const) {
        const path = `setid-${who.uid}-${change.replace(' ', '-')}`;
        writeFileSync(join(folder, path), 'content');
        chownSync(join(folder, path), ANNA.uid, ANNA.gid);
        chmodSync(join(folder, path), 0o6777);
        const file = good(vfs.open(who, path, { access: 'readwrite' }) as VfsFile | Errno);
        assert.equal(modeOf(path), 0o6777);
        assert.ok(Number(await act(file)) >= 0);
        file.close();
        assert.equal(modeOf(path), 0o777 | kept);
      }
    });
  }

  it('reads attributes, times, owners and lists of what was opened as the server', () => {
    make(ANNA, 'attributes', 0o644).close();
    const file = good(vfs.open(BERT, 'attributes', { access: 'metadata' }) as VfsFile | Errno);
    assert.equal(file.setXattr('user.test', bytes('value')), 0);
    assert.deepEqual(file.getXattr('user.test'), bytes('value'));
    assert.equal(file.removeXattr('user.test'), 0);
    assert.equal(file.setTimes(1_000_000_000n, 2_000_000_000n), 0);
    assert.equal(statSync(join(folder, 'attributes')).mtimeMs, 2000);
    assert.equal(file.setOwner(BERT.uid, undefined), 0);
    assert.deepEqual(ids(statSync(join(folder, 'attributes'))), [BERT.uid, ANNA.gid]);
    file.close();
  });
});

function ids(stat: { readonly uid: number; readonly gid: number }): number[] {
  return [stat.uid, stat.gid];
}
