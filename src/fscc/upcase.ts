/**
 * Upper case for comparing names: [MS-FSA] 2.1.4.4 and [MS-UCODEREF] 3.1.5.3 ToUpperCase.
 *
 * One UTF-16 code unit becomes one code unit, as in NTFS's table: nothing grows (no 'SS' for a
 * sharp s), and no other letter turns into an ASCII one (the dotless i and the long s stay).
 */
export function upcase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return upcaseAny(text);
  }
  return text.toUpperCase();
}

/** True when two names are one name to a Windows client. */
export function equalIgnoringCase(a: string, b: string): boolean {
  return a === b || (a.length === b.length && upcase(a) === upcase(b));
}

function upcaseAny(text: string): string {
  let upper = '';
  for (let i = 0; i < text.length; i++) upper += upcaseUnit(text.charAt(i));
  return upper;
}

function upcaseUnit(unit: string): string {
  const upper = unit.toUpperCase();
  if (upper.length !== 1) return unit;
  return unit.charCodeAt(0) >= 0x80 && upper.charCodeAt(0) < 0x80 ? unit : upper;
}
