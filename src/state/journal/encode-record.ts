/**
 * Plain data as bytes, several times as fast as what knows more: the names of an object's fields
 * stand once in a segment, and later objects of the same shape say its number.
 *
 *   0x00 undefined   0x01 null   0x02 false   0x03 true
 *   0x04 i32         0x05 f64    0x06 u64, a bigint   0x07 i64, a negative bigint
 *   0x08 string: count, a byte for each of U+0000 to U+00FF
 *   0x09 string: count, u16 for each UTF-16 code unit
 *   0x0a bytes: count, the bytes
 *   0x0b list: count, values
 *   0x0c object: shape (u16), a value for each of its fields
 *   0x0d object of a new shape: shape (u16), count, names as values, a value for each
 *   0x40 to 0xff integers from 0 to 191
 *
 * Little-endian; a count has 7 bits a byte, low ones first, the top bit set while more follow.
 */
import { assert } from '../../base/assert.ts';
import { LE, viewOf } from '../../base/bytes.ts';

export const UNDEFINED = 0x00;
export const NULL = 0x01;
export const FALSE = 0x02;
export const TRUE = 0x03;
export const INT32 = 0x04;
export const FLOAT64 = 0x05;
export const UINT64 = 0x06;
export const INT64 = 0x07;
export const NARROW_STRING = 0x08;
export const WIDE_STRING = 0x09;
export const BYTES = 0x0a;
export const LIST = 0x0b;
export const OBJECT = 0x0c;
export const NEW_OBJECT = 0x0d;
export const SMALL_INTEGER = 0x40;

const SMALL_INTEGER_MAX = 0xff - SMALL_INTEGER;
/** Shapes of one segment; an object beyond carries the names of its fields. */
export const SHAPES_MAX = 0xffff;
const SIZE_FIRST = 64 * 1024;
const UINT64_END = 1n << 64n;

/** Fields that objects begin with, in order; `id` is 0 until the segment has the shape. */
interface Shape {
  readonly next: Map<string, Shape>;
  /** The field that came last, and where it led: mostly it is the same again. */
  lastName: string;
  last: Shape | undefined;
  id: number;
}

export class RecordEncoder {
  #bytes = new Uint8Array(SIZE_FIRST);
  #view = viewOf(this.#bytes);
  #at: number;
  readonly #start: number;
  #root = makeShape();
  #shapeCount = 0;

  /** `headroom` bytes in front are the caller's. */
  constructor(headroom: number) {
    this.#start = headroom;
    this.#at = headroom;
  }

  /** Bytes so far, without the headroom. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** With the headroom, and zeros up to a multiple of 8; until the next call. */
  padded(): Uint8Array {
    this.#reserve(7);
    const end = (this.#at + 7) & ~7;
    this.#bytes.fill(0, this.#at, end);
    return this.#bytes.subarray(0, end);
  }

  /** Takes back all that was written after `length` bytes; shapes stay known. */
  cut(length: number): void {
    this.#at = this.#start + length;
  }

  /** What was written is lost, or the next bytes go to another segment. */
  forgetShapes(): void {
    this.#root = makeShape();
    this.#shapeCount = 0;
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** A count: up to 2^32 - 1. */
  count(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** Throws on what is no plain data: a bug. */
  value(value: unknown): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.uint8(value ? TRUE : FALSE);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (value === undefined) this.uint8(UNDEFINED);
    else if (value === null) this.uint8(NULL);
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof Uint8Array) this.#blob(value);
    else {
      assert(typeof value === 'object', `a record holds a ${typeof value}`);
      this.#object(value as Readonly<Record<string, unknown>>);
    }
  }

  #number(value: number): void {
    if ((value | 0) !== value || Object.is(value, -0)) {
      this.#reserve(9);
      this.#bytes[this.#at] = FLOAT64;
      this.#view.setFloat64(this.#at + 1, value, LE);
      this.#at += 9;
    } else if (value >= 0 && value <= SMALL_INTEGER_MAX) {
      this.uint8(SMALL_INTEGER + value);
    } else {
      this.#reserve(5);
      this.#bytes[this.#at] = INT32;
      this.#view.setInt32(this.#at + 1, value, LE);
      this.#at += 5;
    }
  }

  #bigint(value: bigint): void {
    assert(value < UINT64_END && value >= -(UINT64_END >> 1n), `a record holds ${value}`);
    this.#reserve(9);
    this.#bytes[this.#at] = value < 0n ? INT64 : UINT64;
    this.#view.setBigUint64(this.#at + 1, BigInt.asUintN(64, value), LE);
    this.#at += 9;
  }

  #string(value: string): void {
    const { length } = value;
    this.#reserve(6 + length);
    const start = this.#at;
    this.#bytes[this.#at++] = NARROW_STRING;
    this.count(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0xff) {
        this.#at = start;
        this.#wideString(value);
        return;
      }
      bytes[at++] = unit;
    }
    this.#at = at;
  }

  #wideString(value: string): void {
    const { length } = value;
    this.#reserve(6 + 2 * length);
    this.#bytes[this.#at++] = WIDE_STRING;
    this.count(length);
    for (let i = 0; i < length; i++, this.#at += 2) {
      this.#view.setUint16(this.#at, value.charCodeAt(i), LE);
    }
  }

  #blob(value: Uint8Array): void {
    this.#reserve(6 + value.length);
    this.#bytes[this.#at++] = BYTES;
    this.count(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #list(values: readonly unknown[]): void {
    this.uint8(LIST);
    this.count(values.length);
    for (const value of values) this.value(value);
  }

  #object(object: Readonly<Record<string, unknown>>): void {
    let shape = this.#root;
    for (const name in object) shape = nextShape(shape, name);
    if (shape.id === 0) {
      this.#newObject(object, shape);
      return;
    }
    this.#reserve(3);
    this.#bytes[this.#at] = OBJECT;
    this.#view.setUint16(this.#at + 1, shape.id, LE);
    this.#at += 3;
    for (const name in object) this.value(object[name]);
  }

  #newObject(object: Readonly<Record<string, unknown>>, shape: Shape): void {
    const names = Object.keys(object);
    // The last number stands for those of which none is remembered.
    if (this.#shapeCount < SHAPES_MAX - 1) shape.id = ++this.#shapeCount;
    this.uint8(NEW_OBJECT);
    this.#reserve(2);
    this.#view.setUint16(this.#at, shape.id === 0 ? SHAPES_MAX : shape.id, LE);
    this.#at += 2;
    this.count(names.length);
    for (const name of names) this.#string(name);
    for (const name of names) this.value(object[name]);
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + size));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function makeShape(): Shape {
  return { next: new Map(), lastName: '', last: undefined, id: 0 };
}

function nextShape(shape: Shape, name: string): Shape {
  if (shape.lastName === name && shape.last !== undefined) return shape.last;
  let next = shape.next.get(name);
  if (next === undefined) {
    next = makeShape();
    shape.next.set(name, next);
  }
  shape.lastName = name;
  shape.last = next;
  return next;
}
