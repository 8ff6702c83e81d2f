/**
 * How much of a share Time Machine's backups fill, where they may not fill all of it. A backup is a
 * folder NAME.sparsebundle (or .backupbundle) with files of one size in `bands`, which Info.plist
 * names: their number tells its size without looking at any (Samba's vfs_fruit does so, too).
 */
import { BACKUPS_COUNTED_MAX, TURN_TIME_MS } from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import { nsOfFileTime } from '../dtyp/file-time.ts';
import type { Env } from '../env/ports.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { Credentials, FileSystemStat, Vfs } from '../vfs/vfs.ts';

/** The server itself: whoever asks learns no more than the sum. */
const SERVER: Credentials = { uid: 0, gid: 0, groups: [] };
const BUNDLE = /\.(sparsebundle|backupbundle)$/i;
const BAND_SIZE = /<key>band-size<\/key>\s*<integer>\s*(\d{1,12})\s*<\/integer>/;
/** Bytes of Info.plist that are looked at; it has some 500. */
const INFO_SIZE_MAX = 65_536;
/** What macOS takes for a unit of storage is not asked for; Samba's. */
const UNIT_SIZE = 1024;
/** A folder that changed within its time stamp's grain looks unchanged. */
const SETTLED_NS = 1_000_000_000n;

interface Counted {
  readonly modifyTimeNs: bigint;
  readonly bands: number;
}

export interface BackupSizeParams {
  readonly vfs: Vfs;
  readonly env: Env;
  /** Bytes. */
  readonly sizeMax: number;
}

/** The size that a share for backups is told to have. */
export class BackupSize {
  readonly #vfs: Vfs;
  readonly #env: Env;
  readonly #sizeMax: number;
  /** By path of the bundle; good while its folder of bands has the same time. */
  #counted: ReadonlyMap<string, Counted> = new Map();

  constructor({ vfs, env, sizeMax }: BackupSizeParams) {
    this.#vfs = vfs;
    this.#env = env;
    this.#sizeMax = sizeMax;
  }

  /** The store's sizes, no larger than the limit, less the backups. Costs a listing if changed. */
  *limit(space: FileSystemStat): Task<FileSystemStat | Errno> {
    const used = yield* this.#used();
    if (failed(used)) return used;
    const free = Math.max(0, this.#sizeMax - used);
    const { blockSize } = space;
    const unitsOf = (blocks: number, sizeMax: number): number =>
      Math.floor(Math.min(blocks * blockSize, sizeMax) / UNIT_SIZE);
    return {
      ...space,
      blockSize: UNIT_SIZE,
      blocks: unitsOf(space.blocks, this.#sizeMax),
      blocksFree: unitsOf(space.blocksFree, free),
      blocksAvailable: unitsOf(space.blocksAvailable, free),
    };
  }

  /** Bytes in all backups. */
  *#used(): Task<number | Errno> {
    const bundles = yield* this.#bundles();
    if (failed(bundles)) return bundles;
    const counted = new Map<string, Counted>();
    let used = 0;
    for (const bundle of bundles) {
      const bandSize = yield* this.#bandSizeOf(bundle);
      const bands = bandSize === 0 ? undefined : yield* this.#bandsOf(`${bundle}/bands`);
      if (bands === undefined) continue;
      counted.set(`${bundle}/bands`, bands);
      used += bandSize * bands.bands;
    }
    this.#counted = counted;
    return used;
  }

  *#bundles(): Task<readonly string[] | Errno> {
    const root = yield* wait(this.#vfs.open(SERVER, '', { access: 'directory' }));
    if (failed(root)) return root;
    const bundles: string[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const batch = yield* wait(root.readDirectory(isFirst));
      if (failed(batch) || batch.length === 0) break;
      for (const { name } of batch) if (BUNDLE.test(name)) bundles.push(name);
    }
    root.close();
    return bundles.slice(0, BACKUPS_COUNTED_MAX);
  }

  /** 0 where nothing says so: a backup that is being made. */
  *#bandSizeOf(bundle: string): Task<number> {
    const path = `${bundle}/Info.plist`;
    const file = yield* wait(this.#vfs.open(SERVER, path, { access: 'read' }));
    if (failed(file)) return 0;
    const content = new Uint8Array(INFO_SIZE_MAX);
    const count = yield* wait(file.read(content, 0));
    file.close();
    if (failed(count)) return 0;
    const text = Buffer.from(content.buffer, 0, count).toString('latin1');
    return Number(BAND_SIZE.exec(text)?.[1] ?? 0);
  }

  *#bandsOf(path: string): Task<Counted | undefined> {
    const { clock, timers } = this.#env;
    const folder = yield* wait(this.#vfs.open(SERVER, path, { access: 'directory' }));
    if (failed(folder)) return undefined;
    const stat = yield* wait(folder.stat());
    const known = this.#counted.get(path);
    if (failed(stat) || known?.modifyTimeNs === stat.modifyTimeNs) {
      folder.close();
      return known;
    }
    const isSettled = nsOfFileTime(clock.fileTime()) - stat.modifyTimeNs > SETTLED_NS;
    let bands = 0;
    let startMs = clock.monotonicMs();
    for (let isFirst = true; ; isFirst = false) {
      const batch = yield* wait(folder.readDirectory(isFirst));
      if (failed(batch) || batch.length === 0) break;
      bands += batch.length;
      if (clock.monotonicMs() - startMs <= TURN_TIME_MS) continue;
      yield* wait(timers.turn());
      startMs = clock.monotonicMs();
    }
    folder.close();
    return { modifyTimeNs: isSettled ? stat.modifyTimeNs : -1n, bands };
  }
}
