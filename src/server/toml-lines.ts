/**
 * Finds the line of a key in a TOML text that parsed: for errors in what it says. The parser does
 * not tell positions, so headers and keys are looked for line by line; a key that stands in an
 * inline table or a spread-out value is reported at the line of what contains it.
 */
export function lineOf(text: string, key: readonly string[]): number {
  let section: readonly string[] = [];
  let best = { line: 1, depth: 0 };
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line);
    if (header?.[1] !== undefined) section = keyParts(header[1]);
    const found = header ? section : [...section, ...assigned(line)];
    const depth = commonDepth(found, key);
    const deeper = depth === found.length && depth > best.depth;
    if (deeper) best = { line: index + 1, depth };
  }
  return best.line;
}

function assigned(line: string): readonly string[] {
  const assignment = /^\s*((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=/.exec(line);
  return assignment?.[1] === undefined ? [''] : keyParts(assignment[1]);
}

/** The parts of a dotted key, quotes taken off. */
function keyParts(text: string): readonly string[] {
  const parts = text.match(/"[^"]*"|'[^']*'|[\w-]+/g) ?? [];
  return parts.map((part) => part.replace(/^["']|["']$/g, ''));
}

function commonDepth(found: readonly string[], key: readonly string[]): number {
  let depth = 0;
  while (depth < found.length && found[depth] === key[depth]) depth++;
  return depth;
}
