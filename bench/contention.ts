/**
 * Clients that contend for one file, and what the break of an oplock or a lease costs:
 * `node dist/bench/contention.js HOST:PORT/SHARE USER PASSWORD [SECONDS]`
 * against a server that runs already (`node dist/test/interop/serve.js PORT`, or another one).
 *
 * contend: 1, 2 and 50 clients open the file with a batch oplock or an RWH lease, write 1 KiB and
 * close it, over and over; whoever is asked gives its caching up at once. An operation is one such
 * round. break: microseconds from the second opener's CREATE to its answer, while the holder
 * acknowledges as soon as it is asked; beside it the same CREATE where nobody has to be asked.
 */
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../src/dtyp/access-mask.ts';
import { statusName } from '../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../src/fscc/create-parameters.ts';
import type { BreakNotification } from '../src/smb2/client/connection.ts';
import type { ClientOpen } from '../src/smb2/client/open.ts';
import type { CreateParameters } from '../src/smb2/client/requests.ts';
import type { ClientTree } from '../src/smb2/client/tree.ts';
import {
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../src/smb2/wire/constants.ts';
import { leaseContext } from '../src/smb2/wire/create-context-lease.ts';
import { closeConnections, logOnAt, opened, type Target } from '../test/conformance/peer.ts';

const KINDS = ['batch', 'lease'] as const;
type Kind = (typeof KINDS)[number];

const SECONDS_DEFAULT = 3;
const WARM_UP_MS = 1_000;
const CLIENTS = [1, 2, 50];
const BREAKS = 2_000;
const WARM_UP_BREAKS = 200;
const FILE = 'contention.bin';
const PAGE = new Uint8Array(1024);
const RWH = SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING | SMB2_LEASE_WRITE_CACHING;

const [address = '', user = '', password = '', seconds = `${SECONDS_DEFAULT}`] =
  process.argv.slice(2);
const target = parseTarget(address);
function parseTarget(from: string): Target {
  const match = /^(.+):(\d+)\/(.+)$/.exec(from);
  if (match === null || password === '') {
    throw new Error('usage: contention HOST:PORT/SHARE USER PASSWORD [SECONDS]');
  }
  const [, host = '', port, share = ''] = match;
  return { host, port: Number(port), share, user, password };
}

/** One connection of its own that gives up at once what it is asked for. */
class Client {
  readonly #kind: Kind;
  readonly #leaseKey: string;
  #tree: ClientTree | undefined;
  #held: ClientOpen | undefined;
  breaks = 0;

  constructor(kind: Kind, index: number) {
    this.#kind = kind;
    this.#leaseKey = (index + 1).toString(16).padStart(32, '0');
  }

  async connect(): Promise<void> {
    const onBreak = (told: BreakNotification): void => this.#acknowledge(told);
    const { tree } = await logOnAt(target, { connection: { onBreak } });
    this.#tree = tree;
  }

  get tree(): ClientTree {
    if (this.#tree === undefined) throw new Error('not connected');
    return this.#tree;
  }

  /** The file, with all caching that there is. */
  async open(): Promise<ClientOpen> {
    this.#held = await opened(this.tree, { ...REOPEN, ...CREATE, ...this.#request() });
    return this.#held;
  }

  #request(): Partial<CreateParameters> {
    if (this.#kind === 'batch') return { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH };
    const context = leaseContext({
      version: 2,
      leaseKey: this.#leaseKey,
      leaseState: RWH,
      leaseFlags: 0,
      parentLeaseKey: undefined,
      epoch: 0,
    });
    return { requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE, contexts: [context] };
  }

  /** It may come too late, when the open is closed already: then nobody waits for it. */
  #acknowledge(told: BreakNotification): void {
    this.breaks++;
    if (told.kind === 'lease') {
      const { leaseKey, newLeaseState: leaseState, flags } = told.notification;
      if (flags !== 0) this.tree.acknowledgeLeaseBreak({ leaseKey, leaseState });
      return;
    }
    const { oplockLevel, fileId } = told.notification;
    if (this.#held?.fileId.volatile === fileId.volatile) {
      this.#held.acknowledgeOplockBreak(oplockLevel);
    }
  }
}

const REOPEN: CreateParameters = {
  name: FILE,
  desiredAccess: FILE_GENERIC_READ,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
};
const CREATE = { desiredAccess: FILE_ALL_ACCESS };

async function clientsOf(kind: Kind, count: number): Promise<readonly Client[]> {
  const clients = Array.from({ length: count }, (_, index) => new Client(kind, index));
  for (const client of clients) await client.connect();
  return clients;
}

async function contend(kind: Kind, count: number, forMs: number): Promise<string> {
  const clients = await clientsOf(kind, count);
  let rounds = 0;
  const start = performance.now();
  const work = async (client: Client): Promise<void> => {
    while (performance.now() - start < forMs) {
      const open = await client.open();
      const { status } = await open.write({ offset: 0, data: PAGE });
      if (status !== 0) throw new Error(`WRITE: ${statusName(status)}`);
      await open.close();
      rounds++;
    }
  };
  await Promise.all(clients.map(work));
  const tookS = (performance.now() - start) / 1000;
  const breaks = clients.reduce((sum, client) => sum + client.breaks, 0);
  const what = `contend ${kind} ${count} clients`.padEnd(28);
  const rate = `${(rounds / tookS).toFixed(0)} op/s`.padStart(12);
  closeConnections();
  return `${what}${rate}${`${(breaks / tookS).toFixed(0)} breaks/s`.padStart(18)}`;
}

async function breakCost(kind: Kind): Promise<void> {
  const [holder, other] = await clientsOf(kind, 2);
  const broken: number[] = [];
  const plain: number[] = [];
  for (let i = 0; i < WARM_UP_BREAKS + BREAKS; i++) {
    const held = await holder!.open();
    const breakUs = await reopenUs(other!.tree);
    // What is left of the holder's caching is in nobody's way.
    const plainUs = await reopenUs(other!.tree);
    await held.close();
    if (i < WARM_UP_BREAKS) continue;
    broken.push(breakUs);
    plain.push(plainUs);
  }
  report(`break ${kind}`, broken);
  report(`no break (${kind})`, plain);
  closeConnections();
}

/** From the CREATE to its answer. */
async function reopenUs(tree: ClientTree): Promise<number> {
  const start = performance.now();
  const open = await opened(tree, REOPEN);
  const tookUs = (performance.now() - start) * 1000;
  await open.close();
  return tookUs;
}

function report(what: string, samplesUs: number[]): void {
  samplesUs.sort((a, b) => a - b);
  const at = (part: number): string =>
    samplesUs[Math.min(samplesUs.length - 1, Math.floor(part * samplesUs.length))]!.toFixed(0);
  console.log(`${what.padEnd(28)}p50 ${at(0.5).padStart(6)} us   p99 ${at(0.99).padStart(6)} us`);
}

// Below, for the class has to stand first.
await contend('batch', 2, WARM_UP_MS);
for (const kind of KINDS) {
  for (const count of CLIENTS) console.log(await contend(kind, count, Number(seconds) * 1000));
}
for (const kind of KINDS) await breakCost(kind);
closeConnections();
