/** Guesses at passwords count for the whole server, not for each worker: the supervisor counts. */
import {
  type Held,
  type LogonAttempt,
  type LogonGuard,
  type LogonThrottle,
  USER_NAME_MAX,
} from '../../auth/logon-throttle.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import type { MessageBus } from '../../messaging/message-bus.ts';
import { LOGON_FAILED, LOGON_HELD, LOGON_SUCCEEDED } from './worker-messages.ts';

/** A worker whose supervisor is gone ends: until then it lets nobody in. */
const NOBODY: Held = { delayMs: 0, isRefused: true };

/** The worker's end. */
export function askingLogonGuard(options: {
  readonly bus: MessageBus;
  readonly calls: BusCalls;
  readonly supervisorId: string;
}): LogonGuard {
  const { bus, calls, supervisorId } = options;
  return {
    failed: async (attempt) => (await calls.ask(supervisorId, LOGON_FAILED, short(attempt))) ?? 0,
    held: async (attempt) => (await calls.ask(supervisorId, LOGON_HELD, short(attempt))) ?? NOBODY,
    succeeded: (attempt) => void bus.send(supervisorId, LOGON_SUCCEEDED, short(attempt)),
  };
}

/** The supervisor's end. */
export function answerLogonGuards(bus: MessageBus, calls: BusCalls, throttle: LogonThrottle): void {
  // Messages carry whole numbers.
  calls.answer(LOGON_FAILED, (attempt) => Math.ceil(throttle.failed(attempt)));
  calls.answer(LOGON_HELD, (attempt) => {
    const { delayMs, isRefused } = throttle.held(attempt);
    return { delayMs: Math.ceil(delayMs), isRefused };
  });
  bus.handle(LOGON_SUCCEEDED, (attempt) => throttle.succeeded(attempt));
}

function short({ userName, address }: LogonAttempt): LogonAttempt {
  return { userName: userName.slice(0, USER_NAME_MAX), address };
}
