/** `semba serve` as the process that takes another's place, or gives its own away. */
import type { ControlServer } from '../admin/control-server.ts';
import { makeNodeEnv } from '../env/node/node-env.ts';
import type { Log } from '../env/ports.ts';
import { removeHandOverFolder } from '../server/hand-over-file.ts';
import type { ShareOptions } from '../server/options.ts';
import type { SmbServer } from '../server/smb-server.ts';
import { whyNotHeir } from '../server/upgrade/decide-upgrade.ts';
import type { Estate } from '../server/upgrade/predecessor.ts';
import {
  LAYOUTS,
  type TakenBack,
  UpgradeProblem,
  type UpgradeReport,
  type UpgradeRequest,
  upgrade,
} from '../server/upgrade/upgrade.ts';
import { CommandError } from './command-error.ts';

/** What `Predecessor` tells, and hears. */
export interface Place {
  estate(): Promise<Estate | undefined>;
  prepared(): Promise<string>;
  serving(opens: number): Promise<void>;
}

/** Of a server that has let go, and whose successor failed: nobody listens any more. */
export function ownPlace(folder: string): Place {
  return {
    estate: async () => undefined,
    prepared: async () => folder,
    serving: async () => {},
  };
}

export async function takePlace(
  server: SmbServer,
  from: {
    readonly place: Place;
    readonly shares: readonly ShareOptions[];
    readonly stateFolder: string;
    readonly control: ControlServer;
  },
): Promise<void> {
  const { place, shares, stateFolder, control } = from;
  const estate = await place.estate();
  if (estate !== undefined) {
    const isPersistent = shares.some((share) => share.continuousAvailability === true);
    const problem = whyNotHeir(estate, { stateFolder, layouts: LAYOUTS, isPersistent });
    if (problem !== undefined) throw new CommandError(problem);
  }
  await server.prepare(shares, estate?.addresses ?? []);
  const folder = await place.prepared();
  await control.listen();
  const opens = await server.takeOver(folder);
  removeHandOverFolder(stateFolder);
  await place.serving(opens);
}

/** Upgrades of one server: one at a time, and the last one ends it. */
export class Upgrades {
  control: ControlServer | undefined;
  readonly end: Promise<'ended' | TakenBack>;
  readonly #server: SmbServer;
  readonly #stateFolder: string;
  readonly #log: Log;
  readonly #version: string;
  #settle: (end: 'ended' | TakenBack) => void = () => {};
  readonly #abort = new AbortController();
  #isRunning = false;

  constructor(options: {
    readonly server: SmbServer;
    readonly stateFolder: string;
    readonly log: Log;
    readonly version: string;
  }) {
    this.#server = options.server;
    this.#stateFolder = options.stateFolder;
    this.#log = options.log;
    this.#version = options.version;
    this.end = new Promise((settle) => {
      this.#settle = settle;
    });
  }

  /** The server is to end: a process that was to take its place has to end, too. */
  abort(): void {
    this.#abort.abort();
  }

  /** Rejects with `UpgradeProblem`. */
  async run(request: UpgradeRequest): Promise<UpgradeReport> {
    if (this.#isRunning) throw new UpgradeProblem('another upgrade is under way');
    this.#isRunning = true;
    const { clock, timers } = makeNodeEnv(this.#log);
    const [server, stateFolder] = [this.#server, this.#stateFolder];
    const letGo = (): void => this.control?.letGo();
    const log = this.#log;
    const { signal: abort } = this.#abort;
    const version = this.#version;
    const options = { server, stateFolder, version, clock, timers, log, abort, letGo };
    try {
      const outcome = await upgrade(options, request);
      if ('pauseMs' in outcome) {
        this.#settle('ended');
        return outcome;
      }
      this.#settle(outcome);
      throw new UpgradeProblem(`${outcome.reason}; the server that ran takes over again`);
    } finally {
      this.#isRunning = false;
    }
  }
}
