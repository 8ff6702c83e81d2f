/** Named streams on shares for macOS, and copies of files with them: Samba's vfs_fruit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LE, setOffset, viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_READ_DATA, FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ALLOTTED_SPACE_EXCEEDED,
  STATUS_DELETE_PENDING,
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
} from '../../src/fscc/create-parameters.ts';
import { FSCTL_SRV_COPYCHUNK, FSCTL_SRV_REQUEST_RESUME_KEY } from '../../src/fscc/fsctl.ts';
import {
  copyChunkCopySize,
  decodeCopyChunkResponse,
  encodeCopyChunkCopy,
} from '../../src/fscc/fsctl-copychunk.ts';
import {
  FileDispositionInformation,
  FileEndOfFileInformation,
  FileStandardInformation,
  FileStreamInformation,
} from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { aaplQueryContext } from '../../src/smb2/wire/create-context-aapl.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE = 'share_apple';
const SHARE_ALL = 7;
const AFP_INFO_SIZE = 60;
const SERVER_CAPS = 1;

function all(name: string, parameters: Partial<CreateParameters> = {}): CreateParameters {
  return {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN_IF,
    ...parameters,
  };
}

/** AFP_AfpInfo of a text file. */
function afpInfo(): Uint8Array {
  const info = Buffer.alloc(AFP_INFO_SIZE);
  info.write('AFP\0', 0, 'latin1');
  info.writeUInt32BE(0x0001_0000, 4);
  info.write('TEXTttxt', 16, 'latin1');
  return info;
}

async function makeFile(target: GetTarget): Promise<{ tree: ClientTree; name: string }> {
  const { tree } = await logOnAt(target(), { share: SHARE });
  const name = uniqueName('streams');
  await (await opened(tree, all(name))).close();
  return { tree, name };
}

async function sizeOf(open: ClientOpen): Promise<number> {
  const { response } = await open.queryInfo({ fileInfoClass: FileStandardInformation });
  return Number(viewOf(response!.buffer).getBigUint64(8, LE));
}

async function setSize(open: ClientOpen, size: number): Promise<number> {
  const buffer = new Uint8Array(8);
  setOffset(viewOf(buffer), 0, size);
  return (await open.setInfo({ fileInfoClass: FileEndOfFileInformation, buffer })).status;
}

async function markDeleted(open: ClientOpen): Promise<void> {
  const buffer = Uint8Array.of(1);
  const set = await open.setInfo({ fileInfoClass: FileDispositionInformation, buffer });
  expectStatus(set, STATUS_SUCCESS);
}

async function contentOf(tree: ClientTree, name: string): Promise<string> {
  const open = await opened(tree, all(name, { createDisposition: FILE_OPEN }));
  const { response } = await open.read({ offset: 0, length: 100 });
  await open.close();
  return Buffer.from(response!.data).toString('latin1');
}

async function write(open: ClientOpen, data: Uint8Array, offset = 0): Promise<number> {
  return (await open.write({ offset, data })).status;
}

/** Whether others find the stream, by name and in the list of them. */
async function isThere(tree: ClientTree, name: string, stream: string): Promise<boolean> {
  const file = await opened(tree, all(name, { createDisposition: FILE_OPEN }));
  const { response } = await file.queryInfo({ fileInfoClass: FileStreamInformation });
  await file.close();
  const list = Buffer.from(response!.buffer).toString('utf16le').includes(`:${stream}:$DATA`);
  const found = await tree.create(all(`${name}:${stream}`, { createDisposition: FILE_OPEN }));
  if (found.status === STATUS_DELETE_PENDING) return list;
  assert.equal(found.status, list ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND);
  return list;
}

export function appleStreamTests(target: GetTarget): void {
  emptyTests(target);
  afpInfoTests(target);
  resourceTests(target);
  copyTests(target);
}

function emptyTests(target: GetTarget): void {
  describe('Apple, an empty stream', () => {
    it('is none but for who has it open, and appears with the first byte', async () => {
      const { tree, name } = await makeFile(target);
      const made = await opened(tree, all(`${name}:foo`));
      assert.equal(await isThere(tree, name, 'foo'), false);
      assert.equal(await write(made, Uint8Array.of(1)), STATUS_SUCCESS);
      assert.equal(await isThere(tree, name, 'foo'), true);
      assert.equal(await setSize(made, 0), STATUS_SUCCESS);
      assert.equal(await isThere(tree, name, 'foo'), false);
      const again = await opened(tree, all(`${name}:foo`, { createDisposition: FILE_CREATE }));
      assert.equal(await write(again, Buffer.from('again')), STATUS_SUCCESS);
      await made.close();
      await again.close();
      assert.equal(await contentOf(tree, `${name}:foo`), 'again');
    });

    it('is gone for everybody with its last open', async () => {
      const { tree, name } = await makeFile(target);
      const first = await opened(tree, all(`${name}:foo`));
      const second = await opened(tree, all(`${name}:foo`));
      await first.close();
      assert.equal(await write(second, Uint8Array.of(1)), STATUS_SUCCESS);
      await second.close();
      assert.equal(await isThere(tree, name, 'foo'), true);
      const overwritten = all(`${name}:foo`, { createDisposition: FILE_OVERWRITE_IF });
      await (await opened(tree, overwritten)).close();
      assert.equal(await isThere(tree, name, 'foo'), false);
    });

    it('stays one on shares for others', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('streams');
      await (await opened(tree, all(`${name}:foo`))).close();
      const found = await tree.create(all(`${name}:foo`, { createDisposition: FILE_OPEN }));
      expectStatus(found, STATUS_SUCCESS);
    });
  });
}

