import type { NtStatus } from '../../erref/ntstatus.ts';
import type { Decryptor, Encryptor } from '../crypto/message-cipher.ts';
import type { Signer } from '../crypto/signer.ts';
import type { ErrorResponse } from '../wire/error.ts';
import type { Header } from '../wire/header.ts';

/**
 * One request as a value: what is sent, and how its answer is read. requests.ts and
 * transfer-requests.ts make them.
 */
export interface Request<R> {
  readonly command: number;
  /** Bytes that `encode` writes at most. */
  readonly size: number;
  /** Writes the body at `at` and returns its end. */
  encode(view: DataView, at: number): number;
  /** Sent right behind the body without a copy; unchanged until the answer has come. */
  readonly payload?: Uint8Array;
  /** What CreditCharge counts: the larger of bytes sent and bytes asked for; 0 is one credit. */
  readonly chargedSize: number;
  /** Undefined when the bytes are not this command's response. */
  decode(view: DataView, at: number, end: number): R | undefined;
  /** Error statuses whose body is a response of the command nevertheless. */
  readonly bodyStatuses?: readonly NtStatus[];
  /** Header fields in place of the ones that the connection would choose. */
  readonly header?: HeaderFields;
}

/** [MS-SMB2] 2.2.1.2: fields of one request that a test, or a layer above, sets itself. */
export interface HeaderFields {
  readonly command?: number;
  readonly creditCharge?: number;
  readonly credits?: number;
  /** Or-ed to the flags that the connection sets. */
  readonly flags?: number;
  readonly nextCommand?: number;
  /** Outside of the window's order: takes no credit. */
  readonly messageId?: bigint;
  readonly asyncId?: bigint;
  readonly treeId?: number;
  readonly sessionId?: bigint;
  readonly channelSequence?: number;
}

/** Room for a fixed part with its padding: no structure of [MS-SMB2] 2.2 has a larger one. */
export const FIXED_SIZE_MAX = 128;

/** The same request with header fields of the caller's choice. */
export function withHeader<R>(request: Request<R>, header: HeaderFields): Request<R> {
  return { ...request, header: { ...request.header, ...header } };
}

/**
 * What protects the messages of one session on one connection: [MS-SMB2] 3.2.1.3 Per Session,
 * 3.2.1.8 Per Channel.
 */
export interface Channel {
  readonly sessionId: bigint;
  readonly signer: Signer | undefined;
  readonly encryptor: Encryptor | undefined;
  readonly decryptor: Decryptor | undefined;
  readonly signingRequired: boolean;
  readonly encryptData: boolean;
}

/** How one message (a request, or a compound of them) is sent. */
export interface SendOptions {
  readonly channel?: Channel | undefined;
  /** Default: what the channel demands. */
  readonly sign?: boolean | undefined;
  readonly encrypt?: boolean | undefined;
  /** Compresses the message where both sides can and it pays. */
  readonly compress?: boolean | undefined;
  /** Milliseconds until the answer must have begun; 0 waits for ever. Default: the connection's. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the requests ([MS-SMB2] 3.2.4.24). */
  readonly signal?: AbortSignal | undefined;
  /** Header fields of every request in the message. */
  readonly header?: HeaderFields | undefined;
  /** In place of the connection's (`ConnectionOptions.verify`). */
  readonly verify?: 'strict' | 'report' | undefined;
  /** Sees the message as it goes out, after signing, before compression and encryption. */
  readonly sent?: ((message: readonly Uint8Array[]) => void) | undefined;
  /** Tests: changes the message after it was signed and before it is encrypted. */
  readonly tamperSigned?: ((message: Uint8Array) => Uint8Array) | undefined;
  /** Tests: changes the bytes that are handed to the transport. */
  readonly tamperSent?: ((message: Uint8Array) => Uint8Array) | undefined;
}

export interface CompoundOptions extends SendOptions {
  /** Sets SMB2_FLAGS_RELATED_OPERATIONS in every request but the first. */
  readonly related?: boolean;
}

/** How a response was protected. `unverified`: signed, and nobody had a key for it. */
export type Protection = 'none' | 'signed' | 'bad-signature' | 'unverified' | 'encrypted';

/**
 * The outcome of a request. The connection's own statuses: STATUS_CONNECTION_DISCONNECTED (it ended
 * first), STATUS_IO_TIMEOUT (no answer in time), STATUS_INVALID_NETWORK_RESPONSE (not decodable),
 * STATUS_CANCELLED (cancelled before it was sent).
 */
export interface Reply<R> {
  readonly status: NtStatus;
  /** Undefined when an ERROR Response came, or none. */
  readonly response: R | undefined;
  readonly error: ErrorResponse | undefined;
  /** Undefined for the connection's own statuses. */
  readonly header: Header | undefined;
  readonly protection: Protection;
  /** Header and body of this response. */
  readonly message: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** A reply that no server sent. */
export function localReply(status: NtStatus): Reply<never> {
  return {
    status,
    response: undefined,
    error: undefined,
    header: undefined,
    protection: 'none',
    message: NO_BYTES,
  };
}
