import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FILE_GENERIC_READ, FILE_LIST_DIRECTORY } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_NO_SUCH_FILE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileNamesInformation } from '../../src/fscc/info-classes.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { assertStatus, openFile, pattern, type Rig, tryOpen, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const DATA = pattern(10_000);

describe('a folder that is removed underneath', { timeout: TIMEOUT_MS }, () => {
  it('leaves open files readable and writable, and closes them in order', async () => {
    await withFolders(async (rig, { doomed }) => {
      const open = await openFile(await rig.tree(undefined, 'doomed'), { name: 'sub\\data' });
      rmSync(doomed, { recursive: true });
      const read = await open.read({ offset: 0, length: DATA.length });
      assert.deepEqual(read.response?.data, DATA);
      assertStatus((await open.write({ offset: 0, data: DATA })).status, 0);
      assertStatus((await open.flush()).status, 0);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('answers what is asked of the rest with "not found"', async () => {
    await withFolders(async (rig, { doomed }) => {
      const tree = await rig.tree(undefined, 'doomed');
      const before = await openFolder(tree, 'sub');
      assert.ok(before !== undefined);
      rmSync(doomed, { recursive: true });
      const createDisposition = FILE_OPEN;
      assertNotFound((await tryOpen(tree, { name: 'sub\\data', createDisposition })).status);
      assertNotFound((await tryOpen(tree, { name: 'data', createDisposition })).status);
      assertNotFound((await tryOpen(tree, { name: 'new' })).status);
      assertNotFound((await tryOpen(tree, { name: 'sub\\new' })).status);
      const folder = { name: 'folder', createDisposition: FILE_CREATE };
      const made = await tryOpen(tree, { ...folder, createOptions: FILE_DIRECTORY_FILE });
      assertNotFound(made.status);
      const listing = await before.queryDirectory({ fileInformationClass: FileNamesInformation });
      assert.notEqual(listing.header, undefined, 'the listing is answered');
      assertStatus((await before.close()).status, 0);
    });
  });

  it('takes new tree connects, so that a client is told what is wrong', async () => {
    await withFolders(async (rig, { doomed }) => {
      rmSync(doomed, { recursive: true });
      const tree = await rig.tree(undefined, 'doomed');
      assertNotFound((await tryOpen(tree, { name: 'new' })).status);
    });
  });

  it('serves the other shares as before', async () => {
    await withFolders(async (rig, { doomed }) => {
      const session = await rig.logOn();
      const open = await openFile(await rig.tree(session, 'kept'), { name: 'data' });
      const lost = await openFile(await rig.tree(session, 'doomed'), { name: 'data' });
      rmSync(doomed, { recursive: true });
      assertStatus((await lost.close()).status, 0);
      const read = await open.read({ offset: 0, length: DATA.length });
      assert.deepEqual(read.response?.data, DATA);
      await openFile(await rig.tree(session, 'kept'), { name: 'new' });
    });
  });
});

async function withFolders(
  body: (rig: Rig, folders: { readonly doomed: string }) => Promise<void>,
): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'semba-removed-'));
  const doomed = join(base, 'doomed');
  const kept = join(base, 'kept');
  try {
    for (const folder of [doomed, kept]) {
      mkdirSync(join(folder, 'sub'), { recursive: true });
      writeFileSync(join(folder, 'data'), DATA);
      writeFileSync(join(folder, 'sub', 'data'), DATA);
    }
    const shares = [
      { name: 'doomed', path: doomed },
      { name: 'kept', path: kept },
    ];
    await withRig({ shares }, (rig) => body(rig, { doomed }));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

async function openFolder(tree: ClientTree, name: string): ReturnType<typeof openFile> {
  return await openFile(tree, {
    name,
    desiredAccess: FILE_GENERIC_READ | FILE_LIST_DIRECTORY,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  });
}

const NOT_FOUND: readonly number[] = [
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_NO_SUCH_FILE,
];

function assertNotFound(status: number): void {
  assert.ok(NOT_FOUND.includes(status), statusName(status));
}
