/** Persistent opens while their store takes nothing: what clients are told holds after a crash. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STORE_RETRY_MS } from '../../src/base/limits.ts';
import {
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/erref/ntstatus.ts';
import type { FileRecord } from '../../src/fsa/file-record.ts';
import { persistentTable } from '../../src/fsa/persistent-files.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileDispositionInformation } from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
  SMB2_CREATE_REQUEST_LEASE,
} from '../../src/smb2/wire/create-context.ts';
import {
  decodeDurableResponseV2,
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { decodeLeaseContext, leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore, StoredTable } from '../../src/state/record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { CLIENT_GUID, lose, newGuid, OTHER_GUID, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, Rig, tryOpen, until } from './rig.ts';
import { VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 30_000;
const KEPT_MS = 60_000;
const FAIL = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | FAIL;
const [RH, RWH] = [3, 7];
const LEASE_KEY = 'e5'.repeat(16);

/** Takes what it gets, but for the time that it is full; then nothing. */
class FillableStore implements RecordStore {
  readonly #store = new MemoryRecordStore({ strict: true });
  isFull = false;

  table<R extends object>(name: string, version: number): StoredTable<R> {
    const table = this.#store.table<R>(name, version);
    return {
      name,
      get: (key) => table.get(key),
      update: (key, decide) => table.update(key, decide),
      watch: (key, changed) => table.watch(key, changed),
      scan: (prefix) => table.scan(prefix),
      replace: async (key, next) => {
        await Promise.resolve();
        if (this.isFull) throw new Error('no room');
        await table.replace(key, next);
      },
      replaceSoon: (key, next) => {
        if (this.isFull) throw new Error('no room');
        return table.replace(key, next);
      },
    };
  }

  async records(): Promise<readonly FileRecord[]> {
    return [...(await persistentTable(this).scan(''))].map(([, record]) => record);
  }

  /** As a crash leaves it to the next server. */
  async copy(): Promise<FillableStore> {
    const copy = new FillableStore();
    for (const [key, record] of await persistentTable(this).scan('')) {
      await persistentTable(copy).replace(key, record);
    }
    return copy;
  }

  close(): void {
    this.#store.close();
  }
}

/** A server, and what it has stored; `crash` is the end of one and the start of another. */
class Setting {
  store: FillableStore = new FillableStore();
  readonly #vfs = new MemoryVfs(new VirtualTime());
  #rig: Rig | undefined;
  #started = 0;

  get rig(): Rig {
    return this.#rig!;
  }

  async start(): Promise<void> {
    this.#rig = await Rig.start({
      shares: [{ name: 'share', vfs: this.#vfs, continuousAvailability: true }],
      persistentStore: this.store,
      serverId: `rig${this.#started++}`,
      expectedErrors: /^persistent opens cannot be stored/,
    });
  }

  async crash(): Promise<void> {
    const left = await this.store.copy();
    await this.rig.leave();
    this.store = left;
    await this.start();
  }

  /** The store has room again, and some time passes. */
  async makeRoom(): Promise<void> {
    this.store.isFull = false;
    this.rig.time.advance(STORE_RETRY_MS);
    await until(() => this.rig.logged.some((line) => line.includes('can be stored again')));
  }

  async stored(): Promise<FileRecord | undefined> {
    const records = await this.store.records();
    assert.ok(records.length <= 1);
    return records[0];
  }
}

async function withSetting(body: (setting: Setting) => Promise<void>): Promise<void> {
  const setting = new Setting();
  await setting.start();
  try {
    await body(setting);
  } finally {
    await setting.rig.leave();
  }
}

interface Kept {
  readonly open: ClientOpen;
  readonly createGuid: string;
}

interface Asked {
  readonly name?: string;
  /** Of a lease of version 2, with LEASE_KEY. */
  readonly leaseState?: number;
}

async function openKept(tree: ClientTree, asked: Asked = {}): Promise<Kept> {
  const { name = 'file', leaseState } = asked;
  const createGuid = newGuid();
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const open = await openFile(tree, {
    name,
    ...leased([durableRequestV2Context({ timeoutMs: KEPT_MS, flags, createGuid })], leaseState),
  });
  return { open, createGuid };
}

function leased(
  contexts: readonly CreateContext[],
  leaseState: number | undefined,
): { readonly contexts: readonly CreateContext[]; readonly requestedOplockLevel: number } {
  if (leaseState === undefined) return { contexts, requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE };
  const asked = { leaseState, leaseFlags: 0, parentLeaseKey: undefined, epoch: 1 };
  const lease = leaseContext({ version: 2, leaseKey: LEASE_KEY, ...asked });
  return { contexts: [...contexts, lease], requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE };
}

