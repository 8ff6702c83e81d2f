import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { DELETE, FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_PENDING,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
} from '../../src/fscc/create-parameters.ts';
import { encodeFullEaList } from '../../src/fscc/ea.ts';
import * as classes from '../../src/fscc/info-classes.ts';
import {
  encodeBasicInformation,
  encodeDisposition,
  encodeFileSize,
  encodeNewName,
  newNameSize,
} from '../../src/fscc/set-information.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import { ALL_CAPABILITIES } from '../../src/smb2/client/negotiate.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_NONE,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import {
  findCreateContext,
  SMB2_CREATE_REQUEST_LEASE,
} from '../../src/smb2/wire/create-context.ts';
import {
  decodeLeaseContext,
  type LeaseContext,
  leaseContext,
} from '../../src/smb2/wire/create-context-lease.ts';
import { connectTo, expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

const R = SMB2_LEASE_READ_CACHING;
const RH = R | SMB2_LEASE_HANDLE_CACHING;
const RW = R | SMB2_LEASE_WRITE_CACHING;
const RWH = RH | SMB2_LEASE_WRITE_CACHING;
const DIRECTORY_KEY = '303132333435363738393a3b3c3d3e3f';
const SECOND_KEY = '404142434445464748494a4b4c4d4e4f';
const CHILD_KEY = '505152535455565758595a5b5c5d5e5f';
const WRONG_KEY = '606162636465666768696a6b6c6d6e6f';
const EPOCH = 7;

export function directoryLeaseTests(target: GetTarget): void {
  negotiateTests(target);
  grantTests(target);
  changeTests(target);
  ownTests(target);
}

interface LeaseWish {
  readonly key: string;
  readonly state: number;
  readonly parentKey?: string | undefined;
  readonly version?: 1 | 2;
}

function lease({ key, state, parentKey, version = 2 }: LeaseWish): Partial<CreateParameters> {
  const hasParent = parentKey !== undefined;
  return {
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    contexts: [
      leaseContext({
        version,
        leaseKey: key,
        leaseState: state,
        leaseFlags: hasParent ? SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET : 0,
        parentLeaseKey: parentKey,
        epoch: EPOCH,
      }),
    ],
  };
}

function leaseOf({ response }: ClientOpen): LeaseContext {
  assert.equal(response.oplockLevel, SMB2_OPLOCK_LEVEL_LEASE);
  return decodeLeaseContext(findCreateContext(response.contexts, SMB2_CREATE_REQUEST_LEASE)!)!;
}

const folder = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters => ({
  name,
  desiredAccess: FILE_GENERIC_READ,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
  createOptions: FILE_DIRECTORY_FILE,
  ...rest,
});
const file = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters => ({
  name,
  desiredAccess: FILE_ALL_ACCESS,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
  ...rest,
});

/** Who has a lease, and hears of its end. */
interface Holder {
  readonly tree: ClientTree;
  nextBreak(): Promise<BreakNotification>;
}

async function listening(target: GetTarget): Promise<Holder> {
  const arrived: BreakNotification[] = [];
  const wanted: ((notification: BreakNotification) => void)[] = [];
  const onBreak = (notification: BreakNotification): void => {
    const take = wanted.shift();
    if (take === undefined) arrived.push(notification);
    else take(notification);
  };
  const { tree } = await logOnAt(target(), { connection: { onBreak } });
  const nextBreak = (): Promise<BreakNotification> =>
    new Promise((resolve) => {
      const first = arrived.shift();
      if (first === undefined) wanted.push(resolve);
      else resolve(first);
    });
  return { tree, nextBreak };
}

/** The lease as another open of it finds it, which asks for nothing. */
async function stateOf(tree: ClientTree, name: string, key: string): Promise<LeaseContext> {
  const probe = await opened(tree, folder(name, lease({ key, state: SMB2_LEASE_NONE })));
  const found = leaseOf(probe);
  expectStatus(await probe.close(), STATUS_SUCCESS);
  return found;
}

async function expectBreak(holder: Holder, from: number, to: number): Promise<void> {
  const told = await holder.nextBreak();
  assert.deepEqual(told, {
    kind: 'lease',
    notification: {
      newEpoch: EPOCH + 2,
      flags: from === R ? 0 : SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
      leaseKey: DIRECTORY_KEY,
      currentLeaseState: from,
      newLeaseState: to,
    },
  });
}

function negotiateTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request, directory leasing', () => {
    for (const dialect of [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]) {
      const claims = dialect >= 0x0300;
      it(`${claims ? 'claims' : 'does not claim'} it in 0x0${dialect.toString(16)}`, async () => {
        const connection = await connectTo(target());
        const { response } = await connection.negotiate({ dialects: [dialect] });
        const claimed = response!.capabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
        assert.equal(claimed !== 0, claims);
      });
    }

    it('does not claim it to a client that does not offer it', async () => {
      const connection = await connectTo(target());
      const capabilities = ALL_CAPABILITIES & ~SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
      const { response } = await connection.negotiate({ capabilities });
      assert.equal(response!.capabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING, 0);
    });
  });
}

function grantTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.9.11 SMB2_CREATE_REQUEST_LEASE_V2 of a directory', () => {
    for (const [asked, granted] of [
      [R, R],
      [RH, RH],
      [RW, R],
      [RWH, RH],
    ] as const) {
      it(`grants ${granted} of ${asked}`, async () => {
        const { tree } = await logOnAt(target());
        const wish = lease({ key: DIRECTORY_KEY, state: asked });
        const found = leaseOf(await opened(tree, folder(uniqueName('dirlease'), wish)));
        assert.equal(found.leaseState, granted);
        assert.equal(found.epoch, EPOCH + 1);
      });
    }

    it('grants two clients the same', async () => {
      const first = await logOnAt(target());
      const second = await logOnAt(target());
      const name = uniqueName('dirlease');
      const one = await opened(first.tree, folder(name, lease({ key: DIRECTORY_KEY, state: RH })));
      const two = await opened(second.tree, folder(name, lease({ key: SECOND_KEY, state: RH })));
      assert.equal(leaseOf(one).leaseState, RH);
      assert.equal(leaseOf(two).leaseState, RH);
    });

    it('grants no oplock, and no lease of version 1', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('dirlease');
      for (const wish of [
        { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH },
        lease({ key: DIRECTORY_KEY, state: RH, version: 1 }),
      ]) {
        const open = await opened(tree, folder(name, wish));
        assert.equal(open.response.oplockLevel, SMB2_OPLOCK_LEVEL_NONE);
      }
    });

    it('grants nothing to a client that does not offer directory leasing', async () => {
      const capabilities = ALL_CAPABILITIES & ~SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
      const { tree } = await logOnAt(target(), { capabilities });
      const wish = lease({ key: DIRECTORY_KEY, state: RH });
      const open = await opened(tree, folder(uniqueName('dirlease'), wish));
      assert.equal(open.response.oplockLevel, SMB2_OPLOCK_LEVEL_NONE);
    });
  });
}

/** Where a change happens: a leased directory, a file in it, another directory with a file. */
interface Scene {
  readonly tree: ClientTree;
  readonly directory: string;
  readonly elsewhere: string;
  /** How the one who changes opens a file: under the directory's key, or not. */
  readonly wish: Partial<CreateParameters>;
}

async function change(
  { tree, directory, wish }: Scene,
  infoClass: number,
  buffer: Uint8Array,
): Promise<void> {
  const open = await opened(tree, file(`${directory}\\child`, wish));
  await set(open, infoClass, buffer);
  expectStatus(await open.close(), STATUS_SUCCESS);
}

async function set(open: ClientOpen, fileInfoClass: number, buffer: Uint8Array): Promise<void> {
  expectStatus(await open.setInfo({ fileInfoClass, buffer }), STATUS_SUCCESS);
}

