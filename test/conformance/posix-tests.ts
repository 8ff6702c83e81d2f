/** The SMB3 POSIX Extensions, as Samba 4.25 and the Linux client have them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { DELETE, FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { ACCESS_DENIED_ACE_TYPE, ACL_REVISION } from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  SE_DACL_PRESENT,
  SE_SELF_RELATIVE,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import {
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_LEVEL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { PosixAttributes } from '../../src/fscc/file-metadata.ts';
import { FileFsPosixInformation, FilePosixInformation } from '../../src/fscc/info-classes.ts';
import {
  decodeFsPosixInformation,
  decodePosixEntries,
  decodePosixInformation,
  POSIX_TYPE_DIRECTORY,
} from '../../src/fscc/posix-information.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { findCreateContext, SMB2_CREATE_POSIX } from '../../src/smb2/wire/create-context.ts';
import { decodePosixResponse, posixModeContext } from '../../src/smb2/wire/create-context-posix.ts';
import {
  decodePosixExtensions,
  type NegotiateContext,
  posixExtensionsContext,
  preauthIntegrityContext,
} from '../../src/smb2/wire/negotiate-context.ts';
import {
  connectTo,
  expectStatus,
  type GetTarget,
  logOnAt,
  opened,
  type Target,
  uniqueName,
} from './peer.ts';

const SHARE_ALL = 7;
const INFO_FILESYSTEM = 2;
const INFO_SECURITY = 3;
const POSIX_CONTEXT_TYPE = 0x100;
const PREAUTH = preauthIntegrityContext({ hashAlgorithms: [1], salt: new Uint8Array(32) });

export function posixTests(target: GetTarget): void {
  negotiateTests(target);
  nameTests(target);
  modeTests(target);
  informationTests(target);
}

export async function posixTree(target: Target): Promise<ClientTree> {
  const { tree } = await logOnAt(target, { contexts: [PREAUTH, posixExtensionsContext()] });
  return tree;
}

/** A CREATE with the POSIX context; everything shared. */
export function posix(name: string, parameters: Partial<CreateParameters> = {}): CreateParameters {
  return {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_CREATE,
    contexts: [posixModeContext(isFolder(parameters) ? 0o750 : 0o640)],
    ...parameters,
  };
}

function isFolder({ createOptions = 0 }: Partial<CreateParameters>): boolean {
  return (createOptions & FILE_DIRECTORY_FILE) !== 0;
}

function attributesOf(open: ClientOpen): PosixAttributes {
  const data = findCreateContext(open.response.contexts, SMB2_CREATE_POSIX);
  assert.ok(data !== undefined, 'no POSIX context in the response');
  return decodePosixResponse(data)!;
}

async function modeOf(open: ClientOpen): Promise<number> {
  const { response } = await open.queryInfo({ fileInfoClass: FilePosixInformation });
  return decodePosixInformation(viewOf(response!.buffer), 0, response!.buffer.length)!.mode;
}

function negotiateTests(target: GetTarget): void {
  describe('SMB3 POSIX Extensions, SMB2_POSIX_EXTENSIONS_AVAILABLE', () => {
    const negotiate = async (data: Uint8Array) => {
      const connection = await connectTo(target());
      const contexts = [PREAUTH, { type: POSIX_CONTEXT_TYPE, data }];
      return connection.negotiate({ dialects: [0x0311], contexts });
    };
    const answered = (contexts: readonly NegotiateContext[]): boolean =>
      contexts.some(({ type, data }) => type === POSIX_CONTEXT_TYPE && decodePosixExtensions(data));

    it('is answered when the known version is among those offered', async () => {
      const data = new Uint8Array([...new Uint8Array(16), ...posixExtensionsContext().data]);
      const { response } = await negotiate(data);
      assert.ok(answered(response!.contexts));
    });

    it('is not answered to another version', async () => {
      const { status, response } = await negotiate(new Uint8Array(16));
      expectStatus({ status }, STATUS_SUCCESS);
      assert.ok(!answered(response!.contexts));
    });

    it('fails with STATUS_INVALID_PARAMETER when its length is no multiple of 16', async () => {
      const { status } = await negotiate(new Uint8Array(5));
      expectStatus({ status }, STATUS_INVALID_PARAMETER);
    });

    it('without it the create context is ignored', async () => {
      const { tree } = await logOnAt(target());
      const open = await opened(tree, posix(uniqueName('plain')));
      assert.equal(findCreateContext(open.response.contexts, SMB2_CREATE_POSIX), undefined);
      const file = await open.queryInfo({ fileInfoClass: FilePosixInformation });
      expectStatus(file, STATUS_INVALID_LEVEL);
      const volume = { fileInfoClass: FileFsPosixInformation, infoType: INFO_FILESYSTEM };
      expectStatus(await open.queryInfo(volume), STATUS_INVALID_INFO_CLASS);
    });
  });
}

