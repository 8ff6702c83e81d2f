import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  MAXIMUM_ALLOWED,
} from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_IMPERSONATION_LEVEL,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_DISK_FULL,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
} from '../../src/fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_READONLY,
} from '../../src/fscc/file-attributes.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST,
  SMB2_CREATE_QUERY_ON_DISK_ID,
} from '../../src/smb2/wire/create-context.ts';
import { durableReconnectContext } from '../../src/smb2/wire/create-context-durable.ts';
import {
  allocationSizeContext,
  decodeMaximalAccessResponse,
  decodeOnDiskId,
  maximalAccessRequestContext,
  onDiskIdRequestContext,
} from '../../src/smb2/wire/create-context-file.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const SHARE_ALL = 7;

export function createTests(target: GetTarget): void {
  actionTests(target);
  refusalTests(target);
  sharingTests(target);
  contextTests(target);
}

/** Creates and closes a file or folder that the test may find. */
async function existing(
  tree: ClientTree,
  name: string,
  parameters: Partial<CreateParameters> = {},
): Promise<void> {
  const open = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    createDisposition: FILE_CREATE,
    ...parameters,
  });
  await open.close();
}

function actionTests(target: GetTarget): void {
  const ACTIONS: readonly (readonly [string, number, boolean, number | NtStatus])[] = [
    ['FILE_SUPERSEDE', FILE_SUPERSEDE, true, FILE_SUPERSEDED],
    ['FILE_SUPERSEDE', FILE_SUPERSEDE, false, FILE_CREATED],
    ['FILE_OPEN', FILE_OPEN, true, FILE_OPENED],
    ['FILE_OPEN', FILE_OPEN, false, STATUS_OBJECT_NAME_NOT_FOUND],
    ['FILE_CREATE', FILE_CREATE, true, STATUS_OBJECT_NAME_COLLISION],
    ['FILE_CREATE', FILE_CREATE, false, FILE_CREATED],
    ['FILE_OPEN_IF', FILE_OPEN_IF, true, FILE_OPENED],
    ['FILE_OPEN_IF', FILE_OPEN_IF, false, FILE_CREATED],
    ['FILE_OVERWRITE', FILE_OVERWRITE, true, FILE_OVERWRITTEN],
    ['FILE_OVERWRITE', FILE_OVERWRITE, false, STATUS_OBJECT_NAME_NOT_FOUND],
    ['FILE_OVERWRITE_IF', FILE_OVERWRITE_IF, true, FILE_OVERWRITTEN],
    ['FILE_OVERWRITE_IF', FILE_OVERWRITE_IF, false, FILE_CREATED],
  ];
  const OUTCOMES = ['superseded', 'opened', 'created', 'overwritten'];

  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, CreateDisposition', () => {
    it('FILE_OPEN_IF finds what stands among many that did not, in whichever case', async () => {
      const { tree } = await logOnAt(target());
      const folder = uniqueName('filled');
      const parameters = { name: folder, desiredAccess: FILE_ALL_ACCESS, shareAccess: SHARE_ALL };
      const directory = await opened(tree, {
        ...parameters,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE,
      });
      const actions: (number | undefined)[] = [];
      const opens: ClientOpen[] = [];
      for (const name of ['a', 'b', 'B', 'c', 'none\\d', 'a', 'D', 'd']) {
        const { reply, open } = await ClientOpen.create(tree, {
          ...parameters,
          name: `${folder}\\${name}`,
          createDisposition: FILE_OPEN_IF,
          createOptions: FILE_DELETE_ON_CLOSE,
        });
        actions.push(reply.response?.createAction);
        if (open !== undefined) opens.push(open);
      }
      const [made, found] = [FILE_CREATED, FILE_OPENED];
      assert.deepEqual(actions, [made, made, found, made, undefined, found, made, found]);
      for (const open of opens) await open.close();
      await directory.close();
    });

    for (const [name, createDisposition, exists, expected] of ACTIONS) {
      const outcome = OUTCOMES[expected] ?? 'is refused';
      it(`${name} of a file that ${exists ? 'exists' : 'does not'}: ${outcome}`, async () => {
        const { tree } = await logOnAt(target());
        const file = uniqueName('disposition');
        if (exists) await existing(tree, file);
        const { status, reply, open } = await ClientOpen.create(tree, {
          name: file,
          desiredAccess: FILE_ALL_ACCESS,
          createDisposition,
        });
        if (expected > FILE_OVERWRITTEN) expectStatus({ status }, expected);
        else assert.equal(reply.response?.createAction, expected);
        await open?.close();
      });
    }

    it('empties a file that it overwrites', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('overwritten');
      const first = await opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
      });
      await first.write({ offset: 0, data: new Uint8Array(1_000) });
      await first.close();
      const second = await opened(tree, {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_OVERWRITE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      assert.equal(second.response.endOfFile, 0);
      await second.close();
    });

    it('takes .. within the share for the folder above', async () => {
      const { tree } = await logOnAt(target());
      const names = { file: uniqueName('file'), folder: uniqueName('folder') };
      await existing(tree, names.file);
      await existing(tree, names.folder, { createOptions: FILE_DIRECTORY_FILE });
      await (await opened(tree, open(`${names.folder}\\..\\${names.file}`))).close();
    });

    it('tells that a folder is one', async () => {
      const { tree } = await logOnAt(target());
      const open = await opened(tree, {
        name: uniqueName('folder'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE,
      });
      assert.notEqual(open.response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY, 0);
      await open.close();
    });

    it('tells that a stream of a folder is none', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('folder');
      await existing(tree, name, { createOptions: FILE_DIRECTORY_FILE });
      const stream = await opened(tree, {
        name: `${name}:stream`,
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
      });
      assert.equal(stream.response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY, 0);
      await stream.close();
    });
  });
}

