/** What another process makes is judged by the descriptor that it gets, however short before. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isPromise, type MaybePromise, run } from '../../src/base/task.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  READ_CONTROL,
} from '../../src/dtyp/access-mask.ts';
import { CONTAINER_INHERIT_ACE, OBJECT_INHERIT_ACE } from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  parseSecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { SID_EVERYONE, unixUserSid } from '../../src/dtyp/sid.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { renameFile } from '../../src/fsa/rename.ts';
import { querySecurity, setSecurity } from '../../src/fsa/security.ts';
import { sweepProcesses } from '../../src/fsa/sweep-process.ts';
import type { Volume, VolumeOptions } from '../../src/fsa/volume.ts';
import type { VolumePeers } from '../../src/fsa/volume-peers.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/fscc/create-parameters.ts';
import { sha256 } from '../../src/smb2/crypto/sha256.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { ENOSPC, failed } from '../../src/vfs/errno.ts';
import type { Vfs, VfsFile } from '../../src/vfs/vfs.ts';
import type { VirtualTime } from '../faults/virtual-env.ts';
import {
  ANNA,
  type Asked,
  allow,
  BEN,
  contextOf,
  dacl,
  ME,
  names,
  overStorages,
  type SecurityRig,
  tryOpen,
} from './security-rig.ts';

const NO_PEERS: VolumePeers = { tell() {}, settled: async () => {} };
const NTACL = 'user.NTACL';
const anna = contextOf(ANNA);
const ben = contextOf(BEN);
/** As the tests run POSIX owners may do everything: only descriptors keep Ben out. */
const ANNAS_ALONE = dacl(
  allow(ANNA, FILE_ALL_ACCESS, CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE),
  allow(BEN, FILE_GENERIC_READ),
);
const FILE = { path: 'd/new', disposition: FILE_CREATE, access: FILE_ALL_ACCESS };
const FOLDER = { ...FILE, options: FILE_DIRECTORY_FILE };

