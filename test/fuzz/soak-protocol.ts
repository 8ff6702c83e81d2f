/** What the processes of the soak tell each other over IPC. */
export const SOAK_USER = 'torture1';
export const SOAK_PASSWORD = 'torture1pw';

/** 'reset' makes the shares anew that are mutated on; both are answered with SoakAnswer. */
export type SoakQuestion = 'stats' | 'reset';

export interface SoakAnswer {
  readonly port: number;
  readonly stats: SoakStats;
}

export interface SoakStats {
  readonly connections: number;
  readonly sessions: number;
  readonly treeConnects: number;
  readonly opens: number;
  readonly rss: number;
  /** Bytes of the heap, and of array buffers and the like, after a garbage collection. */
  readonly heap: number;
  readonly external: number;
  readonly fds: number;
  /** The longest that the event loop stood still since the last question. */
  readonly stallMs: number;
  /** What was logged as an error: bugs that the server survived. */
  readonly bugs: readonly string[];
}

/** From the well-behaved client: after each round of work, and when it failed. */
export type SoakReport =
  | { readonly kind: 'worked'; readonly operations: number; readonly slowestMs: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stopped' };
