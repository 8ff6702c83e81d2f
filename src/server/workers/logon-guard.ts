/** Guesses at passwords count for the whole server, not for each worker: the supervisor counts. */
import {
  type LogonAttempt,
  type LogonGuard,
  type LogonThrottle,
  USER_NAME_MAX,
} from '../../auth/logon-throttle.ts';
import type { BusCalls, CallType } from '../../messaging/calls.ts';
import type { MessageBus } from '../../messaging/message-bus.ts';
import { LOGON_FAILED, LOGON_HELD, LOGON_SUCCEEDED } from './worker-messages.ts';

/**
 * The worker's end. A worker whose supervisor is gone ends with it: until then it answers nobody,
 * so that no guess goes uncounted, and no right password is refused.
 */
export function askingLogonGuard(options: {
  readonly bus: MessageBus;
  readonly calls: BusCalls;
  readonly supervisorId: string;
}): LogonGuard {
  const { bus, calls, supervisorId } = options;
  const ask = async <A>(type: CallType<LogonAttempt, A>, attempt: LogonAttempt): Promise<A> =>
    (await calls.ask(supervisorId, type, short(attempt))) ?? (await new Promise<never>(() => {}));
  return {
    failed: (attempt) => ask(LOGON_FAILED, attempt),
    held: (attempt) => ask(LOGON_HELD, attempt),
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
