import { assert } from '../base/assert.ts';
import { isPromise, run, type Task, wait } from '../base/task.ts';
import type { Env, TimerHandle } from '../env/ports.ts';
import { type NtStatus, STATUS_CANCELLED, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { decideAcknowledge, decideBreakTimeout, isAnyPending } from './decide-oplock.ts';
import type { LocalOpen } from './local-open.ts';
import type { AwaitedBreak, OplockBreak, OplockEntry } from './oplock.ts';
import type { OplockBreakSink } from './ports.ts';
import { RecordWatch } from './record-watch.ts';
import type { CancelSignal } from './surface.ts';
import type { Volume } from './volume.ts';
import type { VolumePeers } from './volume-peers.ts';

/**
 * Breaks on their way out of one volume: tells the holders, and ends what they do not acknowledge.
 *
 * [MS-FSA] 2.1.5.18.3 Indicating an Oplock Break to the Server; [MS-SMB2] 3.3.2.1 Oplock Break
 * Acknowledgment Timer, 3.3.2.5 Lease Break Acknowledgment Timer. Whoever broke it keeps the time,
 * not the holder, so that a holder whose process is gone delays nobody for ever.
 */
export class OplockBreaks {
  readonly #env: Env;
  readonly #timeoutMs: number;
  /** By file and oplock key; the last break's, for one holder has one at a time. */
  readonly #timers = new Map<string, TimerHandle>();
  /** Breaks of oplocks whose opens the layer above does not know yet. */
  readonly #unclaimed = new Map<string, OplockBreak>();
  /** Opens that wait for a break of the file, by its key: how many. */
  readonly #openWaits = new Map<string, number>();
  #sink: OplockBreakSink | undefined;

  constructor(options: { readonly env: Env; readonly timeoutMs: number }) {
    this.#env = options.env;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Who tells the holders. Without one every break waits for its time-out. */
  connect(sink: OplockBreakSink): void {
    this.#sink = sink;
  }

  indicate(volume: Volume, fileKey: string, breaks: readonly OplockBreak[]): void {
    for (const oplockBreak of breaks) {
      if (oplockBreak.needsAcknowledgement) this.#keepTime(volume, fileKey, oplockBreak);
      this.#tell(volume, fileKey, oplockBreak);
    }
  }

  /** Another process broke what one of this process's opens holds. */
  receive(volume: Volume, fileKey: string, oplockBreak: OplockBreak): Task<void> {
    return this.#tellWhoStays(volume, fileKey, [oplockBreak]);
  }

  /**
   * Keeps the time of a break of this process's own oplock: who broke it is gone, and whether it
   * was told is not known.
   */
  keepTimeOf(volume: Volume, fileKey: string, { oplockKey, breaking }: OplockEntry): void {
    if (breaking === undefined || this.#timers.has(`${fileKey}/${oplockKey}`)) return;
    this.#keepTime(volume, fileKey, { oplockKey, since: breaking.since });
  }

  /**
   * The same, once what goes on now is done.
   *
   * Windows: who caches a directory learns of a change after it was answered (smbtorture
   * smb2.dirlease.rename).
   */
  indicateAfterwards(volume: Volume, fileKey: string, breaks: readonly OplockBreak[]): void {
    for (const oplockBreak of breaks) {
      if (oplockBreak.needsAcknowledgement) this.#keepTime(volume, fileKey, oplockBreak);
    }
    if (breaks.length === 0) return;
    Promise.resolve()
      .then(() => run(this.#tellWhoStays(volume, fileKey, breaks)))
      .catch((error: unknown) => this.#failed(error));
  }

  /** Tells the holders that have not closed meanwhile. */
  *#tellWhoStays(volume: Volume, fileKey: string, breaks: readonly OplockBreak[]): Task<void> {
    const record = yield* wait(volume.files.get(fileKey));
    for (const oplockBreak of breaks) {
      const { oplockKey } = oplockBreak;
      const isHeld = record?.oplocks.some((entry) => entry.oplockKey === oplockKey);
      if (isHeld === true) this.#tell(volume, fileKey, oplockBreak);
    }
  }

  #tell(volume: Volume, fileKey: string, oplockBreak: OplockBreak): void {
    const { serverId } = oplockBreak;
    if (serverId !== volume.serverId && volume.peers !== undefined) {
      volume.peers.tell(volume.id, { kind: 'break', fileKey, oplockBreak }, serverId);
      return;
    }
    if (this.#sink?.indicateBreak(oplockBreak) !== false) return;
    this.#unclaimed.set(`${fileKey}/${oplockBreak.oplockKey}`, oplockBreak);
  }

  /** Whether an open waits to get in: then nobody else is to be let cache writes first. */
  isAwaited(fileKey: string): boolean {
    return this.#openWaits.size > 0 && this.#openWaits.has(fileKey);
  }

  /**
   * As `waitForBreaks`, for an open. Of many that wait for one file the last may wait as often as
   * there are others, each time for another holder; each wait ends by its answer, or its time.
   */
  *waitToOpen(volume: Volume, breaks: FileBreaks, cancel: CancelSignal): Task<NtStatus> {
    const { fileKey } = breaks;
    const waiting = (this.#openWaits.get(fileKey) ?? 0) + 1;
    this.#openWaits.set(fileKey, waiting);
    try {
      const status = yield* waitForBreaks(volume, [breaks], cancel);
      // All that wait for the file go on at once: opening it takes each a while.
      if (waiting > OPENS_PER_TURN) yield* wait(this.#env.timers.turn());
      return status;
    } finally {
      const left = (this.#openWaits.get(fileKey) ?? 0) - 1;
      if (left > 0) this.#openWaits.set(fileKey, left);
      else this.#openWaits.delete(fileKey);
    }
  }

  /** Whether the open's oplock broke before the layer above knew the open. */
  isUnclaimed({ fileKey, oplockKey }: LocalOpen): boolean {
    return this.#unclaimed.size > 0 && this.#unclaimed.has(`${fileKey}/${oplockKey}`);
  }

  /** Indicates a break that came too early. */
  claim({ fileKey, oplockKey }: LocalOpen): void {
    const name = `${fileKey}/${oplockKey}`;
    const oplockBreak = this.#unclaimed.get(name);
    if (oplockBreak === undefined) return;
    this.#unclaimed.delete(name);
    this.#sink?.indicateBreak(oplockBreak);
  }

  /**
   * An open closed. A lease may have others, in another volume even: its time runs out and finds
   * nothing to do.
   */
  leave({ fileKey, openId, oplockKey }: LocalOpen): void {
    if (oplockKey === openId) this.forget(fileKey, oplockKey);
    else if (this.#unclaimed.size > 0) this.#unclaimed.delete(`${fileKey}/${oplockKey}`);
  }

  /** A break was acknowledged, or nobody is left who could. */
  forget(fileKey: string, oplockKey: string): void {
    if (this.#timers.size === 0 && this.#unclaimed.size === 0) return;
    const name = `${fileKey}/${oplockKey}`;
    this.#unclaimed.delete(name);
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  #keepTime(volume: Volume, fileKey: string, { oplockKey, since }: AwaitedBreak): void {
    const name = `${fileKey}/${oplockKey}`;
    this.#timers.get(name)?.cancel();
    const timer = this.#env.timers.after(this.#timeoutMs, () => {
      if (this.#timers.get(name) === timer) this.#timers.delete(name);
      this.#unclaimed.delete(name);
      const ended = run(endOverdue(volume, fileKey, { oplockKey, since }));
      if (isPromise(ended)) ended.catch((error: unknown) => this.#failed(error));
    });
    this.#timers.set(name, timer);
  }

  #failed(error: unknown): void {
    this.#env.log.error({ error: String(error) }, 'an oplock break went wrong');
  }
}

function* endOverdue(volume: Volume, fileKey: string, overdue: AwaitedBreak): Task<void> {
  const wasPending = yield* wait(
    volume.files.update(fileKey, (current) => decideBreakTimeout(current, overdue)),
  );
  if (wasPending) {
    volume.env.log.warn({ fileKey, oplockKey: overdue.oplockKey }, 'oplock break timed out');
  }
}

/**
 * The holder keeps `caching` and gives the rest up; who waits for it goes on.
 *
 * [MS-FSA] 2.1.5.19 Server Acknowledges an Oplock Break; statuses as in `decideAcknowledge`.
 */
export function* acknowledgeBreak(open: LocalOpen, caching: number): Task<NtStatus> {
  const { volume, fileKey, oplockKey, streamKey } = open;
  const { status, breaks } = yield* wait(
    volume.files.update(fileKey, (current) =>
      decideAcknowledge(current, { oplockKey, streamKey, caching }),
    ),
  );
  if (status !== STATUS_SUCCESS) return status;
  volume.oplockBreaks.forget(fileKey, oplockKey);
  volume.oplockBreaks.indicate(volume, fileKey, breaks);
  return STATUS_SUCCESS;
}

/** Opens that one break may let go on at once; the others take turns. */
const OPENS_PER_TURN = 64;

/** Breaks of one file that somebody waits for. */
export interface FileBreaks {
  readonly fileKey: string;
  readonly awaited: readonly AwaitedBreak[];
}

/** STATUS_SUCCESS: all of the breaks ended. STATUS_CANCELLED: the request gives up. */
export function* waitForBreaks(
  volume: Volume,
  files: readonly FileBreaks[],
  cancel: CancelSignal,
): Task<NtStatus> {
  assert(
    files.some(({ awaited }) => awaited.length > 0),
    'waits for no break',
  );
  const fileKeys = files.map(({ fileKey }) => fileKey);
  const watch = new RecordWatch(volume.files, fileKeys, cancel);
  let isSettled = false;
  try {
    for (;;) {
      if (cancel.cancelled) return STATUS_CANCELLED;
      const changed = watch.next();
      let isPending = false;
      for (const { fileKey, awaited } of files) {
        const record = yield* wait(volume.files.get(fileKey));
        isPending ||= isAnyPending(record, awaited);
      }
      if (!isPending) return STATUS_SUCCESS;
      if (volume.peers !== undefined && !isSettled) {
        isSettled = true;
        yield* wait(Promise.race([changed, othersSettled(volume, volume.peers, files)]));
        continue;
      }
      cancel.waiting();
      yield* wait(changed);
    }
  } finally {
    watch.end();
  }
}

/**
 * Holders in other processes were told of these breaks. As in one process they hear of it before
 * the request that waits is said to wait (smbtorture smb2.lease.two-leases counts on it).
 */
async function othersSettled(
  { files, serverId }: Volume,
  peers: VolumePeers,
  breaks: readonly FileBreaks[],
): Promise<void> {
  const holders = new Set<string>();
  for (const { fileKey, awaited } of breaks) {
    const record = await files.get(fileKey);
    for (const entry of record?.oplocks ?? []) {
      const isAwaited = awaited.some(({ oplockKey }) => oplockKey === entry.oplockKey);
      if (isAwaited && entry.serverId !== serverId) holders.add(entry.serverId);
    }
  }
  await Promise.all([...holders].map((holder) => peers.settled(holder)));
}