const CHANGES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'a new file': async ({ tree, directory, wish }) => {
    await opened(tree, file(`${directory}\\new`, { ...wish, createDisposition: FILE_CREATE }));
  },
  'a new directory': async ({ tree, directory, wish }) => {
    await opened(tree, folder(`${directory}\\new`, { ...wish, createDisposition: FILE_CREATE }));
  },
  'a new stream': async ({ tree, directory, wish }) => {
    await opened(tree, file(`${directory}\\child:new`, wish));
  },
  'an overwritten file': async ({ tree, directory, wish }) => {
    const createDisposition = FILE_OVERWRITE;
    await opened(tree, file(`${directory}\\child`, { ...wish, createDisposition }));
  },
  'a write, when it closes': async ({ tree, directory, wish }) => {
    const open = await opened(tree, file(`${directory}\\child`, wish));
    expectStatus(await open.write({ offset: 0, data: Uint8Array.of(1) }), STATUS_SUCCESS);
    expectStatus(await open.close(), STATUS_SUCCESS);
  },
  'another size': (scene) => change(scene, classes.FileEndOfFileInformation, fileSize(9n)),
  'another allocation': (scene) =>
    change(scene, classes.FileAllocationInformation, fileSize(65_536n)),
  'other attributes': (scene) =>
    change(scene, classes.FileBasicInformation, basic({ attributes: 2 })),
  'another change time': (scene) =>
    change(scene, classes.FileBasicInformation, basic({ changeTime: 132_000_000_000_000_000n })),
  'another creation time': (scene) =>
    change(scene, classes.FileBasicInformation, basic({ creationTime: 132_000_000_000_000_000n })),
  'an extended attribute': (scene) => change(scene, classes.FileFullEaInformation, extended()),
  'a rename within': (scene) =>
    change(scene, classes.FileRenameInformation, newName(`${scene.directory}\\renamed`)),
  'a rename out of it': (scene) =>
    change(scene, classes.FileRenameInformation, newName(`${scene.elsewhere}\\moved`)),
  'a rename into it': async ({ tree, directory, elsewhere, wish }) => {
    const open = await opened(tree, file(`${elsewhere}\\child`, wish));
    await set(open, classes.FileRenameInformation, newName(`${directory}\\moved`));
  },
  'a link into it': async ({ tree, directory, elsewhere, wish }) => {
    const open = await opened(tree, file(`${elsewhere}\\child`, wish));
    await set(open, classes.FileLinkInformation, newName(`${directory}\\linked`));
  },
  'a deletion': async ({ tree, directory, wish }) => {
    const open = await opened(tree, file(`${directory}\\child`, wish));
    await set(open, classes.FileDispositionInformation, disposition());
    expectStatus(await open.close(), STATUS_SUCCESS);
  },
  'a deletion on close': async ({ tree, directory, wish }) => {
    const createOptions = FILE_DELETE_ON_CLOSE;
    const open = await opened(tree, file(`${directory}\\child`, { ...wish, createOptions }));
    expectStatus(await open.close(), STATUS_SUCCESS);
  },
};

async function sceneAt(
  target: GetTarget,
  parentKey: string | undefined,
): Promise<{ readonly scene: Scene; readonly holder: Holder }> {
  const holder = await listening(target);
  const { tree } = await logOnAt(target());
  const directory = uniqueName('dirlease');
  const elsewhere = uniqueName('dirlease');
  for (const path of [directory, elsewhere]) {
    await (await opened(tree, folder(path))).close();
    await (await opened(tree, file(`${path}\\child`))).close();
  }
  await opened(holder.tree, folder(directory, lease({ key: DIRECTORY_KEY, state: RH })));
  const wish = lease({ key: CHILD_KEY, state: RWH, parentKey });
  return { scene: { tree, directory, elsewhere, wish }, holder };
}

