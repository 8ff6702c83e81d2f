/**
 * The canonical Huffman codes of [MS-XCA] 2.1.4.2 and 2.2.4: 512 symbols, at most 15 bits, told by
 * their lengths alone; shorter codes first, equal ones in the order of the symbols.
 */
export const SYMBOLS = 512;
export const CODE_BITS_MAX = 15;
const CODE_SPACE = 1 << CODE_BITS_MAX;
/** Bits of an entry of the decoding table that hold the code's length. */
export const ENTRY_LENGTH_BITS = 4;

/** Scratch: a heap's tree of two nodes a symbol. */
const weights = new Uint32Array(2 * SYMBOLS);
const parents = new Uint16Array(2 * SYMBOLS);
const depths = new Uint16Array(2 * SYMBOLS);
const order = new Uint16Array(SYMBOLS);
const countOfLength = new Uint32Array(CODE_BITS_MAX + 2);

/** Lengths of codes for symbols that occur `counts` times, into `lengths`; at least two get one. */
export function chooseLengths(counts: Uint32Array, lengths: Uint8Array): void {
  const used = sortUsed(counts);
  lengths.fill(0);
  if (used < 2) {
    // A code of one symbol leaves half of the code space open, which decoders need not take.
    const only = used === 1 ? order[0]! : 0;
    lengths[only] = 1;
    lengths[only === 0 ? 1 : 0] = 1;
    return;
  }
  measureDepths(counts, used);
  limitLengths();
  // The rarest symbols come first and get the longest codes.
  let length = CODE_BITS_MAX;
  for (let i = 0; i < used; i++) {
    while (countOfLength[length] === 0) length--;
    countOfLength[length]!--;
    lengths[order[i]!] = length;
  }
}

/** Puts the used symbols in `order`, the rarest first; returns how many there are. */
function sortUsed(counts: Uint32Array): number {
  let used = 0;
  for (let symbol = 0; symbol < SYMBOLS; symbol++) if (counts[symbol]! > 0) order[used++] = symbol;
  order.subarray(0, used).sort((a, b) => counts[a]! - counts[b]!);
  return used;
}

/**
 * Huffman's algorithm over sorted weights: leaves in one queue, inner nodes, which come into being
 * in order, in another. Counts in `countOfLength` how many leaves have which depth.
 */
function measureDepths(counts: Uint32Array, used: number): void {
  for (let i = 0; i < used; i++) weights[i] = counts[order[i]!]!;
  let leaf = 0;
  let inner = used;
  const last = 2 * used - 2;
  for (let node = used; node <= last; node++) {
    let weight = 0;
    for (let child = 0; child < 2; child++) {
      const takesLeaf = leaf < used && (inner === node || weights[leaf]! <= weights[inner]!);
      const taken = takesLeaf ? leaf++ : inner++;
      weight += weights[taken]!;
      parents[taken] = node;
    }
    weights[node] = weight;
  }
  countOfLength.fill(0);
  depths[last] = 0;
  for (let node = last - 1; node >= 0; node--) {
    const depth = depths[parents[node]!]! + 1;
    depths[node] = depth;
    if (node < used) countOfLength[Math.min(depth, CODE_BITS_MAX)]!++;
  }
}

/** Depths beyond the limit were counted as the limit: others sink until the code is one again. */
function limitLengths(): void {
  let space = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    space += countOfLength[length]! << (CODE_BITS_MAX - length);
  }
  for (; space > CODE_SPACE; space--) {
    // A leaf of the limit becomes the sibling of a shorter one: one unit of space less.
    let length = CODE_BITS_MAX - 1;
    while (countOfLength[length] === 0) length--;
    countOfLength[length]!--;
    countOfLength[length + 1]! += 2;
    countOfLength[CODE_BITS_MAX]!--;
  }
}

/** The codes that go with `lengths`. */
export function assignCodes(lengths: Uint8Array, codes: Uint16Array): void {
  let code = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code <<= 1;
  }
}

const firstEntry = new Uint32Array(CODE_BITS_MAX + 2);

/**
 * [MS-XCA] 2.2.4: for each 15 bits that may come the symbol and the length of its code, in one
 * number: symbol << ENTRY_LENGTH_BITS | length. False when the lengths make no whole code.
 */
export function fillDecodingTable(lengths: Uint8Array, table: Uint16Array): boolean {
  countOfLength.fill(0);
  for (let symbol = 0; symbol < SYMBOLS; symbol++) countOfLength[lengths[symbol]!]!++;
  let at = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    firstEntry[length] = at;
    at += countOfLength[length]! << (CODE_BITS_MAX - length);
  }
  if (at !== CODE_SPACE) return false;
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    const length = lengths[symbol]!;
    if (length === 0) continue;
    const from = firstEntry[length]!;
    const to = from + (1 << (CODE_BITS_MAX - length));
    table.fill((symbol << ENTRY_LENGTH_BITS) | length, from, to);
    firstEntry[length] = to;
  }
  return true;
}
