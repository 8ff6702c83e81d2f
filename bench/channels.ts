/**
 * One client with one and with four channels, and four clients with one each, against servers of
 * one and of two workers, plain, signed and encrypted:
 *
 *     SEMBA_DIR=/dev/shm node dist/bench/channels.js [SECONDS] [ROUNDS]
 *     node dist/bench/channels.js HOST:PORT/SHARE USER PASSWORD [SECONDS] [ROUNDS]
 *
 * The first starts its servers itself and tells what they cost the processor. Each client is a
 * process of its own. read and write: a file of 32 MiB by requests of up to 1 MiB; read-4k and
 * write-4k: 4 KiB anywhere in it; stat: an open and a close. The last three with 32 under way in
 * all. All are tried in turns, ROUNDS times and once before for warming up; what is told is the
 * median, its ratio to one channel of one client at one worker, and microseconds of processor for
 * each MiB, or each request: the server's and the clients'. There is a table for each protection.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { SmbClient, type SmbFile } from '../src/smb2/client/smb-client.ts';
import { type BenchServer, runningServer, startServer } from './channel-servers.ts';

const FILE_SIZE = 32 * 1024 * 1024;
const PAGE_SIZE = 4096;
const UNDER_WAY = 32;
const SECONDS_DEFAULT = 1;
const ROUNDS_DEFAULT = 5;
const MEBI = 1024 * 1024;
const CLIENT = '--client';

const WORKS = ['read', 'write', 'read-4k', 'write-4k', 'stat'] as const;
type Work = (typeof WORKS)[number];

const PROTECTIONS = {
  plain: { signing: 'auto', encryption: 'off' },
  signed: { signing: 'required', encryption: 'off' },
  encrypted: { signing: 'auto', encryption: 'required' },
} as const;
type Protection = keyof typeof PROTECTIONS;

/** How many clients there are, and how many channels each has. */
const SETTINGS = [
  { clients: 1, channels: 1 },
  { clients: 1, channels: 4 },
  { clients: 4, channels: 1 },
] as const;
type Setting = (typeof SETTINGS)[number];

interface Task {
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly seconds: number;
  readonly protection: Protection;
  readonly channels: number;
  readonly underWay: number;
  readonly name: string;
}

/** What clients did: MiB or requests a second, in all, and processor for each. */
interface Figures {
  readonly rate: number;
  readonly done: number;
  readonly clientUs: number;
  readonly serverUs: number;
}

/** A client's process: connects, does what it is told, answers with what it did in `seconds`. */
async function runClient(task: Task): Promise<void> {
  const { address, user, password, channels, name, protection } = task;
  const match = /^(.+):(\d+)\/(.+)$/.exec(address)!;
  const [, host = '', number, share = ''] = match;
  const client = await SmbClient.connect({
    ...{ host, port: Number(number), share, user, password, channels },
    ...PROTECTIONS[protection],
  });
  const path = `channels-${name}.bin`;
  const file = await client.open(path, { access: 'read-write', mode: 'keep', share: 'all' });
  const data = new Uint8Array(FILE_SIZE);
  await file.write(0, data);
  const steps = stepsOf(client, file, { path, data });
  const tell = (message: object): void => void process.send?.(message);
  tell({ channels: client.channels.length });
  process.on('message', (work: Work | 'end') => {
    if (work === 'end') {
      void file
        .close()
        .then(() => client.delete(path))
        .then(() => client.close())
        .then(() => process.disconnect());
      return;
    }
    const loops = work === 'read' || work === 'write' ? 1 : task.underWay;
    void workFor(steps[work], loops, task.seconds).then(tell);
  });
}

/** What one turn of each work does; how many MiB or requests that was. */
function stepsOf(
  client: SmbClient,
  file: SmbFile,
  { path, data }: { readonly path: string; readonly data: Uint8Array },
): Readonly<Record<Work, () => Promise<number>>> {
  const page = data.subarray(0, PAGE_SIZE);
  const anywhere = (): number => PAGE_SIZE * Math.floor(Math.random() * (FILE_SIZE / PAGE_SIZE));
  return {
    read: () => readAll(file),
    write: async () => {
      await file.write(0, data);
      return FILE_SIZE / MEBI;
    },
    'read-4k': async () => {
      await file.read(anywhere(), PAGE_SIZE);
      return 1;
    },
    'write-4k': async () => {
      await file.write(anywhere(), page);
      return 1;
    },
    stat: async () => {
      await client.stat(path);
      return 1;
    },
  };
}

async function readAll(file: SmbFile): Promise<number> {
  let size = 0;
  for await (const chunk of file.createReadStream()) size += (chunk as Buffer).length;
  return size / MEBI;
}