type Refusal = readonly [
  condition: string,
  status: NtStatus,
  parameters: (names: { readonly file: string; readonly folder: string }) => CreateParameters,
];

const open = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters => ({
  name,
  desiredAccess: FILE_GENERIC_READ,
  shareAccess: SHARE_ALL,
  createDisposition: FILE_OPEN,
  ...rest,
});

const REFUSALS: readonly Refusal[] = [
  [
    'the folder above is missing',
    STATUS_OBJECT_PATH_NOT_FOUND,
    ({ folder }) => open(`${folder}\\missing\\file`),
  ],
  [
    'the folder above is a file',
    STATUS_OBJECT_PATH_NOT_FOUND,
    ({ file }) => open(`${file}\\below`),
  ],
  [
    'a folder is opened as a file',
    STATUS_FILE_IS_A_DIRECTORY,
    ({ folder }) => open(folder, { createOptions: FILE_NON_DIRECTORY_FILE }),
  ],
  [
    'a file is opened as a folder',
    STATUS_NOT_A_DIRECTORY,
    ({ file }) => open(file, { createOptions: FILE_DIRECTORY_FILE }),
  ],
  [
    'it is to be a folder and none',
    STATUS_INVALID_PARAMETER,
    ({ file }) => open(file, { createOptions: FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE }),
  ],
  [
    'a folder is to be overwritten',
    STATUS_INVALID_PARAMETER,
    ({ folder }) =>
      open(folder, { createOptions: FILE_DIRECTORY_FILE, createDisposition: FILE_OVERWRITE }),
  ],
  ['no access is asked for', STATUS_ACCESS_DENIED, ({ file }) => open(file, { desiredAccess: 0 })],
  [
    'an access bit is reserved',
    STATUS_ACCESS_DENIED,
    ({ file }) => open(file, { desiredAccess: 0x0020_0001 }),
  ],
  [
    'the disposition is unknown',
    STATUS_INVALID_PARAMETER,
    ({ file }) => open(file, { createDisposition: 6 }),
  ],
  [
    'a sharing bit is unknown',
    STATUS_INVALID_PARAMETER,
    ({ file }) => open(file, { shareAccess: 0x8 }),
  ],
  [
    'the impersonation level is unknown',
    STATUS_BAD_IMPERSONATION_LEVEL,
    ({ file }) => open(file, { impersonationLevel: 4 }),
  ],
  [
    'it is to be deleted without the right to',
    STATUS_INVALID_PARAMETER,
    ({ file }) => open(file, { createOptions: FILE_DELETE_ON_CLOSE }),
  ],
  ['the name begins with a backslash', STATUS_INVALID_PARAMETER, ({ file }) => open(`\\${file}`)],
  ['a name holds a wildcard', STATUS_OBJECT_NAME_INVALID, () => open('a*b')],
  ['a name holds a control character', STATUS_OBJECT_NAME_INVALID, () => open('a\u0001b')],
  ['a name leads above the share', STATUS_OBJECT_PATH_SYNTAX_BAD, () => open('..\\x')],
];

function refusalTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, refusals', () => {
    for (const [condition, status, parameters] of REFUSALS) {
      it(`fails when ${condition}`, async () => {
        const { tree } = await logOnAt(target());
        const names = { file: uniqueName('file'), folder: uniqueName('folder') };
        await existing(tree, names.file);
        await existing(tree, names.folder, { createOptions: FILE_DIRECTORY_FILE });
        const result = await ClientOpen.create(tree, parameters(names));
        expectStatus(result, status);
      });
    }

    it('fails with STATUS_CANNOT_DELETE when a read-only file is to be deleted', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('read-only');
      await existing(tree, name, { fileAttributes: FILE_ATTRIBUTE_READONLY });
      const deletion = { desiredAccess: DELETE, createOptions: FILE_DELETE_ON_CLOSE };
      expectStatus(await ClientOpen.create(tree, open(name, deletion)), STATUS_CANNOT_DELETE);
    });

    it('fails with STATUS_ACCESS_DENIED when a read-only file is to be written', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('read-only');
      await existing(tree, name, { fileAttributes: FILE_ATTRIBUTE_READONLY });
      const writing = open(name, { desiredAccess: FILE_WRITE_DATA });
      expectStatus(await ClientOpen.create(tree, writing), STATUS_ACCESS_DENIED);
    });

    it('fails with STATUS_DELETE_PENDING while the file waits for its last close', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('pending');
      const parameters = {
        name,
        desiredAccess: FILE_ALL_ACCESS,
        shareAccess: SHARE_ALL,
        createDisposition: FILE_OPEN_IF,
      };
      const keeper = await opened(tree, parameters);
      const deleter = await opened(tree, { ...parameters, createOptions: FILE_DELETE_ON_CLOSE });
      await deleter.close();
      expectStatus(await ClientOpen.create(tree, parameters), STATUS_DELETE_PENDING);
      await keeper.close();
      const { reply, open: again } = await ClientOpen.create(tree, {
        ...parameters,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      assert.equal(reply.response?.createAction, FILE_CREATED);
      await again?.close();
    });
  });
}

function sharingTests(target: GetTarget): void {
  const RIGHTS = [
    ['FILE_READ_DATA', FILE_READ_DATA, 1],
    ['FILE_WRITE_DATA', FILE_WRITE_DATA, 2],
    ['DELETE', DELETE, 4],
  ] as const;

  describe('[MS-FSA] 2.1.5.1.2.2 Algorithm to Check Sharing Access to an Existing Stream', () => {
    for (const [name, desiredAccess, bit] of RIGHTS) {
      it(`refuses ${name} unless the first open shares it, and the other way round`, async () => {
        const { tree } = await logOnAt(target());
        const file = uniqueName('sharing');
        await existing(tree, file);
        for (const [first, second] of [
          [open(file, { desiredAccess: FILE_READ_DATA, shareAccess: 7 & ~bit }), desiredAccess],
          [open(file, { desiredAccess }), undefined],
        ] as const) {
          const holder = await opened(tree, first);
          const contender =
            second === undefined
              ? open(file, { desiredAccess: FILE_READ_DATA, shareAccess: 7 & ~bit })
              : open(file, { desiredAccess: second });
          expectStatus(await ClientOpen.create(tree, contender), STATUS_SHARING_VIOLATION);
          await holder.close();
          await (await opened(tree, contender)).close();
        }
      });
    }

    it('minds no open that neither reads, writes nor deletes', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('attributes');
      await existing(tree, name);
      const holder = await opened(
        tree,
        open(name, { desiredAccess: FILE_ALL_ACCESS, shareAccess: 0 }),
      );
      const looker = open(name, { desiredAccess: FILE_READ_ATTRIBUTES, shareAccess: 0 });
      await (await opened(tree, looker)).close();
      await holder.close();
    });
  });
}

