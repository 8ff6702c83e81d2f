/** js-md4 has no types of its own; this is the part that NTLM's hash needs. */
declare module 'js-md4' {
  interface Md4 {
    (message: string | Uint8Array): string;
    arrayBuffer(message: string | Uint8Array): ArrayBuffer;
  }
  const md4: Md4;
  export = md4;
}
