/**
 * A server with one continuously available share, which ends and starts again: in order, or by a
 * crash, of which its stores tell no more than what was in them.
 */
import assert from 'node:assert/strict';
import { STORE_RETRY_MS } from '../../src/base/limits.ts';
import type { FileRecord } from '../../src/fsa/file-record.ts';
import { persistentTable } from '../../src/fsa/persistent-files.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
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
import { newGuid, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, Rig, tryOpen, until } from './rig.ts';
import { VirtualTime } from './virtual-env.ts';

/** Milliseconds for which the server keeps what `openKept` opens. */
export const KEPT_MS = 60_000;
export const LEASE_KEY: string = 'e5'.repeat(16);

/** Takes what it gets, but for the time that it is full; then nothing. */
export class FillableStore implements RecordStore {
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

/** The server that runs, and what it has stored. */
export class Restarts {
  store: FillableStore = new FillableStore();
  readonly #share: Pick<ShareOptions, 'path' | 'vfs'>;
  #rig: Rig | undefined;
  #started = 0;

  constructor(share: Pick<ShareOptions, 'path' | 'vfs'>) {
    this.#share = share;
  }

  get rig(): Rig {
    return this.#rig!;
  }

  async start(): Promise<void> {
    this.#rig = await Rig.start({
      shares: [{ name: 'share', ...this.#share, continuousAvailability: true }],
      persistentStore: this.store,
      serverId: `rig${this.#started++}`,
      expectedErrors: /^persistent opens cannot be stored/,
    });
  }

  /** Ends in order and starts again; `meanwhile` it does not run. */
  async restart(meanwhile: () => void = () => {}): Promise<void> {
    await this.rig.leave();
    meanwhile();
    await this.start();
  }

  /** As `restart`, but what stands in the store is what stood there before. */
  async crash(meanwhile: () => void = () => {}): Promise<void> {
    const left = await this.store.copy();
    await this.rig.leave();
    this.store = left;
    meanwhile();
    await this.start();
  }

  /** The store has room again, and some time passes. */
  async makeRoom(): Promise<void> {
    this.store.isFull = false;
    this.rig.time.advance(STORE_RETRY_MS);
    await until(() => this.rig.logged.some((line) => line.includes('can be stored again')));
  }

  /** The only record. */
  async stored(): Promise<FileRecord | undefined> {
    const records = await this.store.records();
    assert.ok(records.length <= 1);
    return records[0];
  }
}

/** Default: a share in memory. */
export async function withRestarts(
  body: (restarts: Restarts) => Promise<void>,
  share: Pick<ShareOptions, 'path' | 'vfs'> = { vfs: new MemoryVfs(new VirtualTime()) },
): Promise<void> {
  const restarts = new Restarts(share);
  await restarts.start();
  try {
    await body(restarts);
  } finally {
    await restarts.rig.leave();
  }
}

export interface Kept {
  readonly name: string;
  readonly open: ClientOpen;
  readonly createGuid: string;
}

interface Asked {
  readonly name?: string;
  /** Of a lease of version 2, with LEASE_KEY. */
  readonly leaseState?: number;
}

export async function openKept(tree: ClientTree, asked: Asked = {}): Promise<Kept> {
  const { name = 'file', leaseState } = asked;
  const createGuid = newGuid();
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const open = await openFile(tree, {
    name,
    ...leased([durableRequestV2Context({ timeoutMs: KEPT_MS, flags, createGuid })], leaseState),
  });
  return { name, open, createGuid };
}

/** With a lease of version 2 for LEASE_KEY, unless none is asked for. */
export function leased(
  contexts: readonly CreateContext[],
  leaseState: number | undefined,
): { readonly contexts: readonly CreateContext[]; readonly requestedOplockLevel: number } {
  if (leaseState === undefined) return { contexts, requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE };
  const asked = { leaseState, leaseFlags: 0, parentLeaseKey: undefined, epoch: 1 };
  const lease = leaseContext({ version: 2, leaseKey: LEASE_KEY, ...asked });
  return { contexts: [...contexts, lease], requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE };
}

export function isPersistent({ open }: Kept): boolean {
  const data = findCreateContext(open.response.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
  const flags = data === undefined ? 0 : (decodeDurableResponseV2(data)?.flags ?? 0);
  return flags === SMB2_DHANDLE_FLAG_PERSISTENT;
}

export function leaseStateOf(open: ClientOpen): number | undefined {
  const data = findCreateContext(open.response.contexts, SMB2_CREATE_REQUEST_LEASE);
  return data && decodeLeaseContext(data)?.leaseState;
}

/** The client is back for its open; the status when there is none. */
export async function giveBack(
  rig: Rig,
  { name, open, createGuid }: Kept,
  leaseState?: number,
): Promise<{ readonly status: number; readonly open: ClientOpen | undefined }> {
  const { fileId } = open;
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const context = durableReconnectV2Context({ fileId, createGuid, flags });
  const tree = await treeOfClient(rig);
  return await tryOpen(tree, { name, ...leased([context], leaseState) });
}

export async function mustGiveBack(rig: Rig, kept: Kept, leaseState?: number): Promise<Kept> {
  const { status, open } = await giveBack(rig, kept, leaseState);
  assertStatus(status, 0, 'reconnect');
  return { ...kept, open: open! };
}