function afpInfoTests(target: GetTarget): void {
  describe('Apple, AFP_AfpInfo', () => {
    it('reads as 60 bytes from the beginning, made or not', async () => {
      const { tree, name } = await makeFile(target);
      const open = await opened(tree, all(`${name}:AFP_AfpInfo`));
      assert.equal(await sizeOf(open), AFP_INFO_SIZE);
      for (const offset of [0, 16, AFP_INFO_SIZE]) {
        const { response } = await open.read({ offset, length: 100 });
        assert.equal(response!.data.length, AFP_INFO_SIZE);
        assert.equal(Buffer.from(response!.data).toString('latin1', 0, 4), 'AFP\0');
      }
      const beyond = await open.read({ offset: AFP_INFO_SIZE + 1, length: 1 });
      expectStatus(beyond, STATUS_END_OF_FILE);
      assert.equal(await isThere(tree, name, 'AFP_AfpInfo'), false);
    });

    it('is made by Finder information, and goes with it', async () => {
      const { tree, name } = await makeFile(target);
      const open = await opened(tree, all(`${name}:AFP_AfpInfo`));
      assert.equal(await write(open, afpInfo()), STATUS_SUCCESS);
      assert.equal(await isThere(tree, name, 'AFP_AfpInfo'), true);
      const nothing = afpInfo();
      nothing.fill(0, 16);
      assert.equal(await write(open, nothing), STATUS_SUCCESS);
      assert.equal(await isThere(tree, name, 'AFP_AfpInfo'), false);
      assert.equal(await sizeOf(open), AFP_INFO_SIZE);
    });

    it('is written whole, or its beginning; STATUS_INVALID_PARAMETER for all else', async () => {
      const { tree, name } = await makeFile(target);
      const open = await opened(tree, all(`${name}:AFP_AfpInfo`));
      const info = afpInfo();
      for (const [offset, size] of [
        [0, 2],
        [1, 59],
        [30, 30],
      ] as const) {
        const status = await write(open, info.subarray(0, size), offset);
        assert.equal(status, STATUS_INVALID_PARAMETER, `${size} bytes at ${offset}`);
      }
      assert.equal(await write(open, new Uint8Array(AFP_INFO_SIZE)), STATUS_INVALID_PARAMETER);
      const long = new Uint8Array(1000);
      long.set(info);
      for (const [offset, data] of [
        [0, info.subarray(0, 24)],
        [58, info],
        [0, long],
      ] as const) {
        assert.equal(await write(open, data, offset), STATUS_SUCCESS);
        assert.equal((await contentOf(tree, `${name}:AFP_AfpInfo`)).slice(16, 24), 'TEXTttxt');
      }
    });

    it('does not grow, and is not cut', async () => {
      const { tree, name } = await makeFile(target);
      const open = await opened(tree, all(`${name}:AFP_AfpInfo`));
      assert.equal(await write(open, afpInfo()), STATUS_SUCCESS);
      assert.equal(await setSize(open, 61), STATUS_ALLOTTED_SPACE_EXCEEDED);
      assert.equal(await setSize(open, 0), STATUS_SUCCESS);
      assert.equal((await contentOf(tree, `${name}:AFP_AfpInfo`)).slice(16, 24), 'TEXTttxt');
    });

    it('takes a second open for reading while the first shares no writing', async () => {
      const { tree, name } = await makeFile(target);
      const rights = FILE_READ_DATA | FILE_WRITE_DATA;
      const first = { desiredAccess: rights, shareAccess: 5 };
      await opened(tree, all(`${name}:AFP_AfpInfo`, first));
      await opened(tree, all(`${name}:AFP_AfpInfo`, { desiredAccess: FILE_READ_DATA }));
    });

    it('is deleted as any stream', async () => {
      const { tree, name } = await makeFile(target);
      const open = await opened(tree, all(`${name}:AFP_AfpInfo`));
      assert.equal(await write(open, afpInfo()), STATUS_SUCCESS);
      await markDeleted(open);
      await open.close();
      assert.equal(await isThere(tree, name, 'AFP_AfpInfo'), false);
    });
  });
}

