/**
 * One client with one, two and four channels, and four clients with one each:
 * `node dist/bench/channels.js HOST:PORT/SHARE USER PASSWORD [SECONDS] [ROUNDS]`
 * against a server that runs already (`node dist/test/interop/serve.js PORT`, or another one).
 *
 * Each client is a process of its own. read and write: a file of 64 MiB by requests of up to 1 MiB;
 * read-4k: 4 KiB anywhere in it; stat: an open and a close. The last two with 32 under way in all.
 * All are tried in turns, ROUNDS times; what is told is the median, and its ratio to one channel.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { SmbClient, type SmbFile } from '../src/smb2/client/smb-client.ts';

const FILE_SIZE = 64 * 1024 * 1024;
const PAGE_SIZE = 4096;
const UNDER_WAY = 32;
const SECONDS_DEFAULT = 2;
const ROUNDS_DEFAULT = 5;
const MEBI = 1024 * 1024;
const CLIENT = '--client';

const WORKS = ['read', 'write', 'read-4k', 'stat'] as const;
type Work = (typeof WORKS)[number];

/** How many clients there are, and how many channels each has. */
const SETTINGS = [
  { clients: 1, channels: 1 },
  { clients: 1, channels: 2 },
  { clients: 1, channels: 4 },
  { clients: 4, channels: 1 },
] as const;
type Setting = (typeof SETTINGS)[number];

interface Task {
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly seconds: number;
  readonly channels: number;
  readonly underWay: number;
  readonly name: string;
}

/** A client's process: connects, does what it is told, answers with what it did in `seconds`. */
async function runClient(task: Task): Promise<void> {
  const { address, user, password, channels, name } = task;
  const match = /^(.+):(\d+)\/(.+)$/.exec(address)!;
  const [, host = '', number, share = ''] = match;
  const client = await SmbClient.connect({
    ...{ host, port: Number(number), share, user, password },
    channels,
    signing: 'auto',
  });
  const path = `channels-${name}.bin`;
  const file = await client.open(path, { access: 'read-write', mode: 'keep', share: 'all' });
  const data = new Uint8Array(FILE_SIZE);
  await file.write(0, data);
  const steps: Readonly<Record<Work, () => Promise<number>>> = {
    read: () => readAll(file),
    write: async () => {
      await file.write(0, data);
      return FILE_SIZE / MEBI;
    },
    'read-4k': async () => {
      const page = Math.floor(Math.random() * (FILE_SIZE / PAGE_SIZE));
      await file.read(page * PAGE_SIZE, PAGE_SIZE);
      return 1;
    },
    stat: async () => {
      await client.stat(path);
      return 1;
    },
  };
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
    void rateOf(steps[work], loops, task.seconds).then((rate) => tell({ rate }));
  });
}

async function readAll(file: SmbFile): Promise<number> {
  let size = 0;
  for await (const chunk of file.createReadStream()) size += (chunk as Buffer).length;
  return size / MEBI;
}

/** What `step` returned in all, per second. */
async function rateOf(
  step: () => Promise<number>,
  loops: number,
  seconds: number,
): Promise<number> {
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
  return (done * 1_000) / (performance.now() - start);
}

/** The main process': the clients of one setting, ready to work. */
class Clients {
  readonly #workers: readonly ChildProcess[];

  private constructor(workers: readonly ChildProcess[]) {
    this.#workers = workers;
  }

  static async start({ clients, channels }: Setting, rest: Partial<Task>): Promise<Clients> {
    const workers: ChildProcess[] = [];
    for (let index = 0; index < clients; index++) {
      const name = `${clients}x${channels}-${index}`;
      const task = { ...rest, channels, name, underWay: UNDER_WAY / clients };
      const worker = fork(fileURLToPath(import.meta.url), [CLIENT, JSON.stringify(task)]);
      const [ready] = await once(worker, 'message');
      if (ready.channels !== channels) {
        throw new Error(`${ready.channels} channels instead of ${channels}`);
      }
      workers.push(worker);
    }
    return new Clients(workers);
  }

  async rate(work: Work): Promise<number> {
    const rates = this.#workers.map(async (worker) => {
      worker.send(work);
      const [{ rate }] = await once(worker, 'message');
      return rate as number;
    });
    return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) {
      worker.send('end');
      await once(worker, 'exit');
    }
  }
}

async function main(): Promise<void> {
  const [address = '', user = '', password = '', seconds, rounds] = process.argv.slice(2);
  if (!/^.+:\d+\/.+$/.test(address) || password === '') {
    throw new Error('usage: channels HOST:PORT/SHARE USER PASSWORD [SECONDS] [ROUNDS]');
  }
  const rest = { address, user, password, seconds: Number(seconds ?? SECONDS_DEFAULT) };
  const all: Clients[] = [];
  const base = { work: '', rate: 0 };
  for (const work of WORKS) {
    const rates = SETTINGS.map((): number[] => []);
    for (let round = 0; round < Number(rounds ?? ROUNDS_DEFAULT); round++) {
      for (const [i, setting] of SETTINGS.entries()) {
        all[i] ??= await Clients.start(setting, rest);
        rates[i]!.push(await all[i]!.rate(work));
      }
    }
    for (const [i, { clients, channels }] of SETTINGS.entries()) {
      const rate = median(rates[i]!);
      if (base.work !== work) Object.assign(base, { work, rate });
      const unit = work === 'read' || work === 'write' ? 'MiB/s' : '/s';
      const ratio = (rate / base.rate).toFixed(2);
      console.log(`${work}\t${clients} x ${channels}\t${Math.round(rate)} ${unit}\t${ratio}`);
    }
  }
  for (const clients of all) await clients.end();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

if (process.argv[2] === CLIENT) await runClient(JSON.parse(process.argv[3] ?? '') as Task);
else await main();
