import type { RegisteredRegion } from '../../base/io-buffer.ts';
import type { BufferDescriptor } from './buffer-descriptor.ts';

/**
 * What a transport offers besides messages when either side can reach memory that the other one
 * registered: [MS-SMBD] 3.1.4.3 … 3.1.4.7. [MS-SMB2] calls the connection "RDMA" then.
 */
export interface Rdma {
  /** Connection.MaxReadWriteSize: bytes of one transfer. */
  readonly readWriteSizeMax: number;
  /** [MS-SMBD] 3.1.5.8: a token that the peer sends with its message ends the registration. */
  readonly takesInvalidation: boolean;
  /**
   * [MS-SMBD] 3.1.4.3 Register Buffer: lets the peer, and only it, read or write `memory`.
   * Undefined when the provider cannot.
   */
  register(memory: Uint8Array, access: 'peer-reads' | 'peer-writes'): Registration | undefined;
  /** The peer's memory that it described: 3.1.4.5, 3.1.4.6. What is not its own fails at use. */
  region(descriptors: readonly BufferDescriptor[]): RegisteredRegion;
}

export interface Registration {
  /** For the peer. */
  readonly descriptors: readonly BufferDescriptor[];
  /**
   * [MS-SMBD] 3.1.4.4 Deregister Buffer: from now on the peer reaches the memory no more. Does
   * nothing when the peer invalidated it, or it was done before.
   */
  deregister(): void;
}
