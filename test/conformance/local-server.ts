import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../../src/base/limits.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import {
  type ShareOptions,
  SmbServer,
  type SmbServerOptions,
} from '../../src/server/smb-server.ts';
import { MemoryVfs } from '../../src/server/storage.ts';
import type { Target } from './peer.ts';

export type Storage = 'memory' | 'local';

/** Our own server in this process, or with two worker processes, on a free port. */
export interface LocalServer {
  readonly server: SmbServer;
  readonly target: Target;
  stop(): Promise<void>;
}

const USER = { name: 'torture1', password: 'torture1pw' };

/** Shares `share` and `share_enc` on that storage. */
export async function startServer(
  storage: Storage,
  limits: Partial<Limits> = {},
  workers: number = 1,
): Promise<LocalServer> {
  const folders: string[] = [];
  const storageOf = (name: string): Pick<ShareOptions, 'path' | 'vfs'> => {
    if (storage === 'memory') return { vfs: new MemoryVfs(makeNodeClock()) };
    const path = mkdtempSync(join(tmpdir(), `semba-${name}-`));
    folders.push(path);
    return { path };
  };
  const shares: ShareOptions[] = [
    { name: 'share', ...storageOf('share') },
    { name: 'share_apple', ...storageOf('apple'), apple: true },
    { name: 'share_enc', ...storageOf('enc'), encryption: 'required' },
  ];
  const { server, target, stop } = await serveShares(shares, {
    name: 'SEMBA',
    workers,
    allowAnonymous: true,
    limits: { failedLogonsFree: 1_000_000, ...limits },
  });
  return {
    server,
    target,
    async stop(): Promise<void> {
      await stop();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Our own server, on a free port, of these shares and one account; the target is `share`. */
export async function serveShares(
  shares: readonly ShareOptions[],
  options: SmbServerOptions = {},
): Promise<LocalServer> {
  const server = new SmbServer({
    listen: ['127.0.0.1'],
    port: 0,
    signing: 'enabled',
    log: makeNodeLog('error'),
    ...options,
  });
  await server.addUser(USER);
  for (const share of shares) await server.addShare(share);
  await server.start();
  const { name: user, password } = USER;
  const target = { host: '127.0.0.1', port: server.port!, user, password, share: 'share' };
  return { server, target, stop: () => server.stop() };
}
