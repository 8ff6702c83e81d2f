/**
 * The accounts file of the state folder: `accounts.json`, mode 0600, NT hashes only. Read whole
 * and replaced whole; several processes (`semba serve`, `semba user`) may use it at once. A file
 * that cannot be understood is reported and never written over.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Random } from '../env/ports.ts';
import { type AccountsData, newAccounts } from './accounts.ts';
import { makePrivateFolder, replaceFile } from './atomic-file.ts';
import { FileLockError, withFileLock } from './file-lock.ts';

export class AccountsFileError extends Error {
  override readonly name = 'AccountsFileError';
}

const idSchema = z.int().min(0).max(0xffff_ffff);
const hexSchema = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits');
const accountSchema = z.strictObject({
  name: z.string().min(1),
  rid: idSchema,
  ntHash: hexSchema,
  disabled: z.boolean(),
  uid: idSchema.optional(),
  gid: idSchema.optional(),
  gids: z.array(idSchema).optional(),
});
const fileSchema = z.strictObject({
  version: z.literal(1),
  serverGuid: hexSchema,
  machineSid: z.string().regex(/^S-1-5-21-\d+-\d+-\d+$/, 'expected S-1-5-21-…'),
  nextRid: idSchema,
  accounts: z.array(accountSchema),
});

export class AccountsFile {
  readonly path: string;
  readonly #folder: string;
  readonly #random: Random;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
    this.path = join(folder, 'accounts.json');
  }

  /** What changes whenever the file is replaced; undefined while there is none. Cheap. */
  stamp(): string | undefined {
    const stat = statSync(this.path, { throwIfNoEntry: false, bigint: true });
    return stat && `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
  }

  /** The file's contents; undefined when there is none yet. Throws `AccountsFileError`. */
  read(): AccountsData | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new AccountsFileError(`cannot read ${this.path}: ${(error as Error).message}`);
    }
    return parseAccounts(this.path, text);
  }

  /** The file's contents; makes the folder and the file when they are missing. */
  async open(): Promise<AccountsData> {
    return this.read() ?? (await this.edit((data) => data));
  }

  /**
   * Changes the file, alone among all processes; returns what it holds then. Throws
   * `AccountsFileError`, and what `change` throws.
   */
  async edit(change: (data: AccountsData) => AccountsData): Promise<AccountsData> {
    const token = Buffer.from(this.#random.bytes(6)).toString('hex');
    try {
      makePrivateFolder(this.#folder);
      return await withFileLock(`${this.path}.lock`, token, () => {
        const current = this.read();
        const next = change(current ?? newAccounts(this.#random));
        if (next !== current) replaceFile(this.path, `${JSON.stringify(next, null, 2)}\n`, token);
        return next;
      });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (error instanceof FileLockError) throw new AccountsFileError(message);
      if (!/^E[A-Z]+$/.test(code ?? '')) throw error;
      throw new AccountsFileError(`cannot write ${this.path}: ${message}`);
    }
  }
}

function parseAccounts(path: string, text: string): AccountsData {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AccountsFileError(
      `${path} is damaged (${(error as Error).message}); restore it or move it away`,
    );
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') || 'the file';
  throw new AccountsFileError(`${path} is damaged: ${where}: ${issue?.message}; restore it`);
}
