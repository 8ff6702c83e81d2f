import type { MaybePromise } from './task.ts';

/**
 * What READ and WRITE move between a transport and storage. A buffer is one of
 *
 *   bytes              memory of this process
 *   file range         bytes of an open file, which need not pass through this process
 *   registered region  memory of the peer, which it lets an RDMA transport reach
 *
 * Storage fills and takes bytes, and may offer a range in place of what it would fill; a transport
 * moves them in its messages, or to and from a region.
 */
export type IoBuffer = Sendable | RegisteredRegion;

/** What goes out. */
export type Sendable = Uint8Array | FileRange;

/**
 * Made by storage: `VfsFile.range`. It is good until anybody waits for anything: then the file
 * may be closed, and `fd` be another file's.
 */
export interface FileRange {
  /** The descriptor of a file that can be read. */
  readonly fd: number;
  readonly offset: number;
  /** Bytes, all of them in memory when the range was made. */
  readonly length: number;
  /** Fills `target` from the range's byte `at`; fewer where somebody cut the file meanwhile. */
  read(target: Uint8Array, at: number): number;
}

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
   * RDMA Write: `source` (a range only where the transport sends files) to the region's byte `at`;
   * answered when a message that is sent afterwards
   * cannot arrive before it. False: it cannot, and the connection ends.
   */
  write(source: Sendable, at: number): MaybePromise<boolean>;
}