function nameTests(target: GetTarget): void {
  describe('SMB3 POSIX Extensions, names', () => {
    it('are told apart by case', async () => {
      const tree = await posixTree(target());
      const name = uniqueName('case');
      await (await opened(tree, posix(name))).close();
      const upper = await ClientOpen.create(
        tree,
        posix(name.toUpperCase(), { createDisposition: FILE_OPEN }),
      );
      expectStatus(upper, STATUS_OBJECT_NAME_NOT_FOUND);
      await (await opened(tree, posix(name.toUpperCase()))).close();
    });

    it('are as on disk, whatever Windows thinks of them', async () => {
      const tree = await posixTree(target());
      const folder = uniqueName('names');
      const directory = await opened(tree, posix(folder, { createOptions: FILE_DIRECTORY_FILE }));
      const names = ['a ', '. ', 'a.', '.a', ' \\ ', '>', '<?', 'a:b:c', '*', '"|', '\u0001'];
      for (const name of names) await (await opened(tree, posix(`${folder}/${name}`))).close();
      const listed: string[] = [];
      // On a machine that is busy a server's time for one answer may end after one entry.
      while (listed.length < names.length + 2) {
        const { response } = await directory.queryDirectory({
          fileInformationClass: FilePosixInformation,
          fileName: '*',
        });
        const { buffer } = response!;
        const entries = decodePosixEntries(viewOf(buffer), 0, buffer.length)!;
        listed.push(...entries.map(({ name }) => name));
      }
      assert.deepEqual(listed.sort(), ['.', '..', ...names].sort());
    });

    it('fail as others where they lead nowhere', async () => {
      const tree = await posixTree(target());
      const create = async (name: string) => ClientOpen.create(tree, posix(name));
      expectStatus(await create(uniqueName('no/where')), STATUS_OBJECT_PATH_NOT_FOUND);
      expectStatus(await create('a/./b'), STATUS_OBJECT_NAME_INVALID);
      expectStatus(await create('a\0'), STATUS_OBJECT_NAME_INVALID);
    });
  });
}

function modeTests(target: GetTarget): void {
  describe('SMB3 POSIX Extensions, modes', () => {
    it('of what is made are the client’s', async () => {
      const tree = await posixTree(target());
      for (const mode of [0o600, 0o666, 0o1777, 0o444]) {
        const contexts = [posixModeContext(mode | 0o100000)];
        const file = await opened(tree, posix(uniqueName('mode'), { contexts }));
        assert.equal(attributesOf(file).mode, mode);
        assert.equal(attributesOf(file).numberOfLinks, 1);
        assert.match(attributesOf(file).owner, /^S-1-22-1-\d+$/);
        assert.match(attributesOf(file).group, /^S-1-22-2-\d+$/);
        const folder = await opened(
          tree,
          posix(uniqueName('mode'), { contexts, createOptions: FILE_DIRECTORY_FILE }),
        );
        assert.equal(attributesOf(folder).mode, POSIX_TYPE_DIRECTORY | mode);
      }
    });

    it('change by a DACL whose one SID ends in the mode', async () => {
      const tree = await posixTree(target());
      const open = await opened(tree, posix(uniqueName('chmod')));
      const ace = { type: ACCESS_DENIED_ACE_TYPE, flags: 0, mask: 0, sid: 'S-1-5-88-3-493' };
      const buffer = securityDescriptorBytes({
        control: SE_SELF_RELATIVE | SE_DACL_PRESENT,
        owner: undefined,
        group: undefined,
        sacl: undefined,
        dacl: { revision: ACL_REVISION, aces: [ace] },
      });
      const set = await open.setInfo({
        infoType: INFO_SECURITY,
        fileInfoClass: 0,
        additionalInformation: DACL_SECURITY_INFORMATION,
        buffer,
      });
      expectStatus(set, STATUS_SUCCESS);
      assert.equal(await modeOf(open), 0o755);
    });

    it('fail with STATUS_INVALID_PARAMETER in a context that is not 4 bytes long', async () => {
      const tree = await posixTree(target());
      const contexts = [{ name: SMB2_CREATE_POSIX, data: new Uint8Array(5) }];
      const create = await ClientOpen.create(tree, posix(uniqueName('bad'), { contexts }));
      expectStatus(create, STATUS_INVALID_PARAMETER);
    });
  });
}

function informationTests(target: GetTarget): void {
  describe('SMB3 POSIX Extensions, information', () => {
    it('of a file needs no access to it', async () => {
      const tree = await posixTree(target());
      const open = await opened(tree, posix(uniqueName('info'), { desiredAccess: DELETE }));
      assert.equal(await modeOf(open), 0o640);
    });

    it('of the directory above the root tells nothing', async () => {
      const tree = await posixTree(target());
      const root = await opened(tree, posix('', { createDisposition: FILE_OPEN }));
      const listing = await root.queryDirectory({
        fileInformationClass: FilePosixInformation,
        fileName: '*',
      });
      const { buffer } = listing.response!;
      const above = decodePosixEntries(viewOf(buffer), 0, buffer.length)!.find(
        ({ name }) => name === '..',
      )!;
      assert.deepEqual(
        [above.file.owner, above.file.group, above.file.inode, above.file.device],
        ['S-1-0-0', 'S-1-0-0', 0n, 0],
      );
    });

    it('of the file system counts blocks', async () => {
      const tree = await posixTree(target());
      const root = await opened(tree, posix('', { createDisposition: FILE_OPEN }));
      const { response } = await root.queryInfo({
        infoType: INFO_FILESYSTEM,
        fileInfoClass: FileFsPosixInformation,
      });
      const { buffer } = response!;
      const volume = decodeFsPosixInformation(viewOf(buffer), 0, buffer.length)!;
      assert.ok(volume.totalBlocks >= volume.blocksFree && volume.blockSize > 0);
    });
  });
}
