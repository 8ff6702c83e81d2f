/** What a running server does about a configuration that was read again. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { ShareOptions, SmbServerOptions } from './options.ts';

export interface Configured {
  readonly server: SmbServerOptions;
  readonly shares: readonly ShareOptions[];
}

export interface ReloadPlan {
  /** Options that hold from now on; undefined: nothing changed. */
  readonly server: SmbServerOptions | undefined;
  readonly serverChanges: readonly string[];
  /** Names. */
  readonly removed: readonly string[];
  /** Taken away and given back: nobody uses them. */
  readonly remounted: readonly ShareOptions[];
  readonly changed: readonly ShareOptions[];
  readonly added: readonly ShareOptions[];
  /** What has to wait, a line each. */
  readonly refused: readonly string[];
}

/** Of the server; false: it takes a new start. Undefined: nothing that a file says. */
const SERVER_KEYS: Readonly<Record<keyof SmbServerOptions, boolean | undefined>> = {
  signing: true,
  encryption: true,
  dialectMin: true,
  dialectMax: true,
  replayOrder: true,
  posix: true,
  interfaces: true,
  listen: false,
  port: false,
  name: false,
  workgroup: false,
  workers: false,
  oplockBreakChannels: false,
  allowAnonymous: false,
  testControls: false,
  posixUsers: false,
  stateFolder: false,
  limits: false,
  log: undefined,
  onEvent: undefined,
};

/** Of a share; false: it has to be mounted anew. */
const SHARE_KEYS: Readonly<Record<keyof ShareOptions, boolean>> = {
  comment: true,
  readOnly: true,
  encryption: true,
  compression: true,
  sendFile: true,
  allowedUsers: true,
  administrators: true,
  hidden: true,
  access: true,
  accessBasedEnumeration: true,
  createMask: true,
  directoryMask: true,
  forceCreateMode: true,
  forceDirectoryMode: true,
  forceUser: true,
  forceGroup: true,
  hideDotFiles: true,
  strictSync: true,
  posix: true,
  appleModel: true,
  name: false,
  path: false,
  aclAutoInherited: false,
  aclOrder: false,
  hideFiles: false,
  vfs: false,
  snapshots: false,
  shortNames: false,
  symlinks: false,
  kernelOplocks: false,
  posixLocks: false,
  streams: false,
  streamsFolder: false,
  directoryLeases: false,
  continuousAvailability: false,
  apple: false,
  timeMachine: false,
  timeMachineSizeMax: false,
};

/** `inUse`: names, in lower case, of shares that somebody is connected to or has files open of. */
export function decideReload(
  now: Configured,
  next: Configured,
  inUse: ReadonlySet<string>,
): ReloadPlan {
  const server = differing(now.server, next.server, SERVER_KEYS);
  const serverChanges = server.filter((key) => SERVER_KEYS[key] === true);
  const refused = server
    .filter((key) => SERVER_KEYS[key] === false)
    .map((key) => `${key}: changes when the server starts again`);
  const shares: Shares = { removed: [], remounted: [], changed: [], added: [] };
  const known = new Map(now.shares.map((share) => [share.name.toLowerCase(), share]));
  for (const share of next.shares) {
    const key = share.name.toLowerCase();
    const before = known.get(key);
    known.delete(key);
    if (before === undefined) shares.added.push(share);
    else decideShare(before, share, { isInUse: inUse.has(key), shares, refused });
  }
  for (const [key, { name }] of known) {
    if (!inUse.has(key)) shares.removed.push(name);
    else refused.push(`share ${name}: is in use, and stays until nobody is connected to it`);
  }
  const changes = serverChanges.length === 0 ? undefined : changedOptions(now, next, serverChanges);
  return { server: changes, serverChanges, ...shares, refused };
}

/** What the file leaves out has its default again. */
function changedOptions(
  now: Configured,
  next: Configured,
  keys: readonly (keyof SmbServerOptions)[],
): SmbServerOptions {
  const options: Partial<Record<keyof SmbServerOptions, unknown>> = { ...now.server };
  for (const key of keys) {
    if (next.server[key] === undefined) delete options[key];
    else options[key] = next.server[key];
  }
  return options as SmbServerOptions;
}

interface Shares {
  readonly removed: string[];
  readonly remounted: ShareOptions[];
  readonly changed: ShareOptions[];
  readonly added: ShareOptions[];
}

function decideShare(
  before: ShareOptions,
  after: ShareOptions,
  to: { readonly isInUse: boolean; readonly shares: Shares; readonly refused: string[] },
): void {
  const keys = differing(before, after, SHARE_KEYS);
  const anew = keys.filter((key) => !SHARE_KEYS[key]);
  if (keys.length === 0) return;
  if (anew.length === 0) to.shares.changed.push(after);
  else if (!to.isInUse) to.shares.remounted.push(after);
  else {
    const why = 'changes when nobody is connected to it';
    to.refused.push(`share ${after.name}: ${anew.join(', ')} ${why}; nothing of it changed`);
  }
}

function differing<T extends object>(
  before: T,
  after: T,
  keys: Readonly<Record<keyof T & string, unknown>>,
): (keyof T & string)[] {
  const names = Object.keys(keys) as (keyof T & string)[];
  return names.filter((key) => !isDeepStrictEqual(before[key], after[key]));
}
