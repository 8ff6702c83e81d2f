/**
 * An open whose client is away moves to another process of the server, to which the client came
 * back, or because its own process is gone. Its share mode, locks and oplock stand in the file's
 * record all the time:
 *
 *     held --T0 by another layer--> offered --T1 adoptOpen(), there--> held by the other process
 *     | ^                             |
 *     | +------T2 stillHeld(): it did not come to that
 *     +--T3 decideSweep(): its process is gone--> left --T1--> held by another process
 *                                                  +---T4 dropOpen(): it cannot be made again
 *
 * offered: its process keeps the file open, and does nothing with it. left: `OpenEntry.serverId` is
 * NO_SERVER.
 */
import { type Task, wait } from '../base/task.ts';
import { upcase } from '../fscc/upcase.ts';
import type { RecordTable, Update } from '../state/record-store.ts';
import { failed } from '../vfs/errno.ts';
import { closeOpen } from './close.ts';
import { type ClosingOpen, decideClose, decideDeleted } from './decide-close.ts';
import { decideRestored, heldBy } from './decide-persistent.ts';
import {
  type FileRecord,
  fileKeyOf,
  NO_SERVER,
  type OpenEntry,
  type PendingDelete,
} from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { leaveOpen } from './persist.ts';
import type { KeptOpen } from './persistent-open.ts';
import { lockAgain, makeOpen, type Reopened, reopen, SERVER } from './restore-opens.ts';
import type { Volume } from './volume.ts';

/** T1, where it was held before. */
export function* letGoOf(open: LocalOpen): Task<void> {
  const { volume, isDirectory, oplock } = open;
  leaveOpen(open);
  if (isDirectory && oplock !== undefined) yield* wait(volume.directoryLeases.remove());
}

/** T2: where the process that asked for it did not take it. Undefined: it did, or it is closed. */
export function* stillHeld(open: LocalOpen): Task<AdoptedOpen | undefined> {
  const { volume, fileKey, openId } = open;
  const record = yield* wait(volume.files.get(fileKey));
  const entry = entryOf(record, { openId, serverId: volume.serverId });
  return entry && { open, owned: ownedOf(entry) };
}

/** An open of another process, or of one that is gone. */
export interface MovingOpen {
  readonly fileKey: string;
  readonly openId: string;
  /** As in its entry. */
  readonly serverId: string;
  /** Of an open that does not outlive the server; that of others stands in the entry. */
  readonly kept?: KeptOpen | undefined;
}

export interface AdoptedOpen {
  readonly open: LocalOpen;
  /** What the layer above kept with its locks. */
  readonly owned: object | undefined;
}

/**
 * T1. Undefined: it has gone, another process has it, or its file cannot be opened. The file of one
 * that outlived the server may have another key since.
 */
export function* adoptOpen(volume: Volume, moving: MovingOpen): Task<AdoptedOpen | undefined> {
  const { fileKey } = moving;
  const record = yield* wait(volume.files.get(fileKey));
  const found = entryOf(record, moving);
  const kept = found?.persistent ?? moving.kept;
  if (record === undefined || found === undefined || kept === undefined) return undefined;
  const named = { entry: found, kept: withNameOf(found, kept) };
  const opened = yield* reopen(volume, record, named);
  if (typeof opened === 'string') {
    const { path } = found;
    volume.env.log.warn({ share: volume.id, path, reason: opened }, 'an open is not taken over');
    return undefined;
  }
  if (opened.fileKey !== fileKey) {
    yield* moveEntry(volume, moving, { record, entry: found, fileKey: opened.fileKey });
  }
  const open = yield* makeOpen(volume, record, { ...named, ...opened });
  if (open === undefined) return undefined;
  const entry = yield* adoptEntry(open, moving);
  if (entry === undefined) {
    yield* letGoOf(open);
    return undefined;
  }
  // It may have been renamed meanwhile.
  open.path = entry.path;
  yield* lockAgain(open, record);
  return { open, owned: ownedOf(entry) };
}

function ownedOf({ persistent, owned }: OpenEntry): object | undefined {
  return persistent?.owner ?? owned;
}

/** In memory only: before anything of it is answered it is stored (`persistOpen`). */
function* adoptEntry(open: LocalOpen, moving: MovingOpen): Task<OpenEntry | undefined> {
  const { files, persistentFiles, serverId } = open.volume;
  const decide = (current: FileRecord | undefined): Update<FileRecord, OpenEntry | undefined> =>
    decideAdopted(current, moving, serverId);
  if (persistentFiles === undefined) return yield* wait(files.update(open.fileKey, decide));
  return yield* wait(persistentFiles.restore(open.fileKey, decide));
}

