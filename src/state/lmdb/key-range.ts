/** Ends behind every key that starts with `prefix`: U+FFFF is no character, so no key has it. */
export function rangeOf(prefix: string): { readonly start?: string; readonly end?: string } {
  return prefix === '' ? {} : { start: prefix, end: `${prefix}\uffff` };
}