function resourceTests(target: GetTarget): void {
  describe('Apple, AFP_Resource', () => {
    it('outlives deletions, and goes by being cut to nothing', async () => {
      const { tree, name } = await makeFile(target);
      const stream = `${name}:AFP_Resource`;
      const open = await opened(tree, all(stream));
      assert.equal(await write(open, Buffer.from('fork')), STATUS_SUCCESS);
      await markDeleted(open);
      await open.close();
      await (await opened(tree, all(stream, { createOptions: FILE_DELETE_ON_CLOSE }))).close();
      assert.equal(await contentOf(tree, stream), 'fork');
      const cut = await opened(tree, all(stream));
      assert.equal(await setSize(cut, 0), STATUS_SUCCESS);
      await cut.close();
      assert.equal(await isThere(tree, name, 'AFP_Resource'), false);
    });
  });
}

function copyTests(target: GetTarget): void {
  const copy = async (from: ClientOpen, to: ClientOpen) => {
    const ctlCode = FSCTL_SRV_REQUEST_RESUME_KEY;
    const { response } = await from.ioctl({ ctlCode, maxOutputResponse: 32 });
    const sourceKey = response!.output.subarray(0, 24);
    const input = new Uint8Array(copyChunkCopySize(0));
    encodeCopyChunkCopy(viewOf(input), 0, { sourceKey, chunks: [] });
    const reply = await to.ioctl({ ctlCode: FSCTL_SRV_COPYCHUNK, input, maxOutputResponse: 12 });
    const output = reply.response?.output;
    const result = output && decodeCopyChunkResponse(viewOf(output), 0, output.length);
    return { status: reply.status, total: result?.totalBytesWritten };
  };
  const isApple = async (tree: ClientTree): Promise<void> => {
    const contexts = [aaplQueryContext({ requested: SERVER_CAPS, clientCapabilities: 0 })];
    await (await opened(tree, all('', { contexts, createDisposition: FILE_OPEN }))).close();
  };
  const fill = async (tree: ClientTree, name: string, text: string): Promise<void> => {
    const open = await opened(tree, all(name));
    assert.equal(await write(open, Buffer.from(text)), STATUS_SUCCESS);
    await open.close();
  };

  describe('Apple, OSX_COPYFILE', () => {
    it('copies data and streams, in the place of what was there', async () => {
      const { tree, name } = await makeFile(target);
      await isApple(tree);
      await fill(tree, name, 'data');
      await fill(tree, `${name}:AFP_Resource`, 'fork');
      await fill(tree, `${name}:foo`, 'foo');
      await fill(tree, `${name}2`, 'something longer');
      await fill(tree, `${name}2:old`, 'old');
      const from = await opened(tree, all(name));
      const to = await opened(tree, all(`${name}2`));
      assert.deepEqual(await copy(from, to), { status: STATUS_SUCCESS, total: 4 });
      assert.equal(to.response.creationTime === from.response.creationTime, false);
      await to.close();
      assert.equal(await contentOf(tree, `${name}2`), 'data');
      assert.equal(await contentOf(tree, `${name}2:AFP_Resource`), 'fork');
      assert.equal(await contentOf(tree, `${name}2:foo`), 'foo');
      assert.equal(await isThere(tree, `${name}2`, 'old'), false);
      const { response } = await opened(tree, all(`${name}2`));
      assert.equal(response.creationTime, from.response.creationTime);
    });

    it('copies nothing for who did not ask what the server can', async () => {
      const { tree, name } = await makeFile(target);
      await fill(tree, name, 'data');
      const from = await opened(tree, all(name));
      const to = await opened(tree, all(`${name}2`));
      assert.deepEqual(await copy(from, to), { status: STATUS_SUCCESS, total: 0 });
      assert.equal(await sizeOf(to), 0);
    });

    it('fails with STATUS_SHARING_VIOLATION while a stream of the target is open', async () => {
      const { tree, name } = await makeFile(target);
      await isApple(tree);
      const from = await opened(tree, all(name));
      const to = await opened(tree, all(`${name}2`));
      await opened(tree, all(`${name}2:foo`));
      assert.equal((await copy(from, to)).status, STATUS_SHARING_VIOLATION);
    });

    it('fails with STATUS_INVALID_PARAMETER for a stream, and for one file twice', async () => {
      const { tree, name } = await makeFile(target);
      await isApple(tree);
      const from = await opened(tree, all(name));
      const stream = await opened(tree, all(`${name}:foo`));
      assert.equal((await copy(stream, from)).status, STATUS_INVALID_PARAMETER);
      assert.equal((await copy(from, from)).status, STATUS_INVALID_PARAMETER);
    });
  });
}
