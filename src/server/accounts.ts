/** The accounts of a standalone server as data, and the edits of them as pure functions. */
import { type Account, foldName } from '../auth/accounts.ts';
import { type Sid, type UnixId, unixIdOf } from '../dtyp/sid.ts';
import type { Random } from '../env/ports.ts';

export interface AccountRecord {
  readonly name: string;
  /** The last part of the account's SID ([MS-DTYP] 2.4.2.3). */
  readonly rid: number;
  /** 32 hexadecimal digits; the password itself is kept nowhere. */
  readonly ntHash: string;
  readonly disabled: boolean;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly gids?: readonly number[] | undefined;
}

export interface UnixIds {
  readonly uid: number;
  readonly gid: number;
  readonly gids?: readonly number[] | undefined;
}

export interface AccountsData {
  readonly version: 1;
  /** 32 hexadecimal digits: [MS-SMB2] 3.3.1.5 ServerGuid. */
  readonly serverGuid: string;
  /** The SID that every account's SID starts with. */
  readonly machineSid: string;
  /** A removed account's RID is never given again. */
  readonly nextRid: number;
  readonly accounts: readonly AccountRecord[];
}

/** An edit that cannot be done: the name is taken, unknown or no name at all. */
export class AccountEditError extends Error {
  override readonly name = 'AccountEditError';
}

/** [MS-SAMR] 3.1.1.9.2: RIDs below 1000 belong to built-in accounts. */
const FIRST_RID = 1000;
/** [MS-DTYP] 2.4.2.4: DOMAIN_USERS of the machine's own domain. */
const RID_DOMAIN_USERS = 513;
const USER_NAME_LENGTH_MAX = 104;

export function newAccounts(random: Random): AccountsData {
  const parts = new DataView(random.bytes(12).buffer);
  return {
    version: 1,
    serverGuid: Buffer.from(random.bytes(16)).toString('hex'),
    machineSid: `S-1-5-21-${parts.getUint32(0)}-${parts.getUint32(4)}-${parts.getUint32(8)}`,
    nextRid: FIRST_RID,
    accounts: [],
  };
}

export function addAccount(data: AccountsData, name: string, ntHash: Uint8Array): AccountsData {
  checkUserName(name);
  if (findAccount(data, name) !== undefined) {
    throw new AccountEditError(`user '${name}' exists already`);
  }
  const account = { name, rid: data.nextRid, ntHash: hex(ntHash), disabled: false };
  return { ...data, nextRid: data.nextRid + 1, accounts: [...data.accounts, account] };
}

export function setPassword(data: AccountsData, name: string, ntHash: Uint8Array): AccountsData {
  const account = mustFind(data, name);
  const changed = { ...account, ntHash: hex(ntHash) };
  return { ...data, accounts: data.accounts.map((one) => (one === account ? changed : one)) };
}

/** Adds an account, or gives one that exists another password; and POSIX ids, where there are. */
export function putAccount(
  data: AccountsData,
  account: {
    readonly name: string;
    readonly ntHash: Uint8Array;
    readonly unixIds: UnixIds | undefined;
  },
): AccountsData {
  const { name, ntHash, unixIds } = account;
  const exists = findAccount(data, name) !== undefined;
  const next = exists ? setPassword(data, name, ntHash) : addAccount(data, name, ntHash);
  return unixIds === undefined ? next : setUnixIds(next, name, unixIds);
}

/** Gives an account the POSIX ids that it acts with, as far as the server may. */
export function setUnixIds(data: AccountsData, name: string, ids: UnixIds): AccountsData {
  const account = mustFind(data, name);
  const changed = { ...account, ...ids };
  return { ...data, accounts: data.accounts.map((one) => (one === account ? changed : one)) };
}

export function removeAccount(data: AccountsData, name: string): AccountsData {
  const account = mustFind(data, name);
  return { ...data, accounts: data.accounts.filter((one) => one !== account) };
}

/** Upper and lower case alike, as [MS-NLMP] compares user names. */
export function findAccount(data: AccountsData, name: string): AccountRecord | undefined {
  const key = foldName(name);
  return data.accounts.find((account) => foldName(account.name) === key);
}

export function toAccount(data: AccountsData, record: AccountRecord): Account {
  return {
    userName: record.name,
    ntHash: new Uint8Array(Buffer.from(record.ntHash, 'hex')),
    sid: `${data.machineSid}-${record.rid}`,
    groupSids: [`${data.machineSid}-${RID_DOMAIN_USERS}`],
    disabled: record.disabled,
    ...(record.uid === undefined ? {} : { uid: record.uid }),
    ...(record.gid === undefined ? {} : { gid: record.gid }),
    ...(record.gids === undefined ? {} : { gids: record.gids }),
  };
}

/** Whom a SID stands for on disk: an account that has ids, or the id that the SID names. */
export function unixIdOfSid(data: AccountsData, sid: Sid): UnixId | undefined {
  const own = data.accounts.find((account) => sid === `${data.machineSid}-${account.rid}`);
  if (own === undefined) return unixIdOf(sid);
  return own.uid === undefined ? undefined : { kind: 'uid', id: own.uid };
}

/** Throws `AccountEditError` for what no account can be called. */
export function checkUserName(name: string): void {
  if (name === '' || name.length > USER_NAME_LENGTH_MAX) {
    throw new AccountEditError(`a user name has 1 to ${USER_NAME_LENGTH_MAX} characters`);
  }
  if (name.trim() !== name) {
    throw new AccountEditError(`user name '${name}' has a space at its start or end`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/["/\\[\]:;|=,+*?<>@%\u0000-\u001f]/.test(name)) {
    throw new AccountEditError(`user name '${name}' has a character that SMB clients cannot send`);
  }
}

function mustFind(data: AccountsData, name: string): AccountRecord {
  const account = findAccount(data, name);
  if (account === undefined) throw new AccountEditError(`there is no user '${name}'`);
  return account;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
