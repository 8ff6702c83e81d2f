/**
 * A path below a share as CREATE wants it: `\` between components and none around them. Callers may
 * write `/` as well, which no component can contain.
 */
export function toShareRelative(path: string): string {
  return path.replaceAll('/', '\\').replace(/^\\+|\\+$/g, '');
}

/** The last component; empty for the share's root. */
export function baseName(path: string): string {
  const relative = toShareRelative(path);
  return relative.slice(relative.lastIndexOf('\\') + 1);
}

/** Every folder above `path`, the topmost first, and `path` itself. */
export function prefixesOf(path: string): readonly string[] {
  const parts = toShareRelative(path).split('\\');
  return parts.map((_, i) => parts.slice(0, i + 1).join('\\'));
}
