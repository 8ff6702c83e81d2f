/**
 * One client of kills.ts: persistent opens, writes, locks and leases, and a note of everything that
 * the server answered. After a kill it takes its opens back and compares.
 */
import { STATUS_OBJECT_NAME_NOT_FOUND, statusName } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { Reply } from '../../src/smb2/client/request.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
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
import type { FileId } from '../../src/smb2/wire/file-id.ts';
import { connectAs, type Draw, Lost, PATIENCE_MS } from './kills-connection.ts';

const SLOTS = 16;
const SLOT_SIZE = 64;
const OPENS_MAX = 6;
const ACCESS = 0x0013_019f;
const [R, RH, RWH] = [1, 3, 7];

interface Kept {
  readonly name: string;
  readonly createGuid: string;
  readonly leaseKey: string | undefined;
  readonly shareAccess: number;
  /** Undefined while the CREATE is not answered. */
  fileId: FileId | undefined;
  open: ClientOpen | undefined;
  /** What the lease may be: one state, or two while an acknowledgement is not answered. */
  leaseStates: readonly number[];
  /** What a break that came on this connection may have made of it. */
  breakingTo: readonly number[];
  epoch: number;
  /** What each slot may hold. */
  readonly slots: (readonly number[])[];
  readonly locked: Set<number>;
  /** A LOCK that is not answered, to be sent once more. */
  lockUnderWay:
    | { readonly slot: number; readonly unlock: boolean; readonly number: number }
    | undefined;
  lockNumber: number;
  isClosing: boolean;
}

/** So long clients work. */
export interface Shift {
  readonly isOver: boolean;
}

export class KillsClient {
  readonly #port: number;
  readonly #draw: Draw;
  readonly #guid: string;
  readonly #prefix: string;
  readonly #kept = new Set<Kept>();
  #tree: ClientTree | undefined;
  #sessionId: bigint | undefined;
  #made = 0;
  readonly problems: string[] = [];
  readonly counts = { answered: 0, givenBack: 0, writes: 0, locks: 0, leases: 0, breaks: 0 };

  constructor(options: { readonly port: number; readonly draw: Draw; readonly index: number }) {
    this.#port = options.port;
    this.#draw = options.draw;
    this.#guid = options.draw.hex(16);
    this.#prefix = `c${options.index}-`;
  }

  /** Files that this client has open so that nobody else may. */
  get owned(): readonly string[] {
    const own = [...this.#kept].filter((one) => one.fileId !== undefined && !one.isClosing);
    return own.filter((one) => one.shareAccess === 0).map(({ name }) => name);
  }

  /** A file whose lease others may break. */
  get shared(): string | undefined {
    for (const one of this.#kept) {
      if (one.shareAccess !== 0 && one.open !== undefined && !one.isClosing) return one.name;
    }
    return undefined;
  }

  /** Connects, gets everything back and compares; `Lost` when the server goes meanwhile. */
  async recover(): Promise<void> {
    for (const one of this.#kept) {
      one.open = undefined;
      one.breakingTo = [];
    }
    this.#tree?.session.connection.close();
    this.#tree = await connectAs({
      port: this.#port,
      clientGuid: this.#guid,
      previousSessionId: this.#sessionId,
      onBreak: (notification) => void this.#broken(notification).catch(() => {}),
    });
    this.#sessionId = this.#tree.session.sessionId;
    for (const one of [...this.#kept]) {
      await (one.fileId === undefined ? this.#replayCreate(one) : this.#giveBack(one));
      if (one.open !== undefined) await this.#compare(one);
    }
  }

  /** Works until the connection is lost, or the shift is over. */
  async work(shift: Shift): Promise<void> {
    try {
      while (!shift.isOver) await this.#step();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }

  async #step(): Promise<void> {
    const all = [...this.#kept].filter(({ open }) => open !== undefined);
    if (all.length < OPENS_MAX && this.#draw.below(4) === 0) return await this.#create();
    const one = all[this.#draw.below(all.length || 1)];
    if (one === undefined) return await this.#create();
    const dice = this.#draw.below(20);
    if (dice === 0) return await this.#close(one);
    if (dice < 8) return await this.#lock(one);
    await this.#write(one);
  }

  #problem(what: string): void {
    this.problems.push(`${this.#prefix}: ${what}`);
  }

  #expect(status: number, what: string): void {
    if (status !== 0) this.#problem(`${what}: ${statusName(status)}`);
  }

  /** The reply of a server, or `Lost`. */
  async #answer<T>(call: PromiseLike<Reply<T>>): Promise<Reply<T>> {
    const reply = await call;
    if (reply.header === undefined) throw new Lost();
    this.counts.answered++;
    return reply;
  }

  async #create(): Promise<void> {
    const leased = this.#draw.below(3) > 0;
    const one: Kept = {
      name: `${this.#prefix}${this.#made++}`,
      createGuid: this.#draw.hex(16),
      leaseKey: leased ? this.#draw.hex(16) : undefined,
      shareAccess: leased && this.#draw.below(2) === 0 ? 7 : 0,
      fileId: undefined,
      open: undefined,
      leaseStates: leased ? [RWH] : [],
      breakingTo: [],
      epoch: 1,
      slots: Array.from({ length: SLOTS }, () => [0]),
      locked: new Set(),
      lockUnderWay: undefined,
      lockNumber: 0,
      isClosing: false,
    };
    this.#kept.add(one);
    await this.#sendCreate(one, 0);
  }

  #replayCreate(one: Kept): Promise<void> {
    return this.#sendCreate(one, SMB2_FLAGS_REPLAY_OPERATION);
  }

