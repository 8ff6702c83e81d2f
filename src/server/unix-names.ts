/** Names of POSIX ids, for those who look at owners: the accounts', then the system's files'. */
import { readFileSync, statSync } from 'node:fs';
import { unixGroupSid, unixIdOf, unixUserSid } from '../dtyp/sid.ts';
import type { NamedSid } from '../services/service-host.ts';
import type { AccountRecord } from './accounts.ts';

const USER_DOMAIN = 'Unix User';
const GROUP_DOMAIN = 'Unix Group';
/** A line is 'name:password:id:…' in both. */
const PASSWD_FILE = '/etc/passwd';
const GROUP_FILE = '/etc/group';

/** What 'S-1-22-…' stands for, as Samba names it; undefined when nobody has this id. */
export function unixSidName(sid: string, accounts: readonly AccountRecord[]): NamedSid | undefined {
  const unix = unixIdOf(sid);
  if (unix === undefined) return undefined;
  if (unix.kind === 'gid') {
    const name = find(GROUP_FILE, (entry) => entry.id === unix.id)?.name;
    return name === undefined ? undefined : group(unix.id, name);
  }
  const own = accounts.find((account) => account.uid === unix.id);
  const name = own?.name ?? find(PASSWD_FILE, (entry) => entry.id === unix.id)?.name;
  return name === undefined ? undefined : user(unix.id, name);
}

/** 'Unix User\anna' and 'Unix Group\staff', in any case. */
export function unixNameSid(
  name: string,
  accounts: readonly AccountRecord[],
): NamedSid | undefined {
  const match = /^unix (user|group)\\(.+)$/i.exec(name);
  if (match === null) return undefined;
  const wanted = match[2]!.toLowerCase();
  const isWanted = (entry: Entry): boolean => entry.name.toLowerCase() === wanted;
  if (match[1]!.toLowerCase() === 'group') {
    const found = find(GROUP_FILE, isWanted);
    return found && group(found.id, found.name);
  }
  const own = accounts.find((account) => account.name.toLowerCase() === wanted);
  if (own?.uid !== undefined) return user(own.uid, own.name);
  const found = find(PASSWD_FILE, isWanted);
  return found && user(found.id, found.name);
}

interface Entry {
  readonly name: string;
  readonly id: number;
}

const TABLES = new Map<string, { readonly stamp: number; readonly entries: readonly Entry[] }>();

function find(path: string, isWanted: (entry: Entry) => boolean): Entry | undefined {
  const stamp = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  let table = TABLES.get(path);
  if (table?.stamp !== stamp) {
    table = { stamp, entries: stamp === 0 ? [] : parse(path) };
    TABLES.set(path, table);
  }
  return table.entries.find(isWanted);
}

function parse(path: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [name, , id] = line.split(':');
    if (name && id && /^\d+$/.test(id)) entries.push({ name, id: Number(id) });
  }
  return entries;
}

function user(uid: number, name: string): NamedSid {
  return { sid: unixUserSid(uid), domainName: USER_DOMAIN, name, use: 'user' };
}

function group(gid: number, name: string): NamedSid {
  return { sid: unixGroupSid(gid), domainName: GROUP_DOMAIN, name, use: 'alias' };
}
