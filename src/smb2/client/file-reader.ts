import { STATUS_END_OF_FILE } from '../../erref/ntstatus.ts';
import type { ReadResponse } from '../wire/read.ts';
import type { ClientConnection } from './connection.ts';
import type { OpenFile } from './perform.ts';
import type { Reply } from './request.ts';
import { responseOf } from './smb-error.ts';
import { payloadSize, requestsInFlight } from './transfer.ts';

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
  readonly reply: Promise<Reply<ReadResponse>>;
}

/**
 * The bytes `[start, end)` of a file in order, less where the file ends, with several READs on
 * their way at a time, over all channels of the session. Throws `SmbError`.
 */
export async function* readRange(file: OpenFile, range: ReadRange): AsyncGenerator<Uint8Array> {
  const queue: Outstanding[] = [];
  let received = range.start;
  let requested = range.start;
  while (received < range.end) {
    while (queue.length < requestsInFlight(file.session) && requested < range.end) {
      const channel = file.session.idlest;
      const length = Math.min(range.end - requested, readSize(channel));
      const parameters = { offset: requested, length };
      const reply = file.perform((open, options) => open.read(parameters, options), channel);
      // Who takes it out of the queue sees an error; behind another one nobody does.
      reply.catch(() => {});
      queue.push({ length, reply });
      requested += length;
    }
    const outstanding = queue.shift()!;
    const reply = await outstanding.reply;
    if (reply.status === STATUS_END_OF_FILE) return;
    const { data } = responseOf(reply, range.path);
    if (data.length === 0) return;
    received += data.length;
    if (data.length < outstanding.length) {
      // What was asked for behind the gap is asked for again, from the gap on.
      requested = received;
      queue.length = 0;
    }
    yield data;
  }
}

function readSize(connection: ClientConnection): number {
  return payloadSize(connection, connection.negotiated?.response.maxReadSize);
}
