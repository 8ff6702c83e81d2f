/**
 * Users and groups as this machine knows them, files and directories alike: getpwnam(3) and its
 * like through koffi, which ask whatever /etc/nsswitch.conf names.
 *
 * The plain functions wait for the answer, which a directory service may take its time with: they
 * are for starting up and for commands. `findPosixUserLater` waits in a thread.
 */
import koffi from 'koffi';
import { LE } from '../base/bytes.ts';

export interface PosixUser {
  readonly name: string;
  readonly uid: number;
  /** The primary group, and all that the user is in, this one included. */
  readonly gid: number;
  readonly gids: readonly number[];
}

type Native = ((...args: readonly unknown[]) => number) & {
  async(...args: readonly unknown[]): void;
};

const libc = koffi.load(null);
const define = (prototype: string): Native => libc.func(prototype) as unknown as Native;
const getpwnam = define('int getpwnam_r(void*, void*, void*, size_t, void*)');
const getpwuid = define('int getpwuid_r(uint32_t, void*, void*, size_t, void*)');
const getgrnam = define('int getgrnam_r(void*, void*, void*, size_t, void*)');
const getgrgid = define('int getgrgid_r(uint32_t, void*, void*, size_t, void*)');
const getgrouplist = define('int getgrouplist(void*, uint32_t, void*, void*)');

/** Bytes of an entry's texts: tried first, and at the most. */
const TEXT_SIZE = 16 * 1024;
const TEXT_SIZE_MAX = 4 * 1024 * 1024;
/** Linux: NGROUPS_MAX. */
const GROUPS_MAX = 65_536;
const ERANGE = 34;
const ID_MAX = 0xffff_fffe;

/** By name or, if no user has it as name, by a number; undefined where there is none. */
export function findPosixUser(nameOrUid: string): PosixUser | undefined {
  const text = cString(nameOrUid);
  const uid = idOf(nameOrUid);
  const entry =
    text && (ask(getpwnam, text) ?? (uid === undefined ? undefined : ask(getpwuid, uid)));
  if (entry === undefined) return undefined;
  const user = decodeUser(entry);
  const name = cString(user.name)!;
  const list = new GroupList();
  getgrouplist(name, user.gid, list.groups, list.count);
  return { ...user, gids: list.decode(user.gid) };
}

/** By name; in a thread. */
export async function findPosixUserLater(name: string): Promise<PosixUser | undefined> {
  const text = cString(name);
  const entry = text && (await askLater(getpwnam, text));
  if (entry === undefined) return undefined;
  const user = decodeUser(entry);
  const list = new GroupList();
  await later(getgrouplist, cString(user.name), user.gid, list.groups, list.count);
  return { ...user, gids: list.decode(user.gid) };
}

/** By name or number; undefined where there is none of this name. A number needs no group. */
export function findPosixGroup(nameOrGid: string): number | undefined {
  const text = cString(nameOrGid);
  const gid = idOf(nameOrGid);
  const entry =
    text && (ask(getgrnam, text) ?? (gid === undefined ? undefined : ask(getgrgid, gid)));
  if (entry === undefined) return gid;
  return entry.view.getUint32(16, LE);
}

/** A struct passwd or group, and the texts that it points to. */
class Entry {
  readonly bytes: Uint8Array = new Uint8Array(64);
  readonly view: DataView = new DataView(this.bytes.buffer);
  readonly text: Buffer;
  /** Where the struct is, if it was found: a pointer. */
  readonly found: BigUint64Array = new BigUint64Array(1);

  constructor(textSize: number) {
    this.text = Buffer.allocUnsafeSlow(textSize);
  }

  arguments(key: Uint8Array | number): readonly unknown[] {
    return [key, this.bytes, this.text, this.text.length, this.found];
  }

  /** The entry itself if it is there, 'again' if it needs more room. */
  outcome(error: number): Entry | 'again' | undefined {
    if (error === ERANGE && this.text.length < TEXT_SIZE_MAX) return 'again';
    return error === 0 && this.found[0] !== 0n ? this : undefined;
  }
}

function ask(call: Native, key: Uint8Array | number): Entry | undefined {
  for (let size = TEXT_SIZE; ; size *= 4) {
    const entry = new Entry(size);
    const outcome = entry.outcome(call(...entry.arguments(key)));
    if (outcome !== 'again') return outcome;
  }
}

async function askLater(call: Native, key: Uint8Array | number): Promise<Entry | undefined> {
  for (let size = TEXT_SIZE; ; size *= 4) {
    const entry = new Entry(size);
    const outcome = entry.outcome(await later(call, ...entry.arguments(key)));
    if (outcome !== 'again') return outcome;
  }
}

function later(call: Native, ...args: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    // `args` are held here until the thread is done with them.
    call.async(...args, (error: unknown, result: number) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/** struct passwd: 0 pw_name, 8 pw_passwd, 16 pw_uid, 20 pw_gid; the same in glibc and musl. */
function decodeUser({ view, text }: Entry): Omit<PosixUser, 'gids'> {
  const at = Number(view.getBigUint64(0, LE) - koffi.address(text));
  const name = text.toString('utf8', at, text.indexOf(0, at));
  return { name, uid: view.getUint32(16, LE), gid: view.getUint32(20, LE) };
}

class GroupList {
  readonly groups: Uint32Array = new Uint32Array(GROUPS_MAX);
  readonly count: Int32Array = Int32Array.of(GROUPS_MAX);

  decode(primary: number): readonly number[] {
    const count = Math.max(0, Math.min(this.count[0]!, GROUPS_MAX));
    return [...new Set([primary, ...this.groups.subarray(0, count)])];
  }
}

function idOf(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** Undefined for what can be no name. */
function cString(text: string): Uint8Array | undefined {
  return text === '' || text.includes('\0') ? undefined : Buffer.from(`${text}\0`);
}
