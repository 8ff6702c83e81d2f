/**
 * Two clients make, open, rename, delete and close files, and lose their connections, also at the
 * same time, against a model of a dozen lines. What a pair of concurrent requests answers must be
 * what they answer one after the other, in either order; nothing must be left in the end.
 *
 *     histories-run [COUNT [FIRST SEED]]
 *
 * A failure prints the seed that replays it. A program of its own: node's test runner looks at each
 * promise that is made, which costs a fifth of the time.
 */
import assert from 'node:assert/strict';
import { viewOf } from '../../src/base/bytes.ts';
import {
  STATUS_DELETE_PENDING,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_OPEN, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { FileDispositionInformation, FileRenameInformation } from '../../src/fscc/info-classes.ts';
import { encodeNewName, newNameSize } from '../../src/fscc/set-information.ts';
import { ClientConnection } from '../../src/smb2/client/connection.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { MemoryNetwork } from './memory-network.ts';
import { type Rig, tryOpen, withRig } from './rig.ts';
import { seededRandom, VirtualTime } from './virtual-env.ts';

const [count = 2_000, firstSeed = 1] = process.argv.slice(2).map(Number);
/** A rig ends by itself after a while, for the sake of tests that hang. */
const HISTORIES_PER_RIG = 200;
const STEPS = 12;
const NAMES = ['a', 'b', 'c'];
const DISPOSITIONS = [FILE_OPEN, FILE_CREATE, FILE_OPEN_IF];

type Step =
  | { readonly kind: 'create'; readonly name: string; readonly disposition: number }
  | { readonly kind: 'rename'; readonly slot: number; readonly name: string }
  | { readonly kind: 'delete' | 'close'; readonly slot: number }
  | { readonly kind: 'disconnect' };

/** Slots of opens, two for each client, and what they are of. */
interface Model {
  readonly files: ReadonlyMap<string, number>;
  readonly dying: ReadonlySet<number>;
  readonly slots: readonly (number | undefined)[];
  readonly nextFile: number;
}

interface Outcome {
  readonly status: number;
  readonly model: Model;
}

/** What was asked for at once, by whom, and what was answered. */
interface Played {
  readonly clients: readonly number[];
  readonly steps: readonly Step[];
  readonly statuses: readonly number[];
}

const SLOTS_EACH = 2;
const MODELS_MAX = 64;
const EMPTY: Model = {
  files: new Map(),
  dying: new Set(),
  slots: [undefined, undefined, undefined, undefined],
  nextFile: 1,
};

/** What one request does and answers. */
function expected(model: Model, client: number, step: Step): Outcome {
  switch (step.kind) {
    case 'create':
      return expectedCreate(model, client, step);
    case 'rename': {
      const file = model.slots[step.slot]!;
      const from = [...model.files].find(([, other]) => other === file)![0];
      if (model.dying.has(file)) return { status: STATUS_DELETE_PENDING, model };
      if (from === step.name) return { status: 0, model };
      if (model.files.has(step.name)) return { status: STATUS_OBJECT_NAME_COLLISION, model };
      const files = new Map(model.files).set(step.name, file);
      files.delete(from);
      return { status: 0, model: { ...model, files } };
    }
    case 'delete': {
      const dying = new Set(model.dying).add(model.slots[step.slot]!);
      return { status: 0, model: { ...model, dying } };
    }
    case 'close':
      return { status: 0, model: closed(model, [step.slot]) };
    case 'disconnect':
      return { status: 0, model: closed(model, slotsOf(client)) };
  }
}

function expectedCreate(
  model: Model,
  client: number,
  { name, disposition }: Extract<Step, { readonly kind: 'create' }>,
): Outcome {
  const known = model.files.get(name);
  if (known !== undefined && model.dying.has(known)) {
    return { status: STATUS_DELETE_PENDING, model };
  }
  if (known !== undefined && disposition === FILE_CREATE) {
    return { status: STATUS_OBJECT_NAME_COLLISION, model };
  }
  if (known === undefined && disposition === FILE_OPEN) {
    return { status: STATUS_OBJECT_NAME_NOT_FOUND, model };
  }
  const file = known ?? model.nextFile;
  const slot = slotsOf(client).find((at) => model.slots[at] === undefined)!;
  const files = new Map(model.files).set(name, file);
  const slots = model.slots.with(slot, file);
  return { status: 0, model: { ...model, files, slots, nextFile: model.nextFile + 1 } };
}

function closed(model: Model, which: readonly number[]): Model {
  const slots = model.slots.map((file, at) => (which.includes(at) ? undefined : file));
  const gone = [...model.dying].filter((file) => !slots.includes(file));
  const files = new Map([...model.files].filter(([, file]) => !gone.includes(file)));
  return {
    ...model,
    files,
    slots,
    dying: new Set([...model.dying].filter((file) => !gone.includes(file))),
  };
}

function slotsOf(client: number): readonly number[] {
  return Array.from({ length: SLOTS_EACH }, (_, i) => SLOTS_EACH * client + i);
}

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % sides;
  };
}

/** Something that the client can do as it sees things: with the opens that it has for certain. */
function choose(roll: (sides: number) => number, model: Model, client: number): Step {
  const own = slotsOf(client).filter((slot) => model.slots[slot] !== undefined);
  const name = NAMES[roll(NAMES.length)]!;
  const what = roll(16);
  if (what === 0) return { kind: 'disconnect' };
  if (own.length === 0 || (own.length < SLOTS_EACH && what < 7)) {
    return { kind: 'create', name, disposition: DISPOSITIONS[roll(DISPOSITIONS.length)]! };
  }
  const slot = own[roll(own.length)]!;
  if (what < 10) return { kind: 'rename', slot, name };
  return { kind: what < 12 ? 'delete' : 'close', slot };
}

