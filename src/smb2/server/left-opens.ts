/** Opens that belong to no process are taken over by this one: see sweep-durable.ts. */
import { type Task, wait } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import { FILE_RECORD_VERSION, type FileRecord, NO_SERVER } from '../../fsa/file-record.ts';
import { closeLeft, dropOpen } from '../../fsa/move-open.ts';
import { leftOpens } from '../../fsa/sweep-process.ts';
import { adopt } from './moving-opens.ts';
import type { Smb2Server } from './server.ts';
import { leftDurable } from './sweep-durable.ts';

/** All that there is, by one process. */
export function* takeOverLeft(server: Smb2Server): Task<void> {
  yield* closeLeftOpens(server);
  const left = yield* wait(leftDurable(server.options.store));
  yield* takeOverDurable(
    server,
    left.map(({ persistentId }) => persistentId),
  );
}

/**
 * Durable opens become this process's, disconnected: from now on it breaks or closes them, and
 * their clients have what is left of their time. What cannot be opened again goes; what another
 * process has taken already is left to it.
 */
export function* takeOverDurable(server: Smb2Server, persistentIds: readonly bigint[]): Task<void> {
  const turns = new Turns(server.options.env);
  for (const persistentId of persistentIds) {
    const record = yield* server.durableOpens.recordOf(persistentId);
    if (record?.serverId !== NO_SERVER) continue;
    const share = server.findShare(record.shareName);
    const open = share && (yield* adopt(server, share, record));
    if (open === undefined) yield* forget(server, persistentId);
    yield* turns.next();
  }
}

/** It could not be taken over; unless another process has it, nobody can. */
function* forget(server: Smb2Server, persistentId: bigint): Task<void> {
  const record = yield* server.durableOpens.recordOf(persistentId);
  if (record?.serverId !== NO_SERVER) return;
  const { store } = server.options;
  const volume = server.findShare(record.shareName)?.volume;
  const files = volume?.files ?? store.table<FileRecord>('file', FILE_RECORD_VERSION);
  yield* server.durableOpens.forget(persistentId, NO_SERVER);
  yield* dropOpen(files, record);
}

/** Closes what nobody comes back for, and with which something is to be deleted. */
export function* closeLeftOpens(server: Smb2Server): Task<void> {
  const { store, env } = server.options;
  const turns = new Turns(env);
  const durable = new Set((yield* wait(leftDurable(store))).map(({ openId }) => openId));
  for (const { fileKey, entry } of yield* wait(leftOpens(store))) {
    const { openId, volumeId } = entry;
    if (durable.has(openId)) continue;
    const volume = server.findShare(volumeId)?.volume;
    if (volume !== undefined) yield* closeLeft(volume, fileKey, openId);
    else {
      const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
      yield* dropOpen(files, { fileKey, openId, serverId: NO_SERVER });
    }
    yield* turns.next();
  }
}
