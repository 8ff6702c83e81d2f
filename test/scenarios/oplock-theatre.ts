/** Clients of one volume that cache as they are allowed to, and what has to be true of them. */
import assert from 'node:assert/strict';
import { isPromise, run, type Task } from '../../src/base/task.ts';
import { STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { breakHandleCaching } from '../../src/fsa/break-caching.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { isStatOpen } from '../../src/fsa/decide-oplock.ts';
import { type FileRecord, fileKeyOf } from '../../src/fsa/file-record.ts';
import { setBasic, setDisposition, setEndOfFile } from '../../src/fsa/information.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { lockRanges } from '../../src/fsa/lock.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import {
  leaseOplockKey,
  type OplockBreak,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from '../../src/fsa/oplock.ts';
import { acknowledgeBreak } from '../../src/fsa/oplock-breaks.ts';
import { writeFile } from '../../src/fsa/read-write.ts';
import { renameFile } from '../../src/fsa/rename.ts';
import type { CancelSignal } from '../../src/fsa/surface.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import { FILE_DELETE_ON_CLOSE } from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { failed } from '../../src/vfs/errno.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { VfsFile } from '../../src/vfs/vfs.ts';
import { contextOf } from '../conformance/fsa-suite.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';

/** More than there are slots that could wait for each other. */
const ROUNDS_MAX = 32;

export type ChangeKind = 'write' | 'truncate' | 'touch' | 'lock' | 'delete';

export interface OpenStep {
  readonly slot: number;
  readonly name: string;
  readonly key: string | undefined;
  readonly caching: number;
  readonly desiredAccess: number;
  readonly shareAccess: number;
  readonly createDisposition: number;
  readonly isDeletedOnClose: boolean;
}

export interface RenameStep {
  readonly slot: number;
  readonly name: string;
  readonly replaceIfExists: boolean;
}

const ME = contextOf({ uid: 1000, gid: 1000, groups: [] });
const { breakTimeoutMs } = DEFAULT_VOLUME_OPTIONS;
const CONTENT_SIZE = 16;
const CLIENT = 'client';
const NO_CHANGE = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };

/** What a client believes to hold under one key. */
interface View {
  readonly fileKey: string;
  caching: number;
  /** Of the last grant or break: what is older is old news. */
  epoch: number;
  /** What it keeps of the file; of no meaning without READ_CACHING. */
  cached: string;
  /** The break that it has not answered. */
  asked: { readonly to: number; readonly sinceMs: number } | undefined;
}

interface Slot {
  open: LocalOpen | undefined;
  pending: Cancel | undefined;
}

class Cancel implements CancelSignal {
  cancelled = false;
  #listeners: (() => void)[] = [];

  onCancel(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  waiting(): void {}

  cancel(): void {
    this.cancelled = true;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Slots that hold an open each, or wait for one; the keys of their leases are shared. */
export class OplockTheatre {
  readonly #env = makeVirtualEnv();
  readonly #volume: Volume = makeVolume({
    id: 'v',
    vfs: new MemoryVfs(this.#env.clock),
    env: this.#env,
    options: DEFAULT_VOLUME_OPTIONS,
    serverId: 's',
    store: new MemoryRecordStore({ strict: true }),
  });
  readonly #slots: readonly Slot[];
  /** By oplock key. */
  readonly #views: Map<string, View> = new Map();
  /** One file handle for each file, to look at what is in it; keeps its identity from reuse. */
  readonly #probes: Map<string, VfsFile> = new Map();
  #written = 0;

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => ({ open: undefined, pending: undefined }));
    this.#volume.oplockBreaks.connect({ indicateBreak: (told) => this.#indicated(told) });
  }

  /** The slots whose operation waits. */
  waiting(): readonly number[] {
    return [...this.#slots.keys()].filter((index) => this.#slots[index]!.pending !== undefined);
  }

  open(step: OpenStep): void {
    const slot = this.#slots[step.slot]!;
    if (slot.open !== undefined || slot.pending !== undefined) return;
    this.#start(slot, (cancel) => this.#open(slot, step, cancel));
  }

  change(index: number, kind: ChangeKind): void {
    this.#on(index, (open, cancel) => this.#change(open, kind, cancel));
  }

  rename({ slot, name, replaceIfExists }: RenameStep): void {
    this.#on(slot, function* rename(open, cancel) {
      yield* renameFile(open, { newName: name, replaceIfExists, cancel });
    });
  }

  close(index: number): void {
    const slot = this.#slots[index]!;
    this.#on(index, (open, cancel) => this.#close(slot, open, cancel));
  }

  cancel(index: number): void {
    this.#slots[index]!.pending?.cancel();
  }

  acknowledge(index: number, keeps: number | 'what it may'): void {
    const { open } = this.#slots[index]!;
    if (open !== undefined) this.#acknowledge(open, keeps);
  }

  /** Every holder that was asked answers as it should. */
  answerAll(): void {
    for (const { open } of this.#slots) {
      if (open !== undefined && this.#viewOf(open)?.asked !== undefined) {
        this.#acknowledge(open, 'what it may');
      }
    }
  }

  pass(ms: number): void {
    this.#env.timers.advance(ms);
  }

  /** Lets run what can run; then looks whether all is as it must be. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const [key, record] of await this.#volume.files.scan('')) this.#check(key, record);
    for (const view of this.#views.values()) this.#checkCache(view);
  }

  /** Nobody does anything any more: what waits ends by itself, and nothing is left behind. */
  async end(): Promise<void> {
    // One wait ends with each time-out, and whoever comes through may be the next one's holder.
    for (let rounds = 0; this.waiting().length > 0; rounds++) {
      assert.ok(rounds < ROUNDS_MAX, `slots wait for ever: ${this.waiting()}`);
      this.pass(breakTimeoutMs);
      await this.settle();
    }
    this.pass(breakTimeoutMs);
    await this.settle();
    for (const [, record] of await this.#volume.files.scan('')) {
      for (const { breaking } of record.oplocks) assert.equal(breaking, undefined);
    }
    for (const slot of this.#slots) {
      if (slot.open !== undefined) await run(closeOpen(slot.open));
    }
    assert.deepEqual([...(await this.#volume.files.scan(''))], [], 'a record is left');
    this.pass(breakTimeoutMs);
    assert.equal(this.#env.timers.pending, 0, 'a timer is left');
    const errors = this.#env.log.entries.filter(({ level }) => level === 'error');
    assert.deepEqual(errors, []);
    for (const probe of this.#probes.values()) probe.close();
  }

  #on(index: number, task: (open: LocalOpen, cancel: Cancel) => Task<void>): void {
    const slot = this.#slots[index]!;
    const { open, pending } = slot;
    if (open !== undefined && pending === undefined) {
      this.#start(slot, (cancel) => task(open, cancel));
    }
  }

  #start(slot: Slot, task: (cancel: Cancel) => Task<void>): void {
    const cancel = new Cancel();
    slot.pending = cancel;
    const outcome = run(task(cancel));
    if (isPromise(outcome)) {
      void outcome.then(() => {
        slot.pending = undefined;
      });
    } else {
      slot.pending = undefined;
    }
  }

  *#open(slot: Slot, step: OpenStep, cancel: Cancel): Task<void> {
    const outcome = yield* openFile(this.#volume, ME, {
      path: step.name,
      desiredAccess: step.desiredAccess,
      fileAttributes: 0,
      shareAccess: step.shareAccess,
      createDisposition: step.createDisposition,
      createOptions: step.isDeletedOnClose ? FILE_DELETE_ON_CLOSE : 0,
      allocationSize: undefined,
      eaBuffer: undefined,
      securityDescriptor: undefined,
      timewarp: undefined,
      oplock: this.#requestOf(step),
      cancel,
    });
    if (outcome.open === undefined) return;
    const { open } = outcome;
    const known = this.#views.get(open.oplockKey);
    // [MS-SMB2] 3.3.5.9.8: the lease has become another file's.
    if (known !== undefined && known.fileKey !== open.fileKey) {
      yield* closeOpen(open);
      return;
    }
    slot.open = open;
    this.#probe(open);
    this.#hold(open);
    this.#volume.oplockBreaks.claim(open);
  }

  /** A lease is one file's: its key is not used for another as long as it is held. */
  #requestOf({ key, caching, name }: OpenStep): OplockRequest | undefined {
    if (key === undefined) return caching === 0 ? undefined : { caching, lease: undefined };
    const identity = { clientGuid: CLIENT, leaseKey: key, version: 2, epoch: 0 } as const;
    const view = this.#views.get(leaseOplockKey(identity));
    const stat = this.#volume.vfs.stat(ME.credentials, name);
    assert.ok(!isPromise(stat));
    const isOthers = view !== undefined && (failed(stat) || fileKeyOf(stat) !== view.fileKey);
    if (isOthers) return undefined;
    return { caching, lease: { ...identity, parentLeaseKey: undefined, coversDirectories: false } };
  }

  #hold(open: LocalOpen): void {
    const { fileKey, oplockKey, oplock: grant } = open;
    if (grant === undefined) return;
    const known = this.#views.get(oplockKey);
    const { caching, epoch } = grant;
    const cached = this.#content(fileKey);
    if (known !== undefined && (grant.isBreaking || epoch < known.epoch)) {
      // It knows at least what this open did to the file.
      known.cached = cached;
      return;
    }
    this.#views.set(oplockKey, { fileKey, caching, epoch, cached, asked: undefined });
  }

  *#change(open: LocalOpen, kind: ChangeKind, cancel: Cancel): Task<void> {
    switch (kind) {
      case 'write':
        this.#written++;
        yield* writeFile(open, [Buffer.from(`write ${this.#written}`)], 0, {});
        this.#knows(open);
        break;
      case 'truncate':
        yield* setEndOfFile(open, this.#written++ % CONTENT_SIZE);
        this.#knows(open);
        break;
      case 'touch':
        yield* setBasic(open, { ...NO_CHANGE, attributes: 0x80 });
        break;
      case 'lock': {
        const range = { offset: 0n, length: 1n, exclusive: true };
        yield* lockRanges(open, [range], { failImmediately: true, cancel });
        break;
      }
      case 'delete':
        yield* setDisposition(open, { delete: true, cancel });
    }
  }

  *#close(slot: Slot, open: LocalOpen, cancel: Cancel): Task<void> {
    if ((open.createOptions & FILE_DELETE_ON_CLOSE) !== 0) yield* breakHandleCaching(open, cancel);
    slot.open = undefined;
    yield* closeOpen(open);
    if (!this.#slots.some((other) => other.open?.oplockKey === open.oplockKey)) {
      this.#views.delete(open.oplockKey);
    }
  }

  #acknowledge(open: LocalOpen, keeps: number | 'what it may'): void {
    const view = this.#viewOf(open);
    const asked = view?.asked;
    const caching = keeps === 'what it may' ? (asked?.to ?? 0) : keeps;
    const status = run(acknowledgeBreak(open, caching));
    assert.ok(!isPromise(status));
    if (status !== STATUS_SUCCESS) return;
    assert.ok(view !== undefined && asked !== undefined, 'nothing was to be answered');
    assert.equal(caching & ~asked.to, 0, 'it keeps more than it may');
    // Unless it was asked for more, or lost the rest, at once.
    if (view.asked === asked) {
      view.asked = undefined;
      view.caching = caching;
    }
  }

  #viewOf(open: LocalOpen): View | undefined {
    return open.oplock === undefined ? undefined : this.#views.get(open.oplockKey);
  }

  #indicated({ oplockKey, from, to, epoch, needsAcknowledgement }: OplockBreak): boolean {
    const view = this.#views.get(oplockKey);
    if (view === undefined) return false;
    view.epoch = epoch;
    view.caching = needsAcknowledgement ? from : to;
    const sinceMs = this.#env.clock.monotonicMs();
    view.asked = needsAcknowledgement ? { to, sinceMs } : undefined;
    return true;
  }

  /** A client knows what it wrote itself, under each of its opens of one key. */
  #knows(open: LocalOpen): void {
    const view = this.#viewOf(open);
    if (view !== undefined) view.cached = this.#content(open.fileKey);
  }

  #probe(open: LocalOpen): void {
    if (this.#probes.has(open.fileKey)) return;
    const { vfs } = this.#volume;
    const probe = vfs.open(ME.credentials, open.path, { access: 'read' });
    assert.ok(!isPromise(probe) && !failed(probe));
    this.#probes.set(open.fileKey, probe);
  }

  #content(fileKey: string): string {
    const probe = this.#probes.get(fileKey);
    assert.ok(probe !== undefined);
    const target = new Uint8Array(CONTENT_SIZE);
    const count = probe.read(target, 0);
    assert.ok(!isPromise(count) && !failed(count));
    return Buffer.from(target.subarray(0, count)).toString();
  }

  #check(fileKey: string, { oplocks, opens }: FileRecord): void {
    const nowMs = this.#env.clock.monotonicMs();
    for (const { oplockKey, caching, breaking } of oplocks) {
      if ((caching & WRITE_CACHING) !== 0) {
        const others = oplocks.filter((other) => other.oplockKey !== oplockKey);
        assert.ok(
          others.every((other) => other.caching === 0),
          'somebody caches beside a writer',
        );
        const isAlone = opens.every(
          (open) => open.oplockKey === oplockKey || isStatOpen(open.grantedAccess, 'lease'),
        );
        assert.ok(isAlone, 'somebody has the data open beside a writer');
      }
      const view = this.#views.get(oplockKey);
      // A lease without an entry of ours: its one open is only about to be answered.
      assert.ok(view !== undefined, `nobody knows of ${oplockKey}`);
      assert.equal(view.fileKey, fileKey);
      if (breaking === undefined && view.asked !== undefined) this.#expect(view, nowMs);
      assert.equal(view.caching, caching, 'client and server differ about what is held');
      assert.equal(view.asked?.to, breaking?.breakingTo, 'they differ about what was asked');
      if (view.asked !== undefined) {
        assert.ok(nowMs - view.asked.sinceMs < breakTimeoutMs, 'a break outlives its time-out');
      }
    }
  }

  /** The server gave up on a holder that did not answer, which it may not do too early. */
  #expect(view: View, nowMs: number): void {
    assert.ok(nowMs - view.asked!.sinceMs >= breakTimeoutMs, 'a break ended by itself');
    view.asked = undefined;
    view.caching = 0;
  }

  /** Whoever was asked is on its way to give its cache up; all others can rely on theirs. */
  #checkCache({ fileKey, caching, cached, asked }: View): void {
    if ((caching & READ_CACHING) === 0 || asked !== undefined) return;
    assert.equal(cached, this.#content(fileKey), 'a client caches what another changed');
  }
}
