/**
 * A named pipe as SMB2 sees it: a message-mode byte pipe with an RPC endpoint behind it.
 * [MS-SMB2] 3.3.5.12, 3.3.5.13 and 3.3.5.15.10 send READ, WRITE and TRANSCEIVE here.
 */
import type { MaybePromise } from '../base/task.ts';

/** Who opened the pipe and where: what a service may tell or decide by. */
export interface PipeClient {
  readonly userName: string;
  readonly domainName: string;
  readonly serverName: string;
  readonly sessionKey: Uint8Array;
}

export interface Pipe {
  /** Takes one written message; false when it is no valid PDU and the pipe is broken. */
  write(message: Uint8Array): MaybePromise<boolean>;
  /**
   * Up to `sizeMax` bytes of the answer. `more` when the message had more bytes (STATUS_BUFFER_
   * OVERFLOW). Undefined: nothing to read yet.
   */
  read(sizeMax: number): { readonly bytes: Uint8Array; readonly more: boolean } | undefined;
  /** Calls `readable` once, when `read` would return something or the pipe closed. */
  whenReadable(readable: () => void): void;
  close(): void;
}

/** Opens the pipe called `name` (lower case, no leading backslash); undefined when none is. */
export type PipeOpener = (name: string, client: PipeClient) => Pipe | undefined;
