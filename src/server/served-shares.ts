/**
 * The shares of a `SmbServer`: mounted and served here, or by its workers, with what clients left
 * open on them when a server before this one ended.
 */
import { assert } from '../base/assert.ts';
import type { Limits } from '../base/limits.ts';
import { run } from '../base/task.ts';
import type { Env } from '../env/ports.ts';
import { persistentTable, type StoredFiles } from '../fsa/persistent-files.ts';
import type { VolumeFate } from '../fsa/sweep-persistent.ts';
import { restoreShare } from '../smb2/server/restore-share.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import type { RecordStore } from '../state/record-store.ts';
import { unixIdOfSid } from './accounts.ts';
import { changeMounted, type MountedShare, mountShare } from './mount-share.ts';
import type { Opened } from './open-engine.ts';
import { checkShareName, OptionError, type ShareOptions } from './options.ts';
import type { PersistentStore } from './persistent-store.ts';
import { refuseSharedState } from './state-folder-safety.ts';
import type { WorkerPlace } from './worker-place.ts';
import type { Crew } from './workers/crew.ts';

interface ServedSharesParams {
  readonly env: Env;
  readonly limits: Limits;
  readonly store: RecordStore;
  readonly serverId: string;
  readonly persistentStore: PersistentStore;
  readonly place: WorkerPlace | undefined;
  readonly crew: Crew | undefined;
  readonly open: () => Promise<Opened>;
  readonly stateFolder: () => string | undefined;
  /** What it serves is another process's from then on, or nobody's. */
  readonly isHandedOver: () => boolean;
  readonly isStopping: () => boolean;
}

export class ServedShares {
  readonly #params: ServedSharesParams;
  readonly #crew: Crew | undefined;
  /** By lower-cased name. */
  readonly #shares: Map<string, MountedShare> = new Map();
  /** What another process still has is left alone. */
  #isHeld = false;
  /** Shares with opens in the store of what outlives a server, which one process at a time has. */
  readonly #later: ShareOptions[] = [];

  constructor(params: ServedSharesParams) {
    this.#params = params;
    this.#crew = params.crew;
  }

  /** As they are now, in the order in which they came. */
  get options(): readonly ShareOptions[] {
    return [...this.#shares.values()].map((share) => share.options);
  }

  /** See `SmbServer.addShare`. */
  async add(options: ShareOptions): Promise<void> {
    checkShareName(options.name);
    this.#crew?.checkShare(options);
    const { open, isStopping, stateFolder } = this.#params;
    const opened = await open();
    const isKept = options.continuousAvailability === true;
    const isLater = isKept && this.#isHeld;
    const storedFiles = isKept && !isLater ? await this.#storedFiles() : undefined;
    if (isStopping()) throw new Error('the server is stopped');
    const key = options.name.toLowerCase();
    if (this.#shares.has(key)) throw new OptionError(`share '${options.name}' exists already`);
    const folder = stateFolder();
    if (folder !== undefined) refuseSharedState(options, folder);
    const share = this.#mount(options, opened, storedFiles);
    if (isLater) {
      share.close();
      this.#later.push(options);
      return;
    }
    if (this.#crew === undefined) {
      this.#shares.set(key, share);
      if (!this.#isHeld) await this.#restore(opened.engine, share);
      opened.engine.addShare(share.share);
      return;
    }
    // It can be mounted: that was all that this process had to find out.
    share.close();
    this.#shares.set(key, { ...share, close: () => {} });
    if (storedFiles !== undefined) this.#crew.keepIn(storedFiles);
    const crew = this.#crew;
    await this.#restoreInWorkers(crew, [options], () => crew.addShare(options));
  }

  #mount(
    options: ShareOptions,
    { accounts }: Opened,
    storedFiles: StoredFiles | undefined,
  ): MountedShare {
    const { env, limits, store, serverId, place } = this.#params;
    return mountShare(options, {
      env,
      limits,
      store,
      serverId,
      peers: place?.peers,
      unixIdOf: (sid) => unixIdOfSid(accounts.data, sid),
      storedFiles,
    });
  }

  async #storedFiles(): Promise<StoredFiles | undefined> {
    const { place, persistentStore } = this.#params;
    if (place !== undefined) return place.storedFiles;
    const store = await persistentStore.open();
    return store && persistentTable(store);
  }

  /** Until `release`, another process has what is open on them: nothing of it is restored. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }

  /** The other process has let go of everything. */
  async takeOver(): Promise<void> {
    const { engine } = await this.#params.open();
    for (const share of this.#shares.values()) await this.#restore(engine, share);
    await this.restoreInWorkers();
    for (const share of this.#later.splice(0)) await this.add(share);
  }

  /** When the workers, if any, have the shares. */
  async restoreInWorkers(): Promise<void> {
    if (this.#crew !== undefined) await this.#restoreInWorkers(this.#crew, this.options);
  }

  /** `add` gives them the shares. */
  async #restoreInWorkers(
    crew: Crew,
    shares: readonly ShareOptions[],
    add: () => Promise<void> = async () => {},
  ): Promise<void> {
    if (crew.store === undefined || this.#isHeld) return await add();
    await crew.restore(shares, add);
    const names = new Set(shares.map(({ name }) => name.toLowerCase()));
    await this.sweep((id) => (names.has(id) ? 'gone' : 'to come'));
  }

  async #restore(engine: Smb2Server, { share, options }: MountedShare): Promise<void> {
    if (this.#crew !== undefined) return;
    await run(restoreShare(engine, share));
    if (options.continuousAvailability === true) return;
    const key = options.name.toLowerCase();
    await this.sweep((id) => (id === key ? 'gone' : 'to come'));
  }

  /** Opens that outlived a server, of shares that are not, or do not restore them, any more. */
  async sweep(fateOf: (volumeId: string) => VolumeFate): Promise<void> {
    const { place, persistentStore, store, isStopping, isHandedOver } = this.#params;
    if (isStopping() || isHandedOver() || place !== undefined) return;
    await persistentStore.sweep(this.#crew?.store ?? store, (id) =>
      this.#shares.get(id)?.options.continuousAvailability === true ? 'here' : fateOf(id),
    );
  }

  /** See `SmbServer.removeShare`. */
  async remove(name: string): Promise<boolean> {
    const share = this.#shares.get(name.toLowerCase());
    if (share === undefined) return false;
    this.#shares.delete(name.toLowerCase());
    const { engine } = await this.#params.open();
    await this.#crew?.removeShare(name);
    await engine.removeShare(share.options.name);
    share.close();
    return true;
  }

  /** See `SmbServer.changeShare`. */
  async change(options: ShareOptions): Promise<void> {
    const key = options.name.toLowerCase();
    const known = this.#shares.get(key);
    assert(known !== undefined, `share ${options.name} changes, and is not there`);
    const changed = changeMounted(known, options, this.#params.limits);
    this.#shares.set(key, changed);
    await this.#crew?.changeShare(options);
    if (this.#crew === undefined) (await this.#params.open()).engine.changeShare(changed.share);
  }

  /** Their storage, when nobody is served any more. */
  close(): void {
    for (const share of this.#shares.values()) share.close();
    this.#shares.clear();
  }
}
