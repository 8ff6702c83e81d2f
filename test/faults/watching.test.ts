/** Somebody watches a whole share, private folders of others included. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_LIST_DIRECTORY } from '../../src/dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE } from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { decodeNotifyInformation } from '../../src/fscc/notify-information.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_0_INFO_SECURITY, SMB2_WATCH_TREE } from '../../src/smb2/wire/constants.ts';
import { assertStatus, openFile, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const ALL_CHANGES = 0xfff;

describe('[MS-FSA] 2.1.5.11 Server Requests Change Notifications for a Directory', {
  timeout: TIMEOUT_MS,
}, () => {
  it('tells a watcher of a tree nothing of folders that it may not list', async () => {
    await withRig({}, async (rig) => {
      const mine = await rig.tree();
      const theirs = await rig.tree(await rig.logOn(await rig.connect(), { user: 'torture2' }));
      const userSid = [...rig.engine.sessions.values()][0]?.identity?.userSid ?? '';
      await makeFolder(mine, 'public');
      const folder = await makeFolder(mine, 'private');
      const ace = { type: ACCESS_ALLOWED_ACE_TYPE, flags: 3, mask: FILE_ALL_ACCESS, sid: userSid };
      const none = { control: 0, owner: undefined, group: undefined, sacl: undefined };
      const { status } = await folder.setInfo({
        infoType: SMB2_0_INFO_SECURITY,
        fileInfoClass: 0,
        additionalInformation: DACL_SECURITY_INFORMATION,
        buffer: securityDescriptorBytes({ ...none, dacl: { revision: 2, aces: [ace] } }),
      });
      assertStatus(status, 0);
      assert.deepEqual(await changesSeen(mine, mine), ['private\\secret', 'public\\known']);
      assert.deepEqual(await changesSeen(theirs, mine), ['public\\known']);
    });
  });
});

async function makeFolder(tree: ClientTree, name: string) {
  const desiredAccess = FILE_ALL_ACCESS;
  return await openFile(tree, { name, desiredAccess, createOptions: FILE_DIRECTORY_FILE });
}

/** What `watcher` learns while `tree` makes a file in either folder. */
async function changesSeen(watcher: ClientTree, tree: ClientTree): Promise<readonly string[]> {
  const root = await openFile(watcher, {
    name: '',
    desiredAccess: FILE_LIST_DIRECTORY,
    createDisposition: FILE_OPEN,
  });
  const ask = () => root.notify({ completionFilter: ALL_CHANGES, flags: SMB2_WATCH_TREE });
  const first = ask();
  const names = new Set<string>();
  for (const name of ['private\\secret', 'public\\known']) {
    const file = await openFile(tree, { name });
    assertStatus((await file.close()).status, 0);
  }
  for (let reply = await first; ; reply = await ask()) {
    const { buffer } = reply.response!;
    for (const change of decodeNotifyInformation(viewOf(buffer), 0, buffer.length) ?? []) {
      names.add(change.name);
    }
    if (names.has('public\\known')) break;
  }
  assertStatus((await root.close()).status, 0);
  for (const name of ['private\\secret', 'public\\known']) {
    const file = await openFile(tree, { name, createOptions: 0x1000 });
    assertStatus((await file.close()).status, 0);
  }
  return [...names].toSorted();
}
