import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server that keeps its state, and is ended and started again under its clients. */
export class RestartingServer {
  /** Holds the state, and a folder of its name for each share. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'semba-restarts-'));
  readonly port: number;
  #server: ChildProcess | undefined;
  #restarted: Promise<void> = Promise.resolve();
  restarts = 0;

  constructor(port: number) {
    this.port = port;
  }

  async start(): Promise<void> {
    const main = join(import.meta.dirname, 'serve.js');
    const server = spawn(process.execPath, [main, String(this.port)], {
      env: { ...process.env, SEMBA_STATE: this.folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.stdout.on('data', (text: Buffer) => text.includes('ready') && resolve());
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
  }

  /** The server ends now, under whatever is on its way, and comes back while that goes on. */
  restart(signal: NodeJS.Signals): void {
    this.restarts++;
    const before = this.#restarted;
    this.#restarted = before.then(() => this.#end(signal)).then(() => this.start());
  }

  /** Once the server that was started last is there. */
  async settled(): Promise<void> {
    await this.#restarted;
  }

  async stop(): Promise<void> {
    await this.#restarted.catch(() => {});
    await this.#end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    await exited;
  }
}
