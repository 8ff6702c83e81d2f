import { LE, pad } from '../../../base/bytes.ts';
import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import { SMB2_IOCTL } from '../../wire/constants.ts';
import { IOCTL_RESPONSE_HEAD } from '../../wire/ioctl.ts';
import type { Request } from '../request.ts';
import type { Ioctl } from './ioctl-call.ts';

/**
 * FSCTL_SMBTORTURE: Samba's private control codes by which smbtorture makes a server answer in ways
 * that are right but rare. Offered only with the option `testControls`, which test/interop/serve
 * sets; without it they are as unknown as any other code.
 */
const FSCTL_SMBTORTURE = 0x8384_0000;
const FSCTL_SMBTORTURE_MASK = 0xffff_0000;
const FSCTL_SMBTORTURE_FORCE_UNACKED_TIMEOUT = 0x8384_8003;
const FSCTL_SMBTORTURE_IOCTL_RESPONSE_BODY_PADDING8 = 0x8384_8013;
const FSCTL_SMBTORTURE_GLOBAL_READ_RESPONSE_BODY_PADDING8 = 0x8384_8023;
const FSCTL_SMBTORTURE_FSP_ASYNC_SLEEP = 0x8384_8043;

export function isTortureControl({ request, ioctl }: Ioctl): boolean {
  if (!request.server.options.testControls) return false;
  return (ioctl.ctlCode & FSCTL_SMBTORTURE_MASK) >>> 0 === FSCTL_SMBTORTURE;
}

/** The one control that comes before, and without, a session; exactly this code. */
export function isSessionlessControl({ server, header, view, body, end }: Request): boolean {
  if (!server.options.testControls || header.command !== SMB2_IOCTL || end - body < 8) return false;
  return view.getUint32(body + 4, LE) === FSCTL_SMBTORTURE_FORCE_UNACKED_TIMEOUT;
}

export function* handleTortureControl(call: Ioctl): Task<NtStatus> {
  const { request, ioctl } = call;
  switch (ioctl.ctlCode) {
    case FSCTL_SMBTORTURE_FORCE_UNACKED_TIMEOUT:
      return blockTransport(call);
    case FSCTL_SMBTORTURE_IOCTL_RESPONSE_BODY_PADDING8:
      return answerPadded(call);
    case FSCTL_SMBTORTURE_GLOBAL_READ_RESPONSE_BODY_PADDING8:
      request.connection.readPadding = 8;
      return 0;
    case FSCTL_SMBTORTURE_FSP_ASYNC_SLEEP:
      return yield* sleepOnOpen(call);
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
}

/** From now on it looks as if breaks do not get through. */
function blockTransport({ request, ioctl }: Ioctl): NtStatus {
  if (ioctl.input.length !== 0) return STATUS_INVALID_PARAMETER;
  request.connection.confirmsNothing = true;
  return 0;
}

/** One byte of output, eight bytes behind where it usually stands. */
function answerPadded(call: Ioctl): NtStatus {
  const padding = 8;
  if (call.ioctl.maxOutputResponse !== 1) return STATUS_INVALID_PARAMETER;
  call.output(padding + 1, (view, at) => {
    pad(view, at, at + padding);
    view.setUint8(at + padding, padding);
  });
  const { reply } = call.request;
  if (reply === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const outputOffset = reply.body - reply.start + IOCTL_RESPONSE_HEAD + padding;
  reply.view.setUint32(reply.body + 32, outputOffset, LE);
  reply.view.setUint32(reply.body + 36, 1, LE);
  return 0;
}

/** Keeps the open busy for the milliseconds asked for; a close has to wait for it. */
function* sleepOnOpen({ request, ioctl, input }: Ioctl): Task<NtStatus> {
  const open = request.findOpen(ioctl.fileId);
  if (typeof open === 'number') return open;
  if (input.byteLength < 1) return STATUS_INVALID_PARAMETER;
  const delayMs = input.getUint8(0);
  request.waiting();
  yield* wait(
    new Promise<void>((resolve) => {
      request.server.options.env.timers.after(delayMs, resolve);
    }),
  );
  return 0;
}
