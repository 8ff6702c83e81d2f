/** Opens that outlive the server: how they are entered, left, given back and restored. */
import { type Task, wait } from '../base/task.ts';
import { failed } from '../vfs/errno.ts';
import {
  type Back,
  type BackDecision,
  decideBack,
  decideKept,
  hasWriterBeside,
} from './decide-persistent.ts';
import type { LocalOpen } from './local-open.ts';
import {
  type KeptLocalOpen,
  type KeptOpen,
  type PersistentIdentity,
  type PersistentOpen,
  persistentIdentityOf,
} from './persistent-open.ts';

/**
 * Enters an open, or what changed of it, into the store; it is there when this ends. `owner` is
 * what the layer above makes its own open from again. False: the open has gone, or the store takes
 * nothing; then it is not persistent.
 */
export function* persistOpen(
  open: LocalOpen,
  owner: object,
  options: { readonly isAway: boolean },
): Task<boolean> {
  const { volume, fileKey, openId } = open;
  const { persistentFiles } = volume;
  if (persistentFiles === undefined || open.closed) return false;
  const record = yield* wait(persistentFiles.get(fileKey));
  const known = record?.opens.find((entry) => entry.openId === openId)?.persistent;
  const identity = known?.identity ?? open.identity ?? (yield* identityOf(open));
  if (identity === undefined) return false;
  const persistent: PersistentOpen = {
    isAway: options.isAway,
    identity,
    local: keptLocalOpen(open),
    owner,
  };
  const isEntered = yield* wait(
    persistentFiles.update(fileKey, (current) => decideKept(current, openId, persistent)),
  );
  if (!isEntered) return false;
  if (persistentFiles.isStored(fileKey)) return true;
  if (known === undefined) {
    yield* wait(
      persistentFiles.update(fileKey, (current) => decideKept(current, openId, undefined)),
    );
  }
  return known !== undefined;
}

/** Whether the store has what was decided last; always, where nothing outlives the server. */
export function isStored({ volume, fileKey }: LocalOpen): boolean {
  return volume.persistentFiles?.isStored(fileKey) !== false;
}

/** What another process makes the open from again; undefined: its file tells nothing. */
export function* keptOpen(open: LocalOpen): Task<KeptOpen | undefined> {
  const identity = yield* identityOf(open);
  return identity && { identity, local: keptLocalOpen(open) };
}

function* identityOf({ file }: LocalOpen): Task<PersistentIdentity | undefined> {
  const stat = yield* wait(file.stat());
  return failed(stat) ? undefined : persistentIdentityOf(stat);
}

/** What the open is made from again. */
export function keptLocalOpen(open: LocalOpen): KeptLocalOpen {
  return {
    security: open.security,
    link: open.link,
    streamName: open.streamName,
    parentOplockKey: open.parentOplockKey,
    createOptions: open.createOptions,
    mode: open.mode,
    position: open.position,
    userSetModificationTime: open.userSetModificationTime,
    userSetAccessTime: open.userSetAccessTime,
    userSetChangeTime: open.userSetChangeTime,
  };
}

/** The client of an open is back, which still counts as away; see `decideBack`. */
export function* resumeOpen(open: LocalOpen, back: Back): Task<BackDecision> {
  const { volume, fileKey } = open;
  return yield* wait(volume.files.update(fileKey, (current) => decideBack(current, open, back)));
}

/**
 * Whether another open of the same client, by oplock or lease, may have written to the file. Its
 * writes break nothing of what the others cache.
 */
export function* isSharedWithWriter(open: LocalOpen): Task<boolean> {
  const record = yield* wait(open.volume.files.get(open.fileKey));
  return record !== undefined && hasWriterBeside(record, open);
}

/** The server ends: lets go of the file and leaves everything else as it stands in the store. */
export function leaveOpen(open: LocalOpen): void {
  if (open.closed) return;
  open.closed = true;
  const { volume } = open;
  volume.opens.remove(open);
  if (open.isDirectory) volume.changeNotifyList.remove(open);
  open.backing?.close();
  open.file.close();
}
