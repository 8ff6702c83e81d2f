import { type Account, type AccountDatabase, foldName } from '../auth/accounts.ts';
import type { Env } from '../env/ports.ts';
import { type AccountsData, newAccounts, setUnixIds, toAccount, type UnixIds } from './accounts.ts';
import type { AccountsFile } from './accounts-file.ts';

/**
 * The running server's view of its accounts. Backed by the state folder's file it notices edits of
 * other processes (`semba user add`) at the next logon; without a file it lives in memory.
 */
export class AccountStore implements AccountDatabase {
  readonly #file: AccountsFile | undefined;
  readonly #env: Env;
  /** Called with the name of each account that went, was disabled or got another password. */
  readonly #revoked: (userName: string) => void;
  #data: AccountsData;
  #byKey: ReadonlyMap<string, Account>;
  /** POSIX ids that were found elsewhere, by folded name; kept nowhere. */
  readonly #learned: Map<string, UnixIds> = new Map();
  #shown: AccountsData;
  #stamp: string | undefined;

  private constructor(params: AccountStoreParams, data: AccountsData) {
    this.#file = params.file;
    this.#env = params.env;
    this.#revoked = params.revoked;
    this.#data = data;
    this.#shown = data;
    this.#byKey = index(data);
  }

  /** Throws `AccountsFileError` when there is a file that cannot be read. */
  static async open(params: AccountStoreParams): Promise<AccountStore> {
    const stamp = params.file?.stamp();
    const data = (await params.file?.open()) ?? newAccounts(params.env.random);
    const store = new AccountStore(params, data);
    store.#stamp = stamp;
    return store;
  }

  /** With the ids that were learned. */
  get data(): AccountsData {
    return this.#shown;
  }

  /** An account without POSIX ids acts with these now. */
  learn(userName: string, ids: UnixIds): void {
    const key = foldName(userName);
    const known = this.#learned.get(key);
    if (known?.uid === ids.uid && known.gid === ids.gid) return;
    this.#learned.set(key, ids);
    this.#show();
  }

  #show(): void {
    let shown = this.#data;
    for (const [key, ids] of this.#learned) {
      const account = this.#byKey.get(key);
      if (account === undefined) this.#learned.delete(key);
      else if (account.uid === undefined) shown = setUnixIds(shown, account.userName, ids);
    }
    this.#shown = shown;
  }

  lookup(userName: string): Account | undefined {
    this.refresh();
    return this.#byKey.get(foldName(userName));
  }

  /** Reads the file again when it changed; a damaged one is logged and the old accounts stay. */
  refresh(): void {
    const stamp = this.#file?.stamp();
    if (this.#file === undefined || stamp === this.#stamp) return;
    this.#stamp = stamp;
    try {
      const data = this.#file.read();
      if (data !== undefined) this.#replace(data);
      else this.#env.log.warn({ path: this.#file.path }, 'accounts file is gone; accounts stay');
    } catch (error) {
      this.#env.log.error(
        { reason: (error as Error).message },
        'accounts file not read; they stay',
      );
    }
  }

  async edit(change: (data: AccountsData) => AccountsData): Promise<void> {
    if (this.#file === undefined) this.#replace(change(this.#data));
    else this.#replace(await this.#file.edit(change));
  }

  #replace(data: AccountsData): void {
    const before = this.#byKey;
    this.#data = data;
    this.#byKey = index(data);
    this.#show();
    for (const [key, old] of before) {
      if (isRevoked(old, this.#byKey.get(key))) this.#revoked(old.userName);
    }
  }
}

export interface AccountStoreParams {
  readonly file: AccountsFile | undefined;
  readonly env: Env;
  readonly revoked: (userName: string) => void;
}

function index(data: AccountsData): ReadonlyMap<string, Account> {
  return new Map(data.accounts.map((record) => [foldName(record.name), toAccount(data, record)]));
}

function isRevoked(old: Account, now: Account | undefined): boolean {
  if (now === undefined || now.sid !== old.sid) return true;
  if (now.disabled && !old.disabled) return true;
  return Buffer.compare(now.ntHash, old.ntHash) !== 0;
}