/** Its device has another number since the server ended: nobody has opened it since. */
function* moveEntry(
  { files }: Volume,
  moving: MovingOpen,
  to: { readonly record: FileRecord; readonly entry: OpenEntry; readonly fileKey: string },
): Task<void> {
  const { record, entry, fileKey } = to;
  const moved = { ...record, ...heldBy(record, [entry]) };
  yield* wait(files.update(fileKey, (current) => decideRestored(current, moved)));
  yield* dropOpen(files, moving);
}

function entryOf(
  record: FileRecord | undefined,
  { openId, serverId }: Pick<MovingOpen, 'openId' | 'serverId'>,
): OpenEntry | undefined {
  return record?.opens.find((open) => open.openId === openId && open.serverId === serverId);
}

/** A stream may have been renamed since: names of streams are found in any case. */
function withNameOf({ streamKey }: OpenEntry, kept: KeptOpen): KeptOpen {
  const { local } = kept;
  if (upcase(local.streamName) === streamKey) return kept;
  return { ...kept, local: { ...local, streamName: streamKey } };
}

/**
 * The entry as it is now, this process's, with its oplock; one that outlives the server is its
 * client's still, who is away. Undefined: it is not there any more. Pure.
 */
export function decideAdopted(
  current: FileRecord | undefined,
  moving: Pick<MovingOpen, 'openId' | 'serverId'>,
  serverId: string,
): Update<FileRecord, OpenEntry | undefined> {
  const entry = entryOf(current, moving);
  if (current === undefined || entry === undefined) return { next: 'keep', result: undefined };
  const { oplockKey, streamKey, persistent } = entry;
  const away = persistent && { ...persistent, isAway: true };
  const adopted =
    away === undefined ? { ...entry, serverId } : { ...entry, serverId, persistent: away };
  const opens = current.opens.map((open) => (open === entry ? adopted : open));
  const oplocks = current.oplocks.map((held) =>
    held.oplockKey === oplockKey && held.streamKey === streamKey ? { ...held, serverId } : held,
  );
  const next = { ...current, opens, oplocks, version: current.version + 1 };
  return { next, result: adopted };
}

/** T4: it goes from its file's record, and nothing is deleted with it. */
export function* dropOpen(
  files: RecordTable<FileRecord>,
  moving: Omit<MovingOpen, 'kept'>,
): Task<void> {
  const { fileKey } = moving;
  const due = yield* wait(files.update(fileKey, (current) => decideDropped(current, moving)));
  if (due.length === 0) return;
  yield* wait(files.update(fileKey, (current) => decideDeleted(current, due, [])));
}

function decideDropped(
  current: FileRecord | undefined,
  moving: Pick<MovingOpen, 'openId' | 'serverId'>,
): Update<FileRecord, readonly PendingDelete[]> {
  if (entryOf(current, moving) === undefined) return { next: 'keep', result: [] };
  const { openId } = moving;
  const { next, result } = decideClose(current, { ...ABANDONED, openId });
  return { next, result: result.due };
}

const ABANDONED: Omit<ClosingOpen, 'openId'> = {
  streamName: '',
  credentials: SERVER,
  parentOplockKey: '',
  isAbandoned: true,
  isLeft: false,
};

/**
 * Closes an open that a process left behind and that nobody comes back for, as a client's
 * disconnect does: with it goes what was to be deleted.
 */
export function* closeLeft(volume: Volume, fileKey: string, openId: string): Task<void> {
  const record = yield* wait(volume.files.get(fileKey));
  const moving = { fileKey, openId, serverId: NO_SERVER };
  const entry = entryOf(record, moving);
  if (record === undefined || entry === undefined) return;
  const opened = yield* openLeft(volume, fileKey, entry);
  const open =
    opened &&
    (yield* makeOpen(volume, record, { entry, kept: keptForClose(record, entry), ...opened }));
  if (open === undefined) yield* dropOpen(volume.files, moving);
  else yield* closeOpen(open);
}

function* openLeft({ vfs }: Volume, fileKey: string, entry: OpenEntry): Task<Reopened | undefined> {
  const options = { access: 'metadata', noFollow: true } as const;
  const file = yield* wait(vfs.open(SERVER, entry.path, options));
  if (failed(file)) return undefined;
  const stat = yield* wait(file.stat());
  if (!failed(stat) && fileKeyOf(stat) === fileKey) {
    return { file, fileKey, isDirectory: stat.type === 'directory' };
  }
  file.close();
  return undefined;
}

/** Who deletes is all that counts of it. */
function keptForClose(record: FileRecord, entry: OpenEntry): Pick<KeptOpen, 'local'> {
  const credentials = entry.deletesAs ?? record.deletePending[0]?.credentials ?? SERVER;
  return {
    local: {
      security: { userSid: '', groupSids: [], privileges: [], credentials, maximalAccess: 0 },
      link: undefined,
      streamName: entry.streamKey,
      parentOplockKey: '',
      createOptions: 0,
      mode: 0,
      position: 0n,
      userSetModificationTime: true,
      userSetAccessTime: true,
      userSetChangeTime: true,
    },
  };
}