interface Place {
  readonly rig: Rig;
  readonly network: MemoryNetwork;
}

class Player {
  readonly #place: Place;
  readonly #client: number;
  #tree: ClientTree;
  readonly #opens: (ClientOpen | undefined)[] = [];

  private constructor(place: Place, client: number, tree: ClientTree) {
    this.#place = place;
    this.#client = client;
    this.#tree = tree;
  }

  static async start(place: Place, client: number): Promise<Player> {
    return new Player(place, client, await connect(place));
  }

  async leave(): Promise<void> {
    const { engine } = this.#place.rig;
    const left = engine.connections.size - 1;
    this.#tree.session.connection.close();
    while (engine.connections.size > left) await Promise.resolve();
    this.#opens.length = 0;
  }

  async play(step: Step, folder: string): Promise<number> {
    switch (step.kind) {
      case 'create': {
        const { status, open } = await tryOpen(this.#tree, {
          name: `${folder}${step.name}`,
          createDisposition: step.disposition,
        });
        const free = slotsOf(this.#client).find((at) => this.#opens[at] === undefined)!;
        this.#opens[free] = open;
        return status;
      }
      case 'rename': {
        const name = `${folder}${step.name}`;
        const buffer = new Uint8Array(newNameSize(name));
        encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: false });
        return await this.#set(step.slot, FileRenameInformation, buffer);
      }
      case 'delete':
        return await this.#set(step.slot, FileDispositionInformation, Uint8Array.of(1));
      case 'close': {
        const { status } = await this.#opens[step.slot]!.close();
        this.#opens[step.slot] = undefined;
        return status;
      }
      case 'disconnect': {
        await this.leave();
        this.#tree = await connect(this.#place);
        return 0;
      }
    }
  }

  async #set(slot: number, fileInfoClass: number, buffer: Uint8Array): Promise<number> {
    return (await this.#opens[slot]!.setInfo({ fileInfoClass, buffer })).status;
  }
}

async function connect({ rig, network }: Place): Promise<ClientTree> {
  const { accept } = rig.engine;
  const connection = await ClientConnection.open(
    (listener) => Promise.resolve(network.connect(listener, accept)),
    { timers: new VirtualTime(), random: seededRandom(1) },
  );
  assert.equal((await connection.negotiate()).status, 0);
  return await rig.tree(await rig.logOn(connection));
}

async function playHistory(players: readonly Player[], seed: number): Promise<void> {
  const roll = dice(seed);
  const folder = `h${seed}-`;
  // Where two orders explain the same answers, what follows tells them apart.
  let models: readonly Model[] = [EMPTY];
  const trace: Played[] = [];
  for (let step = 0; step < STEPS; step++) {
    const isPair = roll(2) === 0;
    const clients = isPair ? [0, 1] : [roll(2)];
    const steps = clients.map((client) => choose(roll, models[0]!, client));
    // Who disconnects waits for the server to notice: alone.
    if (isPair && steps.some(({ kind }) => kind === 'disconnect')) continue;
    const playing = clients.map((client, i) => players[client]!.play(steps[i]!, folder));
    const statuses = await Promise.all(playing);
    const orders = isPair
      ? [
          [0, 1],
          [1, 0],
        ]
      : [[0]];
    const played = { clients, steps, statuses };
    trace.push(played);
    const explained = models.flatMap((model) =>
      orders.flatMap((order) => replay(model, order, played) ?? []),
    );
    if (explained.length === 0) throw new Error(unexplained(seed, trace));
    models = explained.length === 1 ? explained : distinct(explained).slice(0, MODELS_MAX);
  }
  for (const [client, player] of players.entries()) {
    for (const slot of slotsOf(client)) {
      if (models[0]!.slots[slot] === undefined) continue;
      await player.play({ kind: 'delete', slot }, folder);
      await player.play({ kind: 'close', slot }, folder);
    }
  }
}

function unexplained(seed: number, trace: readonly Played[]): string {
  const lines = trace.map(
    ({ steps, statuses }) => `${JSON.stringify(steps)} ${statuses.map(statusName)}`,
  );
  return `seed=${seed}: no order explains\n${lines.join('\n')}`;
}

/** Most orders come to the same, but for the numbers that files have. */
function distinct(models: readonly Model[]): readonly Model[] {
  const seen = new Map<string, Model>();
  for (const model of models) {
    const numbers = new Map<number, number>();
    const known = [...NAMES.map((name) => model.files.get(name)), ...model.slots].map((file) => {
      if (file === undefined) return '';
      const number = numbers.get(file) ?? numbers.size;
      numbers.set(file, number);
      return model.dying.has(file) ? -1 - number : number;
    });
    seen.set(known.join(), model);
  }
  return [...seen.values()];
}

/** The model after the steps in that order; undefined when they answer something else in it. */
function replay(model: Model, order: readonly number[], played: Played): Model | undefined {
  let now = model;
  for (const i of order) {
    const outcome = expected(now, played.clients[i]!, played.steps[i]!);
    if (outcome.status !== played.statuses[i]) return undefined;
    now = outcome.model;
  }
  return now;
}

for (let first = 0; first < count; first += HISTORIES_PER_RIG) {
  await withRig({}, async (rig) => {
    let draw = dice(0);
    const place = { rig, network: new MemoryNetwork((sides) => draw(sides)) };
    const end = Math.min(count, first + HISTORIES_PER_RIG);
    const players = [await Player.start(place, 0), await Player.start(place, 1)];
    for (let seed = firstSeed + first; seed < firstSeed + end; seed++) {
      draw = dice(~seed);
      await playHistory(players, seed);
    }
    assert.equal(rig.engine.counts().opens, 0);
    for (const player of players) await player.leave();
  });
}
