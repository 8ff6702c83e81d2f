/** What the pipe services (srvsvc, wkssvc, lsarpc) ask of the server around them. */

import type { Env } from '../env/ports.ts';
import type { PipeClient } from '../rpce/pipe.ts';
import { STYPE_DISKTREE, STYPE_IPC, STYPE_SPECIAL } from '../rpce/srvs.ts';
import type { NamedSid, ServiceHost, ShareDescription } from '../services/service-host.ts';
import type { Share } from '../smb2/server/options.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import type { AccountStore } from './account-store.ts';
import { type AccountRecord, findAccount } from './accounts.ts';
import { unixNameSid, unixSidName } from './unix-names.ts';

/** What Windows 10 and Server 2016 and newer tell: clients show it, and decide nothing by it. */
const OS_VERSION = { major: 10, minor: 0 };
const MAX_USES_UNLIMITED = 0xffff_ffff;
/** [MS-SRVS] 2.2.4.29 SHARE_INFO_1005. */
const SHI1005_FLAGS_ACCESS_BASED_DIRECTORY_ENUM = 0x0800;
const SHI1005_FLAGS_ENCRYPT_DATA = 0x8000;

export interface ServiceHostParams {
  readonly serverName: string;
  readonly workgroup: string;
  readonly env: Env;
  readonly accounts: AccountStore;
  /** Called once somebody asks; the engine and its pipes know each other. */
  readonly engine: () => Smb2Server;
}

export function makeServiceHost(params: ServiceHostParams): ServiceHost {
  const { serverName, workgroup, env, accounts, engine } = params;
  const named = (account: AccountRecord): NamedSid => ({
    sid: `${accounts.data.machineSid}-${account.rid}`,
    domainName: serverName,
    name: account.name,
    use: 'user',
  });
  return {
    serverName,
    domainName: workgroup,
    comment: '',
    osVersion: OS_VERSION,
    clock: env.clock,
    accountDomainSid: accounts.data.machineSid,
    listShares: (client) =>
      engine()
        .shares()
        .filter((share) => isShown(share, client))
        .map((share) => describe(share, engine())),
    findSid: (sid) => {
      const { machineSid, accounts: all } = accounts.data;
      const found = all.find((account) => sid === `${machineSid}-${account.rid}`);
      return found ? named(found) : unixSidName(sid, all);
    },
    findName: (name) => {
      const unix = unixNameSid(name, accounts.data.accounts);
      if (unix !== undefined) return unix;
      const found = findAccount(accounts.data, name.slice(name.lastIndexOf('\\') + 1));
      return found && named(found);
    },
  };
}

/** A hidden share, or one that the client could not connect to, is not listed. */
function isShown(share: Share, client: PipeClient): boolean {
  if (share.hidden) return false;
  return share.allowedUsers?.includes(client.userName.toLowerCase()) ?? true;
}

function describe(share: Share, engine: Smb2Server): ShareDescription {
  let currentUses = 0;
  for (const session of engine.sessions.values()) {
    for (const tree of session.treeConnects.values())
      if (tree.share.name === share.name) currentUses++;
  }
  return {
    name: share.name,
    type: share.type === 'pipe' ? STYPE_IPC | STYPE_SPECIAL : STYPE_DISKTREE,
    comment: share.comment,
    maxUses: MAX_USES_UNLIMITED,
    currentUses,
    flags:
      (share.accessBasedEnumeration ? SHI1005_FLAGS_ACCESS_BASED_DIRECTORY_ENUM : 0) |
      (share.encryption === 'required' ? SHI1005_FLAGS_ENCRYPT_DATA : 0),
  };
}
