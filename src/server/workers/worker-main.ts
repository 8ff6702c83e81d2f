/** A worker process: forked by the supervisor, and gone with it. */
import type { Socket } from 'node:net';
import type { Log } from '../../env/ports.ts';
import { ProcessBus } from '../../messaging/process/process-bus.ts';
import { installedCode, isSameCode } from './installed-code.ts';
import { Worker } from './worker.ts';
import { EXIT_OTHER_CODE, type HandedOver, LOG, type WorkerSetup } from './worker-messages.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

// A terminal sends these to all its processes; the supervisor says when to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.once('disconnect', () => process.exit(1));
process.once('message', (message) => void begin(message as WorkerSetup));

async function begin(setup: WorkerSetup): Promise<void> {
  // All of it is loaded: what was installed meanwhile would show now.
  if (!isSameCode(installedCode(), setup.code)) process.exit(EXIT_OTHER_CODE);
  try {
    const lines: { bus: ProcessBus | undefined } = { bus: undefined };
    const log = logOver(lines, setup);
    lines.bus = await ProcessBus.open({ folder: setup.folder, serverId: setup.serverId, log });
    const worker = new Worker(setup, lines.bus, log);
    process.on('message', (message, handle) => {
      if (handle !== undefined) worker.accept(message as HandedOver, handle as Socket);
    });
    await worker.serve();
  } catch (error) {
    process.stderr.write(`semba: worker ${setup.slot}: ${(error as Error).stack}\n`);
    process.exit(1);
  }
}

/** Lines of a worker's log are written by the supervisor. */
function logOver(lines: { readonly bus: ProcessBus | undefined }, setup: WorkerSetup): Log {
  const write = (level: (typeof LEVELS)[number], fields: object, message: string): void => {
    if (level === 'debug' && !setup.isDebugged) return;
    lines.bus?.send(setup.supervisorId, LOG, { level, fields, message });
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    isLevelEnabled: (level) => level !== 'debug' || setup.isDebugged,
  };
}
