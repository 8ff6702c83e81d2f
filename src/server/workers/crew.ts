import { assert } from '../../base/assert.ts';
import type { Limits } from '../../base/limits.ts';
import type { Env } from '../../env/ports.ts';
import type { StoredFiles } from '../../fsa/persistent-files.ts';
import { wildcardAnswer } from '../../smb2/server/commands/smb1-negotiate.ts';
import type { LeftBehind } from '../../smb2/server/hand-over.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import type { ServerStatus } from '../../smb2/server/status.ts';
import { FRAME_HEADER_SIZE } from '../../smb2/transport/tcp/framing.ts';
import type { ListenAt } from '../../smb2/transport/tcp/listening-socket.ts';
import type { RecordStore } from '../../state/record-store.ts';
import { makePrivateFolder } from '../atomic-file.ts';
import type { Listener } from '../listeners.ts';
import type { ShareOptions, SmbServerOptions } from '../options.ts';
import { type HandOverStep, NOTHING_LEFT } from '../step-aside.ts';
import { makeRuntimeFolder, removeRuntimeFolder } from './runtime-folder.ts';
import { Supervisor } from './supervisor.ts';
import { checkShareOfWorkers, optionsOfWorker } from './worker-options.ts';

export interface CrewOptions {
  readonly count: number;
  readonly options: SmbServerOptions;
  readonly env: Env;
  readonly limits: Limits;
}

/** The processes of a server that has several, from before they start until they are gone. */
export class Crew {
  readonly #params: CrewOptions;
  #folder: string | undefined;
  #supervisor: Supervisor | undefined;
  #stored: StoredFiles | undefined;

  constructor(params: CrewOptions) {
    this.#params = params;
  }

  /** Makes the runtime folder; the server's options, with accounts that the processes share. */
  open(): SmbServerOptions & { readonly stateFolder: string } {
    const { options } = this.#params;
    this.#folder ??= makeRuntimeFolder();
    const stateFolder = options.stateFolder ?? `${this.#folder}/accounts`;
    makePrivateFolder(stateFolder);
    return { ...options, stateFolder };
  }

  /**
   * Rejects when a worker does not come up. `engine` is this process's own: it serves nobody, and
   * knows what the workers' would say.
   */
  async start(shares: readonly ShareOptions[], engine: Smb2Server): Promise<void> {
    const { count, env, limits } = this.#params;
    const { stateFolder, onEvent, ...rest } = this.open();
    const folder = this.#folder;
    assert(folder !== undefined, 'open() makes the runtime folder');
    const options = optionsOfWorker(rest, stateFolder);
    this.#supervisor = await Supervisor.start({
      count,
      folder,
      env,
      limits,
      options,
      shares: shares.map((share) => this.#asServed(share)),
      stored: () => this.#stored,
      onEvent,
      answerSmb1: (message) => wildcardAnswer(engine, message, FRAME_HEADER_SIZE),
    });
  }

  async stop(): Promise<void> {
    await this.#supervisor?.stop();
    this.#supervisor = undefined;
    if (this.#folder !== undefined) removeRuntimeFolder(this.#folder);
  }

  bind(at: ListenAt): Promise<Listener> {
    assert(this.#supervisor !== undefined, 'workers serve before somebody connects');
    return this.#supervisor.bind(at);
  }

  /** Throws `OptionError`. */
  checkShare(share: ShareOptions): void {
    checkShareOfWorkers(share);
  }

  async addShare(share: ShareOptions): Promise<void> {
    await this.#supervisor?.addShare(this.#asServed(share));
  }

  /** Before a share is added whose opens outlive the server: where they stand. */
  keepIn(stored: StoredFiles): void {
    this.#stored = stored;
  }

  /**
   * What the server before left on these shares: it is there before `add` lets anybody open it, and
   * the workers' when they have the shares.
   */
  async restore(shares: readonly ShareOptions[], add: () => Promise<void>): Promise<void> {
    const kept = shares.filter(({ continuousAvailability }) => continuousAvailability === true);
    const names = new Set(kept.map(({ name }) => name.toLowerCase()));
    if (names.size === 0 || this.#supervisor === undefined) await add();
    else await this.#supervisor.restore(names, add);
  }

  /** Without a store that can be written nothing outlives the server. */
  #asServed(share: ShareOptions): ShareOptions {
    return this.#stored === undefined ? { ...share, continuousAvailability: false } : share;
  }

  /** The workers' shared records; undefined before they start. */
  get store(): RecordStore | undefined {
    return this.#supervisor?.store;
  }

  async removeShare(name: string): Promise<void> {
    await this.#supervisor?.removeShare(name);
  }

  async changeShare(share: ShareOptions): Promise<void> {
    await this.#supervisor?.changeShare(share);
  }

  async changeOptions(options: SmbServerOptions): Promise<void> {
    const { stateFolder } = this.open();
    await this.#supervisor?.changeOptions(optionsOfWorker(options, stateFolder));
  }

  /** One step of `SmbServer.handOver`, in all workers. */
  async stepAside(step: HandOverStep, folder: string): Promise<LeftBehind> {
    return (await this.#supervisor?.stepAside(step, folder)) ?? NOTHING_LEFT;
  }

  /** `SmbServer.takeOver`, in one worker: who asks for an open in another one has it moved. */
  async takeOpens(folder: string): Promise<number> {
    return (await this.#supervisor?.takeOpens(folder)) ?? 0;
  }

  accountsChanged(): void {
    this.#supervisor?.accountsChanged();
  }

  async status(): Promise<ServerStatus> {
    return (await this.#supervisor?.status()) ?? NOTHING;
  }

  async end(what: 'session' | 'open' | 'share', id: string): Promise<boolean> {
    return (await this.#supervisor?.end(what, id)) ?? false;
  }
}

const NOTHING: ServerStatus = { connections: [], sessions: [], opens: [] };
