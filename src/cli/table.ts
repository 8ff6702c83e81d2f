import { printable } from '../base/printable.ts';

/**
 * Rows under headings, as wide as their longest cell; '' when there are none. What is in the cells
 * is text and nothing else, though clients chose it.
 */
export function table(headings: readonly string[], cells: readonly (readonly string[])[]): string {
  if (cells.length === 0) return '';
  const rows = cells.map((row) => row.map((cell) => printable(cell)));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[headings, ...rows].map(line).join('\n')}\n`;
}
