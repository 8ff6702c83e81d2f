/**
 * What a server leaves to the process that takes its place: a folder in the state folder, with a
 * file of each process that had something open. It is made for one hand-over and removed with it;
 * what a server that ended meanwhile left there counts for nothing.
 *
 *    0   8  magic
 *    8   4  layout of the records
 *   12   4  how many there are
 *   then each:
 *    0   4  size
 *    4   4  CRC-32 of what follows
 *    8      the record, as `RecordEncoder` writes it; shapes count in one file
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LE, viewOf } from '../base/bytes.ts';
import { FILE_RECORD_VERSION, type FileRecord } from '../fsa/file-record.ts';
import { DURABLE_RECORD_VERSION } from '../smb2/server/state/durable-record.ts';
import { RecordDecoder, type Shapes } from '../state/journal/decode-record.ts';
import { RecordEncoder } from '../state/journal/encode-record.ts';

/** Both layouts in one number: either may change. */
export const HAND_OVER_LAYOUT: number = FILE_RECORD_VERSION * 1000 + DURABLE_RECORD_VERSION;

const FOLDER = 'hand-over';
const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const MAGIC = Buffer.from('sembaHO2');
const HEADER_SIZE = 16;
const FRAME_HEADER_SIZE = 8;
const COUNT_AT = 12;

/** An empty one. */
export function makeHandOverFolder(stateFolder: string): string {
  removeHandOverFolder(stateFolder);
  const folder = join(stateFolder, FOLDER);
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  return folder;
}

export function removeHandOverFolder(stateFolder: string): void {
  rmSync(join(stateFolder, FOLDER), { recursive: true, force: true });
}

/** The file of one process. */
export class HandOverFile {
  readonly #fd: number;
  readonly #encoder = new RecordEncoder(FRAME_HEADER_SIZE);
  #count = 0;

  constructor(folder: string, serverId: string) {
    this.#fd = openSync(join(folder, serverId), 'wx', PRIVATE_FILE_MODE);
    const header = Buffer.alloc(HEADER_SIZE);
    header.set(MAGIC);
    header.writeUInt32LE(HAND_OVER_LAYOUT, MAGIC.length);
    writeAll(this.#fd, header);
  }

  add(record: FileRecord): void {
    const encoder = this.#encoder;
    encoder.cut(0);
    encoder.value(record);
    const frame = encoder.padded().subarray(0, FRAME_HEADER_SIZE + encoder.length);
    const view = viewOf(frame);
    view.setUint32(0, encoder.length, LE);
    view.setUint32(4, crc32(frame.subarray(FRAME_HEADER_SIZE)), LE);
    writeAll(this.#fd, frame);
    this.#count++;
  }

  /** Only then it is whole. */
  close(): void {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(this.#count);
    writeSync(this.#fd, count, 0, count.length, COUNT_AT);
    closeSync(this.#fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** Of all processes. Throws where a file is not one of this layout, or is damaged. */
export function readHandOver(folder: string): readonly FileRecord[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const records = decodeHandOver(readFileSync(path));
    if (typeof records === 'string') throw new Error(`${path}: ${records}`);
    return records;
  });
}

/** Or what is wrong with it. */
export function decodeHandOver(bytes: Uint8Array): readonly FileRecord[] | string {
  if (bytes.length < HEADER_SIZE || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) {
    return 'it is no file of opens';
  }
  const view = viewOf(bytes);
  const layout = view.getUint32(MAGIC.length, LE);
  if (layout !== HAND_OVER_LAYOUT) return `its layout is ${layout}, expected ${HAND_OVER_LAYOUT}`;
  const records: FileRecord[] = [];
  const shapes: Shapes = new Map();
  let at = HEADER_SIZE;
  for (let left = view.getUint32(COUNT_AT, LE); left > 0; left--) {
    if (bytes.length - at < FRAME_HEADER_SIZE) return DAMAGED;
    const size = view.getUint32(at, LE);
    const from = at + FRAME_HEADER_SIZE;
    if (size > bytes.length - from) return DAMAGED;
    const body = bytes.subarray(from, from + size);
    if (crc32(body) !== view.getUint32(at + 4, LE)) return DAMAGED;
    const decoder = new RecordDecoder(body, shapes);
    records.push(decoder.value() as FileRecord);
    if (decoder.failed || !decoder.isAtEnd) return DAMAGED;
    at = from + size;
  }
  return at === bytes.length ? records : DAMAGED;
}

const DAMAGED = 'it is damaged';
