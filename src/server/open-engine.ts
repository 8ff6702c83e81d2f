import type { Smb2Server } from '../smb2/server/server.ts';
import { AccountStore } from './account-store.ts';
import { AccountsFile } from './accounts-file.ts';
import { type EngineParams, makeEngine } from './make-engine.ts';
import { exposuresOf } from './state-folder-safety.ts';

export interface Opened {
  readonly accounts: AccountStore;
  readonly engine: Smb2Server;
}

/**
 * The accounts, and the engine that they log on to; who loses an account loses its sessions.
 * Rejects with `AccountsFileError`, and as `makeEngine` throws.
 */
export async function openEngine(params: Omit<EngineParams, 'accounts'>): Promise<Opened> {
  const { env, options } = params;
  const { stateFolder } = options;
  const file = stateFolder === undefined ? undefined : new AccountsFile(stateFolder, env.random);
  let engine: Smb2Server | undefined;
  const revoked = (userName: string) => void engine?.logoffUser(userName);
  const accounts = await AccountStore.open({ file, env, revoked });
  if (stateFolder !== undefined && file !== undefined) {
    for (const what of exposuresOf(stateFolder, file.path)) env.log.warn({}, what);
  }
  engine = makeEngine({ ...params, accounts });
  return { accounts, engine };
}
