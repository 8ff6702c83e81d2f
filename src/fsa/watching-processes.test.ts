import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_NOTIFY_CHANGE_FILE_NAME } from '../fscc/notify-filter.ts';
import {
  FILE_ACTION_REMOVED,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../fscc/notify-information.ts';
import { MemoryRecordStore } from '../state/memory/memory-record-store.ts';
import type { LocalOpen } from './local-open.ts';
import { ChangeNotifyList } from './notify-list.ts';
import { reportRenamed } from './notify-report.ts';
import type { Volume } from './volume.ts';
import type { VolumeNews } from './volume-peers.ts';
import { WatchingProcessesOf } from './watching-processes.ts';

describe('WatchingProcessesOf', () => {
  it('tells another process all of a rename at once', () => {
    const store = new MemoryRecordStore();
    const told: VolumeNews[] = [];
    const peers = {
      tell: (_volumeId: string, news: VolumeNews) => void told.push(news),
      settled: () => Promise.resolve(),
    };
    const of = (serverId: string) =>
      new WatchingProcessesOf({ volumeId: 'v', serverId, peers, store });
    of('b').began();
    const changeNotifyList = new ChangeNotifyList<LocalOpen>({ entrySize: 1000, totalSize: 1000 });
    changeNotifyList.share(of('a'));
    const volume = { changeNotifyList } as Partial<Volume> as Volume;
    reportRenamed(volume, { from: 'd/x', to: 'd/y', isDirectory: false }, true);
    assert.equal(told.length, 1);
    const events = told[0]?.kind === 'events' ? told[0].events : [];
    const names = events.filter(({ filter }) => filter === FILE_NOTIFY_CHANGE_FILE_NAME);
    assert.deepEqual(
      names.map(({ action, path }) => [action, path]),
      [
        [FILE_ACTION_REMOVED, 'd/y'],
        [FILE_ACTION_RENAMED_OLD_NAME, 'd/x'],
        [FILE_ACTION_RENAMED_NEW_NAME, 'd/y'],
      ],
    );
  });
});
