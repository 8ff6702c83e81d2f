/** Names of clients on their way to a terminal or into a log, which both obey some characters. */

/**
 * Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of text:
 * names may hold them, and a terminal obeys them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** With such characters written as `\u009b`, and no longer than `lengthMax` code units. */
export function printable(text: string, lengthMax: number = Number.POSITIVE_INFINITY): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return cut.replace(UNPRINTABLE, escaped);
}

/** One line of JSON, which means the same afterwards. */
export function printableJson(line: string): string {
  const end = line.endsWith('\n') ? line.length - 1 : line.length;
  return line.slice(0, end).replace(UNPRINTABLE, escaped) + line.slice(end);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
