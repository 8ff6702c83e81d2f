import type { ServerStatus } from '../../smb2/server/status.ts';
import { WORKERS_MAX } from './worker-options.ts';

interface WorkerAnswer {
  readonly slot: number;
  readonly pid: number;
  /** Undefined: it went before it answered. */
  readonly status: ServerStatus | undefined;
}

/** One status of all workers; ids of connections are made unique over them. Pure. */
export function joinStatus(answers: readonly WorkerAnswer[]): ServerStatus {
  const known = answers.flatMap(({ slot, pid, status }) =>
    status === undefined ? [] : [{ slot, pid, status }],
  );
  const idOf = (slot: number, id: number): number => id * WORKERS_MAX + slot;
  return {
    connections: known.flatMap(({ slot, status }) =>
      status.connections.map((one) => ({ ...one, id: idOf(slot, one.id) })),
    ),
    sessions: known.flatMap(({ slot, status }) =>
      status.sessions.map((one) => ({
        ...one,
        channels: one.channels.map((id) => idOf(slot, id)),
      })),
    ),
    opens: known.flatMap(({ status }) => status.opens),
    workers: known.map(({ slot, pid, status }) => ({
      slot,
      pid,
      connections: status.connections.length,
    })),
  };
}
