/** Bytes that the pipes of a server hold for their clients, all together. */
export class PipeMemory {
  readonly #sizeMax: number;
  #size = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** One pipe holds so much more, or less; false when there is too much now. */
  change(bytes: number): boolean {
    this.#size += bytes;
    return bytes <= 0 || this.#size <= this.#sizeMax;
  }
}
