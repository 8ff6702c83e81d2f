import type { ServerStatus, WorkerStatus } from '../../smb2/server/status.ts';
import { WORKERS_MAX } from './worker-options.ts';

interface WorkerAnswer extends WorkerStatus {
  /** Undefined: it did not answer. */
  readonly status: ServerStatus | undefined;
}

/** One status of all workers; ids of connections are made unique over them. Pure. */
export function joinStatus(answers: readonly WorkerAnswer[]): ServerStatus {
  const known = answers.flatMap(({ slot, status }) => (status ? [{ slot, status }] : []));
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
    workers: answers.map(({ status, ...worker }) => ({
      ...worker,
      connections: status?.connections.length ?? worker.connections,
    })),
  };
}