function contextTests(target: GetTarget): void {
  const create = (contexts: readonly CreateContext[]): CreateParameters => ({
    name: uniqueName('contexts'),
    desiredAccess: FILE_ALL_ACCESS,
    createDisposition: FILE_CREATE,
    createOptions: FILE_DELETE_ON_CLOSE,
    contexts,
  });

  describe('[MS-SMB2] 3.3.5.9.5 SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST', () => {
    it('tells all rights of a file that the user made', async () => {
      const { tree } = await logOnAt(target());
      const file = await opened(tree, create([maximalAccessRequestContext()]));
      const { contexts } = file.response;
      const data = findCreateContext(contexts, SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST);
      const { queryStatus, maximalAccess } = decodeMaximalAccessResponse(data!)!;
      assert.equal(queryStatus, STATUS_SUCCESS);
      assert.equal(maximalAccess, FILE_ALL_ACCESS);
      await file.close();
    });

    it('is what MAXIMUM_ALLOWED grants', async () => {
      const { tree } = await logOnAt(target());
      const parameters = { ...create([]), desiredAccess: MAXIMUM_ALLOWED | DELETE };
      const file = await opened(tree, parameters);
      const { response } = await file.queryInfo({ fileInfoClass: 8, outputBufferLength: 4 });
      assert.deepEqual(
        [...response!.buffer],
        [...new Uint8Array(Uint32Array.of(FILE_ALL_ACCESS).buffer)],
      );
      await file.close();
    });
  });

  describe('[MS-SMB2] 3.3.5.9.9 SMB2_CREATE_QUERY_ON_DISK_ID', () => {
    it('tells the same id for the same file', async () => {
      const { tree } = await logOnAt(target());
      const parameters = { ...create([onDiskIdRequestContext()]), shareAccess: SHARE_ALL };
      const first = await opened(tree, parameters);
      const second = await opened(tree, { ...parameters, createDisposition: FILE_OPEN });
      const ids = [first, second].map(({ response }) =>
        decodeOnDiskId(findCreateContext(response.contexts, SMB2_CREATE_QUERY_ON_DISK_ID)!),
      );
      assert.deepEqual(ids[0], ids[1]);
      assert.notEqual(ids[0]!.diskFileId, 0n);
      await first.close();
      await second.close();
    });
  });

  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, create contexts', () => {
    const fixed = (name: string, size: number): CreateContext => ({
      name,
      data: new Uint8Array(size),
    });
    const REFUSED: readonly (readonly [string, CreateContext, NtStatus])[] = [
      ['an allocation size of 7 bytes', fixed('AlSi', 7), STATUS_INVALID_PARAMETER],
      ['a snapshot time of 4 bytes', fixed('TWrp', 4), STATUS_INVALID_PARAMETER],
      ['a maximal access request of 5 bytes', fixed('MxAc', 5), STATUS_INVALID_PARAMETER],
      ['a name of three characters', fixed('abc', 0), STATUS_INVALID_PARAMETER],
      [
        'a durable handle that it does not have',
        durableReconnectContext({ persistent: 0x77n, volatile: 0x77n }),
        STATUS_OBJECT_NAME_NOT_FOUND,
      ],
    ];
    for (const [what, context, status] of REFUSED) {
      it(`refuses ${what}`, async () => {
        const { tree } = await logOnAt(target());
        expectStatus(await ClientOpen.create(tree, create([context])), status);
      });
    }

    it('fails with STATUS_DISK_FULL for more storage than any file has', async () => {
      const { tree } = await logOnAt(target());
      for (const size of [1n << 62n, 0xffff_ffff_ffff_ffffn]) {
        const created = await ClientOpen.create(tree, create([allocationSizeContext(size)]));
        expectStatus(created, STATUS_DISK_FULL);
      }
    });

    it('ignores what it does not know', async () => {
      const { tree } = await logOnAt(target());
      const contexts = [fixed('Wxyz', 3), fixed('0123456789abcdef', 20)];
      const file = await opened(tree, create(contexts));
      assert.deepEqual(file.response.contexts, []);
      await file.close();
    });
  });

  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, named pipes', () => {
    it('opens a pipe that there is, in any case', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      const pipe = await opened(tree, open('SrvSvc', { desiredAccess: 3 }));
      assert.equal(pipe.response.endOfFile, 0);
      expectStatus(await pipe.close(), STATUS_SUCCESS);
    });

    it('fails with STATUS_OBJECT_NAME_NOT_FOUND when there is none', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      const result = await ClientOpen.create(tree, open(uniqueName('pipe')));
      expectStatus(result, STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });
}
