/** base/limits.ts: what of a file, or asked of one, has a limit; reached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { LOCKS_PER_REQUEST_MAX } from '../../src/base/limits.ts';
import { FILE_ALL_ACCESS, FILE_LIST_DIRECTORY } from '../../src/dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE } from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import {
  STATUS_EA_TOO_LARGE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_SECURITY_DESCR,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_PIPE_DISCONNECTED,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { encodeFullEaList } from '../../src/fscc/ea.ts';
import {
  FSCTL_PIPE_TRANSCEIVE,
  FSCTL_SRV_COPYCHUNK,
  FSCTL_SRV_REQUEST_RESUME_KEY,
} from '../../src/fscc/fsctl.ts';
import {
  type CopyChunk,
  copyChunkCopySize,
  decodeResumeKeyResponse,
  encodeCopyChunkCopy,
} from '../../src/fscc/fsctl-copychunk.ts';
import { FileFullEaInformation } from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_SECURITY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_WATCH_TREE,
} from '../../src/smb2/wire/constants.ts';
import { assertStatus, openFile, tryOpen, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;

describe('base/limits.ts: files', { timeout: TIMEOUT_MS }, () => {
  it('locksPerOpenMax: STATUS_INSUFFICIENT_RESOURCES until one was unlocked', async () => {
    await withRig({ limits: { locksPerOpenMax: 2 } }, async (rig) => {
      const open = await openFile(await rig.tree(), { name: 'a' });
      const lock = (offset: bigint) => open.lock([{ offset, length: 1n, flags: SHARED }]);
      assertStatus((await lock(0n)).status, 0);
      assertStatus((await lock(1n)).status, 0);
      assertStatus((await lock(2n)).status, STATUS_INSUFFICIENT_RESOURCES);
      assertStatus((await open.lock([{ offset: 0n, length: 1n, flags: 4 }])).status, 0);
      assertStatus((await lock(2n)).status, 0);
    });
  });

  it('LOCKS_PER_REQUEST_MAX: one more is STATUS_INSUFFICIENT_RESOURCES', async () => {
    await withRig({}, async (rig) => {
      const open = await openFile(await rig.tree(), { name: 'a' });
      const lock = (count: number) =>
        open.lock(
          Array.from({ length: count }, (_, i) => ({
            offset: BigInt(i),
            length: 1n,
            flags: SHARED | FAIL_IMMEDIATELY,
          })),
        );
      const status = STATUS_INSUFFICIENT_RESOURCES;
      assertStatus((await lock(LOCKS_PER_REQUEST_MAX + 1)).status, status);
      assertStatus((await lock(LOCKS_PER_REQUEST_MAX)).status, 0);
    });
  });

  it('pathDepthMax, pathLengthMax: STATUS_OBJECT_NAME_INVALID', async () => {
    await withRig({ limits: { pathDepthMax: 2, pathLengthMax: 10 } }, async (rig) => {
      const tree = await rig.tree();
      for (const name of ['a\\b\\c', 'a'.repeat(11)]) {
        assertStatus((await tryOpen(tree, { name })).status, STATUS_OBJECT_NAME_INVALID);
      }
      await openFile(tree, { name: 'a'.repeat(10) });
    });
  });

  it('eaSizeMax: STATUS_EA_TOO_LARGE', async () => {
    await withRig({ limits: { eaSizeMax: 100 } }, async (rig) => {
      const desiredAccess = FILE_ALL_ACCESS;
      const open = await openFile(await rig.tree(), { name: 'a', desiredAccess });
      assertStatus(await setEa(open, 50), 0);
      assertStatus(await setEa(open, 101), STATUS_EA_TOO_LARGE);
    });
  });

  it('securityDescriptorSize: STATUS_INVALID_SECURITY_DESCR', async () => {
    await withRig({ limits: { securityDescriptorSize: 200 } }, async (rig) => {
      const desiredAccess = FILE_ALL_ACCESS;
      const open = await openFile(await rig.tree(), { name: 'a', desiredAccess });
      assertStatus(await setAces(open, 3), 0);
      assertStatus(await setAces(open, 20), STATUS_INVALID_SECURITY_DESCR);
    });
  });

  it('notifyBufferSize: what is more is STATUS_NOTIFY_ENUM_DIR', async () => {
    await withRig({ limits: { notifyBufferSize: 64 } }, async (rig) => {
      const tree = await rig.tree();
      const desiredAccess = FILE_LIST_DIRECTORY;
      const folder = await openFile(tree, {
        name: '',
        desiredAccess,
        createDisposition: FILE_OPEN,
      });
      const watch = () => folder.notify({ completionFilter: 1, flags: SMB2_WATCH_TREE });
      const first = watch();
      await openFile(tree, { name: 'first' });
      assertStatus((await first).status, 0);
      for (let i = 0; i < 10; i++) await openFile(tree, { name: `one of many ${i}` });
      assertStatus((await watch()).status, STATUS_NOTIFY_ENUM_DIR);
    });
  });
});

describe('base/limits.ts: controls', { timeout: TIMEOUT_MS }, () => {
  it('copyChunksMax, copyChunkSizeMax, copyDataSizeMax: STATUS_INVALID_PARAMETER', async () => {
    const limits = { copyChunksMax: 3, copyChunkSizeMax: 100, copyDataSizeMax: 150 };
    await withRig({ limits }, async (rig) => {
      const tree = await rig.tree();
      const source = await openFile(tree, { name: 'source' });
      assertStatus((await source.write({ offset: 0, data: new Uint8Array(1000) })).status, 0);
      const target = await openFile(tree, { name: 'target' });
      const sizes = [[100], [50, 50, 50], [101], [10, 10, 10, 10], [100, 51]];
      const statuses = [];
      for (const lengths of sizes) statuses.push(await copy(source, target, lengths));
      const refused = STATUS_INVALID_PARAMETER;
      assert.deepEqual(statuses, [0, 0, refused, refused, refused]);
    });
  });

  it('pipeMessageSize: STATUS_PIPE_DISCONNECTED', async () => {
    await withRig({ limits: { pipeMessageSize: 1000 } }, async (rig) => {
      const tree = await rig.tree(undefined, 'IPC$');
      const pipe = await openFile(tree, { name: 'srvsvc', createDisposition: FILE_OPEN });
      const { status } = await pipe.ioctl({
        ctlCode: FSCTL_PIPE_TRANSCEIVE,
        input: new Uint8Array(1001),
        maxOutputResponse: 1000,
      });
      assertStatus(status, STATUS_PIPE_DISCONNECTED);
    });
  });
});

const SHARED = SMB2_LOCKFLAG_SHARED_LOCK;
const FAIL_IMMEDIATELY = 0x10;

async function setEa(open: ClientOpen, size: number): Promise<number> {
  const room = new Uint8Array(1024);
  const ea = { flags: 0, name: 'NAME', value: new Uint8Array(size).fill(1) };
  const { end } = encodeFullEaList(viewOf(room), 0, room.length, [ea]);
  const { status } = await open.setInfo({
    infoType: SMB2_0_INFO_FILE,
    fileInfoClass: FileFullEaInformation,
    additionalInformation: 0,
    buffer: room.subarray(0, end),
  });
  return status;
}

async function setAces(open: ClientOpen, count: number): Promise<number> {
  const ace = { type: ACCESS_ALLOWED_ACE_TYPE, flags: 0, mask: FILE_ALL_ACCESS, sid: 'S-1-1-0' };
  const dacl = { revision: 2, aces: new Array<typeof ace>(count).fill(ace) };
  const none = { control: 0, owner: undefined, group: undefined, sacl: undefined };
  const { status } = await open.setInfo({
    infoType: SMB2_0_INFO_SECURITY,
    fileInfoClass: 0,
    additionalInformation: DACL_SECURITY_INFORMATION,
    buffer: securityDescriptorBytes({ ...none, dacl }),
  });
  return status;
}

async function copy(
  source: ClientOpen,
  target: ClientOpen,
  lengths: readonly number[],
): Promise<number> {
  const asked = await source.ioctl({
    ctlCode: FSCTL_SRV_REQUEST_RESUME_KEY,
    input: new Uint8Array(0),
    maxOutputResponse: 32,
  });
  const { output } = asked.response!;
  const sourceKey = decodeResumeKeyResponse(viewOf(output), 0, output.length)!;
  const chunks: CopyChunk[] = [];
  for (const length of lengths) chunks.push({ sourceOffset: 0, targetOffset: 0, length });
  const input = new Uint8Array(copyChunkCopySize(chunks.length));
  encodeCopyChunkCopy(viewOf(input), 0, { sourceKey, chunks });
  const copied = { ctlCode: FSCTL_SRV_COPYCHUNK, input, maxOutputResponse: 12 };
  return (await target.ioctl(copied)).status;
}
