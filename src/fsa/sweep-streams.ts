/**
 * Takes away what the side store holds and no file has any more: crashes and local `rm` leave it
 * (docs/adr/0007).
 *
 * What was moved out less than an hour ago is left alone. For the rest the file is looked for where
 * it was, then in the whole share, a little at a time. A file that is renamed meanwhile could be
 * missed, so what is missing is only noted; what is still missing at the next sweep goes.
 */
import { isPromise, run, type Task, wait } from '../base/task.ts';
import { nsOfFileTime } from '../dtyp/file-time.ts';
import type { TimerHandle } from '../env/ports.ts';
import { failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { joinPath } from './names.ts';
import { storedIds } from './stream-backing.ts';
import {
  decodeOwner,
  encodeOwner,
  identityOf,
  isStoreName,
  STORE_CREDENTIALS,
  STREAM_OWNER_XATTR,
  type StreamOwner,
} from './stream-store.ts';
import type { Volume } from './volume.ts';

const AGE_MIN_NS = 3_600_000_000_000n;
/** The share is mounted for so long before it is swept. */
const DELAY_MS = 60_000;
/** And again after so long. */
const INTERVAL_MS = 86_400_000;
/** Entries looked at in one turn. */
const TURN_ENTRIES = 200;

export interface StreamSweep {
  /** Ends the sweep, or keeps it from beginning: the storage goes. */
  cancel(): void;
}

/** Sweeps soon, and again each day. */
export function scheduleSweep(volume: Volume): StreamSweep {
  const state: Sweep = { volume, isCancelled: false, entries: 0 };
  const { timers } = volume.env;
  const sweepAfter = (delayMs: number): TimerHandle =>
    timers.after(delayMs, () => {
      const swept = run(sweep(state));
      if (isPromise(swept)) swept.catch((error: unknown) => report(volume, error));
      // One that takes longer than a day meets the next one, which does the same.
      timer = sweepAfter(INTERVAL_MS);
    });
  let timer = sweepAfter(DELAY_MS);
  return {
    cancel(): void {
      state.isCancelled = true;
      timer.cancel();
    },
  };
}

interface Sweep {
  readonly volume: Volume;
  isCancelled: boolean;
  entries: number;
}

function report(volume: Volume, error: unknown): void {
  volume.env.log.error({ error: String(error) }, 'the sweep of streams ended early');
}

/** Files of the store by id, with whom they belong to. */
type Candidates = Map<string, StreamOwner>;

function* sweep(state: Sweep): Task<void> {
  const { volume } = state;
  const { streams, env } = volume;
  if (!(yield* streams.isUsed())) return;
  const candidates = yield* oldContents(state);
  for (const { path } of [...candidates.values()]) {
    if (!(yield* pause(state))) return;
    yield* keepThoseOf(state, path, candidates);
  }
  // A folder that cannot be read may hold what is looked for: then nothing goes.
  if (candidates.size > 0 && !(yield* walk(state, candidates))) return;
  for (const [id, owner] of candidates) {
    if (!(yield* pause(state))) return;
    if (owner.isMissing) {
      yield* streams.remove(id);
      env.log.info({ id, path: owner.path }, 'content of a stream without a file was removed');
    } else yield* note(state, id, { ...owner, isMissing: true });
  }
}

function* oldContents(state: Sweep): Task<Candidates> {
  const { volume } = state;
  const { vfs, folder, volumeId } = volume.streams;
  const found: Candidates = new Map();
  const directory = yield* wait(vfs.open(STORE_CREDENTIALS, folder, { access: 'directory' }));
  if (failed(directory)) return found;
  const before = nsOfFileTime(volume.env.clock.fileTime()) - AGE_MIN_NS;
  for (const name of yield* namesIn(directory)) {
    if (!isStoreName(name)) continue;
    if (!(yield* pause(state))) break;
    const stat = yield* wait(directory.statEntry(name));
    const value = yield* wait(directory.getEntryXattr(name, STREAM_OWNER_XATTR));
    if (failed(stat) || failed(value)) continue;
    // Another share's, or one that is being moved out.
    const owner = decodeOwner(value);
    if (owner?.volumeId === volumeId && stat.changeTimeNs < before) found.set(name, owner);
  }
  directory.close();
  return found;
}

function* namesIn(directory: VfsFile): Task<readonly string[]> {
  const names: string[] = [];
  for (let rewind = true; ; rewind = false) {
    const batch = yield* wait(directory.readDirectory(rewind));
    if (failed(batch) || batch.length === 0) return names;
    for (const { name } of batch) names.push(name);
  }
}

/** Takes what the file at a path really has out of the candidates. */
function* keepThoseOf(state: Sweep, path: string, candidates: Candidates): Task<void> {
  const { vfs, streams } = state.volume;
  const options = { access: 'metadata', noFollow: true } as const;
  const file = yield* wait(vfs.open(STORE_CREDENTIALS, path, options));
  if (failed(file)) return;
  const ids = yield* storedIds(streams, file);
  file.close();
  for (const id of ids) {
    const owner = candidates.get(id);
    if (owner?.isMissing) yield* note(state, id, { ...owner, isMissing: false });
    candidates.delete(id);
  }
}

/** Looks at everything in the share; false when it could not, or was cancelled. */
function* walk(state: Sweep, candidates: Candidates): Task<boolean> {
  const { volume } = state;
  const wanted = new Set([...candidates.values()].map(({ identity }) => identity));
  const folders = [''];
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    yield* keepThoseOf(state, path, candidates);
    const opening = volume.vfs.open(STORE_CREDENTIALS, path, { access: 'directory' });
    const directory = yield* wait(opening);
    if (failed(directory)) return false;
    for (const name of yield* namesIn(directory)) {
      if (!(yield* pause(state))) {
        directory.close();
        return false;
      }
      const stat = yield* wait(directory.statEntry(name));
      if (failed(stat)) continue;
      const below = joinPath(path, name);
      if (stat.type === 'directory') folders.push(below);
      else if (wanted.has(identityOf(stat))) yield* keepThoseOf(state, below, candidates);
    }
    directory.close();
  }
  return true;
}

function* note(state: Sweep, id: string, owner: StreamOwner): Task<void> {
  const { vfs, folder } = state.volume.streams;
  const path = `${folder}/${id}`;
  const file = yield* wait(vfs.open(STORE_CREDENTIALS, path, { access: 'metadata' }));
  if (failed(file)) return;
  yield* wait(file.setXattr(STREAM_OWNER_XATTR, encodeOwner(owner)));
  file.close();
}

/** Lets others work now and then; false when the sweep has to end. */
function* pause(state: Sweep): Task<boolean> {
  if (++state.entries % TURN_ENTRIES === 0) {
    yield* wait(state.volume.env.timers.turn());
  }
  return !state.isCancelled;
}
