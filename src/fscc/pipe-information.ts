import { LE } from '../base/bytes.ts';
import {
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';
import { FilePipeInformation, FilePipeLocalInformation } from './info-classes.ts';

/** [MS-FSCC] 2.4.37 FilePipeInformation, ReadMode and CompletionMode. */
export const FILE_PIPE_BYTE_STREAM_MODE = 0;
export const FILE_PIPE_MESSAGE_MODE = 1;
export const FILE_PIPE_QUEUE_OPERATION = 0;

export interface PipeInformation {
  readonly readMode: number;
  readonly completionMode: number;
}

/**
 * [MS-FSCC] 2.4.37 FilePipeInformation; undefined when too short.
 *
 *    0   4  ReadMode
 *    4   4  CompletionMode
 */
export function decodePipeInformation(
  view: DataView,
  at: number,
  end: number,
): PipeInformation | undefined {
  if (end - at < 8) return undefined;
  return { readMode: view.getUint32(at, LE), completionMode: view.getUint32(at + 4, LE) };
}

const PIPE_QUOTA = 65_536;
const FILE_PIPE_MESSAGE_TYPE = 1;
const FILE_PIPE_FULL_DUPLEX = 2;
const FILE_PIPE_CONNECTED_STATE = 3;
const FILE_PIPE_SERVER_END = 1;

/**
 * Answers FilePipeInformation and FilePipeLocalInformation of one of our message-mode pipes.
 *
 * [MS-FSCC] 2.4.38 FilePipeLocalInformation
 *
 *    0   4  NamedPipeType            4   4  NamedPipeConfiguration
 *    8   4  MaximumInstances        12   4  CurrentInstances
 *   16   4  InboundQuota            20   4  ReadDataAvailable
 *   24   4  OutboundQuota           28   4  WriteQuotaAvailable
 *   32   4  NamedPipeState          36   4  NamedPipeEnd
 */
export function encodePipeInformation(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
  readDataAvailable: number,
): Encoded {
  const values = pipeValues(infoClass, readDataAvailable);
  if (values === undefined) return { status: STATUS_INVALID_INFO_CLASS, end: at };
  if (end - at < 4 * values.length) return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  let next = at;
  for (const value of values) {
    view.setUint32(next, value, LE);
    next += 4;
  }
  return { status: STATUS_SUCCESS, end: next };
}

function pipeValues(infoClass: number, readDataAvailable: number): readonly number[] | undefined {
  if (infoClass === FilePipeInformation) return [FILE_PIPE_MESSAGE_MODE, FILE_PIPE_QUEUE_OPERATION];
  if (infoClass !== FilePipeLocalInformation) return undefined;
  return [
    FILE_PIPE_MESSAGE_TYPE,
    FILE_PIPE_FULL_DUPLEX,
    0xffff_ffff,
    1,
    PIPE_QUOTA,
    readDataAvailable,
    PIPE_QUOTA,
    PIPE_QUOTA,
    FILE_PIPE_CONNECTED_STATE,
    FILE_PIPE_SERVER_END,
  ];
}
