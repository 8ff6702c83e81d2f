/** Clients that lease directories in which local processes work. Real files, real inotify. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import { STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
} from '../../src/fscc/create-parameters.ts';
import { FileEndOfFileInformation, FileRenameInformation } from '../../src/fscc/info-classes.ts';
import { encodeFileSize, encodeNewName, newNameSize } from '../../src/fscc/set-information.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import {
  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
  SMB2_LEASE_NONE,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/wire/constants.ts';
import { leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import { type LocalServer, serveShares } from './local-server.ts';
import {
  LEASE_KEY,
  type Listener,
  lease,
  leaseOf,
  listening,
  OTHER_KEY,
  RH,
} from './oplock-peer.ts';
import { expectStatus, opened, type Target } from './peer.ts';

const SHARE_ALL = 7;

describe('Leases of directories beside local processes', () => {
  const root = mkdtempSync(join(tmpdir(), 'semba-local-leases-'));
  let server: LocalServer;
  let target: Target;

  before(async () => {
    server = await serveShares([{ name: 'share', path: root }]);
    target = server.target;
  });
  after(async () => {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  /** A leased folder with a file, and who hears of breaks. */
  async function leased(name: string): Promise<{ folder: ClientOpen; holder: Listener }> {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, 'old'), 'x');
    const holder = await listening(() => target);
    const folder = await opened(holder.tree, directory(name, LEASE_KEY));
    assert.equal(leaseOf(folder).leaseState, RH);
    return { folder, holder };
  }

  const changes: Readonly<Record<string, (at: string) => void>> = {
    'a new file': (at) => writeFileSync(join(at, 'new'), ''),
    'a new folder': (at) => mkdirSync(join(at, 'folder')),
    'a file that grows': (at) => appendFileSync(join(at, 'old'), 'y'),
    'a file that goes': (at) => rmSync(join(at, 'old')),
    'a file that gets another name': (at) => renameSync(join(at, 'old'), join(at, 'renamed')),
    'a file that gets another time': (at) => utimesSync(join(at, 'old'), 1, 1),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`break by ${what}, and are granted again`, async () => {
      const name = what.replaceAll(' ', '-');
      const { folder, holder } = await leased(name);
      change(join(root, name));
      assert.equal(await nextBreak(holder), SMB2_LEASE_NONE);
      expectStatus(await holder.tree.acknowledgeLeaseBreak(NOTHING_LEFT), STATUS_SUCCESS);
      const again = await opened(holder.tree, directory(name, LEASE_KEY));
      assert.equal(leaseOf(again).leaseState, RH);
      writeFileSync(join(root, name, 'later'), '');
      assert.equal(await nextBreak(holder), SMB2_LEASE_NONE);
      await folder.close();
      await again.close();
    });
  }

  it("do not break by what the holder's client does itself", async () => {
    const { folder, holder } = await leased('own');
    const at = (name: string): string => `own\\${name}`;
    const make = child(at('made'), FILE_CREATE);
    const made = await opened(holder.tree, make);
    expectStatus(await made.write({ offset: 0, data: new Uint8Array(100) }), STATUS_SUCCESS);
    const size = new Uint8Array(8);
    encodeFileSize(viewOf(size), 0, 5000n);
    const cut = { infoType: 1, fileInfoClass: FileEndOfFileInformation, buffer: size };
    expectStatus(await made.setInfo(cut), STATUS_SUCCESS);
    const name = { name: at('moved'), replaceIfExists: false };
    const buffer = new Uint8Array(newNameSize(name.name));
    encodeNewName(viewOf(buffer), 0, name);
    const move = { infoType: 1, fileInfoClass: FileRenameInformation, buffer };
    expectStatus(await made.setInfo(move), STATUS_SUCCESS);
    await made.close();
    const options = { createOptions: FILE_DELETE_ON_CLOSE };
    await (await opened(holder.tree, { ...child(at('moved'), FILE_OPEN), ...options })).close();
    await (await opened(holder.tree, child(at('old'), FILE_OPEN_IF))).close();
    const broken = nextBreak(holder);
    await afterFeed();
    assert.equal(await Promise.race([broken, 'none']), 'none');
    writeFileSync(join(root, 'own', 'foreign'), '');
    assert.equal(await broken, SMB2_LEASE_NONE);
    await folder.close();
  });

  it('break when what a client made is removed at once', async () => {
    const { folder, holder } = await leased('drop');
    const made = await opened(holder.tree, child('drop\\made', FILE_CREATE));
    await made.close();
    rmSync(join(root, 'drop', 'made'));
    assert.equal(await nextBreak(holder), SMB2_LEASE_NONE);
    await folder.close();
  });

  /** Another folder's lease broke by what was done last: so earlier events were looked at. */
  async function afterFeed(): Promise<void> {
    const { folder, holder } = await leased('fence');
    writeFileSync(join(root, 'fence', String(process.hrtime.bigint())), '');
    await nextBreak(holder);
    await folder.close();
  }
});

const NOTHING_LEFT = { leaseKey: LEASE_KEY, leaseState: SMB2_LEASE_NONE };

/** What is left of the lease that breaks next. */
async function nextBreak({ nextBreak }: Listener): Promise<number> {
  const told = await nextBreak();
  assert.ok(told.kind === 'lease');
  return told.notification.newLeaseState;
}

function directory(name: string, key: string): CreateParameters {
  return {
    name,
    desiredAccess: FILE_GENERIC_READ,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
    ...lease(key, RH),
  };
}

/** Of the client that holds the directory's lease. */
function child(name: string, createDisposition: number): CreateParameters {
  return {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: SHARE_ALL,
    createDisposition,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    contexts: [
      leaseContext({
        version: 2,
        leaseKey: OTHER_KEY,
        leaseState: 0,
        leaseFlags: SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
        parentLeaseKey: LEASE_KEY,
        epoch: 1,
      }),
    ],
  };
}
