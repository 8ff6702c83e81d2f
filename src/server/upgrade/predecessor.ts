import type { InheritedAddress } from '../listeners.ts';
import { Inbox } from './inbox.ts';
import {
  type FromNew,
  type FromOld,
  type Layouts,
  PROTOCOL,
  toFromOld,
  VARIABLE,
} from './messages.ts';

/** What the process before this one leaves, or will. */
export interface Estate {
  readonly addresses: readonly InheritedAddress[];
  readonly stateFolder: string;
  readonly layouts: Layouts;
}

/** The process that this one is to replace, as this one sees it: see messages.ts. */
export class Predecessor {
  readonly #inbox = new Inbox<FromOld>();
  readonly #addresses: InheritedAddress[] = [];
  readonly #onDisconnect: () => void;

  /** Undefined: there is none. `orphaned` is called when it goes before it let go. */
  static meet(version: string, orphaned: () => void): Predecessor | undefined {
    const isMeant = process.env[VARIABLE] !== undefined && process.send !== undefined;
    // Processes that this one starts are none.
    delete process.env[VARIABLE];
    return isMeant ? new Predecessor(version, orphaned) : undefined;
  }

  private constructor(version: string, orphaned: () => void) {
    this.#onDisconnect = () => {
      this.#inbox.end(new Error('the server that this one was to replace is gone'));
      orphaned();
    };
    process.on('message', (message, handle: unknown) => this.#received(message, handle));
    process.once('disconnect', this.#onDisconnect);
    void this.#send({ kind: 'hello', protocol: PROTOCOL, version });
  }

  async estate(): Promise<Estate> {
    const message = await this.#inbox.next();
    if (message.kind !== 'prepare') throw new Error(`'${message.kind}' came first`);
    const { stateFolder, layouts } = message;
    return { addresses: this.#addresses, stateFolder, layouts };
  }

  /** The folder with what clients hold, once the other process has let go of everything. */
  async prepared(): Promise<string> {
    void this.#send({ kind: 'prepared' });
    const message = await this.#inbox.next();
    if (message.kind !== 'take') throw new Error(`'${message.kind}' instead of 'take'`);
    // From here on this process is the server.
    process.off('disconnect', this.#onDisconnect);
    return message.folder;
  }

  async serving(opens: number): Promise<void> {
    await this.#send({ kind: 'serving', opens });
    this.#leave();
  }

  async failed(reason: string): Promise<void> {
    process.off('disconnect', this.#onDisconnect);
    await this.#send({ kind: 'failed', reason });
    this.#leave();
  }

  #leave(): void {
    process.removeAllListeners('message');
    if (process.connected) process.disconnect();
  }

  #received(message: unknown, handle: unknown): void {
    const known = toFromOld(message);
    if (known === undefined) return;
    if (known.kind !== 'address') {
      this.#inbox.put(known);
    } else if (typeof handle === 'object' && handle !== null) {
      const { host, port } = known;
      this.#addresses.push({ host, port, handle });
    }
  }

  /** Ends when it is on its way; nobody waits for what the other one does not hear any more. */
  #send(message: FromNew): Promise<void> {
    return new Promise((resolve) => {
      if (process.connected) process.send?.(message, undefined, {}, () => resolve());
      else resolve();
    });
  }
}
