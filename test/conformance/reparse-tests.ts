import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_NOT_A_REPARSE_POINT,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_OPEN_REPARSE_POINT,
} from '../../src/fscc/create-parameters.ts';
import * as codes from '../../src/fscc/fsctl.ts';
import { encodeSymlinkReparseData, symlinkReparseDataSize } from '../../src/fscc/reparse-data.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_DIALECT_302, SMB2_DIALECT_311 } from '../../src/smb2/wire/constants.ts';
import { decodeSymbolicLinkError } from '../../src/smb2/wire/error.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const TARGET = 'no\\such file';

export function reparseTests(target: GetTarget): void {
  const makeLink = async (tree: ClientTree) => {
    const name = uniqueName('link');
    const file = await opened(tree, {
      name,
      desiredAccess: FILE_ALL_ACCESS,
      shareAccess: 7,
      createDisposition: FILE_CREATE,
      createOptions: FILE_OPEN_REPARSE_POINT | FILE_DELETE_ON_CLOSE,
    });
    const input = symlink();
    const set = await file.ioctl({ ctlCode: codes.FSCTL_SET_REPARSE_POINT, input });
    expectStatus(set, STATUS_SUCCESS);
    return { name, file };
  };

  describe('[MS-FSCC] 2.3.65 FSCTL_SET_REPARSE_POINT', () => {
    const ctlCode = codes.FSCTL_GET_REPARSE_POINT;

    it('makes a symbolic link that FSCTL_GET_REPARSE_POINT reads back', async () => {
      const { tree } = await logOnAt(target());
      const { file } = await makeLink(tree);
      const { response } = await file.ioctl({ ctlCode, maxOutputResponse: 16_384 });
      assert.deepEqual(new Uint8Array(response!.output), symlink());
      await file.close();
    });

    it('cuts what does not fit, with STATUS_BUFFER_OVERFLOW', async () => {
      const { tree } = await logOnAt(target());
      const { file } = await makeLink(tree);
      const cut = await file.ioctl({ ctlCode, maxOutputResponse: 12 });
      expectStatus(cut, STATUS_BUFFER_OVERFLOW);
      assert.deepEqual(new Uint8Array(cut.response!.output), symlink().subarray(0, 12));
      expectStatus(await file.ioctl({ ctlCode, maxOutputResponse: 7 }), STATUS_BUFFER_TOO_SMALL);
      await file.close();
    });

    it('fails with STATUS_NOT_A_REPARSE_POINT when the file is none', async () => {
      const { tree } = await logOnAt(target());
      const file = await opened(tree, {
        name: uniqueName('plain'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      const reply = await file.ioctl({ ctlCode, maxOutputResponse: 16_384 });
      expectStatus(reply, STATUS_NOT_A_REPARSE_POINT);
      await file.close();
    });
  });

  describe('[MS-SMB2] 2.2.2.2.1 Symbolic Link Error Response', () => {
    for (const [dialect, dialects] of [
      ['3.0.2', [SMB2_DIALECT_302]],
      ['3.1.1, in an error context', [SMB2_DIALECT_311]],
    ] as const) {
      it(`tells where the link leads, by dialect ${dialect}`, async () => {
        const { tree } = await logOnAt(target(), { dialects });
        const { name, file } = await makeLink(tree);
        for (const rest of ['', '\\file', ':stream']) {
          const { status, reply } = await ClientOpen.create(tree, {
            name: name + rest,
            desiredAccess: FILE_ALL_ACCESS,
            shareAccess: 7,
            createDisposition: FILE_OPEN,
          });
          expectStatus({ status }, STATUS_STOPPED_ON_SYMLINK);
          const { contexts, data } = reply.error!;
          assert.equal(contexts.length, dialects[0] === SMB2_DIALECT_311 ? 1 : 0);
          const bytes = contexts[0]?.data ?? data;
          assert.deepEqual(decodeSymbolicLinkError(viewOf(bytes), 0, bytes.length), {
            unparsedPathLength: 2 * rest.length,
            substituteName: TARGET,
            printName: TARGET,
            flags: 1,
          });
        }
        await file.close();
      });
    }
  });
}

function symlink(): Uint8Array {
  const link = { substituteName: TARGET, printName: TARGET, isRelative: true };
  const bytes = new Uint8Array(symlinkReparseDataSize(link));
  encodeSymlinkReparseData(viewOf(bytes), 0, link);
  return bytes;
}
