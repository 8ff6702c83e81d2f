/** What a second account may do, in the object store: [MS-FSA] over any storage. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_EA,
  MAXIMUM_ALLOWED,
} from '../../src/dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE, type SidAce } from '../../src/dtyp/acl.ts';
import {
  type SecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { SID_EVERYONE, type Sid } from '../../src/dtyp/sid.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { DEFAULT_VOLUME_OPTIONS, makeVolume } from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import { nextEntry, queryDirectory } from '../../src/fsa/query-directory.ts';
import type { SecurityContext } from '../../src/fsa/security-context.ts';
import type { CancelSignal } from '../../src/fsa/surface.ts';
import type { Volume, VolumeOptions } from '../../src/fsa/volume.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials, Vfs } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';

interface Backend {
  readonly vfs: Vfs;
  remove(): void;
}

const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

const ANNA: Sid = 'S-1-5-21-1-2-3-1000';
const BEN: Sid = 'S-1-5-21-1-2-3-1001';

securitySuite('memory', () => ({ vfs: new MemoryVfs(makeNodeClock()), remove() {} }));
securitySuite('local', () => {
  const folder = mkdtempSync(join(tmpdir(), 'semba-security-'));
  const vfs = openLocalVfs(folder);
  assert.ok(!failed(vfs));
  return { vfs, remove: () => rmSync(folder, { recursive: true }) };
});

function securitySuite(name: string, makeBackend: () => Backend): void {
  describe(`security over ${name} storage`, () => {
    let vfs: Vfs;
    let remove: () => void;
    let opens: LocalOpen[];

    beforeEach(() => {
      ({ vfs, remove } = makeBackend());
      opens = [];
    });
    afterEach(async () => {
      for (const open of opens) if (!open.closed) await run(closeOpen(open));
      vfs.close();
      remove();
    });

    const volumeWith = (options: Partial<VolumeOptions> = {}): Volume => {
      const env = { ...makeVirtualEnv(), clock: makeNodeClock() };
      const store = new MemoryRecordStore();
      const all = { ...DEFAULT_VOLUME_OPTIONS, ...options };
      return makeVolume({ id: 'test', vfs, env, options: all, serverId: 's', store });
    };
    const contextOf = (userSid: Sid, more: Partial<SecurityContext> = {}): SecurityContext => ({
      userSid,
      groupSids: [SID_EVERYONE],
      privileges: [],
      credentials: ME,
      maximalAccess: FILE_ALL_ACCESS,
      ...more,
    });
    const tryOpen = (volume: Volume, security: SecurityContext, asked: Asked) =>
      run(
        openFile(volume, security, {
          path: asked.path,
          desiredAccess: asked.access ?? MAXIMUM_ALLOWED,
          shareAccess: 7,
          createDisposition: asked.disposition ?? FILE_OPEN,
          createOptions: asked.options ?? 0,
          fileAttributes: 0,
          allocationSize: undefined,
          eaBuffer: undefined,
          timewarp: undefined,
          cancel: NEVER,
          securityDescriptor: asked.descriptor && securityDescriptorBytes(asked.descriptor),
        }),
      );
    const opened = async (volume: Volume, security: SecurityContext, asked: Asked) => {
      const { status, open } = await tryOpen(volume, security, asked);
      assert.equal(statusName(status), 'STATUS_SUCCESS');
      opens.push(open!);
      return open!;
    };
    const names = async (directory: LocalOpen, namesOnly = false): Promise<string[]> => {
      const found: string[] = [];
      const query = { pattern: '*', restart: true, reopen: false, namesOnly };
      const status = await run(queryDirectory(directory, query));
      assert.equal(statusName(status), 'STATUS_SUCCESS');
      for (;;) {
        const entry = await nextEntry(directory);
        if (entry === undefined) return found.sort();
        found.push(entry.name);
      }
    };

    describe('[MS-SMB2] 3.3.5.18 with DoAccessBasedDirectoryEnumeration', () => {
      it('lists only what the caller may read, however it asks', async () => {
        const volume = volumeWith({ accessBasedEnumeration: true });
        const anna = contextOf(ANNA);
        const make = { disposition: FILE_CREATE, access: FILE_ALL_ACCESS };
        for (const [path, mask] of [
          ['seen', FILE_GENERIC_READ],
          ['hidden', FILE_GENERIC_READ & ~FILE_READ_EA],
        ] as const) {
          await opened(volume, anna, { ...make, path, descriptor: dacl(allow(ANNA, mask)) });
        }
        await opened(volume, anna, { ...make, path: 'plain' });
        const root = { path: '', options: FILE_DIRECTORY_FILE };
        const directory = await opened(volume, anna, root);
        assert.deepEqual(await names(directory), ['.', '..', 'plain', 'seen']);
        assert.deepEqual(await names(directory, true), ['.', '..', 'plain', 'seen']);
        const off = await opened(volumeWith(), anna, root);
        assert.deepEqual(await names(off), ['.', '..', 'hidden', 'plain', 'seen']);
        const ben = await opened(volume, contextOf(BEN), root);
        assert.deepEqual(await names(ben), ['.', '..', 'plain']);
      });
    });
  });
}

const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };

interface Asked {
  readonly path: string;
  readonly access?: number;
  readonly disposition?: number;
  readonly options?: number;
  readonly descriptor?: SecurityDescriptor;
}

function allow(sid: Sid, mask: number, flags = 0): SidAce {
  return { type: ACCESS_ALLOWED_ACE_TYPE, flags, mask, sid };
}

function dacl(...aces: SidAce[]): SecurityDescriptor {
  const list = { revision: 2, aces };
  return { control: 0x8004, owner: undefined, group: undefined, sacl: undefined, dacl: list };
}
