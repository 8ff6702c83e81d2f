import { type ChildProcess, execFile, fork, type SendHandle } from 'node:child_process';
import { promisify } from 'node:util';
import type { Timers } from '../../env/ports.ts';
import type { InheritedAddress } from '../listeners.ts';
import { Inbox } from './inbox.ts';
import {
  type FromNew,
  type FromOld,
  type Layouts,
  PROTOCOL,
  toFromNew,
  VARIABLE,
} from './messages.ts';

const runFile = promisify(execFile);

/** Milliseconds for a program that only has to say its version. */
const VERSION_TIME_MS = 20_000;
/** And for the last step, in which nobody is served: giving up takes longer than that. */
const TAKE_TIME_MS = 60_000;
const VERSION_PATTERN = /^\S{1,64}$/;
/** Characters of what a program that fails says that are told. */
const COMPLAINT_LENGTH_MAX = 2_000;

export interface SuccessorOptions {
  /** The script that is `semba`. */
  readonly program: string;
  /** The command line behind it: the one that this process was started with. */
  readonly args: readonly string[];
  readonly timers: Timers;
  /** Milliseconds for each of its answers. */
  readonly timeMs: number;
  /** Nobody wants it any more. */
  readonly abort: AbortSignal;
}

/** What the new process cannot, in words for the administrator. */
export class SuccessorError extends Error {}

/** The process that takes this one's place, as this one sees it: see messages.ts. */
export class Successor {
  readonly version: string;
  readonly #child: ChildProcess;
  readonly #options: SuccessorOptions;
  readonly #inbox: Inbox<FromNew>;

  /** Rejects with `SuccessorError`. */
  static async start(options: SuccessorOptions): Promise<Successor> {
    await checkProgram(options.program);
    const child = fork(options.program, [...options.args], {
      env: { ...process.env, [VARIABLE]: String(process.pid) },
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    const inbox = new Inbox<FromNew>();
    child.on('message', (message) => {
      const known = toFromNew(message);
      if (known === undefined) inbox.end(new SuccessorError('it says what nobody understands'));
      else inbox.put(known);
    });
    child.on('error', (error) => inbox.end(new SuccessorError(error.message)));
    // What it said last may still be on its way when it is gone.
    child.on('close', (code, signal) =>
      inbox.end(new SuccessorError(`ended with ${signal ?? code}`)),
    );
    const unwanted = (): void => inbox.end(new SuccessorError('the server that ran was stopped'));
    options.abort.addEventListener('abort', unwanted, { once: true });
    const successor = new Successor({ version: '', child, options, inbox });
    try {
      const hello = await successor.#expect('hello');
      if (hello.protocol !== PROTOCOL) {
        throw new SuccessorError(`version ${hello.version} cannot take over from this one`);
      }
      return new Successor({ version: hello.version, child, options, inbox });
    } catch (error) {
      await successor.kill();
      throw error;
    }
  }

  private constructor(from: {
    readonly version: string;
    readonly child: ChildProcess;
    readonly options: SuccessorOptions;
    readonly inbox: Inbox<FromNew>;
  }) {
    this.version = from.version;
    this.#child = from.child;
    this.#options = from.options;
    this.#inbox = from.inbox;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** It can serve when this ends; rejects with `SuccessorError`. */
  async prepare(from: {
    readonly addresses: readonly InheritedAddress[];
    readonly stateFolder: string;
    readonly layouts: Layouts;
  }): Promise<void> {
    const { addresses, stateFolder, layouts } = from;
    for (const { host, port, handle } of addresses) {
      this.#send({ kind: 'address', host, port }, handle);
    }
    this.#send({ kind: 'prepare', stateFolder, layouts });
    await this.#expect('prepared');
  }

  /** It serves when this ends; how many opens are there again. Rejects with `SuccessorError`. */
  async take(folder: string): Promise<number> {
    this.#send({ kind: 'take', folder });
    return (await this.#expect('serving', Math.max(this.#options.timeMs, TAKE_TIME_MS))).opens;
  }

  /** Lets it live on its own. */
  release(): void {
    this.#child.disconnect();
    this.#child.unref();
  }

  /** Ends when it is gone, and what it had open with it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  async #expect<K extends FromNew['kind']>(
    kind: K,
    timeMs: number = this.#options.timeMs,
  ): Promise<Extract<FromNew, { readonly kind: K }>> {
    const { timers } = this.#options;
    const late = `it is not ${WAITED_FOR[kind]} after ${timeMs / 1000} s`;
    const message = await this.#inbox.within(timers, timeMs, late).catch((error: Error) => {
      throw new SuccessorError(error.message);
    });
    if (message.kind === 'failed') throw new SuccessorError(message.reason);
    if (message.kind !== kind) throw new SuccessorError(`it says '${message.kind}' too early`);
    return message as Extract<FromNew, { readonly kind: K }>;
  }

  /** Nobody waits for it: what became of a process that does not get it, its end tells. */
  #send(message: FromOld, handle?: object): void {
    // A raw handle is what `net.Server` is sent as; as a server it would accept at once there.
    this.#child.send(message, handle as SendHandle | undefined, () => {});
  }
}

const WAITED_FOR: Readonly<Record<FromNew['kind'], string>> = {
  hello: 'started',
  prepared: 'ready',
  serving: 'serving',
  failed: 'failing',
};

/** A program that cannot even be loaded says why on its stderr: that is for the administrator. */
async function checkProgram(program: string): Promise<void> {
  const args = [...process.execArgv, program, '--version'];
  const run = runFile(process.execPath, args, { timeout: VERSION_TIME_MS });
  const { stdout } = await run.catch((error: Error & { readonly stderr?: string }) => {
    const said = error.stderr?.trim() || error.message;
    throw new SuccessorError(`${program} cannot run: ${said.slice(0, COMPLAINT_LENGTH_MAX)}`);
  });
  if (VERSION_PATTERN.test(stdout.trim())) return;
  throw new SuccessorError(`${program} is not semba: it does not say its version`);
}
