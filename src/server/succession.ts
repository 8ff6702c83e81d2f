/**
 * From one process of a server to the next, for `SmbServer.handOver` and `takeOver`: by the one
 * engine, or by all workers.
 */
import type { LeftBehind } from '../smb2/server/hand-over.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import {
  addLeft,
  HAND_OVER_STEPS,
  type HandOverStep,
  NOTHING_LEFT,
  stepAside,
  takeOpens,
} from './step-aside.ts';
import type { Crew } from './workers/crew.ts';

/** Who serves. */
interface Serving {
  readonly engine: Smb2Server;
  readonly crew: Crew | undefined;
}

/** All steps but the last, `partFromAll`: what clients hold is in the folder then. */
export async function letGoOfAll(serving: Serving, folder: string): Promise<LeftBehind> {
  let left = NOTHING_LEFT;
  for (const step of HAND_OVER_STEPS) {
    // What it is about goes on while the other process serves already.
    if (step === 'part') break;
    left = addLeft(left, await stepAsideAll(serving, step, folder));
  }
  return left;
}

/** Ends when clients have ended their connections, or have had the time. */
export async function partFromAll(serving: Serving): Promise<void> {
  await stepAsideAll(serving, 'part', '');
}

function stepAsideAll(
  { engine, crew }: Serving,
  step: HandOverStep,
  folder: string,
): Promise<LeftBehind> {
  return crew?.stepAside(step, folder) ?? stepAside(engine, step, folder);
}

/** How many. What cannot be read is lost, and keeps nobody from the rest. */
export async function takeOpensOf({ engine, crew }: Serving, folder: string): Promise<number> {
  try {
    return await (crew?.takeOpens(folder) ?? takeOpens(engine, folder));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    engine.options.env.log.error({ folder, reason }, 'what clients had open is lost');
    return 0;
  }
}
