import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SEARCH_PATTERN_LENGTH_MAX, TURN_TIME_MS } from '../../src/base/limits.ts';
import { FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_OBJECT_NAME_INVALID,
} from '../../src/erref/ntstatus.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileNamesInformation } from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { echoRequest } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_RESTART_SCANS } from '../../src/smb2/wire/constants.ts';
import { assertStatus, openFile, type Rig, until, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const FILES = 200;
const NAMES = { fileInformationClass: FileNamesInformation, flags: SMB2_RESTART_SCANS };

describe('base/limits.ts TURN_TIME_MS', { timeout: TIMEOUT_MS }, () => {
  it('answers a long listing in parts', async () => {
    await withRig({}, async (rig) => {
      const folder = await fullFolder(await rig.tree());
      rig.time.lookMs = 1;
      let replies = 0;
      let status = 0;
      while (status === 0) {
        const flags = replies === 0 ? SMB2_RESTART_SCANS : 0;
        const listing = folder.queryDirectory({ ...NAMES, flags });
        await advanceUntilDone(rig, listing);
        ({ status } = await listing);
        replies++;
      }
      assertStatus(status, STATUS_NO_MORE_FILES);
      assert.ok(replies > FILES / TURN_TIME_MS / 2, `${replies} replies`);
    });
  });

  it('serves others while a search finds nothing', async () => {
    await withRig({}, async (rig) => {
      const other = await rig.tree();
      const folder = await fullFolder(await rig.tree());
      rig.time.lookMs = 2 * TURN_TIME_MS;
      const timers = rig.time.pending;
      const search = folder.queryDirectory({ ...NAMES, fileName: '*nothing*' });
      await until(() => rig.time.pending > timers);
      rig.time.lookMs = 0;
      await openFile(other, { name: 'served meanwhile' });
      assert.equal(search.done, false);
      await advanceUntilDone(rig, search);
      assertStatus((await search).status, STATUS_NO_SUCH_FILE);
    });
  });

  it('ends a search whose open is closed meanwhile', async () => {
    await withRig({}, async (rig) => {
      const folder = await fullFolder(await rig.tree());
      rig.time.lookMs = 2 * TURN_TIME_MS;
      const timers = rig.time.pending;
      void folder.queryDirectory({ ...NAMES, fileName: '*nothing*' });
      await until(() => rig.time.pending > timers);
      folder.tree.session.connection.close();
      await until(() => {
        rig.time.advance(1);
        return rig.engine.connections.size === 0;
      });
      rig.time.advance(1);
      await until(() => rig.engine.counts().opens === 0);
    });
  });

  it('serves others in the middle of a long compound', async () => {
    await withRig({}, async (rig) => {
      const { connection } = (await rig.tree()).session;
      while (connection.creditsAvailable < 10) await connection.echo();
      const other = await rig.tree();
      rig.time.lookMs = 2 * TURN_TIME_MS;
      const timers = rig.time.pending;
      const calls = connection.compound(Array.from({ length: 10 }, echoRequest));
      await until(() => rig.time.pending > timers);
      rig.time.lookMs = 0;
      await openFile(other, { name: 'served meanwhile' });
      assert.equal(calls[9]!.done, false);
      await advanceUntilDone(rig, calls[9]!);
      for (const call of calls) assertStatus((await call).status, 0);
    });
  });

  it('refuses a pattern that is longer than any name with STATUS_OBJECT_NAME_INVALID', async () => {
    await withRig({}, async (rig) => {
      const folder = await fullFolder(await rig.tree());
      const long = '*'.repeat(SEARCH_PATTERN_LENGTH_MAX + 1);
      const { status } = await folder.queryDirectory({ ...NAMES, fileName: long });
      assertStatus(status, STATUS_OBJECT_NAME_INVALID);
      const fitting = long.slice(1);
      assertStatus((await folder.queryDirectory({ ...NAMES, fileName: fitting })).status, 0);
    });
  });
});

async function fullFolder(tree: ClientTree): Promise<ClientOpen> {
  for (let i = 0; i < FILES; i++) {
    assertStatus((await (await openFile(tree, { name: `file ${i}` })).close()).status, 0);
  }
  return await openFile(tree, {
    name: '',
    desiredAccess: FILE_GENERIC_READ,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  });
}

async function advanceUntilDone(rig: Rig, call: { readonly done: boolean }): Promise<void> {
  await until(() => {
    // Each time that it gives way, its turn comes again.
    rig.time.advance(0);
    return call.done;
  });
}
