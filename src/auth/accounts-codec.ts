import { toHex } from '../base/bytes.ts';
import type { Account } from './accounts.ts';
import { foldName } from './accounts.ts';

/**
 * The text form of an account database: JSON, one object with a version and the accounts.
 *
 *     { "version": 1,
 *       "accounts": [ { "userName": "ada", "ntHash": "8846…", "sid": "S-1-5-21-…",
 *                       "groupSids": [], "uid": 1000, "gid": 1000, "gids": [], "disabled": false } ] }
 *
 * The NT hash is as good as the password to who reads it: the file is for its owner only.
 */
const VERSION = 1;

export type DecodedAccounts =
  | { readonly accounts: readonly Account[] }
  | { readonly error: string };

export function encodeAccounts(accounts: readonly Account[]): string {
  const rows = accounts.map((account) => ({ ...account, ntHash: toHex(account.ntHash) }));
  return `${JSON.stringify({ version: VERSION, accounts: rows }, null, 2)}\n`;
}

/** `error` says what is wrong and where, for the operator. Unknown members are ignored. */
export function decodeAccounts(text: string): DecodedAccounts {
  const root = parseJson(text);
  if (!isRecord(root)) return { error: 'not a JSON object' };
  const { version, accounts: rows } = root;
  if (version !== VERSION) return { error: `version is not ${VERSION}` };
  if (!Array.isArray(rows)) return { error: '"accounts" is not a list' };
  const accounts: Account[] = [];
  const names = new Set<string>();
  for (const [i, row] of rows.entries()) {
    const account = decodeAccount(row);
    if (typeof account === 'string') return { error: `account ${i}: ${account}` };
    const name = foldName(account.userName);
    if (names.has(name)) return { error: `account ${i}: ${account.userName} is there twice` };
    names.add(name);
    accounts.push(account);
  }
  return { accounts };
}

function decodeAccount(row: unknown): Account | string {
  if (!isRecord(row)) return 'not an object';
  const { userName, ntHash, sid, groupSids = [], uid, gid, gids, disabled = false } = row;
  if (typeof userName !== 'string' || userName === '') return '"userName" is missing';
  if (typeof ntHash !== 'string' || !/^[0-9a-f]{32}$/i.test(ntHash)) {
    return '"ntHash" is not 32 hexadecimal digits';
  }
  if (!isSid(sid)) return '"sid" is no SID';
  if (!Array.isArray(groupSids) || !groupSids.every(isSid)) return '"groupSids" is no list of SIDs';
  if (uid !== undefined && !isPosixId(uid)) return '"uid" is no number';
  if (gid !== undefined && !isPosixId(gid)) return '"gid" is no number';
  if (gids !== undefined && !(Array.isArray(gids) && gids.every(isPosixId))) {
    return '"gids" is no list of numbers';
  }
  if (typeof disabled !== 'boolean') return '"disabled" is neither true nor false';
  return {
    userName,
    ntHash: Uint8Array.from(Buffer.from(ntHash, 'hex')),
    sid,
    groupSids,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(gids === undefined ? {} : { gids }),
    disabled,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSid(value: unknown): value is string {
  return typeof value === 'string' && /^S-1-\d{1,15}(-\d{1,10}){1,15}$/.test(value);
}

function isPosixId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 0xffff_ffff;
}
