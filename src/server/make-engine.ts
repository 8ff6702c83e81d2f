import { hostname } from 'node:os';
import type { Authenticator } from '../auth/acceptor.ts';
import { createAuthenticator } from '../auth/authenticator.ts';
import type { Limits } from '../base/limits.ts';
import type { Env } from '../env/ports.ts';
import { PipeMemory } from '../rpce/pipe-memory.ts';
import { createPipeOpener } from '../services/pipes.ts';
import {
  SIGNING_AES_CMAC,
  SIGNING_AES_GMAC,
  SIGNING_HMAC_SHA256,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
} from '../smb2/crypto/algorithms.ts';
import { limitOfAll } from '../smb2/server/limit-of-all.ts';
import type { ServerPeers, Share, Smb2RunTimeOptions } from '../smb2/server/options.ts';
import { Smb2Server } from '../smb2/server/server.ts';
import type { RecordStore } from '../state/record-store.ts';
import type { AccountStore } from './account-store.ts';
import type { UnixIds } from './accounts.ts';
import { type InterfaceRule, parseInterfaceRule } from './interface-rules.ts';
import { InterfaceList } from './interfaces.ts';
import { DIALECTS, OptionError, type SmbServerOptions } from './options.ts';
import { withPosixUsers } from './posix-users.ts';
import { securityContextOf } from './security-contexts.ts';
import { makeServiceHost } from './service-host.ts';

const DEFAULT_WORKGROUP = 'WORKGROUP';

/** In order of preference: GCM before CCM for its speed, 128 bits before 256 as Windows does. */
const CIPHERS = [
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
];
const SIGNING_ALGORITHMS = [SIGNING_AES_GMAC, SIGNING_AES_CMAC, SIGNING_HMAC_SHA256];

/** [MS-SMB2] 3.3.4.13 Server Application Registers a Share: the one of the named pipes. */
const IPC_SHARE: Share = {
  name: 'IPC$',
  comment: 'Remote IPC',
  type: 'pipe',
  volume: undefined,
  encryption: 'off',
  allowedUsers: undefined,
  administrators: [],
  readOnly: false,
  hidden: false,
  accessBasedEnumeration: false,
};

export interface EngineParams {
  readonly options: SmbServerOptions;
  readonly env: Env;
  readonly limits: Limits;
  readonly store: RecordStore;
  readonly serverId: string;
  readonly serverName: string;
  readonly peers?: ServerPeers | undefined;
  readonly accounts: AccountStore;
}

/** Puts the protocol engine together: who may log on, what answers on IPC$, how it encrypts. */
export function makeEngine(params: EngineParams): Smb2Server {
  const { options, env, limits, store, serverId, serverName, accounts, peers } = params;
  const workgroup = (options.workgroup ?? DEFAULT_WORKGROUP).toUpperCase();
  const engine: Smb2Server = new Smb2Server({
    env,
    limits,
    store,
    serverGuid: new Uint8Array(Buffer.from(accounts.data.serverGuid, 'hex')),
    serverId,
    serverName,
    peers,
    authenticator: authenticatorOf(params, workgroup),
    ...runTimeOptions(options, env),
    oplockBreakChannels: options.oplockBreakChannels ?? 'retry',
    ciphers: CIPHERS,
    signingAlgorithms: SIGNING_ALGORITHMS,
    securityContext: securityContextOf,
    openPipe: createPipeOpener(
      makeServiceHost({ serverName, workgroup, env, accounts, engine: () => engine }),
      { ...limits, memory: new PipeMemory(limitOfAll(params, 'pipeBuffersSize')) },
    ),
    testControls: options.testControls ?? false,
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  engine.addShare(IPC_SHARE);
  return engine;
}

/** Throws `OptionError` for an interface that says nothing. */
export function runTimeOptions(options: SmbServerOptions, { clock }: Env): Smb2RunTimeOptions {
  const rules = (options.interfaces ?? []).map(interfaceRule);
  const interfaces = new InterfaceList({ clock, rules, listen: options.listen });
  return {
    dialectMin: DIALECTS[options.dialectMin ?? '2.0.2'],
    dialectMax: DIALECTS[options.dialectMax ?? '3.1.1'],
    signing: options.signing ?? 'required',
    replayOrder: options.replayOrder ?? 'sane',
    encryption: options.encryption ?? 'off',
    posixExtensions: options.posix ?? true,
    networkInterfaces: (localAddress) => interfaces.tell(localAddress),
  };
}

function interfaceRule(text: string): InterfaceRule {
  const rule = parseInterfaceRule(text);
  if (typeof rule === 'string') throw new OptionError(rule);
  return rule;
}

function authenticatorOf(params: EngineParams, workgroup: string): Authenticator {
  const { options, env, serverName, accounts } = params;
  const authenticator = createAuthenticator({
    random: env.random,
    clock: env.clock,
    accounts,
    serverName,
    domainName: workgroup,
    dnsName: hostname(),
    allowAnonymous: options.allowAnonymous ?? false,
  });
  if (options.posixUsers !== 'nss') return authenticator;
  const learned = (userName: string, ids: UnixIds): void => accounts.learn(userName, ids);
  return withPosixUsers({ authenticator, log: env.log, learned });
}
