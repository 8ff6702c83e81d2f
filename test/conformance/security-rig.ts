/** What tests of who may do what have in common, over any storage. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'node:test';
import { run } from '../../src/base/task.ts';
import { FILE_ALL_ACCESS, MAXIMUM_ALLOWED } from '../../src/dtyp/access-mask.ts';
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
import {
  DEFAULT_VOLUME_OPTIONS,
  makeVolume,
  type VolumeParams,
} from '../../src/fsa/make-volume.ts';
import { openFile } from '../../src/fsa/open.ts';
import { nextEntry, queryDirectory } from '../../src/fsa/query-directory.ts';
import type { SecurityContext } from '../../src/fsa/security-context.ts';
import type { CancelSignal, OpenOutcome } from '../../src/fsa/surface.ts';
import type { Volume, VolumeOptions } from '../../src/fsa/volume.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { sha256 } from '../../src/smb2/crypto/sha256.ts';
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

export const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

export const ANNA: Sid = 'S-1-5-21-1-2-3-1000';
export const BEN: Sid = 'S-1-5-21-1-2-3-1001';

const BACKENDS: Readonly<Record<string, () => Backend>> = {
  memory: () => ({ vfs: new MemoryVfs(makeNodeClock()), remove() {} }),
  local: () => {
    const folder = mkdtempSync(join(tmpdir(), 'semba-security-'));
    const vfs = openLocalVfs(folder);
    assert.ok(!failed(vfs));
    return { vfs, remove: () => rmSync(folder, { recursive: true }) };
  },
};

export interface Asked {
  readonly path: string;
  readonly access?: number;
  readonly disposition?: number;
  readonly options?: number;
  readonly descriptor?: SecurityDescriptor;
}

/** A storage of each test's own; what it opened is closed afterwards. */
export class SecurityRig {
  readonly vfs: Vfs;
  readonly #remove: () => void;
  readonly #opens: LocalOpen[] = [];

  constructor({ vfs, remove }: Backend) {
    this.vfs = vfs;
    this.#remove = remove;
  }

  async stop(): Promise<void> {
    for (const open of this.#opens) if (!open.closed) await run(closeOpen(open));
    this.vfs.close();
    this.#remove();
  }

  volumeWith(
    options: Partial<VolumeOptions> = {},
    hash?: typeof sha256,
    extra: Partial<VolumeParams> = {},
  ): Volume {
    const env = { ...makeVirtualEnv(), clock: makeNodeClock() };
    const store = new MemoryRecordStore();
    const all = { ...DEFAULT_VOLUME_OPTIONS, ...options };
    const params = { id: 'test', vfs: this.vfs, env, options: all, serverId: 's', store };
    return makeVolume({ ...params, sha256: hash, ...extra });
  }

  async opened(volume: Volume, security: SecurityContext, asked: Asked): Promise<LocalOpen> {
    const { status, open } = await tryOpen(volume, security, asked);
    assert.equal(statusName(status), 'STATUS_SUCCESS');
    this.#opens.push(open!);
    return open!;
  }
}

/** The suite over each storage; `get` is the rig of the test that runs. */
export function overStorages(what: string, suite: (get: () => SecurityRig) => void): void {
  for (const [name, makeBackend] of Object.entries(BACKENDS)) {
    describe(`${what} over ${name} storage`, () => {
      let rig: SecurityRig;
      beforeEach(() => {
        rig = new SecurityRig(makeBackend());
      });
      afterEach(() => rig.stop());
      suite(() => rig);
    });
  }
}

export function contextOf(userSid: Sid, more: Partial<SecurityContext> = {}): SecurityContext {
  return {
    userSid,
    groupSids: [SID_EVERYONE],
    privileges: [],
    credentials: ME,
    maximalAccess: FILE_ALL_ACCESS,
    ...more,
  };
}

export async function tryOpen(
  volume: Volume,
  security: SecurityContext,
  asked: Asked,
): Promise<OpenOutcome> {
  return await run(
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
}

const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };

/** All names that a listing tells, sorted. */
export async function names(directory: LocalOpen, namesOnly: boolean = false): Promise<string[]> {
  const found: string[] = [];
  const query = { pattern: '*', restart: true, reopen: false, namesOnly };
  const status = await run(queryDirectory(directory, query));
  assert.equal(statusName(status), 'STATUS_SUCCESS');
  for (;;) {
    const entry = await nextEntry(directory);
    if (entry === undefined) return found.sort();
    found.push(entry.name);
  }
}

export function allow(sid: Sid, mask: number, flags: number = 0): SidAce {
  return { type: ACCESS_ALLOWED_ACE_TYPE, flags, mask, sid };
}

export function dacl(...aces: SidAce[]): SecurityDescriptor {
  const list = { revision: 2, aces };
  return { control: 0x8004, owner: undefined, group: undefined, sacl: undefined, dacl: list };
}
