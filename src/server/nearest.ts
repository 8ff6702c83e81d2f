/** The one of `names` that `wrong` was most likely meant to be; undefined when none is close. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(plain(wrong), plain(name));
    if (distance >= bestDistance) continue;
    best = name;
    bestDistance = distance;
  }
  return best;
}

/** Spelling habits (camelCase, snake_case, kebab-case) do not count as distance. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** Levenshtein's: insertions, deletions and substitutions from one to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitute = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
