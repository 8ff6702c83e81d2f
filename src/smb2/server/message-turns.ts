/**
 * Many messages of one connection that arrive at once are served for one turn of TURN_TIME_MS; then
 * all others have theirs. What comes one by one never waits.
 */
import { TURN_TIME_MS } from '../../base/limits.ts';
import type { Env } from '../../env/ports.ts';
import type { Connection } from './state/connection.ts';

/**
 * Milliseconds between two messages of a connection in which the loop was there for others: a
 * client that waits for each answer takes longer for its next request, even on this machine.
 */
const STRETCH_GAP_MS = 0.03;

/**
 * Messages of one stretch that wait for something, a disk mostly: then what they wait for may have
 * come, and be answered, before the next ones are served. Otherwise many requests of one client go
 * through the server in step, and client, server and disk wait for each other in turns.
 */
const STRETCH_WAITS_MAX = 16;

/** Before a message is served. */
export function beginMessage(connection: Connection, { clock }: Env): void {
  const nowMs = clock.monotonicMs();
  if (nowMs - connection.servedMs <= STRETCH_GAP_MS) return;
  connection.stretchStartMs = nowMs;
  connection.stretchWaits = 0;
}

/** It waits for something. */
export function countWaiting(connection: Connection): void {
  connection.stretchWaits++;
}

/** After it was, or waits for something. */
export function endMessage(connection: Connection, env: Env): void {
  connection.servedMs = env.clock.monotonicMs();
  const isLong = connection.servedMs - connection.stretchStartMs > TURN_TIME_MS;
  if (!isLong && connection.stretchWaits < STRETCH_WAITS_MAX) return;
  if (!connection.awaitsTurn && !connection.closed) void awaitTurn(connection, env);
}

async function awaitTurn(connection: Connection, { timers, clock }: Env): Promise<void> {
  const { transport } = connection;
  connection.awaitsTurn = true;
  transport.pause();
  await timers.turn();
  connection.awaitsTurn = false;
  connection.stretchStartMs = clock.monotonicMs();
  connection.stretchWaits = 0;
  connection.servedMs = connection.stretchStartMs;
  if (!connection.paused && !connection.closed) transport.resume();
}
