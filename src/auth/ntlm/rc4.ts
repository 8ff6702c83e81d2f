/**
 * RC4, for NTLM's key exchange and its signatures only; OpenSSL 3 dropped it. The cipher is broken
 * as a cipher, [MS-NLMP] 3.4 prescribes it all the same.
 */
export class Rc4 {
  readonly #state: Uint8Array = new Uint8Array(256);
  #i = 0;
  #j = 0;

  constructor(key: Uint8Array) {
    const s = this.#state;
    for (let i = 0; i < 256; i++) s[i] = i;
    let j = 0;
    for (let i = 0; i < 256; i++) {
      j = (j + s[i]! + key[i % key.length]!) & 0xff;
      [s[i], s[j]] = [s[j]!, s[i]!];
    }
  }

  /** The next bytes of the stream over `input`. */
  apply(input: Uint8Array): Uint8Array {
    const s = this.#state;
    const output = new Uint8Array(input.length);
    for (let n = 0; n < input.length; n++) {
      this.#i = (this.#i + 1) & 0xff;
      this.#j = (this.#j + s[this.#i]!) & 0xff;
      const a = s[this.#i]!;
      const b = s[this.#j]!;
      s[this.#i] = b;
      s[this.#j] = a;
      output[n] = input[n]! ^ s[(a + b) & 0xff]!;
    }
    return output;
  }
}
