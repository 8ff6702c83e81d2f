/**
 * C706 14 Transfer Syntax NDR, little endian: alignment is counted from the start of the stub.
 *
 * An embedded pointer's referent stands behind the construct that embeds it, and its own embedded
 * referents directly behind it (C706 14.3.12.3). The writer keeps that order by itself: what
 * `pointer` is given runs in `flush`. A reader's caller reads in the same order.
 */
import { LE, slice, viewOf } from '../base/bytes.ts';
import { decodeUtf16 } from '../base/utf16le.ts';

/** Reads what a peer sent. Never throws: what does not fit reads as 0 and clears `ok`. */
export class NdrReader {
  readonly #view: DataView;
  #at = 0;
  #ok = true;

  constructor(stub: Uint8Array) {
    this.#view = viewOf(stub);
  }

  /** False once something did not fit or was refused: the stub is bad. */
  get ok(): boolean {
    return this.#ok;
  }

  u8(): number {
    return this.#claim(1, 1) ? this.#view.getUint8(this.#at++) : 0;
  }

  u16(): number {
    if (!this.#claim(2, 2)) return 0;
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, LE);
  }

  u32(): number {
    if (!this.#claim(4, 4)) return 0;
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, LE);
  }

  u64(): bigint {
    if (!this.#claim(8, 8)) return 0n;
    this.#at += 8;
    return this.#view.getBigUint64(this.#at - 8, LE);
  }

  /** A copy of `count` bytes; empty when there are fewer. */
  bytes(count: number): Uint8Array {
    if (!this.#claim(count, 1)) return new Uint8Array(0);
    this.#at += count;
    return slice(this.#view, this.#at - count, this.#at).slice();
  }

  align(unit: number): void {
    this.#claim(0, unit);
  }

  /** A unique pointer's referent id: true when a referent follows. */
  pointer(): boolean {
    return this.u32() !== 0;
  }

  /** A conformant varying string of UTF-16, without its NUL. */
  string(): string {
    const countMax = this.u32();
    const offset = this.u32();
    const count = this.u32();
    if (offset !== 0 || count > countMax || !this.#claim(2 * count, 2)) {
      this.fail();
      return '';
    }
    const text = decodeUtf16(this.#view, this.#at, this.#at + 2 * count);
    this.#at += 2 * count;
    return text.endsWith('\0') ? text.slice(0, -1) : text;
  }

  /** A top-level `[unique, string]` parameter: its referent follows directly. */
  uniqueString(): string | undefined {
    return this.pointer() ? this.string() : undefined;
  }

  /** The element count of a conformant array: never more than the stub has room for. */
  count(elementSize: number): number {
    const count = this.u32();
    if (count * elementSize > this.#view.byteLength - this.#at) {
      this.fail();
      return 0;
    }
    return count;
  }

  fail(): void {
    this.#ok = false;
  }

  #claim(size: number, unit: number): boolean {
    const at = (this.#at + unit - 1) & ~(unit - 1);
    if (!this.#ok || size > this.#view.byteLength - at) {
      this.#ok = false;
      return false;
    }
    this.#at = at;
    return true;
  }
}

const INITIAL_SIZE = 512;
/** Windows' first referent id; any number but 0 means the same. */
const FIRST_REFERENT = 0x0002_0000;

/** Writes what we send; grows as needed. */
export class NdrWriter {
  #bytes: Uint8Array = new Uint8Array(INITIAL_SIZE);
  #view: DataView = viewOf(this.#bytes);
  #at = 0;
  #nextReferent = FIRST_REFERENT;
  #deferred: (() => void)[] = [];

  u8(value: number): void {
    const at = this.#make(1, 1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#make(2, 2);
    this.#view.setUint16(at, value, LE);
  }

  u32(value: number): void {
    const at = this.#make(4, 4);
    this.#view.setUint32(at, value, LE);
  }

  u64(value: bigint): void {
    const at = this.#make(8, 8);
    this.#view.setBigUint64(at, value, LE);
  }

  put(bytes: Uint8Array): void {
    const at = this.#make(bytes.length, 1);
    this.#bytes.set(bytes, at);
  }

  align(unit: number): void {
    this.#make(0, unit);
  }

  /**
   * An embedded unique pointer: null without `referent`, else an id, and `referent` writes what it
   * points to at the next `flush`.
   */
  pointer(referent: (() => void) | undefined): void {
    if (referent === undefined) {
      this.u32(0);
      return;
    }
    this.u32(this.#nextReferent);
    this.#nextReferent += 4;
    this.#deferred.push(referent);
  }

  /** A pointer to a string. */
  stringPointer(text: string | undefined): void {
    this.pointer(text === undefined ? undefined : () => this.string(text));
  }

  /** A top-level pointer parameter: its referents follow directly. */
  parameter(referent: (() => void) | undefined): void {
    this.pointer(referent);
    this.flush();
  }

  /** Writes the referents of all pointers so far, each with its own behind it. */
  flush(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const referent of deferred) {
      referent();
      this.flush();
    }
  }

  /** A conformant varying string of UTF-16 with its NUL. */
  string(text: string): void {
    const count = text.length + 1;
    this.u32(count);
    this.u32(0);
    this.u32(count);
    const at = this.#make(2 * count, 2);
    for (let i = 0; i < text.length; i++) this.#view.setUint16(at + 2 * i, text.charCodeAt(i), LE);
    this.#view.setUint16(at + 2 * text.length, 0, LE);
  }

  /** The stub written so far; forgets it, so that a handler can start over. */
  take(): Uint8Array {
    const stub = this.#bytes.subarray(0, this.#at);
    this.#bytes = new Uint8Array(INITIAL_SIZE);
    this.#view = viewOf(this.#bytes);
    this.#at = 0;
    this.#deferred = [];
    return stub;
  }

  /**
   * Aligns, makes room and returns where it begins. Fresh bytes are zero already. Called before
   * `#view` or `#bytes` is looked at, which it may replace.
   */
  #make(size: number, unit: number): number {
    const at = (this.#at + unit - 1) & ~(unit - 1);
    if (at + size > this.#bytes.length) this.#grow(at + size);
    this.#at = at + size;
    return at;
  }

  #grow(sizeMin: number): void {
    const bytes = new Uint8Array(Math.max(sizeMin, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}
