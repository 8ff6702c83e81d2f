import { STATUS_END_OF_FILE } from '../../erref/ntstatus.ts';
import type { ReadResponse } from '../wire/read.ts';
import type { Call } from './call.ts';
import type { ClientOpen } from './open.ts';
import { responseOf } from './smb-error.ts';
import { payloadSize, REQUESTS_IN_FLIGHT } from './transfer.ts';

export interface ReadRange {
  /** First byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
  /** For errors. */
  readonly path: string;
}

interface Outstanding {
  readonly length: number;
  readonly call: Call<ReadResponse>;
}

/**
 * The bytes `[start, end)` of a file in order, less where the file ends, with several READs on
 * their way at a time. Throws `SmbError`.
 */
export async function* readRange(open: ClientOpen, range: ReadRange): AsyncGenerator<Uint8Array> {
  const queue: Outstanding[] = [];
  let received = range.start;
  let requested = range.start;
  while (received < range.end) {
    while (queue.length < REQUESTS_IN_FLIGHT && requested < range.end) {
      const length = Math.min(range.end - requested, readSize(open));
      queue.push({ length, call: open.read({ offset: requested, length }) });
      requested += length;
    }
    const { call, length } = queue.shift()!;
    const reply = await call;
    if (reply.status === STATUS_END_OF_FILE) return;
    const { data } = responseOf(reply, range.path);
    if (data.length === 0) return;
    received += data.length;
    if (data.length < length) {
      // What was asked for behind the gap is asked for again, from the gap on.
      requested = received;
      queue.length = 0;
    }
    yield data;
  }
}

function readSize(open: ClientOpen): number {
  const { connection } = open.tree.session;
  return payloadSize(connection, connection.negotiated?.response.maxReadSize);
}
