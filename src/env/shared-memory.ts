/** Memory that several processes of one machine see, and what they know of each other. */

/** Bytes of a segment; no piece that is used as a whole crosses from one to the next. */
export const SEGMENT_SIZE: number = 64 * 1024 * 1024;

/** The port: the real one is in env/node, tests have one of a single process. */
export interface SharedMemory {
  /** How many segments there can be. */
  readonly segmentsMax: number;
  /** `SEGMENT_SIZE` bytes, all 0 at first; the same ones in every process. */
  segment(index: number): ArrayBuffer;
  /**
   * Puts storage behind bytes [start, end) of the memory; without it a write may end the process.
   * False: there is none left.
   */
  reserve(start: number, end: number): boolean;
  /** Nobody may touch a segment afterwards. */
  close(): void;
}

/** The processes that share a memory. */
export interface ProcessCalls {
  readonly pid: number;
  /** False for one that ended, whether or not its parent took notice yet. */
  isAlive(pid: number): boolean;
  /** Blocks the whole process. */
  sleep(microseconds: number): void;
  kill(pid: number): void;
}
