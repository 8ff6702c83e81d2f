import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { AccessOutcome, SecurityOutcome } from './surface.ts';

export function querySecurity(
  _open: LocalOpen,
  _securityInformation: number,
): Task<SecurityOutcome> {
  throw new Error('stub');
}

export function setSecurity(
  _open: LocalOpen,
  _securityInformation: number,
  _descriptor: Uint8Array,
): Task<NtStatus> {
  throw new Error('stub');
}

export function queryMaximalAccess(_open: LocalOpen): Task<AccessOutcome> {
  throw new Error('stub');
}