function changeTests(target: GetTarget): void {
  describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, PARENT_OBJECT', () => {
    for (const [name, make] of Object.entries(CHANGES)) {
      it(`${name} takes all that is cached of the directory`, async () => {
        const { scene, holder } = await sceneAt(target, undefined);
        await make(scene);
        await expectBreak(holder, RH, SMB2_LEASE_NONE);
        const ack = { leaseKey: DIRECTORY_KEY, leaseState: SMB2_LEASE_NONE };
        expectStatus(await holder.tree.acknowledgeLeaseBreak(ack), STATUS_SUCCESS);
        const left = await stateOf(holder.tree, scene.directory, DIRECTORY_KEY);
        assert.equal(left.leaseState, SMB2_LEASE_NONE);
      });

      it(`${name} under another parent's key does, too`, async () => {
        const { scene, holder } = await sceneAt(target, WRONG_KEY);
        await make(scene);
        await expectBreak(holder, RH, SMB2_LEASE_NONE);
      });

      it(`${name} under the directory's key leaves its lease alone`, async () => {
        const { scene, holder } = await sceneAt(target, DIRECTORY_KEY);
        await make(scene);
        const left = await stateOf(holder.tree, scene.directory, DIRECTORY_KEY);
        assert.deepEqual(
          { state: left.leaseState, flags: left.leaseFlags, epoch: left.epoch },
          { state: RH, flags: 0, epoch: EPOCH + 1 },
        );
      });
    }

    it('asks for no acknowledgment of who caches reads only', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const directory = uniqueName('dirlease');
      await opened(holder.tree, folder(directory, lease({ key: DIRECTORY_KEY, state: R })));
      await opened(tree, file(`${directory}\\new`));
      await expectBreak(holder, R, SMB2_LEASE_NONE);
    });

    it('leaves the lease alone while a file in it is only opened, read and written', async () => {
      const { scene, holder } = await sceneAt(target, undefined);
      const open = await opened(scene.tree, file(`${scene.directory}\\child`));
      expectStatus(await open.write({ offset: 0, data: Uint8Array.of(1) }), STATUS_SUCCESS);
      expectStatus(await open.read({ offset: 0, length: 1 }), STATUS_SUCCESS);
      const before = await stateOf(holder.tree, scene.directory, DIRECTORY_KEY);
      assert.equal(before.leaseState, RH);
      expectStatus(await open.close(), STATUS_SUCCESS);
      await expectBreak(holder, RH, SMB2_LEASE_NONE);
    });

    it('leaves the lease alone when something in a directory below it changes', async () => {
      const { scene, holder } = await sceneAt(target, undefined);
      const below = `${scene.directory}\\below`;
      await (await opened(scene.tree, folder(below, childOf(DIRECTORY_KEY)))).close();
      await (await opened(scene.tree, file(`${below}\\new`))).close();
      const left = await stateOf(holder.tree, scene.directory, DIRECTORY_KEY);
      assert.equal(left.leaseState, RH);
    });

    it('breaks all leases when one deletes and another closes last', async () => {
      const { scene, holder } = await sceneAt(target, undefined);
      const name = `${scene.directory}\\child`;
      const first = await opened(scene.tree, file(name, childOf(WRONG_KEY)));
      const keyed = lease({ key: SECOND_KEY, state: R, parentKey: DIRECTORY_KEY });
      const second = await opened(scene.tree, file(name, keyed));
      await set(first, classes.FileDispositionInformation, disposition());
      expectStatus(await first.close(), STATUS_SUCCESS);
      const before = await stateOf(holder.tree, scene.directory, DIRECTORY_KEY);
      assert.equal(before.leaseState, RH);
      expectStatus(await second.close(), STATUS_SUCCESS);
      await expectBreak(holder, RH, SMB2_LEASE_NONE);
    });
  });
}

const childOf = (parentKey: string): Partial<CreateParameters> =>
  lease({ key: CHILD_KEY, state: R, parentKey });

