import { request } from 'node:http';
import type { ReloadReport } from '../server/reload.ts';
import {
  UpgradeProblem,
  type UpgradeReport,
  type UpgradeRequest,
} from '../server/upgrade/upgrade.ts';
import { ConfigProblem, type ControlStatus, controlSocketOf } from './control-server.ts';

/** No server answers at the state folder's socket. */
export class NoServerError extends Error {}

/** It cannot tell now: some of it does not answer. */
export class ServerBusyError extends Error {}

/** Talks to the server that runs with this state folder. */
export class ControlClient {
  readonly #stateFolder: string;

  constructor(stateFolder: string) {
    this.#stateFolder = stateFolder;
  }

  async status(): Promise<ControlStatus> {
    const { code, body } = await this.#ask('GET', '/status');
    if (code !== 200) throw new Error(`the server answered ${code}: ${body}`);
    return JSON.parse(body) as ControlStatus;
  }

  /** Rejects with `ConfigProblem` when the configuration is wrong. */
  async reload(): Promise<ReloadReport> {
    const { code, body } = await this.#ask('POST', '/reload');
    if (code === 422) throw new ConfigProblem(body);
    if (code !== 200) throw new Error(`the server answered ${code}: ${body}`);
    return JSON.parse(body) as ReloadReport;
  }

  /** Rejects with `UpgradeProblem` when the server that runs goes on. */
  async upgrade(request: UpgradeRequest): Promise<UpgradeReport> {
    const { code, body } = await this.#ask('POST', '/upgrade', request);
    if (code === 409) throw new UpgradeProblem(body);
    if (code !== 200) throw new Error(`the server answered ${code}: ${body}`);
    return JSON.parse(body) as UpgradeReport;
  }

  /** False: there is none of this id or name. */
  close(what: 'session' | 'open' | 'share', name: string): Promise<boolean> {
    const id = encodeURIComponent(name);
    return this.#delete(what === 'share' ? `/shares/${id}/connections` : `/${what}s/${id}`);
  }

  async #delete(path: string): Promise<boolean> {
    const { code, body } = await this.#ask('DELETE', path);
    if (code === 503) throw new ServerBusyError(body);
    if (code !== 204 && code !== 404) throw new Error(`the server answered ${code}: ${body}`);
    return code === 204;
  }

  #ask(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly code: number | undefined; readonly body: string }> {
    const socketPath = controlSocketOf(this.#stateFolder);
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const options = { socketPath, method, path, headers, agent: false };
      const asked = request(options, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ code: answer.statusCode, body: text }));
        answer.on('error', reject);
      });
      asked.on('error', (error: NodeJS.ErrnoException) => reject(this.#reason(error)));
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #reason(error: NodeJS.ErrnoException): Error {
    if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') return error;
    return new NoServerError(`no server runs with the state folder ${this.#stateFolder}`);
  }
}
