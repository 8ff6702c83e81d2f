/**
 * What compression costs and saves, in MB/s of plain data: `node dist/bench/compression.js [FILE…]`
 * (the first MiB of each file; without one, samples that are made).
 */
import { readFileSync } from 'node:fs';
import { COMPRESSION_ALGORITHMS, codecOf } from '../src/smb2/compression/algorithms.ts';
import { SAMPLES } from '../test/vectors/compressible.ts';

const SIZE = 1 << 20;
const TIME_MS = 300;
const NAMES = ['NONE', 'LZNT1', 'LZ77', 'LZ77+Huffman', 'PATTERN_V1', 'LZ4'];

const files = process.argv.slice(2);
const inputs =
  files.length > 0
    ? files.map((file) => ({
        name: file,
        data: Uint8Array.from(readFileSync(file)).slice(0, SIZE),
      }))
    : SAMPLES.map(({ kind, make }) => ({ name: kind, data: make(SIZE) }));

for (const { name, data } of inputs) {
  for (const algorithm of COMPRESSION_ALGORITHMS) {
    const codec = codecOf(algorithm);
    if (codec === undefined) continue;
    const out = new Uint8Array(data.length);
    const size = codec.compress(data, out);
    const label = `${name.padEnd(26)} ${NAMES[algorithm]!.padEnd(13)}`;
    const encoded = rate(data.length, () => codec.compress(data, out));
    if (size === 0) {
      console.log(`${label} gives up at ${encoded} MB/s`);
      continue;
    }
    const source = out.slice(0, size);
    const decoded = rate(data.length, () => codec.decompress(source, out));
    const percent = ((100 * size) / data.length).toFixed(1);
    console.log(`${label} to ${percent.padStart(5)} %  ${encoded} MB/s  back ${decoded} MB/s`);
  }
}

function rate(size: number, run: () => unknown): string {
  for (let i = 0; i < 10; i++) run();
  const start = process.hrtime.bigint();
  let rounds = 0;
  let elapsedMs = 0;
  while (elapsedMs < TIME_MS) {
    run();
    rounds++;
    elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
  }
  return ((size * rounds) / elapsedMs / 1000).toFixed(0).padStart(6);
}
