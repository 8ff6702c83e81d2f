/**
 * An open whose client is away moves to another process of the server, to which the client came
 * back. Its share mode, locks and oplock stand in the file's record all the time:
 *
 *     held --T0 offerOpen()--> offered --T1 adoptOpen(), there--> held by the other process
 *                                 \-----T2 it did not come to that: closed
 *
 * offered: the record says what the open is made from again; this process keeps the file open, and
 * does nothing with it.
 */
import { type Task, wait } from '../base/task.ts';
import type { Update } from '../state/record-store.ts';
import { failed } from '../vfs/errno.ts';
import { decideKept } from './decide-persistent.ts';
import type { FileRecord } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { keptLocalOpen, leaveOpen } from './persist.ts';
import { type PersistentOpen, persistentIdentityOf } from './persistent-open.ts';
import { lockAgain, makeOpen, type RestoredOpen, reopen } from './restore-opens.ts';
import type { Volume } from './volume.ts';

/** T0. False: the open has gone. */
export function* offerOpen(open: LocalOpen, owner: object): Task<boolean> {
  const stat = yield* wait(open.file.stat());
  if (failed(stat) || open.closed) return false;
  const identity = persistentIdentityOf(stat);
  // No client is away from anybody who could be asked: it is back, and waits.
  const kept: PersistentOpen = { isAway: false, identity, local: keptLocalOpen(open), owner };
  const { files } = open.volume;
  return yield* wait(files.update(open.fileKey, (now) => decideKept(now, open.openId, kept)));
}

/** T1, where it was held before. */
export function* letGoOf(open: LocalOpen): Task<void> {
  const { volume, isDirectory, oplock } = open;
  leaveOpen(open);
  if (isDirectory && oplock !== undefined) yield* wait(volume.directoryLeases.remove());
}

/** T1. Undefined: it is not offered, or its file cannot be opened. */
export function* adoptOpen(
  volume: Volume,
  fileKey: string,
  openId: string,
): Task<RestoredOpen | undefined> {
  const record = yield* wait(volume.files.get(fileKey));
  const entry = record?.opens.find((open) => open.openId === openId);
  if (record === undefined || entry?.persistent === undefined) return undefined;
  const { path, persistent } = entry;
  const opened = yield* reopen(volume, record, { ...entry, persistent });
  if (typeof opened === 'string') {
    volume.env.log.warn({ share: volume.id, path, reason: opened }, 'an open is not taken over');
    return undefined;
  }
  const open = yield* makeOpen(volume, record, { entry, persistent, ...opened });
  if (open === undefined) return undefined;
  const { serverId } = volume;
  const isOurs = yield* wait(
    volume.files.update(fileKey, (current) => decideAdopted(current, openId, serverId)),
  );
  if (isOurs) {
    yield* lockAgain(open, record);
    return { open, owner: persistent.owner };
  }
  yield* letGoOf(open);
  return undefined;
}

/** False: it is not there any more. Pure. */
export function decideAdopted(
  current: FileRecord | undefined,
  openId: string,
  serverId: string,
): Update<FileRecord, boolean> {
  const entry = current?.opens.find((open) => open.openId === openId);
  if (current === undefined || entry?.persistent === undefined) {
    return { next: 'keep', result: false };
  }
  const { oplockKey, streamKey } = entry;
  const opens = current.opens.map((open) =>
    open === entry ? { ...entry, serverId, persistent: undefined } : open,
  );
  const oplocks = current.oplocks.map((held) =>
    held.oplockKey === oplockKey && held.streamKey === streamKey ? { ...held, serverId } : held,
  );
  return { next: { ...current, opens, oplocks, version: current.version + 1 }, result: true };
}
