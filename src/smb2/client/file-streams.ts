import { Readable, Writable } from 'node:stream';
import type { FileWriter } from './file-writer.ts';

/** A node stream of the chunks, each a view that nothing else holds. */
export function readableOf(chunks: () => AsyncGenerator<Uint8Array>): Readable {
  return Readable.from(buffersOf(chunks), { objectMode: false });
}

async function* buffersOf(chunks: () => AsyncGenerator<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks()) {
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

/** What a write stream does at its end. */
export interface WritableFile {
  readonly writer: FileWriter;
  close(): Promise<void>;
}

/** A node stream whose chunks go to the file; `open` is called once, when the stream starts. */
export function writableOf(open: () => Promise<WritableFile>): Writable {
  let file: WritableFile | undefined;
  const settle = (work: Promise<void>, done: (error?: Error | null) => void): void => {
    work.then(() => done(), done);
  };
  const release = async (): Promise<void> => {
    const opened = file;
    file = undefined;
    await opened?.close();
  };
  return new Writable({
    construct(done): void {
      settle(
        open().then((opened) => {
          file = opened;
        }),
        done,
      );
    },
    write(chunk: Buffer, _encoding, done): void {
      settle(file!.writer.write(chunk), done);
    },
    final(done): void {
      settle(file!.writer.finish().then(release), done);
    },
    destroy(error, done): void {
      release().then(
        () => done(error),
        () => done(error),
      );
    },
  });
}
