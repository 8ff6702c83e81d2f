/**
 * Opens of a server that has ended come back: before anybody else may open their files, each file
 * is opened again under the name that it had last, and known by its identity.
 */
import { type Task, wait } from '../base/task.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { EACCES, ENOENT, EPERM, type Errno, failed } from '../vfs/errno.ts';
import type { Credentials, OpenFor, OpenOptions, VfsFile } from '../vfs/vfs.ts';
import { decideRestored, heldBy } from './decide-persistent.ts';
import { type FileRecord, fileKeyOf, type OpenEntry } from './file-record.ts';
import { LINK_BACKING } from './link-backing.ts';
import type { LocalOpen } from './local-open.ts';
import type { OplockEntry } from './oplock.ts';
import { isSameFile, type KeptOpen, persistentIdentityOf } from './persistent-open.ts';
import { applyPosixLocks } from './posix-locks.ts';
import { findStream, NamedStream } from './stream-backing.ts';
import type { Volume } from './volume.ts';

/** An open that is back, away from its client, with what the layer above kept of it. */
export interface RestoredOpen {
  readonly open: LocalOpen;
  readonly owner: object;
}

/** Entries that are about to stand in one file's record again. */
interface Restoring {
  readonly fileKey: string;
  readonly record: FileRecord;
  readonly opens: readonly RestoredOpen[];
}

/**
 * All persistent opens of the volume. What cannot be restored is dropped, and the log says why.
 * Cost: one open and one stat each; nothing is written while the files are what they were.
 */
export function* restoreOpens(volume: Volume): Task<readonly RestoredOpen[]> {
  const { persistentFiles } = volume;
  if (persistentFiles === undefined) return [];
  const restored: RestoredOpen[] = [];
  const changed = new Set<string>();
  for (const [key, kept] of yield* wait(persistentFiles.stored())) {
    const own = kept.opens.filter((entry) => entry.volumeId === volume.id);
    if (own.length === 0) continue;
    const files = yield* reopenAll(volume, kept, own);
    // Another volume's opens in the record are not in memory yet: it is not written without them.
    const isAlone = own.length === kept.opens.length;
    let count = 0;
    for (const { fileKey, record, opens } of files) {
      yield* enter(volume, fileKey, record);
      for (const one of opens) {
        yield* lockAgain(one.open, record);
        restored.push(one);
      }
      count += opens.length;
      if (fileKey !== key && isAlone) changed.add(key).add(fileKey);
    }
    if (count < own.length && isAlone) changed.add(key);
  }
  yield* wait(Promise.all([...changed].map((key) => persistentFiles.store(key))));
  return restored;
}

/**
 * Opens that another process of this server handed over: see hand-over.ts. They come back as what
 * they were; what cannot is dropped, and the log says why.
 */
export function* takeOpens(
  volume: Volume,
  handedOver: Iterable<FileRecord>,
): Task<readonly RestoredOpen[]> {
  const taken: RestoredOpen[] = [];
  for (const kept of handedOver) {
    const own = kept.opens.filter((entry) => entry.volumeId === volume.id);
    const files = own.length === 0 ? [] : yield* reopenAll(volume, kept, own);
    for (const { fileKey, record, opens } of files) {
      const ended = { ...record, opens: record.opens.map(endsWithServer) };
      yield* wait(volume.files.update(fileKey, (current) => decideRestored(current, ended)));
      for (const one of opens) {
        yield* lockAgain(one.open, ended);
        taken.push(one);
      }
    }
  }
  return taken;
}

function endsWithServer(entry: OpenEntry): OpenEntry {
  return { ...entry, persistent: undefined };
}

/** In memory only: it is what the store has. */
function* enter(volume: Volume, fileKey: string, record: FileRecord): Task<void> {
  const { persistentFiles } = volume;
  if (persistentFiles === undefined) return;
  yield* wait(persistentFiles.restore(fileKey, (current) => decideRestored(current, record)));
}

/** Opens of one stored record, by the files that they turn out to be: mostly one. */
function* reopenAll(
  volume: Volume,
  kept: FileRecord,
  own: readonly OpenEntry[],
): Task<readonly Restoring[]> {
  const byFile = new Map<string, { entry: OpenEntry; restored: RestoredOpen }[]>();
  for (const entry of own) {
    const { persistent } = entry;
    if (persistent === undefined) continue;
    const opened = yield* reopen(volume, kept, { entry, kept: persistent });
    if (typeof opened === 'string') {
      const { path } = entry;
      volume.env.log.warn({ share: volume.id, path, reason: opened }, 'an open is not restored');
      continue;
    }
    const open = yield* makeOpen(volume, kept, { entry, kept: persistent, ...opened });
    if (open === undefined) continue;
    const { serverId } = volume;
    const restoredEntry = { ...entry, serverId, persistent: { ...persistent, isAway: true } };
    const list = byFile.get(open.fileKey) ?? [];
    list.push({ entry: restoredEntry, restored: { open, owner: persistent.owner } });
    byFile.set(open.fileKey, list);
  }
  return [...byFile].map(([fileKey, list]) => ({
    fileKey,
    record: recordOf(
      volume,
      kept,
      list.map(({ entry }) => entry),
    ),
    opens: list.map(({ restored }) => restored),
  }));
}

