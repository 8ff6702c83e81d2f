/**
 * A message authentication code with its key inside: chunks in order to at least 16 bytes, of which
 * the first 16 are the code. The result is valid until any code's next call. `chunks[0]` starts
 * with the SMB2 header.
 */
export type MessageMac = (chunks: readonly Uint8Array[]) => Uint8Array;
