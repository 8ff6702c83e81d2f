/**
 * A disk in memory for a journal: what the kernel has and what the disk has of it are two things,
 * and a power cut leaves any sectors of what was written between two syncs.
 */
import { assert } from '../../src/base/assert.ts';
import { makeNodeRandom } from '../../src/env/node/node-random.ts';
import type { Random } from '../../src/env/ports.ts';
import type { JournalDisk, JournalFile } from '../../src/state/journal/disk.ts';

const SECTOR_SIZE = 512;

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface Content {
  kernel: Uint8Array;
  disk: Uint8Array;
  /** In the kernel only; a truncation has no bytes. */
  unsynced: Write[];
}

/** Below 1, as of `Math.random`. */
type Draw = () => number;

export class SimulatedDisk implements JournalDisk {
  readonly folder: string = '/journal';
  readonly random: Random = makeNodeRandom();
  readonly files: Map<string, Content> = new Map();
  /** What the folder says on the disk. */
  #names = new Map<string, Content>();
  /** Bytes of all files together. */
  roomMax: number = Number.POSITIVE_INFINITY;
  /** Syncs fail, and what they should have brought to the disk is not written later. */
  failsSync = false;
  #isHeld = false;
  readonly #held: (() => void)[] = [];
  syncCount = 0;

  list(): readonly string[] {
    return [...this.files.keys()];
  }

  open(name: string): JournalFile {
    const content = this.files.get(name);
    assert(content !== undefined, `${name} is there`);
    return new SimulatedFile(this, content);
  }

  create(name: string): JournalFile {
    const none = new Uint8Array(0);
    const content: Content = { kernel: none, disk: none, unsynced: [] };
    this.files.set(name, content);
    return new SimulatedFile(this, content);
  }

  remove(name: string): void {
    this.files.delete(name);
  }

  sync(): Promise<void> {
    return this.whenSynced(() => this.syncNow());
  }

  syncNow(): void {
    this.#names = new Map(this.files);
  }

  close(): void {}

  /** Syncs from now on end when they are released. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    for (const go of this.#held.splice(0)) go();
  }

  async whenSynced(arrive: () => void): Promise<void> {
    this.syncCount++;
    const { failsSync } = this;
    if (this.#isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (failsSync) throw new Error('EIO: i/o error, fdatasync');
    arrive();
  }

  size(): number {
    let size = 0;
    for (const { kernel } of this.files.values()) size += kernel.length;
    return size;
  }

  /** What another process finds after this one was killed. */
  afterKill(): SimulatedDisk {
    const disk = new SimulatedDisk();
    for (const [name, { kernel }] of this.files) disk.#add(name, kernel);
    return disk;
  }

  /** What the machine finds after the power was cut: of what was not synced, any sectors. */
  afterPowerCut(draw: Draw): SimulatedDisk {
    const disk = new SimulatedDisk();
    for (const name of new Set([...this.files.keys(), ...this.#names.keys()])) {
      const [now, then] = [this.files.get(name), this.#names.get(name)];
      const content = now === then || draw() < 0.5 ? now : then;
      if (content !== undefined) disk.#add(name, survivors(content, draw));
    }
    return disk;
  }

  #add(name: string, bytes: Uint8Array): void {
    const content = { kernel: bytes.slice(), disk: bytes.slice(), unsynced: [] };
    this.files.set(name, content);
    this.#names.set(name, content);
  }
}

function survivors({ disk, unsynced }: Content, draw: Draw): Uint8Array {
  let bytes: Uint8Array = disk.slice();
  const losesMost = draw() < 0.3;
  for (const write of unsynced) {
    if (write.bytes.length === 0) {
      if (draw() < 0.5) bytes = bytes.slice(0, write.at);
      continue;
    }
    const end = write.at + write.bytes.length;
    for (let at = write.at; at < end; ) {
      const next = Math.min(end, (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE);
      if (draw() < (losesMost ? 0.1 : 0.8)) {
        bytes = grown(bytes, next);
        bytes.set(write.bytes.subarray(at - write.at, next - write.at), at);
      }
      at = next;
    }
  }
  return bytes;
}

function grown(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length >= size) return bytes;
  const more = new Uint8Array(size);
  more.set(bytes);
  return more;
}

class SimulatedFile implements JournalFile {
  readonly #disk: SimulatedDisk;
  readonly #content: Content;

  constructor(disk: SimulatedDisk, content: Content) {
    this.#disk = disk;
    this.#content = content;
  }

  size(): number {
    return this.#content.kernel.length;
  }

  read(into: Uint8Array, at: number): number {
    const part = this.#content.kernel.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  }

  write(bytes: Uint8Array, at: number): void {
    const content = this.#content;
    const more = Math.max(0, at + bytes.length - content.kernel.length);
    const room = this.#disk.roomMax - this.#disk.size();
    const fits = more <= room ? bytes : bytes.subarray(0, Math.max(0, bytes.length - more + room));
    if (fits.length > 0) {
      content.kernel = grown(content.kernel, at + fits.length);
      content.kernel.set(fits, at);
      content.unsynced.push({ at, bytes: fits.slice() });
    }
    if (fits !== bytes) throw new Error('ENOSPC: no space left on device, write');
  }

  sync(): Promise<void> {
    const { kernel, unsynced } = this.#content;
    const bytes = kernel.slice();
    const count = unsynced.length;
    return this.#disk.whenSynced(() => this.#synced(bytes, count));
  }

  syncNow(): void {
    this.#synced(this.#content.kernel.slice(), this.#content.unsynced.length);
  }

  truncate(size: number): void {
    const content = this.#content;
    if (size === content.kernel.length) return;
    content.kernel = grown(content.kernel.slice(0, size), size);
    content.unsynced.push({ at: size, bytes: new Uint8Array(0) });
  }

  close(): void {}

  #synced(bytes: Uint8Array, count: number): void {
    this.#content.disk = bytes;
    this.#content.unsynced = this.#content.unsynced.slice(count);
  }
}
