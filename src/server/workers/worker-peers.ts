import type { LogonGuard } from '../../auth/logon-throttle.ts';
import type { Log } from '../../env/ports.ts';
import { applyNews, type VolumeNews, type VolumePeers } from '../../fsa/volume-peers.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import { broadcast, type MessageBus } from '../../messaging/message-bus.ts';
import type { InstanceMove } from '../../smb2/server/app-instances.ts';
import { endSessionOf } from '../../smb2/server/closing.ts';
import { closeInstances } from '../../smb2/server/commands/create-app-instance.ts';
import { foreignCreateOf } from '../../smb2/server/foreign-create.ts';
import { foreignSessionOf } from '../../smb2/server/foreign-session.ts';
import type { CreateName, ForeignSession, ServerPeers } from '../../smb2/server/options.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import { askingLogonGuard } from './logon-guard.ts';
import { finished, OfferedOpens } from './offered-opens.ts';
import {
  ASK_FOR_OPEN,
  CLOSE_INSTANCES,
  END_SESSION,
  FIND_CREATE,
  FIND_SESSION,
  SETTLE_OPEN,
  SETTLED,
  VOLUME_NEWS,
} from './worker-messages.ts';

const SESSION_CLASS_BITS = 6;

/** What this worker's engine and volumes tell those of the other workers, over the bus. */
export class WorkerPeers implements VolumePeers, ServerPeers {
  readonly sessionIdClass: ServerPeers['sessionIdClass'];
  readonly logonGuard: LogonGuard;
  readonly #bus: MessageBus;
  readonly #calls: BusCalls;
  readonly #supervisorId: string;

  constructor(options: {
    readonly bus: MessageBus;
    readonly calls: BusCalls;
    readonly supervisorId: string;
    readonly slot: number;
  }) {
    this.#bus = options.bus;
    this.#calls = options.calls;
    this.#supervisorId = options.supervisorId;
    this.logonGuard = askingLogonGuard(options);
    this.sessionIdClass = { value: BigInt(options.slot), bits: SESSION_CLASS_BITS };
  }

  tell(volumeId: string, news: VolumeNews, serverId?: string): void {
    const message = { volumeId, news };
    if (serverId === undefined) broadcast(this.#bus, VOLUME_NEWS, message);
    else this.#bus.send(serverId, VOLUME_NEWS, message);
  }

  async settled(serverId: string): Promise<void> {
    await this.#calls.ask(serverId, SETTLED, {});
  }

  async findSession(sessionId: bigint): Promise<ForeignSession | undefined> {
    const answers = await this.#calls.askAll(this.#others, FIND_SESSION, { sessionId });
    return answers.find((session) => session !== undefined);
  }

  async findCreate(name: CreateName): Promise<bigint | undefined> {
    const answers = await this.#calls.askAll(this.#others, FIND_CREATE, name);
    return answers.find((persistentId) => persistentId !== undefined);
  }

  async endSession(sessionId: bigint, userSid: string): Promise<void> {
    await this.#calls.askAll(this.#others, END_SESSION, { sessionId, userSid });
  }

  askForOpen(serverId: string, persistentId: bigint): Promise<boolean | undefined> {
    return this.#calls.ask(serverId, ASK_FOR_OPEN, { persistentId });
  }

  settleOpen(serverId: string, persistentId: bigint, isTaken: boolean): void {
    this.#bus.send(serverId, SETTLE_OPEN, { persistentId, isTaken });
  }

  async closeInstances(move: InstanceMove): Promise<boolean> {
    const answers = await this.#calls.askAll(this.#others, CLOSE_INSTANCES, move);
    return !answers.includes(false);
  }

  get #others(): readonly string[] {
    return this.#bus.peers().filter((serverId) => serverId !== this.#supervisorId);
  }

  /** From here on the others' news count in this engine. */
  serve(engine: Smb2Server, log: Log): void {
    this.#bus.handle(VOLUME_NEWS, ({ volumeId, news }) => {
      const volume = engine.findShare(volumeId)?.volume;
      if (volume !== undefined) applyNews(volume, news);
    });
    this.#calls.answer(SETTLED, () => true);
    this.#calls.answer(FIND_SESSION, ({ sessionId }) => foreignSessionOf(engine, sessionId));
    this.#calls.answer(FIND_CREATE, (name) => foreignCreateOf(engine, name));
    this.#calls.answer(END_SESSION, async ({ sessionId, userSid }) => {
      await finished(endSessionOf(engine, sessionId, userSid), undefined, log);
      return true;
    });
    this.#calls.answer(CLOSE_INSTANCES, (move) =>
      finished(closeInstances(engine, move), true, log),
    );
    new OfferedOpens(engine, log).serve(this.#bus, this.#calls);
  }
}
