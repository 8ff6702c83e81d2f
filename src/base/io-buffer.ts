import type { MaybePromise } from './task.ts';

/**
 * What READ and WRITE move between a transport and storage. A buffer is one of
 *
 *   bytes              memory of this process
 *   registered region  memory of the peer, which it lets an RDMA transport reach
 *
 * Storage fills and takes bytes; a transport moves them in its messages, or to and from a region.
 */
export type IoBuffer = Uint8Array | RegisteredRegion;

/** Made by a transport: `Rdma.region`. */
export interface RegisteredRegion {
  /** Bytes. */
  readonly length: number;
  /**
   * RDMA Read: fills `target` from the region's byte `at`. False: it cannot, and the connection
   * ends. Nobody else may use the memory of `target` until then.
   */
  read(target: Uint8Array, at: number): MaybePromise<boolean>;
  /**
   * RDMA Write: `source` to the region's byte `at`; answered when a message that is sent afterwards
   * cannot arrive before it. False: it cannot, and the connection ends.
   */
  write(source: Uint8Array, at: number): MaybePromise<boolean>;
}
