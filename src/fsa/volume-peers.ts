/**
 * What processes that serve the same volume tell each other, beside what stands in the file
 * records: who has to be told of a break is in another process, or watches a directory there, or
 * has the renamed file open.
 */
import { isPromise, run, type Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import { pathMovedBelow } from './decide-rename.ts';
import type { Deed } from './local-lease-breaks.ts';
import type { LocalOpen } from './local-open.ts';
import type { NotifyEvent } from './notify-list.ts';
import type { OplockBreak } from './oplock.ts';
import { streamXattr } from './stream-backing.ts';
import type { Volume } from './volume.ts';

export type VolumeNews =
  /** To the process that serves the holder. */
  | { readonly kind: 'break'; readonly fileKey: string; readonly oplockBreak: OplockBreak }
  /** [MS-FSA] 2.1.4.1, for those who watch there. */
  | { readonly kind: 'events'; readonly events: readonly NotifyEvent[] }
  /** Whoever watches the directory is told so. */
  | { readonly kind: 'watch-ends'; readonly directory: string; readonly status: NtStatus }
  /** A change in a directory that may be leased. */
  | { readonly kind: 'noted'; readonly path: string; readonly deed: Deed }
  /** A directory that may be watched has another path. */
  | { readonly kind: 'moved'; readonly from: string; readonly to: string }
  /** Opens of the file's link follow. */
  | {
      readonly kind: 'renamed';
      readonly fileKey: string;
      readonly from: string;
      readonly to: string;
    }
  /** Opens below a directory follow it. */
  | { readonly kind: 'moved-below'; readonly from: string; readonly to: string }
  | {
      readonly kind: 'stream-renamed';
      readonly fileKey: string;
      readonly from: string;
      readonly streamName: string;
      readonly streamKey: string;
    };

export interface VolumePeers {
  /** To the process of this id, or without one to all others. Must not throw. */
  tell(volumeId: string, news: VolumeNews, serverId?: string): void;
  /** What that process was told before has been done there, or it is gone. */
  settled(serverId: string): Promise<void>;
}

/** Does here what another process did there. */
export function applyNews(volume: Volume, news: VolumeNews): void {
  switch (news.kind) {
    case 'break':
      drive(volume, volume.oplockBreaks.receive(volume, news.fileKey, news.oplockBreak));
      return;
    case 'events':
      volume.changeNotifyList.reportHere(news.events);
      return;
    case 'watch-ends':
      volume.changeNotifyList.endAllHere(news.directory, news.status);
      return;
    case 'noted':
      volume.localLeaseBreaks?.noteHere(news.path, news.deed);
      return;
    case 'moved':
      volume.changeNotifyList.movedHere(news.from, news.to);
      return;
    case 'renamed':
      followLink(volume, news.fileKey, news.from, news.to);
      return;
    case 'moved-below':
      for (const open of volume.opens.all()) {
        open.path = pathMovedBelow(open.path, news.from, news.to) ?? open.path;
      }
      return;
    case 'stream-renamed':
      followStream(volume.opens.ofFile(news.fileKey), news.from, news);
  }
}

/** The opens that this process serves of a file's link have its new path. */
export function followLink(volume: Volume, fileKey: string, from: string, to: string): void {
  for (const open of volume.opens.ofFile(fileKey)) {
    if (open.volume === volume && open.path === from) open.path = to;
  }
}

/** The same of a stream; with no name it is the unnamed one now. */
export function followStream(
  opens: readonly LocalOpen[],
  from: string,
  to: { readonly streamName: string; readonly streamKey: string },
): void {
  for (const open of opens) {
    if (open.streamKey !== from) continue;
    open.streamKey = to.streamKey;
    open.streamName = to.streamName;
    if (to.streamName !== '') open.backing?.renamed(streamXattr(to.streamName));
    else {
      open.backing?.close();
      open.backing = undefined;
    }
  }
}

function drive(volume: Volume, task: Task<void>): void {
  const failure = (error: unknown): void =>
    volume.env.log.error({ error: String(error) }, 'news of another process came to nothing');
  const done = run(task);
  if (isPromise(done)) done.catch(failure);
}
