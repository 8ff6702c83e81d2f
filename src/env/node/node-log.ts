import { pino } from 'pino';
import { printableJson } from '../../base/printable.ts';
import type { Log } from '../ports.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that may carry a secret: their values never reach the log, whoever passes them. */
const REDACTED = ['password', 'ntHash', 'sessionKey', 'key', 'token'].flatMap((name) => [
  name,
  `*.${name}`,
]);

/** A log on stderr: JSON lines, or readable lines where a person looks on. */
export function makeNodeLog(level: LogLevel): Log {
  const options = { level, redact: REDACTED, base: null };
  if (process.stderr.isTTY === true) {
    return pino(options, { write: (line: string) => void process.stderr.write(readable(line)) });
  }
  // Somebody may look at that, too; JSON escapes the controls below 0x20 only.
  const destination = pino.destination({ dest: 2, sync: true });
  return pino(options, { write: (line: string) => void destination.write(printableJson(line)) });
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
};

function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${printableJson(JSON.stringify(value))}`,
  );
  return `${clock} ${(LEVEL_NAMES[Number(level)] ?? '').padEnd(5)} ${msg}${rest.join('')}\n`;
}
