/** File contents as pages in a map: what was never written takes no memory and reads as zeroes. */
export const PAGE_SIZE = 65_536;

export class SparseBytes {
  size = 0;
  readonly #pages = new Map<number, Uint8Array>();

  /** Bytes of memory that the pages take. */
  get allocated(): number {
    return this.#pages.size * PAGE_SIZE;
  }

  /** Fills `target` from `offset`; short only at the end of the contents. */
  read(target: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.size - offset));
    for (const part of parts(offset, length)) {
      const page = this.#pages.get(part.page);
      const to = target.subarray(part.done, part.done + part.length);
      if (page === undefined) to.fill(0);
      else to.set(page.subarray(part.at, part.at + part.length));
    }
    return length;
  }

  write(bytes: Uint8Array, offset: number): void {
    for (const part of parts(offset, bytes.length)) {
      let page = this.#pages.get(part.page);
      if (page === undefined) {
        page = new Uint8Array(PAGE_SIZE);
        this.#pages.set(part.page, page);
      }
      page.set(bytes.subarray(part.done, part.done + part.length), part.at);
    }
    this.size = Math.max(this.size, offset + bytes.length);
  }

  truncate(size: number): void {
    if (size < this.size) this.zero(size, this.size - size);
    this.size = size;
  }

  /** Zeroes a range and gives back the pages that it covers, to their end behind the contents. */
  zero(offset: number, length: number): void {
    const end = offset + length >= this.size ? Number.POSITIVE_INFINITY : offset + length;
    for (const index of this.#within(offset, end)) {
      const start = index * PAGE_SIZE;
      if (offset <= start && end >= start + PAGE_SIZE) this.#pages.delete(index);
      else this.#pages.get(index)!.fill(0, Math.max(0, offset - start), end - start);
    }
  }

  /** Pages that a write of `[offset, offset + length)` would add. */
  missingPages(offset: number, length: number): number {
    if (length === 0) return 0;
    const first = Math.floor(offset / PAGE_SIZE);
    const last = Math.floor((offset + length - 1) / PAGE_SIZE);
    return last - first + 1 - this.#within(first * PAGE_SIZE, (last + 1) * PAGE_SIZE).length;
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  /** The first page at or after `page` that is stored. */
  nextPage(page: number): number | undefined {
    let next: number | undefined;
    for (const index of this.#pages.keys()) {
      if (index >= page && (next === undefined || index < next)) next = index;
    }
    return next;
  }

  /** Stored pages that overlap `[offset, end)`: by the range when it is short, else by the map. */
  #within(offset: number, end: number): number[] {
    const first = Math.floor(offset / PAGE_SIZE);
    const last = Math.ceil(end / PAGE_SIZE);
    if (last - first > this.#pages.size) {
      return [...this.#pages.keys()].filter((index) => index >= first && index < last);
    }
    const found: number[] = [];
    for (let index = first; index < last; index++) if (this.#pages.has(index)) found.push(index);
    return found;
  }
}

interface Part {
  readonly page: number;
  /** Offset in the page. */
  readonly at: number;
  readonly length: number;
  /** Bytes of the range before this part. */
  readonly done: number;
}

function* parts(offset: number, length: number): Generator<Part> {
  for (let done = 0; done < length; ) {
    const at = (offset + done) % PAGE_SIZE;
    const size = Math.min(PAGE_SIZE - at, length - done);
    yield { page: (offset + done - at) / PAGE_SIZE, at, length: size, done };
    done += size;
  }
}
