import type { StoredFiles } from '../fsa/persistent-files.ts';
import type { VolumePeers } from '../fsa/volume-peers.ts';
import type { ServerPeers } from '../smb2/server/options.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import type { RecordStore } from '../state/record-store.ts';

/** What a worker process gives its server: see workers/. */
export interface WorkerPlace {
  readonly serverId: string;
  /** Shared with the other workers. */
  readonly store: RecordStore;
  readonly peers: ServerPeers & VolumePeers;
  readonly storedFiles: StoredFiles;
  /** Told once, before any share is added. */
  attach(engine: Smb2Server): void;
}
