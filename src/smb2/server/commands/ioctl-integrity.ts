import type { Task } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import { getIntegrity, setIntegrity } from '../../../fsa/integrity.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import {
  decodeSetIntegrity,
  decodeSetIntegrityEx,
  encodeIntegrityInformation,
  INTEGRITY_INFORMATION_SIZE,
} from '../../../fscc/fsctl-integrity.ts';
import type { Ioctl } from './ioctl-call.ts';

/** [MS-FSA] 2.1.5.10.10 FSCTL_GET_INTEGRITY_INFORMATION. */
export function* getIntegrityInformation(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { status, information } = yield* getIntegrity(open);
  if (information === undefined) return status;
  if (call.ioctl.maxOutputResponse < INTEGRITY_INFORMATION_SIZE) return STATUS_INVALID_PARAMETER;
  call.output(INTEGRITY_INFORMATION_SIZE, (view, at) => {
    encodeIntegrityInformation(view, at, information);
  });
  return 0;
}

/** [MS-FSA] 2.1.5.10.33 FSCTL_SET_INTEGRITY_INFORMATION. */
export function* setIntegrityInformation({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  return yield* setIntegrity(open, decodeSetIntegrity(input, 0, input.byteLength));
}

/** [MS-FSA] 2.1.5.10.34 FSCTL_SET_INTEGRITY_INFORMATION_EX. */
export function* setIntegrityInformationEx({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  return yield* setIntegrity(open, decodeSetIntegrityEx(input, 0, input.byteLength));
}
