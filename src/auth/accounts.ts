import type { MaybePromise } from '../base/task.ts';
import { toUpper } from './ntlm/crypto.ts';

/** One local account. */
export interface Account {
  readonly userName: string;
  /** NTOWFv1 of the password ([MS-NLMP] 3.3.1): MD4 of its UTF-16LE bytes; 16 bytes. */
  readonly ntHash: Uint8Array;
  /** As text, "S-1-5-21-…". */
  readonly sid: string;
  readonly groupSids: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  readonly gids?: readonly number[];
  readonly disabled: boolean;
}

/** The account database as the acceptors see it. */
export interface AccountDatabase {
  /**
   * Finds an account by name, upper and lower case alike. `domainName` is what the client sent: a
   * standalone server ignores it. Must cost the same time whether or not the account exists.
   */
  lookup(userName: string, domainName: string): MaybePromise<Account | undefined>;
}

/** A database of the accounts given, by name; of two with one name the later counts. */
export function createAccountDatabase(accounts: Iterable<Account>): AccountDatabase {
  const byName = new Map<string, Account>();
  for (const account of accounts) byName.set(foldName(account.userName), account);
  return { lookup: (userName) => byName.get(foldName(userName)) };
}

/** The form under which two spellings of one user name are the same. */
export function foldName(userName: string): string {
  return toUpper(userName);
}