function isPersistent({ open }: Kept): boolean {
  const data = findCreateContext(open.response.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
  const flags = data === undefined ? 0 : (decodeDurableResponseV2(data)?.flags ?? 0);
  return flags === SMB2_DHANDLE_FLAG_PERSISTENT;
}

function leaseStateOf(open: ClientOpen): number | undefined {
  const data = findCreateContext(open.response.contexts, SMB2_CREATE_REQUEST_LEASE);
  return data && decodeLeaseContext(data)?.leaseState;
}

/** The client is back for its open; the status when there is none. */
async function giveBack(
  rig: Rig,
  { open, createGuid }: Kept,
  leaseState?: number,
): Promise<{ readonly status: number; readonly open: ClientOpen | undefined }> {
  const { fileId } = open;
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const context = durableReconnectV2Context({ fileId, createGuid, flags });
  const tree = await treeOfClient(rig);
  return await tryOpen(tree, { name: 'file', ...leased([context], leaseState) });
}

async function mustGiveBack(rig: Rig, kept: Kept, leaseState?: number): Promise<Kept> {
  const { status, open } = await giveBack(rig, kept, leaseState);
  assertStatus(status, 0, 'reconnect');
  return { ...kept, open: open! };
}

function range(
  flags: number,
  offset: bigint = 0n,
): {
  readonly offset: bigint;
  readonly length: bigint;
  readonly flags: number;
} {
  return { offset, length: 10n, flags };
}

async function dispose({ open }: Kept, isDeleted: boolean): Promise<number> {
  const buffer = Uint8Array.of(Number(isDeleted));
  return (await open.setInfo({ fileInfoClass: FileDispositionInformation, buffer })).status;
}

describe('a persistent open whose store takes nothing', { timeout: TIMEOUT_MS }, () => {
  it('gets no lock, and nor does the store once it has room', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      assert.ok(isPersistent(kept));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      setting.store.isFull = true;
      const refused = await kept.open.lock([range(EXCLUSIVE, 100n), range(EXCLUSIVE, 200n)]);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      const other = await openFile(await setting.rig.tree(), { name: 'file' });
      assertStatus((await other.lock([range(EXCLUSIVE, 100n)])).status, 0, 'nobody has it');
      assertStatus((await other.lock([range(EXCLUSIVE)])).status, STATUS_LOCK_NOT_GRANTED);
      await setting.makeRoom();
      assert.deepEqual(
        (await setting.stored())?.locks.map(({ offset }) => offset),
        [0n],
      );
      assertStatus((await kept.open.lock([range(EXCLUSIVE, 200n)])).status, 0);
      assert.equal((await setting.stored())?.locks.length, 2);
    }));

  it('takes back no more than the lock that was refused', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      setting.store.isFull = true;
      const refused = await kept.open.lock([range(SMB2_LOCKFLAG_SHARED_LOCK | FAIL)]);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      await setting.makeRoom();
      const locks = (await setting.stored())?.locks ?? [];
      assert.deepEqual(
        locks.map(({ exclusive }) => exclusive),
        [true],
      );
    }));

  it('asks again for the refused lock with its sequence, and gets it then', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      const sequence = { sequence: { lockSequenceIndex: 1, lockSequenceNumber: 3 } };
      setting.store.isFull = true;
      const refused = await kept.open.lock([range(EXCLUSIVE)], sequence);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      await setting.makeRoom();
      await setting.crash();
      const { open } = await mustGiveBack(setting.rig, kept);
      assert.equal((await setting.stored())?.locks.length, 0);
      assertStatus((await open.lock([range(EXCLUSIVE)], sequence)).status, 0);
      assert.equal((await setting.stored())?.locks.length, 1, 'it was no replay');
    }));

  it('gives locks up, which after a crash are there until they are given up once more', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      setting.store.isFull = true;
      assertStatus((await kept.open.lock([range(SMB2_LOCKFLAG_UNLOCK)])).status, 0);
      const other = await openFile(await setting.rig.tree(), { name: 'file' });
      assertStatus((await other.lock([range(EXCLUSIVE)])).status, 0);
      await setting.crash();
      const { open } = await mustGiveBack(setting.rig, kept);
      assert.equal((await setting.stored())?.locks.length, 1);
      assertStatus((await open.lock([range(SMB2_LOCKFLAG_UNLOCK)])).status, 0);
      assert.equal((await setting.stored())?.locks.length, 0);
    }));

  for (const isDeleted of [true, false]) {
    it(`keeps its file ${isDeleted ? 'undeleted' : 'to be deleted'} when told otherwise`, () =>
      withSetting(async (setting) => {
        const kept = await openKept(await treeOfClient(setting.rig));
        if (!isDeleted) assertStatus(await dispose(kept, true), 0);
        setting.store.isFull = true;
        assertStatus(await dispose(kept, isDeleted), STATUS_INSUFFICIENT_RESOURCES);
        await setting.crash();
        const { open } = await mustGiveBack(setting.rig, kept);
        assertStatus((await open.close()).status, 0);
        const again = await tryOpen(await setting.rig.tree(), {
          name: 'file',
          createDisposition: FILE_OPEN,
        });
        assertStatus(again.status, isDeleted ? 0 : STATUS_OBJECT_NAME_NOT_FOUND);
      }));
  }

  it('closes; after a crash the file waits for nobody, until the time of the open is over', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      setting.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      const meanwhile = await openFile(await setting.rig.tree(), { name: 'file' });
      assertStatus((await meanwhile.close()).status, 0);
      await setting.crash();
      const tree = await setting.rig.tree();
      const { status } = await tryOpen(tree, { name: 'file' });
      assertStatus(status, STATUS_FILE_NOT_AVAILABLE);
      setting.rig.time.advance(KEPT_MS);
      await until(() => setting.rig.engine.counts().opens === 0);
      await openFile(tree, { name: 'file' });
      await until(() => setting.rig.engine.durableOpens.persistentCount === 0);
      assert.equal(await setting.stored(), undefined);
    }));

  it('closes, and the store forgets it once it has room', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      setting.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      assert.ok((await setting.stored()) !== undefined);
      await setting.makeRoom();
      assert.equal(await setting.stored(), undefined);
    }));

  it('is forgotten, closed, by a server that ends when there is room again', () =>
    withSetting(async (setting) => {
      const kept = await openKept(await treeOfClient(setting.rig));
      setting.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      setting.store.isFull = false;
      await setting.rig.leave();
      assert.equal(await setting.stored(), undefined);
      await setting.start();
    }));

  it('is given back, and is still there after a crash', () =>
    withSetting(async (setting) => {
      const tree = await treeOfClient(setting.rig);
      const kept = await openKept(tree);
      setting.store.isFull = true;
      await lose(setting.rig, tree);
      const again = await mustGiveBack(setting.rig, kept);
      assert.ok((await again.open.write({ offset: 0, data: Buffer.from('here') })).status === 0);
      await setting.crash();
      const { open } = await mustGiveBack(setting.rig, again);
      assertStatus((await open.close()).status, 0);
    }));

  it('is broken for a client that is promised nothing, and whole again after a crash', () =>
    withSetting(async (setting) => {
      const breaks: number[] = [];
      const connection = await setting.rig.connect(
        { clientGuid: CLIENT_GUID },
        { onBreak: (one) => one.kind === 'lease' && breaks.push(one.notification.newLeaseState) },
      );
      const tree = await setting.rig.tree(await setting.rig.logOn(connection));
      const kept = await openKept(tree, { leaseState: RWH });
      assert.equal(leaseStateOf(kept.open), RWH);
      setting.store.isFull = true;
      const waiting = openKept(await treeOfClient(setting.rig, OTHER_GUID));
      await until(() => breaks.length > 0);
      assert.deepEqual(breaks, [RH]);
      const ack = await tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState: RH });
      assertStatus(ack.status, 0);
      assert.equal(isPersistent(await waiting), false);
      await setting.crash();
      const { open } = await mustGiveBack(setting.rig, kept, RWH);
      assert.equal(leaseStateOf(open), RWH, 'the second client is gone with the server');
    }));

  it('tells of the lease that the store has, when the one that was raised is lost', () =>
    withSetting(async (setting) => {
      const tree = await treeOfClient(setting.rig);
      const kept = await openKept(tree, { leaseState: RH });
      assert.equal(leaseStateOf(kept.open), RH);
      setting.store.isFull = true;
      const raised = await openKept(tree, { leaseState: RWH });
      assert.equal(isPersistent(raised), false);
      assert.equal(leaseStateOf(raised.open), RWH);
      await setting.crash();
      const { open } = await mustGiveBack(setting.rig, kept, RWH);
      assert.equal(leaseStateOf(open), RH);
    }));
});