function recordOf(volume: Volume, kept: FileRecord, opens: readonly OpenEntry[]): FileRecord {
  const held = heldBy(kept, opens);
  const { serverId } = volume;
  const oplocks = held.oplocks.map((entry): OplockEntry => ({ ...entry, serverId }));
  return { ...kept, ...held, oplocks };
}

export interface Reopened {
  readonly file: VfsFile;
  readonly fileKey: string;
  readonly isDirectory: boolean;
}

/** The file, or why it is not there as it was. */
export function* reopen(
  { vfs }: Volume,
  record: FileRecord,
  { entry, kept }: { readonly entry: OpenEntry; readonly kept: KeptOpen },
): Task<Reopened | string> {
  const { identity, local } = kept;
  const options = optionsOf(record, entry, local.link !== undefined);
  let file = yield* wait(vfs.open(local.security.credentials, entry.path, options));
  // What an open was granted it keeps, whatever became of the file's permissions.
  if (file === EACCES || file === EPERM) file = yield* wait(vfs.open(SERVER, entry.path, options));
  if (failed(file)) return file === ENOENT ? 'there is no such file any more' : errorText(file);
  const stat = yield* wait(file.stat());
  if (failed(stat) || !isSameFile(identity, persistentIdentityOf(stat))) {
    file.close();
    return 'there is another file of that name';
  }
  return { file, fileKey: fileKeyOf(stat), isDirectory: stat.type === 'directory' };
}

/** Means the server itself where it cannot act as others. */
export const SERVER: Credentials = { uid: 0, gid: 0, groups: [] };

function errorText(errno: Errno): string {
  return `it cannot be opened (errno ${-errno})`;
}

function optionsOf({ isDirectory }: FileRecord, entry: OpenEntry, isLink: boolean): OpenOptions {
  if (isLink) return { access: 'metadata', noFollow: true };
  const { grantedAccess: granted, streamKey } = entry;
  if (streamKey !== '') return { access: 'metadata' };
  const reads = (granted & (FILE_READ_DATA | FILE_EXECUTE)) !== 0;
  if (isDirectory) return { access: reads ? 'directory' : 'metadata' };
  const writes = (granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0;
  return { access: DATA_ACCESS[Number(reads) + 2 * Number(writes)]! };
}

/** By reading, and twice writing. */
const DATA_ACCESS: readonly OpenFor[] = ['metadata', 'read', 'write', 'readwrite'];

export function* makeOpen(
  volume: Volume,
  record: FileRecord,
  from: Reopened & { readonly entry: OpenEntry; readonly kept: Pick<KeptOpen, 'local'> },
): Task<LocalOpen | undefined> {
  const { entry, file, fileKey } = from;
  const { local } = from.kept;
  const { openId, oplockKey, streamKey, path } = entry;
  const isDirectory = from.isDirectory && streamKey === '';
  const held = record.oplocks.find(
    (other) => other.oplockKey === oplockKey && other.streamKey === streamKey,
  );
  const open: LocalOpen = {
    volume,
    security: local.security,
    openId,
    fileKey,
    file,
    isDirectory,
    link: local.link,
    streamName: local.streamName,
    streamKey,
    oplockKey,
    oplock: held && { ...held, isBreaking: held.breaking !== undefined },
    parentOplockKey: local.parentOplockKey,
    backing: local.link === undefined ? undefined : LINK_BACKING,
    grantedAccess: entry.grantedAccess,
    shareAccess: entry.shareAccess,
    createOptions: local.createOptions,
    isPosix: entry.isPosix === true,
    path,
    mode: local.mode,
    position: local.position,
    nextEaEntry: 0,
    cursor: undefined,
    identity: undefined,
    userSetModificationTime: local.userSetModificationTime,
    userSetAccessTime: local.userSetAccessTime,
    userSetChangeTime: local.userSetChangeTime,
    // It may have been.
    contentChanged: true,
    isNameNew: true,
    closed: false,
  };
  if (streamKey !== '' && !(yield* findBacking(open))) {
    file.close();
    volume.env.log.warn({ share: volume.id, path, reason: 'no stream' }, 'an open is not restored');
    return undefined;
  }
  if (isDirectory && held !== undefined) {
    volume.localLeaseBreaks?.begin(fileKey, path);
    yield* wait(volume.directoryLeases.add());
  }
  volume.opens.add(open);
  return open;
}

function* findBacking(open: LocalOpen): Task<boolean> {
  const { volume, file, path, streamName } = open;
  const xattr = yield* findStream(volume.streams, file, streamName);
  if (failed(xattr)) return false;
  open.backing = new NamedStream(volume.streams, file, { path, xattr });
  return true;
}

/** What local programs see of its byte-range locks. */
export function* lockAgain(open: LocalOpen, { locks }: FileRecord): Task<void> {
  const { options, env } = open.volume;
  if (!options.posixLocks) return;
  const own = locks.filter((lock) => lock.openId === open.openId);
  if (own.length === 0 || applyPosixLocks(open, locks, own)) return;
  env.log.warn({ path: open.path }, 'a local program has locked what a restored open had locked');
}
