/** A volume over a memory or a local store, and what tests of the object store do with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/base/task.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
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
import type { CancelSignal, OpenOutcome, OpenParams } from '../../src/fsa/surface.ts';
import type { Volume, VolumeOptions } from '../../src/fsa/volume.ts';
import { FILE_OPEN, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { DirectoryEntryData } from '../../src/fscc/file-metadata.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import { failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials, Vfs } from '../../src/vfs/vfs.ts';
import { makeVirtualEnv } from '../faults/virtual-env.ts';
import { contextOf } from './fsa-suite.ts';

const NEVER: CancelSignal = { cancelled: false, onCancel: () => () => {}, waiting() {} };
const ME: Credentials = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  groups: process.getgroups!(),
};

export class VolumeRig {
  readonly volume: Volume;
  /** Folder of a local store. */
  readonly folder: string;
  readonly #opens: LocalOpen[] = [];

  constructor(
    storage: 'memory' | 'local',
    options: Partial<VolumeOptions>,
    extra: Partial<VolumeParams> = {},
  ) {
    this.folder = storage === 'local' ? mkdtempSync(join(tmpdir(), 'semba-volume-')) : '';
    this.volume = makeVolume({
      id: 'v',
      vfs: storage === 'local' ? localVfs(this.folder) : new MemoryVfs(makeNodeClock()),
      env: { ...makeVirtualEnv(), clock: makeNodeClock() },
      options: { ...DEFAULT_VOLUME_OPTIONS, ...options },
      serverId: 's',
      store: new MemoryRecordStore(),
      ...extra,
    });
  }

  async open(path: string, asked: Partial<OpenParams> = {}): Promise<OpenOutcome> {
    const outcome = await run(
      openFile(this.volume, contextOf(ME), {
        path,
        desiredAccess: FILE_ALL_ACCESS,
        fileAttributes: 0,
        shareAccess: 7,
        createDisposition: FILE_OPEN_IF,
        createOptions: 0,
        allocationSize: undefined,
        eaBuffer: undefined,
        securityDescriptor: undefined,
        timewarp: undefined,
        cancel: NEVER,
        ...asked,
      }),
    );
    if (outcome.open !== undefined) this.#opens.push(outcome.open);
    return outcome;
  }

  async opened(path: string, asked: Partial<OpenParams> = {}): Promise<LocalOpen> {
    const outcome = await this.open(path, asked);
    assert.equal(statusName(outcome.status), 'STATUS_SUCCESS', path);
    return outcome.open!;
  }

  async make(path: string, asked: Partial<OpenParams> = {}): Promise<void> {
    await run(closeOpen(await this.opened(path, asked)));
  }

  async fails(status: number, path: string, asked: Partial<OpenParams> = {}): Promise<void> {
    const outcome = await this.open(path, asked);
    assert.equal(statusName(outcome.status), statusName(status), path);
  }

  /** What a search finds, without '.' and '..'. */
  async list(path: string, pattern: string, asked = {}): Promise<readonly DirectoryEntryData[]> {
    const directory = await this.opened(path, { createDisposition: FILE_OPEN, ...asked });
    const found: DirectoryEntryData[] = [];
    const query = { pattern, restart: false, reopen: false };
    if ((await run(queryDirectory(directory, query))) === 0) {
      for (let e = await nextEntry(directory); e !== undefined; e = await nextEntry(directory)) {
        if (e.name !== '.' && e.name !== '..') found.push(e);
      }
    }
    await run(closeOpen(directory));
    return found;
  }

  async close(): Promise<void> {
    for (const open of this.#opens) await run(closeOpen(open));
    this.volume.names.close();
    this.volume.vfs.close();
    if (this.folder !== '') rmSync(this.folder, { recursive: true });
  }
}

function localVfs(folder: string): Vfs {
  const vfs = openLocalVfs(folder);
  assert.ok(!failed(vfs));
  return vfs;
}
