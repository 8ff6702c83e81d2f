/** Snapshots that a file system or a script shows as folders of a folder, named by their times. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ENOENT, failed } from '../errno.ts';
import type { Snapshots } from '../snapshots.ts';
import { openLocalVfs } from './local-vfs.ts';

export interface SnapshotFolderOptions {
  /** The folder of snapshots, e.g. '/tank/.zfs/snapshot'; or one below `share`. */
  readonly folder: string;
  /** The share's own folder, where `folder` is below it: clients may have made what is there. */
  readonly share?: string;
  /** A folder's name with %Y, %m, %d, %H, %M and %S, or %s, in UTC; '*' is any text. */
  readonly pattern?: string;
  /** Where the share's root is below a snapshot; default: the snapshot is the root. */
  readonly subfolder?: string;
}

const DEFAULT_PATTERN = '@GMT-%Y.%m.%d-%H.%M.%S';

/** The time, in seconds since 1970, that a name tells by a pattern; undefined for others. */
export type SnapshotName = (name: string) => number | undefined;

/** Undefined when the pattern cannot tell a time. */
export function compileSnapshotPattern(pattern: string): SnapshotName | undefined {
  const fields: string[] = [];
  const source = pattern.replace(/%([A-Za-z])|[^%*]|[%*]/g, (part, field: string | undefined) => {
    if (part === '*') return '.*?';
    const digits = field === undefined ? undefined : DIGITS[field];
    if (digits === undefined) return part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    fields.push(field!);
    return `(${digits})`;
  });
  const isWhole = fields.includes('s') || 'Ymd'.split('').every((field) => fields.includes(field));
  if (!isWhole || new Set(fields).size !== fields.length) return undefined;
  const expression = new RegExp(`^${source}$`);
  return (name) => {
    const match = expression.exec(name);
    return match === null ? undefined : secondsOf(fields, match.slice(1).map(Number));
  };
}

const DIGITS: Readonly<Record<string, string>> = {
  Y: '\\d{4}',
  m: '\\d\\d',
  d: '\\d\\d',
  H: '\\d\\d',
  M: '\\d\\d',
  S: '\\d\\d',
  s: '\\d{1,11}',
};

function secondsOf(fields: readonly string[], values: readonly number[]): number | undefined {
  const of = (field: string): number => values[fields.indexOf(field)] ?? 0;
  if (fields.includes('s')) return of('s');
  const date = [of('Y'), of('m') - 1, of('d')] as const;
  const time = [of('H'), of('M'), of('S')] as const;
  const isTime = date[1] < 12 && date[2] <= 31 && time[0] < 24 && time[1] < 60 && time[2] < 61;
  return isTime && date[1] >= 0 ? Date.UTC(...date, ...time) / 1000 : undefined;
}

/**
 * From `folder`, or `share`, on no link is followed: who may write there could otherwise show any
 * folder of this machine as a snapshot.
 */
export class SnapshotFolder implements Snapshots {
  readonly #root: string;
  /** The folder of snapshots from there. */
  readonly #folder: string;
  readonly #subfolder: string;
  readonly #timeOf: SnapshotName;
  /** Names by time, as the folder was last read. */
  #names: ReadonlyMap<number, string> = new Map();

  /** The pattern has to be one that `compileSnapshotPattern` takes. */
  constructor(options: SnapshotFolderOptions) {
    const { folder, share, pattern = DEFAULT_PATTERN, subfolder = '' } = options;
    const timeOf = compileSnapshotPattern(pattern);
    if (timeOf === undefined) throw new Error(`no pattern of snapshots: '${pattern}'`);
    this.#root = share ?? folder;
    this.#folder = share === undefined ? '' : folder;
    this.#subfolder = subfolder;
    this.#timeOf = timeOf;
  }

  /** Of several with one time the last counts. A folder that is not there has none. */
  list(): readonly number[] {
    const names = new Map<number, string>();
    try {
      for (const name of readdirSync(join(this.#root, this.#folder)).sort()) {
        const seconds = this.#timeOf(name);
        if (seconds !== undefined) names.set(seconds, name);
      }
    } catch {
      // Nothing was snapshotted yet, or it is not mounted.
      names.clear();
    }
    this.#names = names;
    return [...names.keys()];
  }

  open(seconds: number): ReturnType<typeof openLocalVfs> {
    const known = this.#open(seconds);
    if (!failed(known)) return known;
    this.list();
    return this.#open(seconds);
  }

  #open(seconds: number): ReturnType<typeof openLocalVfs> {
    const name = this.#names.get(seconds);
    if (name === undefined) return ENOENT;
    return openLocalVfs(this.#root, { below: join(this.#folder, name, this.#subfolder) });
  }
}
