import { FILE_RECORD_VERSION, type FileRecord } from '../../fsa/file-record.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import type { RecordStore } from '../../state/record-store.ts';

/**
 * A worker is gone that may have broken oplocks of this one's clients: nobody else keeps the time
 * of those breaks now. Costs a scan of all file records.
 */
export async function keepBreakTimes(
  engine: Smb2Server,
  store: RecordStore,
  serverId: string,
): Promise<void> {
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  for (const [fileKey, { oplocks, opens }] of await files.scan('')) {
    for (const entry of oplocks) {
      if (entry.serverId !== serverId || entry.breaking === undefined) continue;
      const open = opens.find(({ oplockKey }) => oplockKey === entry.oplockKey);
      const volume = open && engine.findShare(open.volumeId)?.volume;
      volume?.oplockBreaks.keepTimeOf(volume, fileKey, entry);
    }
  }
}
