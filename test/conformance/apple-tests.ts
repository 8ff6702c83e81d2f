/** Apple's extensions, as Samba's vfs_fruit has them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LE, viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  DACL_SECURITY_INFORMATION,
  parseSecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { nfsModeOf } from '../../src/fsa/nfs-aces.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import {
  FileIdBothDirectoryInformation,
  FileInternalInformation,
} from '../../src/fscc/info-classes.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { findCreateContext, SMB2_CREATE_AAPL } from '../../src/smb2/wire/create-context.ts';
import {
  AAPL_SUPPORTS_NFS_ACE,
  AAPL_SUPPORTS_OSX_COPYFILE,
  AAPL_SUPPORTS_READ_DIR_ATTR,
  AAPL_UNIX_BASED,
  aaplQueryContext,
  decodeAaplAnswer,
} from '../../src/smb2/wire/create-context-aapl.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE = 'share_apple';
const SHARE_ALL = 7;
const INFO_SECURITY = 3;
const EVERYTHING = 7;

function root(parameters: Partial<CreateParameters> = {}): CreateParameters {
  return {
    name: '',
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
    ...parameters,
  };
}

/** The server is asked what it can; how the tree's listings are told from then on. */
async function query(
  tree: ClientTree,
  clientCapabilities: number,
): Promise<Uint8Array | undefined> {
  const contexts = [aaplQueryContext({ requested: EVERYTHING, clientCapabilities })];
  const open = await opened(tree, root({ contexts }));
  return findCreateContext(open.response.contexts, SMB2_CREATE_AAPL);
}

export function appleTests(target: GetTarget): void {
  describe('Apple, AAPL create context', () => {
    it('is answered with capabilities and model where the share has it', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      const data = await query(tree, AAPL_SUPPORTS_READ_DIR_ATTR);
      assert.deepEqual(decodeAaplAnswer(data!), {
        serverCapabilities:
          AAPL_UNIX_BASED |
          AAPL_SUPPORTS_NFS_ACE |
          AAPL_SUPPORTS_READ_DIR_ATTR |
          AAPL_SUPPORTS_OSX_COPYFILE,
        volumeCapabilities: 0,
        model: 'MacSamba',
      });
    });

    it('makes ids of files zero, which its clients take for more than they are', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      const idOf = async (): Promise<bigint> => {
        const open = await opened(tree, root());
        const { response } = await open.queryInfo({ fileInfoClass: FileInternalInformation });
        return viewOf(response!.buffer).getBigUint64(0, LE);
      };
      assert.notEqual(await idOf(), 0n);
      await query(tree, 0);
      assert.equal(await idOf(), 0n);
    });

    it('is ignored where the share has it not', async () => {
      const { tree } = await logOnAt(target());
      assert.equal(await query(tree, AAPL_SUPPORTS_READ_DIR_ATTR), undefined);
    });

    it('fails with STATUS_INVALID_PARAMETER for another command or length', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      const { data } = aaplQueryContext({ requested: EVERYTHING, clientCapabilities: 0 });
      const resolveId = data.slice();
      resolveId[0] = 2;
      for (const wrong of [resolveId, data.subarray(0, 23)]) {
        const contexts = [{ name: SMB2_CREATE_AAPL, data: wrong }];
        const create = await ClientOpen.create(tree, root({ contexts }));
        expectStatus(create, STATUS_INVALID_PARAMETER);
      }
    });
  });

  describe('Apple, NFS_ACE', () => {
    it('tells the mode in the DACL, and sets it from there', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      await query(tree, 0);
      const name = uniqueName('mode');
      const open = await opened(tree, root({ name, createDisposition: FILE_CREATE }));
      const dacl = { infoType: INFO_SECURITY, fileInfoClass: 0 };
      const parts = { additionalInformation: DACL_SECURITY_INFORMATION };
      const told = async () => {
        const { response } = await open.queryInfo({ ...dacl, ...parts });
        return parseSecurityDescriptor(response!.buffer)!;
      };
      const descriptor = await told();
      assert.equal(nfsModeOf(descriptor), 0o100644);
      const aces = descriptor.dacl!.aces.map((ace) =>
        'sid' in ace && ace.sid.startsWith('S-1-5-88-3-')
          ? { ...ace, sid: `S-1-5-88-3-${0o100600}` }
          : ace,
      );
      const changed = { ...descriptor, dacl: { ...descriptor.dacl!, aces } };
      const buffer = securityDescriptorBytes(changed);
      expectStatus(await open.setInfo({ ...dacl, ...parts, buffer }), STATUS_SUCCESS);
      assert.equal(nfsModeOf(await told()), 0o100600);
    });
  });

  describe('Apple, READ_DIR_ATTR', () => {
    /** A folder with one file that has Finder information and a resource fork of 3 bytes. */
    const makeFile = async (tree: ClientTree): Promise<string> => {
      const folder = uniqueName('apple');
      const make = { createDisposition: FILE_CREATE, createOptions: FILE_DIRECTORY_FILE };
      await (await opened(tree, root({ name: folder, ...make }))).close();
      const write = async (stream: string, data: Uint8Array): Promise<void> => {
        const name = `${folder}\\file:${stream}`;
        const open = await opened(tree, root({ name, createDisposition: FILE_CREATE }));
        expectStatus(await open.write({ offset: 0, data }), STATUS_SUCCESS);
        await open.close();
      };
      const info = Buffer.alloc(60);
      info.write('AFP\0', 0, 'latin1');
      info.writeUInt32BE(0x0001_0000, 4);
      info.write('TEXTttxt', 16, 'latin1');
      info.writeUInt16BE(0x0400, 24);
      await write('AFP_AfpInfo', info);
      await write('AFP_Resource', Uint8Array.of(1, 2, 3));
      return folder;
    };

    const entryOf = async (tree: ClientTree, name: string): Promise<DataView> => {
      const folder = await opened(tree, root({ name, createOptions: FILE_DIRECTORY_FILE }));
      const { status, response } = await folder.queryDirectory({
        fileInformationClass: FileIdBothDirectoryInformation,
        fileName: 'file',
      });
      expectStatus({ status }, STATUS_SUCCESS);
      return viewOf(response!.buffer);
    };

    it('tells access, fork, Finder information and mode in the entries of a listing', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      const folder = await makeFile(tree);
      await query(tree, AAPL_SUPPORTS_READ_DIR_ATTR);
      const view = await entryOf(tree, folder);
      assert.equal(view.getUint32(64, LE), FILE_ALL_ACCESS);
      assert.equal(view.getUint16(68, LE), 24);
      assert.equal(view.getBigUint64(70, LE), 3n);
      const finder = Buffer.from(view.buffer, view.byteOffset + 78, 10).toString('latin1');
      assert.equal(finder, 'TEXTttxt\x04\0');
      assert.equal(view.getUint16(94, LE) & 0o170000, 0o100000);
    });

    it('leaves the listings of others as they are', async () => {
      const { tree } = await logOnAt(target(), { share: SHARE });
      const view = await entryOf(tree, await makeFile(tree));
      assert.equal(view.getUint32(64, LE), 0);
      assert.equal(view.getUint16(94, LE), 0);
    });
  });
}
