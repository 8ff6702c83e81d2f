import type { Random } from '../env/ports.ts';

/** No 0/o, 1/l/i: letters and digits that are told apart in every font. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP_LENGTH = 4;

/** About 79 bits: what somebody who recorded an NTLMv2 exchange cannot guess. */
export function generatePassword(random: Random): string {
  const groups = Array.from({ length: GROUPS }, () =>
    Array.from({ length: GROUP_LENGTH }, () => ALPHABET[below(ALPHABET.length, random)]).join(''),
  );
  return groups.join('-');
}

/** An evenly distributed number in [0, end): bytes that would favour the low ones are skipped. */
function below(end: number, random: Random): number {
  const fair = 256 - (256 % end);
  for (;;) {
    const byte = random.bytes(1)[0]!;
    if (byte < fair) return byte % end;
  }
}
