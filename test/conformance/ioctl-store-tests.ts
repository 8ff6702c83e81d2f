import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LE, viewOf } from '../../src/base/bytes.ts';
import { FILE_READ_DATA } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECTID_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { decodeAttributeInformation } from '../../src/fscc/fs-information.ts';
import * as codes from '../../src/fscc/fsctl.ts';
import type { FileRange } from '../../src/fscc/fsctl-ranges.ts';
import { encodeTrim } from '../../src/fscc/fsctl-trim.ts';
import {
  FILE_SUPPORT_INTEGRITY_STREAMS,
  FILE_SUPPORTS_BLOCK_REFCOUNTING,
  FileFsAttributeInformation,
} from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/wire/constants.ts';
import { expectStatus, type GetTarget, opened } from './peer.ts';
import { scratch } from './scratch-file.ts';

const CLUSTER = 4096;

export function ioctlStoreTests(target: GetTarget): void {
  trimTests(target);
  regionTests(target);
  objectIdTests(target);
  duplicateTests(target);
  integrityTests(target);
}

async function bytesOf(file: ClientOpen, offset: number, length: number): Promise<number[]> {
  return [...(await file.read({ offset, length })).response!.data];
}

function trimTests(target: GetTarget): void {
  describe('[MS-FSCC] 2.3.13 FSCTL_FILE_LEVEL_TRIM', () => {
    const ctlCode = codes.FSCTL_FILE_LEVEL_TRIM;
    const input = (...ranges: FileRange[]): Uint8Array => {
      const bytes = new Uint8Array(8 + 16 * ranges.length);
      encodeTrim(viewOf(bytes), 0, ranges);
      return bytes;
    };

    it('empties ranges and leaves what is around them', async () => {
      const { file } = await scratch(target, 3 * CLUSTER);
      const ranges = [
        { offset: CLUSTER, length: CLUSTER },
        { offset: 10 * CLUSTER, length: 1 },
      ];
      const reply = await file.ioctl({ ctlCode, input: input(...ranges), maxOutputResponse: 4 });
      expectStatus(reply, STATUS_SUCCESS);
      assert.deepEqual([...reply.response!.output], [2, 0, 0, 0]);
      assert.deepEqual(await bytesOf(file, CLUSTER, 2), [0, 0]);
      assert.deepEqual(await bytesOf(file, 2 * CLUSTER, 1), [(2 * CLUSTER) % 251]);
      const silent = await file.ioctl({ ctlCode, input: input(ranges[0]!), maxOutputResponse: 0 });
      expectStatus(silent, STATUS_SUCCESS);
    });

    it('fails with STATUS_INVALID_PARAMETER without a range, or with a cut one', async () => {
      const { file } = await scratch(target, 10);
      expectStatus(await file.ioctl({ ctlCode, input: input() }), STATUS_INVALID_PARAMETER);
      const cut = input({ offset: 0, length: 1 }).subarray(0, 23);
      expectStatus(await file.ioctl({ ctlCode, input: cut }), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_ACCESS_DENIED when the file may not be written', async () => {
      const { tree, name } = await scratch(target, 10);
      const file = await opened(tree, {
        name,
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      const reply = await file.ioctl({ ctlCode, input: input({ offset: 0, length: 1 }) });
      expectStatus(reply, STATUS_ACCESS_DENIED);
      await file.close();
    });
  });
}

function regionTests(target: GetTarget): void {
  describe('[MS-FSCC] 2.3.55 FSCTL_QUERY_FILE_REGIONS', () => {
    const ctlCode = codes.FSCTL_QUERY_FILE_REGIONS;

    it('tells that all of the file is valid', async () => {
      const { file } = await scratch(target, 1_000);
      const { response } = await file.ioctl({ ctlCode, maxOutputResponse: 40 });
      const view = viewOf(response!.output);
      assert.deepEqual([view.getUint32(4, LE), view.getUint32(8, LE)], [1, 1]);
      assert.deepEqual([view.getBigInt64(16, LE), view.getBigInt64(24, LE)], [0n, 1_000n]);
      assert.equal(view.getUint32(32, LE), 1);
    });

    it('fits its answer to the buffer', async () => {
      const { file } = await scratch(target, 1_000);
      expectStatus(await file.ioctl({ ctlCode, maxOutputResponse: 15 }), STATUS_BUFFER_TOO_SMALL);
      const cut = await file.ioctl({ ctlCode, maxOutputResponse: 39 });
      expectStatus(cut, STATUS_BUFFER_OVERFLOW);
      assert.equal(cut.response!.output.length, 16);
    });

    it('fails with STATUS_INVALID_PARAMETER when another use is asked for', async () => {
      const { file } = await scratch(target, 10);
      const input = new Uint8Array(20);
      input[16] = 2;
      const reply = await file.ioctl({ ctlCode, input, maxOutputResponse: 40 });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });
}

function objectIdTests(target: GetTarget): void {
  describe('[MS-FSCC] 2.3.1 FSCTL_CREATE_OR_GET_OBJECT_ID', () => {
    const make = codes.FSCTL_CREATE_OR_GET_OBJECT_ID;
    const get = codes.FSCTL_GET_OBJECT_ID;
    const maxOutputResponse = 64;

    it('makes an id that stays until it is deleted', async () => {
      const { file } = await scratch(target);
      const idOf = async (ctlCode: number) => [
        ...(await file.ioctl({ ctlCode, maxOutputResponse })).response!.output,
      ];
      const lacks = async () =>
        expectStatus(
          await file.ioctl({ ctlCode: get, maxOutputResponse }),
          STATUS_OBJECTID_NOT_FOUND,
        );
      const remove = () => file.ioctl({ ctlCode: codes.FSCTL_DELETE_OBJECT_ID });
      await lacks();
      const id = await idOf(make);
      assert.ok(id.slice(0, 16).some((byte) => byte !== 0));
      assert.deepEqual(id.slice(0, 16), id.slice(32, 48));
      assert.deepEqual(await idOf(make), id);
      assert.deepEqual(await idOf(get), id);
      expectStatus(await remove(), STATUS_SUCCESS);
      await lacks();
      expectStatus(await remove(), STATUS_SUCCESS);
    });

    it('changes all but the id with FSCTL_SET_OBJECT_ID_EXTENDED', async () => {
      const { file } = await scratch(target);
      const ctlCode = codes.FSCTL_SET_OBJECT_ID_EXTENDED;
      const input = new Uint8Array(48).fill(7);
      expectStatus(await file.ioctl({ ctlCode, input }), STATUS_OBJECTID_NOT_FOUND);
      const made = await file.ioctl({ ctlCode: make, maxOutputResponse });
      expectStatus(await file.ioctl({ ctlCode, input }), STATUS_SUCCESS);
      const { output } = (await file.ioctl({ ctlCode: get, maxOutputResponse })).response!;
      assert.deepEqual(output.subarray(0, 16), made.response!.output.subarray(0, 16));
      assert.ok(output.subarray(16).every((byte) => byte === 7));
      const short = await file.ioctl({ ctlCode, input: input.subarray(1) });
      expectStatus(short, STATUS_INVALID_PARAMETER);
    });

    it('lets nobody set an id who does not restore a backup', async () => {
      const { file } = await scratch(target);
      const ctlCode = codes.FSCTL_SET_OBJECT_ID;
      const reply = await file.ioctl({ ctlCode, input: new Uint8Array(64) });
      expectStatus(reply, STATUS_ACCESS_DENIED);
    });
  });
}

async function volumeAttributesOf(file: ClientOpen): Promise<number> {
  const { response } = await file.queryInfo({
    infoType: SMB2_0_INFO_FILESYSTEM,
    fileInfoClass: FileFsAttributeInformation,
    outputBufferLength: 64,
  });
  const { buffer } = response!;
  return decodeAttributeInformation(viewOf(buffer), 0, buffer.length)!.attributes;
}

function duplicateTests(target: GetTarget): void {
  const ctlCode = codes.FSCTL_DUPLICATE_EXTENTS_TO_FILE;
  const exCode = codes.FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX;
  const extents = (source: ClientOpen, from: number, to: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(40);
    const view = viewOf(bytes);
    view.setBigUint64(0, source.fileId.persistent, LE);
    view.setBigUint64(8, source.fileId.volatile, LE);
    view.setBigUint64(16, BigInt(from), LE);
    view.setBigUint64(24, BigInt(to), LE);
    view.setBigUint64(32, BigInt(length), LE);
    return bytes;
  };

  const sharesBlocks = async (file: ClientOpen): Promise<boolean> =>
    ((await volumeAttributesOf(file)) & FILE_SUPPORTS_BLOCK_REFCOUNTING) !== 0;

  describe('[MS-SMB2] 3.3.5.15.17 Handling a Duplicate Extents To File Request', () => {
    it('copies where the store shares blocks, and says so where it does not', async () => {
      const { file: source, tree } = await scratch(target, 3 * CLUSTER);
      const { file } = await scratch(target, 2 * CLUSTER, tree);
      const input = extents(source, CLUSTER, 0, CLUSTER);
      if (!(await sharesBlocks(file))) {
        expectStatus(await file.ioctl({ ctlCode, input }), STATUS_INVALID_DEVICE_REQUEST);
        return;
      }
      expectStatus(await file.ioctl({ ctlCode, input }), STATUS_SUCCESS);
      assert.deepEqual(await bytesOf(file, 0, 2), [CLUSTER % 251, (CLUSTER + 1) % 251]);
      assert.deepEqual(await bytesOf(file, CLUSTER, 1), [CLUSTER % 251]);
      const ex = new Uint8Array(56);
      ex.set(extents(source, 0, CLUSTER, CLUSTER), 8);
      expectStatus(await file.ioctl({ ctlCode: exCode, input: ex }), STATUS_SUCCESS);
      assert.deepEqual(await bytesOf(file, CLUSTER, 2), [0, 1]);
      const itself = extents(file, 0, 0, CLUSTER);
      expectStatus(await file.ioctl({ ctlCode, input: itself }), STATUS_NOT_SUPPORTED);
      const beyond = extents(source, 0, 0, 4 * CLUSTER);
      expectStatus(await file.ioctl({ ctlCode, input: beyond }), STATUS_NOT_SUPPORTED);
      const crooked = extents(source, 1, 0, CLUSTER);
      expectStatus(await file.ioctl({ ctlCode, input: crooked }), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_HANDLE when the source is no open of the session', async () => {
      const { file, tree } = await scratch(target, CLUSTER);
      const { file: gone } = await scratch(target, CLUSTER, tree);
      await gone.close();
      const input = extents(gone, 0, 0, CLUSTER);
      expectStatus(await file.ioctl({ ctlCode, input }), STATUS_INVALID_HANDLE);
    });

    it('fails with STATUS_BUFFER_TOO_SMALL when its input is too short', async () => {
      const { file } = await scratch(target, CLUSTER);
      const input = new Uint8Array(39);
      expectStatus(await file.ioctl({ ctlCode, input }), STATUS_BUFFER_TOO_SMALL);
      const ex = await file.ioctl({ ctlCode: exCode, input: new Uint8Array(47) });
      expectStatus(ex, STATUS_BUFFER_TOO_SMALL);
    });
  });
}

/** What a store with checksums answers: btrfs.test.ts. */
function integrityTests(target: GetTarget): void {
  describe('[MS-FSA] 2.1.5.10.10 FSCTL_GET_INTEGRITY_INFORMATION, 2.1.5.10.33, 2.1.5.10.34', () => {
    for (const ctlCode of [
      codes.FSCTL_GET_INTEGRITY_INFORMATION,
      codes.FSCTL_SET_INTEGRITY_INFORMATION,
      codes.FSCTL_SET_INTEGRITY_INFORMATION_EX,
    ]) {
      const code = ctlCode.toString(16);
      it(`fails with STATUS_INVALID_DEVICE_REQUEST elsewhere: ${code}`, async () => {
        const { file } = await scratch(target);
        const attributes = await volumeAttributesOf(file);
        if ((attributes & FILE_SUPPORT_INTEGRITY_STREAMS) !== 0) return;
        const call = { ctlCode, input: new Uint8Array(16), maxOutputResponse: 16 };
        expectStatus(await file.ioctl(call), STATUS_INVALID_DEVICE_REQUEST);
      });
    }
  });
}