/** What `step` returned in all, and what it took. */
async function workFor(
  step: () => Promise<number>,
  loops: number,
  seconds: number,
): Promise<Omit<Figures, 'serverUs'>> {
  const before = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1_000;
  let done = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      const amount = await step();
      done += amount;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  const { user, system } = process.cpuUsage(before);
  return { rate: (done * 1_000) / (performance.now() - start), done, clientUs: user + system };
}

/** The main process': the clients of one setting, ready to work. */
class Clients {
  readonly #server: BenchServer;
  readonly #workers: readonly ChildProcess[];

  private constructor(server: BenchServer, workers: readonly ChildProcess[]) {
    this.#server = server;
    this.#workers = workers;
  }

  static async start(
    server: BenchServer,
    { clients, channels }: Setting,
    rest: Pick<Task, 'seconds' | 'protection'>,
  ): Promise<Clients> {
    const { address, user, password } = server;
    const workers: ChildProcess[] = [];
    for (let index = 0; index < clients; index++) {
      const name = `${clients}x${channels}-${index}`;
      const own = { channels, name, underWay: UNDER_WAY / clients };
      const task: Task = { ...{ address, user, password }, ...rest, ...own };
      const worker = fork(fileURLToPath(import.meta.url), [CLIENT, JSON.stringify(task)]);
      const [ready] = await once(worker, 'message');
      if (ready.channels !== channels) {
        throw new Error(`${ready.channels} channels instead of ${channels}`);
      }
      workers.push(worker);
    }
    return new Clients(server, workers);
  }

  async work(work: Work): Promise<Figures> {
    const before = this.#server.cpuUs();
    const answers = this.#workers.map(async (worker) => {
      worker.send(work);
      const [figures] = await once(worker, 'message');
      return figures as Omit<Figures, 'serverUs'>;
    });
    const all = { rate: 0, done: 0, clientUs: 0 };
    for (const { rate, done, clientUs } of await Promise.all(answers)) {
      all.rate += rate;
      all.done += done;
      all.clientUs += clientUs;
    }
    const serverUs = (this.#server.cpuUs() ?? Number.NaN) - (before ?? Number.NaN);
    return { ...all, clientUs: all.clientUs / all.done, serverUs: serverUs / all.done };
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) {
      worker.send('end');
      await once(worker, 'exit');
    }
  }
}

interface Run {
  readonly servers: readonly BenchServer[];
  readonly seconds: number;
  readonly rounds: number;
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const isOwn = words.length <= 2;
  const [seconds = SECONDS_DEFAULT, rounds = ROUNDS_DEFAULT] = words.slice(isOwn ? 0 : 3);
  const servers = isOwn
    ? [await startServer(1), await startServer(2)]
    : [runningServer(words[0]!, words[1]!, words[2]!)];
  const run = { servers, seconds: Number(seconds), rounds: Number(rounds) };
  try {
    for (const protection of Object.keys(PROTECTIONS) as Protection[]) await table(run, protection);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Everything with one protection, all settings of all servers in turns. */
async function table({ servers, seconds, rounds }: Run, protection: Protection): Promise<void> {
  const cells: { readonly server: BenchServer; readonly setting: Setting; clients: Clients }[] = [];
  for (const server of servers) {
    for (const setting of SETTINGS) {
      const clients = await Clients.start(server, setting, { seconds, protection });
      cells.push({ server, setting, clients });
    }
  }
  console.log(`\n${protection}\n`);
  for (const work of WORKS) {
    const figures = cells.map((): Figures[] => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [i, { clients }] of cells.entries()) {
        const done = await clients.work(work);
        if (round > 0) figures[i]!.push(done);
      }
    }
    const base = median(figures[0]!, 'rate');
    for (const [i, { server, setting }] of cells.entries()) {
      const rate = median(figures[i]!, 'rate');
      const unit = work === 'read' || work === 'write' ? 'MiB/s' : '/s';
      const { clients, channels } = setting;
      const us = (side: 'serverUs' | 'clientUs'): string => median(figures[i]!, side).toFixed(0);
      const cpu = `${us('serverUs')} + ${us('clientUs')} us`;
      const ratio = (rate / base).toFixed(2);
      const row = [work, server.name, `${clients} x ${channels}`, `${Math.round(rate)} ${unit}`];
      console.log(`| ${[...row, ratio, cpu].join(' | ')} |`);
    }
  }
  for (const { clients } of cells) await clients.end();
}

function median(all: readonly Figures[], what: keyof Figures): number {
  const sorted = all.map((one) => one[what]).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

if (process.argv[2] === CLIENT) await runClient(JSON.parse(process.argv[3] ?? '') as Task);
else await main();
