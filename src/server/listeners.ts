import type { Log } from '../env/ports.ts';
import type { ListenAt, ListeningSocket } from '../smb2/transport/tcp/listening-socket.ts';
import { OptionError } from './options.ts';

/** An address that another process of this server has bound. */
export interface InheritedAddress {
  readonly host: string;
  readonly port: number;
  /** See `ListenAt.inherited`. */
  readonly handle: object;
}

/** An address, and where its connections go. */
export interface Listener {
  readonly socket: ListeningSocket;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** All addresses of a server: bound first, and opened when it can serve. */
export class Listeners {
  readonly #bindOne: (at: ListenAt) => Promise<Listener>;
  readonly #log: Log;
  #listeners: readonly Listener[] = [];

  constructor(bindOne: (at: ListenAt) => Promise<Listener>, log: Log) {
    this.#bindOne = bindOne;
    this.#log = log;
  }

  /**
   * All or none. What is inherited is taken over, or closed where it is not asked for. Rejects with
   * the system's error, or `OptionError`: the system takes '' for all addresses.
   */
  async bind(
    hosts: readonly string[] | undefined,
    port: number,
    inherited: readonly InheritedAddress[] = [],
  ): Promise<void> {
    const unused = new Set(inherited);
    const bindTo = async (host: string): Promise<void> => {
      if (host === '') throw new OptionError("listen: expected an address, not ''");
      const at = { host, port: this.port ?? port };
      const known = inheritedFor(inherited, at);
      if (known !== undefined) unused.delete(known);
      const from = known === undefined ? at : { ...at, port: known.port, inherited: known.handle };
      const listener = await this.#bindOne({ ...from, log: this.#log });
      this.#listeners = [...this.#listeners, listener];
    };
    try {
      if (hosts === undefined) await everywhere(bindTo);
      for (const host of hosts ?? []) await bindTo(host);
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const { handle } of unused) (handle as { close(): void }).close();
  }

  /** Connections come from now on. */
  async open(): Promise<void> {
    for (const listener of this.#listeners) await listener.open();
  }

  /** The first address; undefined unless it is open. */
  get address(): string | undefined {
    return this.#listeners[0]?.socket.address;
  }

  get port(): number | undefined {
    return this.#listeners[0]?.socket.port;
  }

  /** For another process of this server. */
  addresses(): readonly InheritedAddress[] {
    return this.#listeners.flatMap(({ socket: { host, port, handle } }) =>
      handle === undefined ? [] : [{ host, port, handle }],
    );
  }

  /** Ends when connections that stand have ended, too. */
  async close(): Promise<void> {
    const all = this.#listeners;
    this.#listeners = [];
    await Promise.all(all.map((listener) => listener.close()));
  }
}

/** '::' takes IPv4, too; where the kernel has no IPv6, IPv4 is all there is. */
async function everywhere(bindTo: (host: string) => Promise<void>): Promise<void> {
  try {
    await bindTo('::');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error;
    await bindTo('0.0.0.0');
  }
}

/** The one that is the same address; a port that is to be chosen has been chosen there. Pure. */
export function inheritedFor(
  inherited: readonly InheritedAddress[],
  { host, port }: { readonly host: string; readonly port: number },
): InheritedAddress | undefined {
  return inherited.find((one) => one.host === host && (port === 0 || one.port === port));
}
