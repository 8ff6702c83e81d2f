/**
 * Leases of the kernel (fcntl F_SETLEASE) under what clients cache, so that a local process that
 * opens such a file waits until the client has written back and forgotten.
 *
 * A file has one kernel lease here, through one of the opens that cache it:
 *
 *     none --T0 cover()--> held --T1 the kernel tells--> broken --T2 reconcile()--> held | none
 *                            \--T3 an open of our own--> lent --T2 reconcile()--> held | none
 *
 * held: 'write' while somebody caches writes, 'read' while somebody caches reads. broken: a local
 * process waits; the clients are told, and when their answers (or their time) are in, the record
 * says less and the lease follows. lent: our own open of the file would wait for ourselves.
 *
 * What cannot be covered is not granted, or broken again: a lease for reading takes that nobody,
 * ourselves included, has the file open for writing; one for writing, that nobody else has it open.
 */
import { isPromise, run, type Task, wait } from '../base/task.ts';
import { FILE_APPEND_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { failed } from '../vfs/errno.ts';
import type { Credentials, LeaseKind, Vfs } from '../vfs/vfs.ts';
import { breakForLocal } from './break-caching.ts';
import { decideUncached } from './decide-uncached.ts';
import { type FileRecord, fileKeyOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { NO_CACHING, type OplockGrant, READ_CACHING, WRITE_CACHING } from './oplock.ts';
import type { Volume } from './volume.ts';

const WRITES = FILE_WRITE_DATA | FILE_APPEND_DATA;

interface Held {
  readonly volume: Volume;
  open: LocalOpen | undefined;
  kind: LeaseKind;
  readonly unwatch: () => void;
}

export class KernelLeases {
  readonly #byFile = new Map<string, Held>();
  readonly #stop: (() => void) | undefined;

  constructor(vfs: Vfs) {
    this.#stop = vfs.watchLeases?.(() => this.#look());
  }

  /** T0: what a new open was granted, or nothing where the kernel does not go along. */
  *cover(open: LocalOpen, grant: OplockGrant): Task<OplockGrant> {
    if (open.streamKey !== '' || open.isDirectory) return grant;
    if ((grant.caching & (READ_CACHING | WRITE_CACHING)) === 0) return grant;
    const { volume, fileKey } = open;
    // Nobody was told of any caching before: then it is enough not to tell this one.
    const isFirst = !this.#byFile.has(fileKey);
    if (isFirst) {
      const unwatch = volume.files.watch(fileKey, () => this.#later(volume, fileKey));
      this.#byFile.set(fileKey, { volume, open: undefined, kind: 'none', unwatch });
    }
    const record = yield* wait(volume.files.get(fileKey));
    if (record === undefined || this.#hold(fileKey, record)) return grant;
    if (!isFirst) {
      yield* breakForLocal(volume, fileKey, 'overwrite');
      return grant;
    }
    const { oplockKey } = open;
    yield* wait(volume.files.update(fileKey, (current) => decideUncached(current, oplockKey)));
    return { ...grant, caching: NO_CACHING };
  }

  /** T3: gives way to an open of our own; true when it makes sense to try again. */
  *lend(volume: Volume, credentials: Credentials, path: string): Task<boolean> {
    const stat = yield* wait(volume.vfs.stat(credentials, path));
    if (failed(stat)) return false;
    const fileKey = fileKeyOf(stat);
    const held = this.#byFile.get(fileKey);
    if (held === undefined || held.kind === 'none') return false;
    // Nothing could be cached beside a second open of it: told once, not of writes first.
    if (this.#isWritten(held, fileKey)) yield* breakForLocal(volume, fileKey, 'overwrite');
    this.#release(held);
    volume.env.timers.after(0, () => this.#later(volume, fileKey));
    return true;
  }

  close(): void {
    this.#stop?.();
    for (const { unwatch } of this.#byFile.values()) unwatch();
    this.#byFile.clear();
  }

  /** T1: one signal stands for all, so every lease is looked at. */
  #look(): void {
    for (const [fileKey, held] of this.#byFile) {
      if (held.open === undefined || held.open.closed || held.kind === 'none') continue;
      const left = held.open.file.leaseLeft?.() ?? 'none';
      if (left === held.kind) continue;
      // Who may write cannot keep reads either: a lease for reading takes that nobody writes.
      const operation = left === 'read' && !this.#isWritten(held, fileKey) ? 'open' : 'overwrite';
      this.#drive(held.volume, breakForLocal(held.volume, fileKey, operation));
    }
  }

  #isWritten({ volume }: Held, fileKey: string): boolean {
    return volume.opens.ofFile(fileKey).some((open) => (open.grantedAccess & WRITES) !== 0);
  }

  #later(volume: Volume, fileKey: string): void {
    // The record is being changed: what follows from it comes after.
    void Promise.resolve().then(() => this.#drive(volume, this.#reconcile(fileKey)));
  }

  /** T2. */
  *#reconcile(fileKey: string): Task<void> {
    const held = this.#byFile.get(fileKey);
    if (held === undefined) return;
    const record = yield* wait(held.volume.files.get(fileKey));
    if (record === undefined || wantedBy(record) === 'none') {
      this.#release(held);
      held.unwatch();
      this.#byFile.delete(fileKey);
    } else if (!this.#hold(fileKey, record)) {
      yield* breakForLocal(held.volume, fileKey, 'overwrite');
    }
  }

  /** Whether the kernel covers what the record says that clients cache. */
  #hold(fileKey: string, record: FileRecord): boolean {
    const held = this.#byFile.get(fileKey);
    if (held === undefined) return true;
    const wanted = wantedBy(record);
    const isThere = held.open !== undefined && !held.open.closed && held.kind === wanted;
    if (isThere) return true;
    const before = held.open;
    for (const open of held.volume.opens.ofFile(fileKey)) {
      if (open.closed || open.streamKey !== '' || open.file.setLease === undefined) continue;
      if (failed(open.file.setLease(wanted))) continue;
      if (before !== undefined && before !== open && !before.closed) before.file.setLease?.('none');
      held.open = open;
      held.kind = wanted;
      return true;
    }
    return false;
  }

  #release(held: Held): void {
    if (held.open !== undefined && !held.open.closed) held.open.file.setLease?.('none');
    held.open = undefined;
    held.kind = 'none';
  }

  #drive(volume: Volume, task: Task<void>): void {
    const failure = (error: unknown): void =>
      volume.env.log.error({ error: String(error) }, 'a kernel lease was not followed');
    const done = run(task);
    if (isPromise(done)) done.catch(failure);
  }
}

function wantedBy(record: FileRecord): LeaseKind {
  let caching = NO_CACHING;
  for (const entry of record.oplocks) if (entry.streamKey === '') caching |= entry.caching;
  if ((caching & WRITE_CACHING) !== 0) return 'write';
  return (caching & READ_CACHING) !== 0 ? 'read' : 'none';
}
