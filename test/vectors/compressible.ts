/** Data of many kinds, the same at every run: what codecs are tried with. */

/** A small seeded generator of 32-bit numbers. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const WORDS = 'the quick brown fox jumps over a lazy dog; semba serves files to whoever asks'.split(
  ' ',
);

/** `kind` of a sample; `make` gives `size` bytes of it. */
export const SAMPLES: readonly {
  readonly kind: string;
  readonly make: (size: number) => Uint8Array;
}[] = [
  { kind: 'zeros', make: (size) => new Uint8Array(size) },
  { kind: 'random bytes', make: (size) => filled(size, numbers(1)) },
  { kind: 'words', make: words },
  { kind: 'numbers', make: (size) => Uint8Array.from({ length: size }, (_, i) => (i >>> 2) % 251) },
  { kind: 'few symbols', make: (size) => filled(size, numbers(2)).map((byte) => byte & 3) },
  { kind: 'skewed symbols', make: fibonacci },
  {
    kind: 'a period of 3',
    make: (size) => Uint8Array.from({ length: size }, (_, i) => 97 + (i % 3)),
  },
  { kind: 'far repetition', make: (size) => repeated(size, 7000) },
  { kind: 'repetition at 60,000', make: (size) => repeated(size, 60_000) },
  { kind: 'random and zeros in turns', make: (size) => filled(size, numbers(4)).map(inTurns) },
];

function filled(size: number, next: () => number): Uint8Array {
  return Uint8Array.from({ length: size }, () => next() & 0xff);
}

/** Each symbol as often as the next two together: a code whose longest words are over 15 bits. */
function fibonacci(size: number): Uint8Array {
  const next = numbers(3);
  const golden = Math.log((1 + Math.sqrt(5)) / 2);
  const pick = (): number => Math.floor(-Math.log((next() + 1) / 0x1_0000_0000) / golden);
  return Uint8Array.from({ length: size }, pick);
}

function inTurns(byte: number, i: number): number {
  return (i >>> 9) % 2 === 0 ? byte : 0;
}

function words(size: number): Uint8Array {
  const next = numbers(5);
  let text = '';
  while (text.length < size) text += `${WORDS[next() % WORDS.length]} `;
  return Uint8Array.from(Buffer.from(text.slice(0, size), 'latin1'));
}

function repeated(size: number, period: number): Uint8Array {
  const once = filled(Math.min(size, period), numbers(6));
  return Uint8Array.from({ length: size }, (_, i) => once[i % period]!);
}
