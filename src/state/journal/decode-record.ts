import { LE, viewOf } from '../../base/bytes.ts';
import {
  BYTES,
  FALSE,
  FLOAT64,
  INT32,
  INT64,
  LIST,
  NARROW_STRING,
  NEW_OBJECT,
  NULL,
  OBJECT,
  SMALL_INTEGER,
  TRUE,
  UINT64,
  UNDEFINED,
  WIDE_STRING,
} from './encode-record.ts';

/** Of lists and objects in each other; records have less than ten. */
const DEPTH_MAX = 64;

/** Shapes of a segment by number, as far as it was read. */
export type Shapes = Map<number, readonly string[]>;

/**
 * Reads what `RecordEncoder` wrote, one call after the other. What is no such thing makes `failed`
 * true, and all that is read from then on means nothing.
 */
export class RecordDecoder {
  failed = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #shapes: Shapes;
  #at = 0;
  #depth = 0;

  /** New shapes are added to `shapes`. */
  constructor(bytes: Uint8Array, shapes: Shapes) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#shapes = shapes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  uint8(): number {
    return this.#has(1) ? this.#bytes[this.#at++]! : 0;
  }

  count(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 0x80) {
      const byte = this.uint8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return this.#fail();
  }

  string(): string {
    const value = this.value();
    if (typeof value === 'string') return value;
    this.#fail();
    return '';
  }

  value(): unknown {
    const tag = this.uint8();
    if (tag >= SMALL_INTEGER) return tag - SMALL_INTEGER;
    switch (tag) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case INT32:
        return this.#has(4) ? this.#view.getInt32(this.#skip(4), LE) : 0;
      case FLOAT64:
        return this.#has(8) ? this.#view.getFloat64(this.#skip(8), LE) : 0;
      case UINT64:
        return this.#has(8) ? this.#view.getBigUint64(this.#skip(8), LE) : 0n;
      case INT64:
        return this.#has(8) ? this.#view.getBigInt64(this.#skip(8), LE) : 0n;
      case NARROW_STRING:
        return this.#text(this.count(), 'latin1');
      case WIDE_STRING:
        return this.#text(2 * this.count(), 'utf16le');
      case BYTES:
        return this.#take(this.count()).slice();
      default:
        return this.#compound(tag);
    }
  }

  #compound(tag: number): unknown {
    if (++this.#depth > DEPTH_MAX) return this.#fail();
    let value: unknown;
    if (tag === LIST) value = this.#list();
    else if (tag === OBJECT) value = this.#object(this.#shapes.get(this.#uint16()));
    else if (tag === NEW_OBJECT) value = this.#newObject();
    else this.#fail();
    this.#depth--;
    return value;
  }

  #list(): unknown[] {
    const count = this.count();
    const list: unknown[] = [];
    if (this.#has(count)) while (list.length < count && !this.failed) list.push(this.value());
    return list;
  }

  #newObject(): unknown {
    const id = this.#uint16();
    const count = this.count();
    const names: string[] = [];
    if (this.#has(count)) while (names.length < count && !this.failed) names.push(this.string());
    // An assignment to it would make something else than a field.
    if (names.includes('__proto__')) this.#fail();
    this.#shapes.set(id, names);
    return this.#object(names);
  }

  #object(names: readonly string[] | undefined): unknown {
    if (names === undefined) return this.#fail();
    const object: Record<string, unknown> = {};
    for (const name of names) {
      if (this.failed) break;
      object[name] = this.value();
    }
    return object;
  }

  #uint16(): number {
    return this.#has(2) ? this.#view.getUint16(this.#skip(2), LE) : this.#fail();
  }

  #text(size: number, encoding: 'latin1' | 'utf16le'): string {
    const { buffer, byteOffset, length } = this.#take(size);
    return Buffer.from(buffer, byteOffset, length).toString(encoding);
  }

  #take(size: number): Uint8Array {
    if (!this.#has(size)) return this.#bytes.subarray(0, 0);
    const at = this.#skip(size);
    return this.#bytes.subarray(at, at + size);
  }

  #skip(size: number): number {
    this.#at += size;
    return this.#at - size;
  }

  #has(size: number): boolean {
    if (!this.failed && this.#at + size <= this.#bytes.length) return true;
    this.#fail();
    return false;
  }

  #fail(): 0 {
    this.failed = true;
    this.#at = this.#bytes.length;
    return 0;
  }
}
