/** What comes from a disk that others write to, and names: nobody vouches for these bytes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf16Bytes } from '../../src/base/utf16le.ts';
import { decodeGuid, parseGuid } from '../../src/dtyp/guid.ts';
import { parseSid } from '../../src/dtyp/sid.ts';
import { decodeDosAttributes } from '../../src/fsa/dos-attributes.ts';
import { linkDataOf } from '../../src/fsa/link-target.ts';
import {
  type ParsedName,
  parseName,
  parsePosixName,
  parseStreamName,
} from '../../src/fsa/names.ts';
import { decodeOwner, encodeMark, markedId } from '../../src/fsa/stream-store.ts';
import { decodePosixAttributes } from '../../src/fscc/posix-information.ts';
import { decodeNfsType, IO_REPARSE_TAG_NFS } from '../../src/fscc/reparse-data.ts';
import { decodeHandOver, HandOverFile } from '../../src/server/hand-over-file.ts';
import { decodeMaximalAccessRequest } from '../../src/smb2/wire/create-context-file.ts';
import { decodeNetname, decodePosixExtensions } from '../../src/smb2/wire/negotiate-context.ts';
import { RecordDecoder } from '../../src/state/journal/decode-record.ts';
import { RecordEncoder } from '../../src/state/journal/encode-record.ts';
import {
  decodeFrame,
  decodeHeader,
  encodeHeader,
  FRAME_HEADER_SIZE,
  finishFrame,
} from '../../src/state/journal/journal-format.ts';
import { failed } from '../../src/vfs/errno.ts';
import { decodeName, PathBuffer } from '../../src/vfs/local/names.ts';
import type { FsccTarget } from './fscc-targets.ts';

const LIMITS = { pathLengthMax: 200, pathDepthMax: 8, streamsFolder: '.semba-streams' };
const PATH = utf16Bytes('a\\..\\b\uf02e\uf02f.\\.Semba-Streams\\c/d:stream:$DATA');
/** Version 5 of user.DOSATTRIB, all of it. */
const DOSATTRIB = Uint8Array.from({ length: 80 }, (_, i) => [0, 0, 5, 0, 5, 0, 0, 0, 0x1f][i] ?? 0);

export const KEPT_TARGETS: readonly FsccTarget[] = [
  { name: 'what a server leaves to the next', seed: handedOver(), run: over(decodeHandOver) },
  { name: 'user.DOSATTRIB', seed: DOSATTRIB, run: over(decodeDosAttributes) },
  { name: "a stream's mark", seed: encodeMark('0f'.repeat(16)), run: over(markedId) },
  {
    name: "a stream's owner",
    seed: new Uint8Array(Buffer.from('17:23\nvolume\nmissing\nfolder/file')),
    run: over(decodeOwner),
  },
  {
    name: "a link's text",
    seed: new Uint8Array(Buffer.from('../folder/\udc80\uf020/./file/')),
    run: over((bytes) => {
      const text = Buffer.from(bytes).toString('utf8');
      return [linkDataOf(text, 'windows'), linkDataOf(text, 'posix')];
    }),
  },
  {
    name: 'NFS reparse point',
    seed: Uint8Array.from({ length: 24 }, (_, i) => (IO_REPARSE_TAG_NFS >>> (8 * i)) & 0xff),
    run: decodeNfsType,
  },
  { name: 'POSIX attributes', seed: sids(), run: decodePosixAttributes },
  { name: 'MxAc request', seed: new Uint8Array(8), run: over(decodeMaximalAccessRequest) },
  { name: 'a journaled record', seed: journaled(), run: over(readAll) },
  { name: 'a frame of a journal', seed: frame(), run: over((b) => decodeFrame(b, 1)) },
  {
    name: "a segment's header",
    seed: encodeHeader({ number: 1, salt: 5 }),
    run: over(decodeHeader),
  },
  { name: 'NETNAME', seed: utf16Bytes('server'), run: over(decodeNetname) },
  { name: 'POSIX extensions', seed: new Uint8Array(32), run: over(decodePosixExtensions) },
  { name: 'GUID', seed: new Uint8Array(16), run: guidAt },
  { name: 'SID as text', seed: text('S-1-5-21-1-2-3-513'), run: over((b) => parseSid(latin(b))) },
  {
    name: 'GUID as text',
    seed: text('4b324fc8-1670-01d3-1278-5a47bf6ee188'),
    run: over((bytes) => parseGuid(latin(bytes))),
  },
  { name: 'a name', seed: PATH, run: over((b) => inside(parseName(wide(b), LIMITS))) },
  {
    name: 'a name of POSIX',
    seed: utf16Bytes('a/../b//./.SEMBA-STREAMS/c\\d:e'),
    run: over((bytes) => inside(parsePosixName(wide(bytes), LIMITS))),
  },
  {
    name: "a stream's new name",
    seed: utf16Bytes(':stream:$DATA'),
    run: over((bytes) => parseStreamName(wide(bytes))),
  },
  {
    name: 'a name on disk',
    seed: new Uint8Array(Buffer.from('naïve \u{1f600} \udc80 \ud800', 'utf8')),
    run: over((bytes) => {
      const name = decodeName(Buffer.from(bytes), 0, bytes.length);
      // Either it is this very name, or it names nothing.
      const buffer = new PathBuffer();
      if (failed(buffer.set(name))) return name;
      assert.deepEqual(buffer.bytes.subarray(0, bytes.length), Buffer.from(bytes));
      return name;
    }),
  },
];

/** Two objects of one shape, the second without its names. */
function journaled(): Uint8Array {
  const encoder = new RecordEncoder(0);
  for (const a of [1n, 'text']) encoder.value({ a, list: [undefined, -5, 0.5, { b: true }] });
  return encoder.padded().slice(0, encoder.length);
}

function readAll(bytes: Uint8Array): unknown {
  const decoder = new RecordDecoder(bytes, new Map());
  const values: unknown[] = [];
  while (!decoder.isAtEnd) values.push(decoder.value());
  return decoder.failed ? undefined : values;
}

function frame(): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + 8).fill(7, FRAME_HEADER_SIZE);
  finishFrame(bytes, 1, { length: 8, sequence: 2, synced: 1 });
  return bytes;
}

function handedOver(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'semba-fuzz-'));
  const file = new HandOverFile(folder, 'one');
  const lists = { opens: [], locks: [], oplocks: [], deletePending: [] };
  for (const version of [1, 2]) file.add({ isDirectory: false, ...lists, version });
  file.close();
  const bytes = new Uint8Array(readFileSync(join(folder, 'one')));
  assert.equal(decodeHandOver(bytes).length, 2);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Whatever a client writes, what comes of it stays below the root, and out of the side store. */
function inside(name: ParsedName | number): unknown {
  if (typeof name === 'number' || name.path === '') return name;
  for (const component of name.path.split('/')) {
    assert.ok(component !== '' && component !== '.' && component !== '..', name.path);
    assert.notEqual(component.toLowerCase(), LIMITS.streamsFolder);
    assert.ok(!component.includes('\0'), name.path);
  }
  assert.ok(!/[\0/\\]/.test(name.streamName), name.streamName);
  return name;
}

function over(run: (bytes: Uint8Array) => unknown): FsccTarget['run'] {
  return (view, at, end) => run(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}

function guidAt(view: DataView, at: number, end: number): unknown {
  return end - at < 16 ? undefined : decodeGuid(view, at);
}

function sids(): Uint8Array {
  const sid = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
  return Uint8Array.from([...new Array<number>(12).fill(1), ...sid, ...sid]);
}

function text(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'latin1'));
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function wide(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf16le');
}