/** What is done to the directory itself, or needs it shared. */
function ownTests(target: GetTarget): void {
  const held = async (
    rest: Partial<CreateParameters> = {},
  ): Promise<{ readonly holder: Holder; readonly open: ClientOpen; readonly name: string }> => {
    const holder = await listening(target);
    const name = uniqueName('dirlease');
    const wish = { ...lease({ key: DIRECTORY_KEY, state: RH }), ...rest };
    return { holder, open: await opened(holder.tree, folder(name, wish)), name };
  };
  const keepReads = ({ tree }: Holder): PromiseLike<{ readonly status: NtStatus }> =>
    tree.acknowledgeLeaseBreak({ leaseKey: DIRECTORY_KEY, leaseState: R });
  const unshared = (name: string): CreateParameters =>
    folder(name, { shareAccess: 0, createDisposition: FILE_OPEN });

  describe('[MS-FSA] 2.1.5.1.2 Open of an Existing File, a leased directory', () => {
    it('breaks nothing when it is shared', async () => {
      const { holder, name } = await held();
      const { tree } = await logOnAt(target());
      await opened(tree, folder(name));
      assert.equal((await stateOf(holder.tree, name, DIRECTORY_KEY)).leaseState, RH);
    });

    it('waits for handles to close, fails when they do not', async () => {
      const { holder, name } = await held();
      const { tree } = await logOnAt(target());
      const second = tree.create(unshared(name));
      assert.equal((await second.interim)?.status, STATUS_PENDING);
      await expectBreak(holder, RH, R);
      expectStatus(await keepReads(holder), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SHARING_VIOLATION);
    });

    it('waits for handles to close, succeeds when they do', async () => {
      const { holder, open, name } = await held();
      const { tree } = await logOnAt(target());
      const second = tree.create(unshared(name));
      await expectBreak(holder, RH, R);
      expectStatus(await open.close(), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });
  });

  describe('[MS-FSA] 2.1.5.15.11 FileRenameInformation, a leased directory', () => {
    it('is waited for when it gets another name itself', async () => {
      const { holder, name } = await held();
      const { tree } = await logOnAt(target());
      const open = await opened(tree, folder(name, { desiredAccess: FILE_ALL_ACCESS }));
      const buffer = newName(uniqueName('dirlease'));
      const renaming = open.setInfo({ fileInfoClass: classes.FileRenameInformation, buffer });
      await expectBreak(holder, RH, R);
      expectStatus(await keepReads(holder), STATUS_SUCCESS);
      expectStatus(await renaming, STATUS_SUCCESS);
    });

    it('is waited for as the target when its open does not share', async () => {
      const { holder, open, name } = await held({ desiredAccess: DELETE });
      const { tree } = await logOnAt(target());
      const moving = await opened(tree, file(uniqueName('dirlease')));
      const buffer = newName(`${name}\\moved`);
      const renaming = moving.setInfo({ fileInfoClass: classes.FileRenameInformation, buffer });
      await expectBreak(holder, RH, R);
      expectStatus(await open.close(), STATUS_SUCCESS);
      expectStatus(await renaming, STATUS_SUCCESS);
    });
  });

  describe('[MS-FSA] 2.1.5.15.3 FileDispositionInformation, a leased directory', () => {
    it('is asked to close its handles before it is deleted', async () => {
      const { holder, name } = await held();
      const { tree } = await logOnAt(target());
      const open = await opened(tree, folder(name, { desiredAccess: FILE_ALL_ACCESS }));
      const buffer = disposition();
      const deleting = open.setInfo({ fileInfoClass: classes.FileDispositionInformation, buffer });
      await expectBreak(holder, RH, R);
      expectStatus(await keepReads(holder), STATUS_SUCCESS);
      expectStatus(await deleting, STATUS_SUCCESS);
    });
  });
}

function newName(name: string): Uint8Array {
  const buffer = new Uint8Array(newNameSize(name));
  encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: false });
  return buffer;
}

function fileSize(size: bigint): Uint8Array {
  const buffer = new Uint8Array(8);
  encodeFileSize(viewOf(buffer), 0, size);
  return buffer;
}

function disposition(): Uint8Array {
  const buffer = new Uint8Array(1);
  encodeDisposition(viewOf(buffer), 0, true);
  return buffer;
}

const UNCHANGED = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  attributes: 0,
};

function basic(changes: Partial<typeof UNCHANGED>): Uint8Array {
  const buffer = new Uint8Array(40);
  encodeBasicInformation(viewOf(buffer), 0, { ...UNCHANGED, ...changes });
  return buffer;
}

function extended(): Uint8Array {
  const buffer = new Uint8Array(64);
  const list = [{ flags: 0, name: 'COLOUR', value: Uint8Array.of(1, 2, 3) }];
  const { end } = encodeFullEaList(viewOf(buffer), 0, buffer.length, list);
  return buffer.subarray(0, end);
}