  async #sendCreate(one: Kept, flags: number): Promise<void> {
    const { createGuid } = one;
    const persistent = { timeoutMs: PATIENCE_MS, flags: SMB2_DHANDLE_FLAG_PERSISTENT };
    const request = { ...persistent, createGuid };
    const parameters = this.#parameters(one, durableRequestV2Context(request));
    const reply = await this.#answer(this.#tree!.create(parameters, { header: { flags } }));
    this.#expect(reply.status, `CREATE of ${one.name}${flags === 0 ? '' : ' again'}`);
    if (reply.response === undefined) return void this.#kept.delete(one);
    const { contexts } = reply.response;
    const answer = findCreateContext(contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
    const granted = answer && decodeDurableResponseV2(answer);
    if (granted?.flags !== SMB2_DHANDLE_FLAG_PERSISTENT) {
      this.#problem(`${one.name} is not persistent`);
    }
    this.#opened(one, new ClientOpen(this.#tree!, reply.response));
  }

  #parameters(one: Kept, durable: CreateContext): CreateParameters {
    const { name, shareAccess, leaseKey, epoch } = one;
    const contexts = [durable];
    if (leaseKey !== undefined) {
      const asked = { leaseState: RWH, leaseFlags: 0, parentLeaseKey: undefined, epoch };
      contexts.push(leaseContext({ version: 2, leaseKey, ...asked }));
    }
    return {
      name,
      shareAccess,
      desiredAccess: ACCESS,
      createDisposition: FILE_OPEN_IF,
      requestedOplockLevel:
        leaseKey === undefined ? SMB2_OPLOCK_LEVEL_NONE : SMB2_OPLOCK_LEVEL_LEASE,
      contexts,
    };
  }

  #opened(one: Kept, open: ClientOpen): void {
    one.open = open;
    one.fileId = open.fileId;
    const data = findCreateContext(open.response.contexts, SMB2_CREATE_REQUEST_LEASE);
    const lease = data && decodeLeaseContext(data);
    if (one.leaseKey === undefined) return;
    // Byte-range locks take a lease that does not cache writes from who comes back.
    const mayLose = one.locked.size > 0 || one.lockUnderWay !== undefined;
    const isLost = mayLose && lease?.leaseState === 0 && one.leaseStates.some((state) => state < 4);
    if (lease === undefined || (!isLost && !one.leaseStates.includes(lease.leaseState))) {
      this.#problem(`${one.name} has lease ${lease?.leaseState}, not ${one.leaseStates}`);
      return;
    }
    // A break may be told of in the moment of the answer.
    one.leaseStates = [lease.leaseState, ...one.breakingTo];
    one.epoch = lease.epoch;
    this.counts.leases++;
  }

  async #giveBack(one: Kept): Promise<void> {
    const { createGuid, fileId } = one;
    if (fileId === undefined) return;
    const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
    const context = durableReconnectV2Context({ fileId, createGuid, flags });
    const reply = await this.#answer(this.#tree!.create(this.#parameters(one, context)));
    // A CLOSE that was not answered may have been done.
    if (one.isClosing && reply.status === STATUS_OBJECT_NAME_NOT_FOUND) {
      this.#kept.delete(one);
      return;
    }
    this.#expect(reply.status, `${one.name} is not given back`);
    if (reply.response === undefined) return void this.#kept.delete(one);
    if (reply.response.fileId.persistent !== fileId.persistent) {
      this.#problem(`${one.name} came back as another open`);
    }
    this.counts.givenBack++;
    this.#opened(one, new ClientOpen(this.#tree!, reply.response));
  }

  async #compare(one: Kept): Promise<void> {
    await this.#repeatLock(one);
    for (let slot = 0; slot < SLOTS; slot++) await this.#compareSlot(one, slot);
    for (const slot of [...one.locked]) {
      // Only what is held can be given up; what is taken again was not taken by others.
      await this.#sendLock(one, { slot, unlock: true });
      await this.#sendLock(one, { slot, unlock: false });
      this.counts.locks++;
    }
    if (one.isClosing) await this.#close(one);
  }

  async #compareSlot(one: Kept, slot: number): Promise<void> {
    const offset = slot * SLOT_SIZE;
    const read = await this.#answer(one.open!.read({ offset, length: SLOT_SIZE }));
    const found = read.response?.data[0] ?? 0;
    if (!one.slots[slot]!.includes(found)) {
      this.#problem(`${one.name} has ${found} in slot ${slot}, not ${one.slots[slot]}`);
    }
    one.slots[slot] = [found];
    this.counts.writes++;
  }

  async #write(one: Kept): Promise<void> {
    const slot = this.#draw.below(SLOTS);
    const value = 1 + this.#draw.below(255);
    const offset = slot * SLOT_SIZE;
    one.slots[slot] = [...one.slots[slot]!, value];
    const data = new Uint8Array(SLOT_SIZE).fill(value);
    const { status } = await this.#answer(one.open!.write({ offset, data }));
    this.#expect(status, `WRITE of ${one.name}`);
    one.slots[slot] = [value];
  }

  async #lock(one: Kept): Promise<void> {
    if (one.lockUnderWay !== undefined) return;
    const slot = this.#draw.below(SLOTS);
    await this.#sendLock(one, { slot, unlock: one.locked.has(slot) });
  }

  async #sendLock(
    one: Kept,
    lock: { readonly slot: number; readonly unlock: boolean; readonly number?: number },
  ): Promise<void> {
    const { slot, unlock } = lock;
    one.lockNumber = (one.lockNumber + 1) & 0xf;
    const number = lock.number ?? one.lockNumber;
    one.lockUnderWay = { slot, unlock, number };
    const take = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
    const flags = unlock ? SMB2_LOCKFLAG_UNLOCK : take;
    const element = { offset: BigInt(slot * SLOT_SIZE), length: BigInt(SLOT_SIZE), flags };
    const sequence = { lockSequenceNumber: number, lockSequenceIndex: 1 };
    const { status } = await this.#answer(one.open!.lock([element], { sequence }));
    this.#expect(status, `${unlock ? 'UNLOCK' : 'LOCK'} of ${one.name} at ${slot}`);
    one.lockUnderWay = undefined;
    if (unlock) one.locked.delete(slot);
    else one.locked.add(slot);
  }

  async #repeatLock(one: Kept): Promise<void> {
    if (one.lockUnderWay !== undefined) await this.#sendLock(one, one.lockUnderWay);
  }

  async #close(one: Kept): Promise<void> {
    one.isClosing = true;
    const { status } = await this.#answer(one.open!.close());
    this.#expect(status, `CLOSE of ${one.name}`);
    this.#kept.delete(one);
  }

  async #broken(broken: BreakNotification): Promise<void> {
    if (broken.kind !== 'lease') return;
    const { leaseKey, newLeaseState, newEpoch } = broken.notification;
    const one = [...this.#kept].find((other) => other.leaseKey === leaseKey);
    if (one === undefined || this.#tree === undefined) return;
    this.counts.breaks++;
    one.breakingTo = [newLeaseState, newLeaseState & RH, R];
    one.leaseStates = [...one.leaseStates, ...one.breakingTo];
    one.epoch = newEpoch;
    const leaseState = newLeaseState;
    const { status } = await this.#answer(
      this.#tree.acknowledgeLeaseBreak({ leaseKey, leaseState }),
    );
    if (status !== 0) return;
    one.leaseStates = [newLeaseState];
    one.breakingTo = [];
  }
}
