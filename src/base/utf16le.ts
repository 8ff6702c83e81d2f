/** UTF-16LE as SMB2 carries it: code units as they are, lone surrogates included. */
export function decodeUtf16(view: DataView, at: number, end: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, end - at).toString('utf16le');
}

/** Writes `text` at `at` and returns the end offset; the caller made room (2 bytes a code unit). */
export function encodeUtf16(view: DataView, at: number, text: string): number {
  if (text.length <= 16) {
    for (let i = 0; i < text.length; i++) view.setUint16(at + 2 * i, text.charCodeAt(i), true);
    return at + 2 * text.length;
  }
  const size = Buffer.from(view.buffer, view.byteOffset + at, 2 * text.length).write(
    text,
    'utf16le',
  );
  return at + size;
}

export function utf16Bytes(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf16le');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