/** The same store, with files that go through `change`. */
function withFiles(vfs: Vfs, change: (file: VfsFile) => void): Vfs {
  return new Proxy(vfs, {
    get(target, key) {
      if (key !== 'open') {
        const member = Reflect.get(target, key) as unknown;
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return (...args: Parameters<Vfs['open']>) => {
        const file = target.open(...args);
        assert.ok(!isPromise(file));
        if (!failed(file)) change(file);
        return file;
      };
    },
  });
}

/** Two processes with one store; the maker stops before it stores a descriptor. */
class Makers {
  readonly store = new MemoryRecordStore({ strict: true });
  readonly maker: Volume;
  readonly other: Volume;
  readonly #rig: SecurityRig;
  readonly #stopped: (() => void)[] = [];
  #made: Promise<unknown> | undefined;
  isStopping = false;

  constructor(rig: SecurityRig, options: Partial<VolumeOptions> = {}) {
    this.#rig = rig;
    const vfs = withFiles(rig.vfs, (file) => this.#stopAt(file));
    this.maker = this.volume('a', options, vfs);
    this.other = this.volume('b', options, rig.vfs);
  }

  volume(serverId: string, options: Partial<VolumeOptions>, vfs: Vfs): Volume {
    const { store } = this;
    return this.#rig.volumeWith(options, sha256, { serverId, store, vfs, peers: NO_PEERS });
  }

  #stopAt(file: VfsFile): void {
    const setXattr = file.setXattr.bind(file);
    Object.assign(file, {
      setXattr: (name: string, value: Uint8Array) => {
        if (!this.isStopping || name !== NTACL) return setXattr(name, value);
        return new Promise<void>((resolve) => this.#stopped.push(resolve)).then(() =>
          setXattr(name, value),
        );
      },
    });
  }

  /** The folder that hands down that all is Anna's. */
  async makeFolder(): Promise<void> {
    const asked = { ...FOLDER, path: 'd', descriptor: ANNAS_ALONE };
    await run(closeOpen(await this.#rig.opened(this.maker, anna, asked)));
    this.isStopping = true;
  }

  /** Begins to make what is asked for, as far as to where it stops. */
  async begin(asked: Asked): Promise<void> {
    if (!this.isStopping) await this.makeFolder();
    this.#made = this.#rig.opened(this.maker, anna, asked);
    await turns();
    assert.equal(this.#stopped.length, 1);
  }

  /** Lets the maker go on to its end. */
  async goOn(): Promise<void> {
    for (const resolve of this.#stopped.splice(0)) resolve();
    await this.#made;
  }

  /** What `asking` comes to, which waits for what is being made. */
  async afterwards<T>(asked: MaybePromise<T>): Promise<T> {
    const asking = Promise.resolve(asked);
    let isAnswered = false;
    void asking.then(() => {
      isAnswered = true;
    });
    await turns();
    assert.equal(isAnswered, false);
    await this.goOn();
    return await asking;
  }

  get record(): object | undefined {
    return this.store.table<object>('making', 1).get('all') as object | undefined;
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** The DACL that the other process reads. */
async function daclThere(open: LocalOpen): Promise<unknown> {
  const { descriptor } = await run(querySecurity(open, DACL_SECURITY_INFORMATION));
  return parseSecurityDescriptor(descriptor!)?.dacl?.aces;
}

overStorages('what another process makes', (rig) => {
  for (const [what, asked, flags] of [
    ['a file', FILE, 0],
    ['a folder', FOLDER, CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE],
  ] as const) {
    it(`${what} is opened with the rights that it hands out in the end`, async () => {
      const both = new Makers(rig());
      await both.begin(asked);
      const access = FILE_READ_DATA;
      const opening = tryOpen(both.other, ben, { path: 'd/new', access });
      const { status } = await both.afterwards(opening);
      assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
      const opened = await rig().opened(both.other, anna, { path: 'd/new', access: READ_CONTROL });
      assert.deepEqual(await daclThere(opened), [allow(ANNA, FILE_ALL_ACCESS, flags)]);
      assert.equal(both.record, undefined);
    });
  }

  it('is no other through a link', async () => {
    const both = new Makers(rig());
    await rig().vfs.makeSymlink(ME, 'link', 'd/new');
    await both.begin(FILE);
    const opening = tryOpen(both.other, ben, { path: 'link', access: FILE_READ_DATA });
    const { status } = await both.afterwards(opening);
    assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
  });

  it('lets nobody in who could delete it, or make something in it, a moment earlier', async () => {
    const both = new Makers(rig());
    await both.begin(FOLDER);
    const opening = tryOpen(both.other, ben, { ...FILE, path: 'd/new/file' });
    const { status } = await both.afterwards(opening);
    assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
    const deleting = await tryOpen(both.other, ben, { path: 'd/new', access: DELETE });
    assert.equal(statusName(deleting.status), 'STATUS_ACCESS_DENIED');
  });

  it('shows its security to who may see it as it is in the end', async () => {
    const both = new Makers(rig());
    await both.begin(FILE);
    const opening = rig().opened(both.other, anna, { path: 'd/new', access: READ_CONTROL });
    const aces = await daclThere(await both.afterwards(opening));
    assert.deepEqual(aces, [allow(ANNA, FILE_ALL_ACCESS)]);
  });

  it('is listed for who may read it', async () => {
    const both = new Makers(rig(), { accessBasedEnumeration: true });
    await both.makeFolder();
    const asked = { path: 'd', access: FILE_GENERIC_READ, options: FILE_DIRECTORY_FILE };
    const directory = await rig().opened(both.other, ben, asked);
    await both.begin(FILE);
    assert.deepEqual(await both.afterwards(names(directory)), ['.', '..']);
    const own = await rig().opened(both.other, anna, asked);
    assert.deepEqual(await names(own), ['.', '..', 'new']);
  });

  it('is in the way of a rename as it is in the end', async () => {
    const both = new Makers(rig());
    const asked = { ...FILE, path: 'other', access: FILE_ALL_ACCESS };
    const file = await rig().opened(both.other, anna, asked);
    await both.begin(FILE);
    const target = { newName: 'd\\new', replaceIfExists: true };
    const status = await both.afterwards(run(renameFile(file, target)));
    assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
  });

  it('keeps others waiting for half a minute at the most', async () => {
    const both = new Makers(rig());
    await both.begin(FILE);
    const opening = tryOpen(both.other, anna, { path: 'd/new', access: FILE_READ_DATA });
    await turns();
    (both.other.env.timers as VirtualTime).advance(30_000);
    assert.equal(statusName((await opening).status), 'STATUS_SHARING_VIOLATION');
    await both.goOn();
  });

  it('keeps nobody waiting for what has a descriptor', async () => {
    const both = new Makers(rig());
    await both.makeFolder();
    both.isStopping = false;
    await rig().opened(both.maker, anna, { ...FILE, path: 'd/made' });
    both.isStopping = true;
    await both.begin(FILE);
    await rig().opened(both.other, anna, { path: 'd/made', access: FILE_READ_DATA });
    const opening = tryOpen(both.other, ben, { path: 'd/made', access: FILE_READ_DATA });
    assert.equal(statusName((await opening).status), 'STATUS_ACCESS_DENIED');
    await both.goOn();
  });

  it('keeps nobody waiting once its maker is gone', async () => {
    const both = new Makers(rig());
    await both.begin(FILE);
    const opening = tryOpen(both.other, anna, { path: 'd/new', access: FILE_READ_DATA });
    await turns();
    await sweepProcesses(both.store, { gone: new Set(['a']), staying: new Set() });
    assert.equal(both.record, undefined);
    const { status } = await Promise.resolve(opening);
    assert.notEqual(statusName(status), 'STATUS_SHARING_VIOLATION');
    await both.goOn();
  });

  it('is no longer entered when making it failed', async () => {
    const both = new Makers(rig());
    await both.makeFolder();
    both.isStopping = false;
    const vfs = withFiles(rig().vfs, (file) => Object.assign(file, { setXattr: () => ENOSPC }));
    const full = both.volume('c', {}, vfs);
    const { status } = await tryOpen(full, anna, FILE);
    assert.equal(statusName(status), 'STATUS_DISK_FULL');
    assert.equal(both.record, undefined);
    await rig().opened(both.other, anna, FILE);
  });

  it('is not entered where no descriptor is handed down', async () => {
    const both = new Makers(rig());
    const table = both.store.table<object>('making', 1);
    let changes = 0;
    table.watch('all', () => changes++);
    await rig().opened(both.maker, anna, { ...FILE, path: 'plain' });
    assert.equal(changes, 0);
    await both.makeFolder();
    assert.equal(changes, 2);
  });

  it('goes with its mode when both change while it is looked at', async () => {
    const both = new Makers(rig());
    await both.makeFolder();
    both.isStopping = false;
    const made = await rig().opened(both.maker, anna, FILE);
    let isFirst = true;
    const later = withFiles(rig().vfs, (file) => {
      const getXattr = file.getXattr.bind(file);
      const change = async (): Promise<void> => {
        await made.file.setMode(0o664);
        const alone = securityDescriptorBytes(dacl(allow(ANNA, FILE_ALL_ACCESS)));
        await run(setSecurity(made, DACL_SECURITY_INFORMATION, alone));
      };
      Object.assign(file, {
        getXattr: async (name: string) => {
          if (name === NTACL && isFirst) {
            isFirst = false;
            await change();
          }
          return getXattr(name);
        },
      });
    });
    const other = both.volume('c', {}, later);
    const { status } = await tryOpen(other, ben, { path: 'd/new', access: FILE_READ_DATA });
    assert.equal(isFirst, false);
    assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
  });

  it('has no mode bits for others before those that its list stands for', async () => {
    const both = new Makers(rig());
    const modes: number[] = [];
    const modeOf = (file: VfsFile): number => {
      const stat = file.stat();
      assert.ok(!isPromise(stat) && !failed(stat));
      return stat.mode & 0o777;
    };
    const vfs = withFiles(rig().vfs, (file) => modes.push(modeOf(file)));
    const volume = both.volume('c', { access: 'posix' }, vfs);
    const owner = allow(unixUserSid(ME.uid), FILE_ALL_ACCESS);
    const descriptor = dacl(owner, allow(SID_EVERYONE, FILE_GENERIC_READ));
    for (const [asked, first] of [
      [{ ...FILE, path: 'new' }, 0o600],
      [{ ...FOLDER, path: 'folder' }, 0o700],
    ] as const) {
      const made = await rig().opened(volume, anna, { ...asked, descriptor });
      assert.equal(modes.at(-1), first);
      assert.equal(modeOf(made.file), 0o744);
    }
    assert.equal(both.record, undefined);
  });
});
