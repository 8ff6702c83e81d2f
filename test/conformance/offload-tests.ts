import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_READ_DATA } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_TOKEN,
  STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FSCTL_OFFLOAD_READ, FSCTL_OFFLOAD_WRITE } from '../../src/fscc/fsctl.ts';
import {
  encodeOffloadRead,
  encodeOffloadWrite,
  type OffloadToken,
} from '../../src/fscc/fsctl-offload.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SIZE = 8192;

/** [MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ and 2.1.5.10.21 FSCTL_OFFLOAD_WRITE. */
export function offloadTests(target: GetTarget): void {
  describe('[MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ, 2.1.5.10.21 FSCTL_OFFLOAD_WRITE', () => {
    it('copies what a token stands for, and parts of it', async () => {
      const { source, copy } = await pair(target);
      const token = tokenOf(await read(source, 512, 4096));
      assert.deepEqual(await write(copy, token, 0, 4096), [STATUS_SUCCESS, 4096]);
      assert.deepEqual(await content(copy, 0, 4096), CONTENT.subarray(512, 4608));
      assert.deepEqual(await write(copy, token, 4096, 4096, 1024), [STATUS_SUCCESS, 3072]);
      assert.deepEqual(await content(copy, 4096, 3072), CONTENT.subarray(1536, 4608));
    });

    it('gives a token for as much as there is', async () => {
      const { source } = await pair(target);
      assert.equal((await read(source, 4096, 2 ** 30)).transferLength, SIZE - 4096);
    });

    it('writes zeroes for the well-known token', async () => {
      const { source } = await pair(target);
      assert.deepEqual(await write(source, { kind: 'zero' }, 512, 512), [STATUS_SUCCESS, 512]);
      assert.deepEqual(await content(source, 512, 512), new Uint8Array(512));
      assert.deepEqual(await content(source, 0, 512), CONTENT.subarray(0, 512));
    });

    it('copies what was closed meanwhile', async () => {
      const { name, copy, tree } = await pair(target);
      const reader = await opened(tree, {
        name,
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      const token = tokenOf(await read(reader, 512, 4096));
      const second = tokenOf(await read(reader, 0, 512));
      expectStatus(await reader.close(), STATUS_SUCCESS);
      assert.deepEqual(await write(copy, token, 0, 4096), [STATUS_SUCCESS, 4096]);
      assert.deepEqual(await content(copy, 0, 4096), CONTENT.subarray(512, 4608));
      assert.deepEqual(await write(copy, second, 0, 512), [STATUS_SUCCESS, 512]);
      assert.deepEqual(await content(copy, 0, 512), CONTENT.subarray(0, 512));
    });

    it('takes no token of a file that changed, or was removed', async () => {
      const { source, copy } = await pair(target);
      const changed = tokenOf(await read(source, 0, 4096));
      const data = new Uint8Array(1024);
      expectStatus(await source.write({ offset: SIZE, data }), STATUS_SUCCESS);
      assert.deepEqual(await write(copy, changed, 0, 4096), [STATUS_INVALID_TOKEN, 0]);
      const removed = tokenOf(await read(source, 0, 4096));
      expectStatus(await source.close(), STATUS_SUCCESS);
      assert.deepEqual(await write(copy, removed, 0, 4096), [STATUS_INVALID_TOKEN, 0]);
    });

    it('takes no token that it did not give', async () => {
      const { copy } = await pair(target);
      const forged: OffloadToken = { kind: 'id', id: new Uint8Array(504).fill(7) };
      assert.deepEqual(await write(copy, forged, 0, 512), [STATUS_INVALID_TOKEN, 0]);
    });

    it('refuses what is not aligned, behind the end, or without room for the answer', async () => {
      const { source, copy } = await pair(target);
      assert.equal((await read(source, 100, 512)).status, STATUS_INVALID_PARAMETER);
      assert.equal((await read(source, 0, 100)).status, STATUS_INVALID_PARAMETER);
      assert.equal((await read(source, SIZE, 512)).status, STATUS_END_OF_FILE);
      const token = tokenOf(await read(source, 0, 512));
      assert.deepEqual(await write(copy, token, SIZE, 512), [STATUS_END_OF_FILE, 0]);
      assert.deepEqual(await write(copy, token, 0, 512, 512), [STATUS_INVALID_PARAMETER, 0]);
      const input = new Uint8Array(32);
      encodeOffloadRead(viewOf(input), 0, { timeToLiveMs: 0, offset: 0, length: 512 });
      const small = { ctlCode: FSCTL_OFFLOAD_READ, input, maxOutputResponse: 527 };
      expectStatus(await source.ioctl(small), STATUS_BUFFER_TOO_SMALL);
    });

    it('wants the right access, and a file', async () => {
      const { source, copy, name, tree } = await pair(target);
      const reader = await opened(tree, {
        name,
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      const token = tokenOf(await read(source, 0, 512));
      assert.deepEqual(await write(reader, token, 0, 512), [STATUS_ACCESS_DENIED, 0]);
      const folder = await opened(tree, {
        name: '',
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      assert.equal((await read(folder, 0, 512)).status, STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
      expectStatus(await copy.close(), STATUS_SUCCESS);
    });
  });
}

const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7) % 251);

/** A file with content, and another as large of zeroes. */
async function pair(target: GetTarget) {
  const { tree } = await logOnAt(target());
  const make = async (data: Uint8Array): Promise<{ file: ClientOpen; name: string }> => {
    const name = uniqueName('offload');
    const file = await opened(tree, {
      name,
      desiredAccess: FILE_ALL_ACCESS,
      shareAccess: 7,
      createDisposition: FILE_CREATE,
      createOptions: FILE_DELETE_ON_CLOSE,
    });
    expectStatus(await file.write({ offset: 0, data }), STATUS_SUCCESS);
    return { file, name };
  };
  const { file: source, name } = await make(CONTENT);
  const { file: copy } = await make(new Uint8Array(SIZE));
  return { tree, source, name, copy };
}

interface ReadResult {
  readonly status: NtStatus;
  readonly transferLength: number;
  readonly id: Uint8Array;
}

async function read(file: ClientOpen, offset: number, length: number): Promise<ReadResult> {
  const input = new Uint8Array(32);
  encodeOffloadRead(viewOf(input), 0, { timeToLiveMs: 0, offset, length });
  const reply = await file.ioctl({ ctlCode: FSCTL_OFFLOAD_READ, input, maxOutputResponse: 528 });
  const output = reply.response?.output ?? new Uint8Array(528);
  const transferLength = Number(viewOf(output).getBigUint64(8, true));
  return { status: reply.status, transferLength, id: output.slice(24) };
}

function tokenOf({ status, id }: ReadResult): OffloadToken {
  assert.equal(status, STATUS_SUCCESS);
  return { kind: 'id', id };
}

/** The status, and how many bytes were written. */
async function write(
  file: ClientOpen,
  token: OffloadToken,
  offset: number,
  length: number,
  transferOffset: number = 0,
): Promise<readonly [NtStatus, number]> {
  const input = new Uint8Array(544);
  encodeOffloadWrite(viewOf(input), 0, { offset, length, transferOffset, token });
  const reply = await file.ioctl({ ctlCode: FSCTL_OFFLOAD_WRITE, input, maxOutputResponse: 16 });
  const output = reply.status === STATUS_SUCCESS ? reply.response?.output : undefined;
  return [reply.status, output === undefined ? 0 : Number(viewOf(output).getBigUint64(8, true))];
}

async function content(file: ClientOpen, offset: number, length: number): Promise<Uint8Array> {
  const reply = await file.read({ offset, length });
  return new Uint8Array(reply.response!.data);
}
