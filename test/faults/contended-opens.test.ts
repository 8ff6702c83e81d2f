/** Many opens that want one file at once, each with all the caching there is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATUS_SHARING_VIOLATION } from '../../src/erref/ntstatus.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/wire/constants.ts';
import { leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import {
  assertStatus,
  type OpenOptions,
  type Rig,
  SHARE_ALL,
  tryOpen,
  until,
  withRig,
} from './rig.ts';

const TIMEOUT_MS = 60_000;
const MANY = 100;
const FILE = 'wanted';
const RH = SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING;
const RWH = RH | SMB2_LEASE_WRITE_CACHING;

type Answer = 'close' | 'acknowledge';

/** One connection on which many leases and oplocks break. */
class Contenders {
  readonly tree: ClientTree;
  readonly #answer: Answer;
  /** By lease key, or by file id. */
  readonly #opens = new Map<string, ClientOpen>();
  readonly #early = new Map<string, BreakNotification>();
  /** What became of each CREATE, in the order of the answers. */
  readonly statuses: number[] = [];

  private constructor(tree: ClientTree, answer: Answer) {
    this.tree = tree;
    this.#answer = answer;
  }

  static async start(rig: Rig, answer: Answer): Promise<Contenders> {
    let contenders: Contenders | undefined;
    const onBreak = (told: BreakNotification): void => contenders?.told(told);
    const session = await rig.logOn(await rig.connect({}, { onBreak }));
    contenders = new Contenders(await rig.tree(session), answer);
    return contenders;
  }

  async openWithLease(
    index: number,
    leaseState: number,
    rest: Partial<OpenOptions>,
  ): Promise<void> {
    const leaseKey = (index + 1).toString(16).padStart(32, '0');
    const context = leaseContext({
      version: 2,
      leaseKey,
      leaseState,
      leaseFlags: 0,
      parentLeaseKey: undefined,
      epoch: 0,
    });
    const requestedOplockLevel = SMB2_OPLOCK_LEVEL_LEASE;
    const open = await this.#open({ requestedOplockLevel, contexts: [context], ...rest });
    if (open !== undefined) this.#add(leaseKey, open);
  }

  async openWithOplock(): Promise<void> {
    const open = await this.#open({ requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
    if (open !== undefined) this.#add(String(open.fileId.volatile), open);
  }

  async #open(asked: Partial<OpenOptions>): Promise<ClientOpen | undefined> {
    const { status, open } = await tryOpen(this.tree, { name: FILE, ...asked });
    this.statuses.push(status);
    return open;
  }

  #add(key: string, open: ClientOpen): void {
    this.#opens.set(key, open);
    const early = this.#early.get(key);
    if (early !== undefined) this.told(early);
  }

  told(told: BreakNotification): void {
    const isLease = told.kind === 'lease';
    const key = isLease ? told.notification.leaseKey : String(told.notification.fileId.volatile);
    const open = this.#opens.get(key);
    // It may arrive with the answer that tells of the open.
    if (open === undefined) {
      this.#early.set(key, told);
    } else if (this.#answer === 'close') {
      this.#opens.delete(key);
      open.close();
    } else if (!isLease) {
      open.acknowledgeOplockBreak(told.notification.oplockLevel);
    } else if (told.notification.flags !== 0) {
      const { leaseKey, newLeaseState: leaseState } = told.notification;
      this.tree.acknowledgeLeaseBreak({ leaseKey, leaseState });
    }
  }

  assertAll(status: number): void {
    assert.equal(this.statuses.length, MANY);
    for (const other of this.statuses) assertStatus(other, status);
  }
}

/** Waits for all of them while turn follows turn. */
async function all(rig: Rig, opening: readonly Promise<void>[]): Promise<void> {
  let isDone = false;
  const done = Promise.all(opening).then(() => {
    isDone = true;
  });
  await until(() => {
    rig.time.advance(0);
    return isDone;
  });
  await done;
}

describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, many opens of one file', {
  timeout: TIMEOUT_MS,
}, () => {
  it('lets all in, one after the other, that share nothing and close when they are asked', async () => {
    await withRig({}, async (rig) => {
      const contenders = await Contenders.start(rig, 'close');
      const opening = [];
      for (let i = 0; i < MANY; i++) {
        opening.push(contenders.openWithLease(i, RH, { shareAccess: 0 }));
      }
      await all(rig, opening);
      contenders.assertAll(0);
    });
  });

  it('lets all in that share everything, and break what caches writes', async () => {
    for (const answer of ['acknowledge', 'close'] as const) {
      await withRig({}, async (rig) => {
        const contenders = await Contenders.start(rig, answer);
        const opening = [];
        for (let i = 0; i < MANY; i++) {
          opening.push(contenders.openWithLease(i, RWH, { shareAccess: SHARE_ALL }));
        }
        await all(rig, opening);
        contenders.assertAll(0);
      });
    }
  });

  it('lets all in that want batch oplocks', async () => {
    for (const answer of ['acknowledge', 'close'] as const) {
      await withRig({}, async (rig) => {
        const contenders = await Contenders.start(rig, answer);
        const opening = [];
        for (let i = 0; i < MANY; i++) opening.push(contenders.openWithOplock());
        await all(rig, opening);
        contenders.assertAll(0);
      });
    }
  });

  it('refuses all but one that share nothing when that one stays', async () => {
    await withRig({}, async (rig) => {
      const contenders = await Contenders.start(rig, 'acknowledge');
      const opening = [];
      for (let i = 0; i < MANY; i++) {
        opening.push(contenders.openWithLease(i, RH, { shareAccess: 0 }));
      }
      await all(rig, opening);
      assert.equal(contenders.statuses.filter((status) => status === 0).length, 1);
      const refused = contenders.statuses.filter((status) => status !== 0);
      for (const status of refused) assertStatus(status, STATUS_SHARING_VIOLATION);
    });
  });
});
