/** Carries out what `decideReload` decided, on a server of one process or of several. */
import type { ServerStatus } from '../smb2/server/status.ts';
import { type Configured, decideReload } from './decide-reload.ts';
import { OptionError, type ShareOptions, type SmbServerOptions } from './options.ts';

/** What became of a configuration that was read again, a line each. */
export interface ReloadReport {
  readonly changes: readonly string[];
  /** What stays as it was, and why. */
  readonly refused: readonly string[];
}

/** What a server does one by one. */
export interface Reloadable {
  status(): Promise<ServerStatus>;
  addShare(options: ShareOptions): Promise<void>;
  removeShare(name: string): Promise<boolean>;
  changeShare(options: ShareOptions): Promise<void>;
  changeOptions(options: SmbServerOptions): Promise<void>;
}

export async function reload(
  server: Reloadable,
  now: Configured,
  next: Configured,
): Promise<ReloadReport> {
  const plan = decideReload(now, next, sharesInUse(await server.status()));
  const changes: string[] = [];
  const refused = [...plan.refused];
  const attempt = async (done: string, otherwise: string, job: () => Promise<unknown>) => {
    try {
      await job();
      changes.push(done);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      refused.push(`${error.message}; ${otherwise}`);
    }
  };
  const { server: options } = plan;
  if (options !== undefined) {
    const what = `${plan.serverChanges.join(', ')} changed`;
    await attempt(what, 'nothing of the server changed', () => server.changeOptions(options));
  }
  for (const name of plan.removed) {
    await attempt(`share ${name}: removed`, 'it stays', () => server.removeShare(name));
  }
  for (const share of plan.remounted) {
    await attempt(`share ${share.name}: changed`, 'it is gone', async () => {
      await server.removeShare(share.name);
      await server.addShare(share);
    });
  }
  for (const share of plan.changed) {
    await attempt(`share ${share.name}: changed`, 'it stays as it was', () =>
      server.changeShare(share),
    );
  }
  for (const share of plan.added) {
    await attempt(`share ${share.name}: added`, 'it is not served', () => server.addShare(share));
  }
  return { changes, refused };
}

function sharesInUse({ sessions, opens }: ServerStatus): ReadonlySet<string> {
  const connected = sessions.flatMap((session) => session.shares.map(({ name }) => name));
  const names = [...connected, ...opens.map(({ share }) => share)];
  return new Set(names.map((name) => name.toLowerCase()));
}
