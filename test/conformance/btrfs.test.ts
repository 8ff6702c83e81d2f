/** Shares on btrfs: what only a file system with checksums, reflinks and snapshots shows. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { decodeAttributeInformation } from '../../src/fscc/fs-information.ts';
import * as codes from '../../src/fscc/fsctl.ts';
import {
  CHECKSUM_TYPE_CRC32,
  CHECKSUM_TYPE_CRC64,
  CHECKSUM_TYPE_NONE,
  CHECKSUM_TYPE_UNCHANGED,
  decodeIntegrityInformation,
  encodeSetIntegrity,
  encodeSetIntegrityEx,
  FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF,
  type IntegrityChange,
  type IntegrityInformation,
} from '../../src/fscc/fsctl-integrity.ts';
import {
  FILE_SUPPORT_INTEGRITY_STREAMS,
  FILE_SUPPORTS_BLOCK_REFCOUNTING,
  FileFsAttributeInformation,
} from '../../src/fscc/info-classes.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/wire/constants.ts';
import { type LocalServer, serveShares } from './local-server.ts';
import { expectStatus, logOnAt, opened } from './peer.ts';

const IMAGE_SIZE = 512 * 1024 * 1024;
const CLUSTER = 4096;
const LAX = FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF;
const SNAPSHOT = '@GMT-2024.01.02-03.04.05';

const base = mkdtempSync(join(tmpdir(), 'semba-btrfs-'));
const root = mounted(base);
if (root === undefined) rmSync(base, { recursive: true });
const skip = root === undefined ? 'needs root, btrfs and loop devices' : false;

/** A file system of its own; undefined where this machine does not let us. */
function mounted(folder: string): string | undefined {
  const image = join(folder, 'image');
  const point = join(folder, 'mounted');
  mkdirSync(point);
  writeFileSync(image, '');
  truncateSync(image, IMAGE_SIZE);
  const runs = (command: string, args: readonly string[]): boolean =>
    spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  if (!runs('mkfs.btrfs', ['-q', image])) return undefined;
  return runs('mount', ['-o', 'loop', image, point]) ? point : undefined;
}

describe('A share on btrfs', { skip }, () => {
  let server: LocalServer;
  let tree: ClientTree;
  let readOnly: ClientTree;

  before(async () => {
    const share = join(root!, 'share');
    execFileSync('btrfs', ['-q', 'subvolume', 'create', share]);
    mkdirSync(join(share, '.snapshots'));
    writeFileSync(join(share, 'file'), 'then');
    const snapshot = join(share, '.snapshots', SNAPSHOT);
    execFileSync('btrfs', ['-q', 'subvolume', 'snapshot', '-r', share, snapshot]);
    writeFileSync(join(share, 'file'), 'now');
    server = await serveShares([
      { name: 'share', path: share, snapshots: { folder: '.snapshots' } },
      { name: 'share_ro', path: share, readOnly: true },
    ]);
    ({ tree } = await logOnAt(server.target));
    ({ tree: readOnly } = await logOnAt({ ...server.target, share: 'share_ro' }));
  });
  after(async () => {
    await server.stop();
    execFileSync('umount', [root!]);
    rmSync(base, { recursive: true });
  });

  describe('[MS-FSA] 2.1.5.10.10 FSCTL_GET_INTEGRITY_INFORMATION', () => {
    it('tells of checksums, and the volume does', async () => {
      const { checksumAlgorithm, ...rest } = await integrityOf(await opened(tree, made('told')));
      assert.equal(checksumAlgorithm, CHECKSUM_TYPE_CRC32);
      const sizes = { checksumChunkSize: CLUSTER, clusterSize: CLUSTER };
      assert.deepEqual(rest, { flags: 0, ...sizes });
      const attributes = await attributesOf(await opened(tree, made('volume')));
      assert.notEqual(attributes & FILE_SUPPORT_INTEGRITY_STREAMS, 0);
      assert.notEqual(attributes & FILE_SUPPORTS_BLOCK_REFCOUNTING, 0);
    });

    it('tells who may only read attributes', async () => {
      await opened(tree, made('seen'));
      const there = { ...made('seen'), createDisposition: FILE_OPEN, desiredAccess: 0x80 };
      const { checksumAlgorithm } = await integrityOf(await opened(tree, there));
      assert.equal(checksumAlgorithm, CHECKSUM_TYPE_CRC32);
    });

    it('fails with STATUS_INVALID_PARAMETER without room, and for a named stream', async () => {
      const ctlCode = codes.FSCTL_GET_INTEGRITY_INFORMATION;
      const file = await opened(tree, made('room'));
      const input = new Uint8Array(0);
      const small = { ctlCode, input, maxOutputResponse: 15 };
      expectStatus(await file.ioctl(small), STATUS_INVALID_PARAMETER);
      const stream = await opened(tree, made('room:stream'));
      const large = { ctlCode, input, maxOutputResponse: 16 };
      expectStatus(await stream.ioctl(large), STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-FSA] 2.1.5.10.33 FSCTL_SET_INTEGRITY_INFORMATION', () => {
    it('takes checksums from an empty file, and gives them back', async () => {
      const file = await opened(tree, made('set'));
      assert.equal(await set(file, CHECKSUM_TYPE_NONE), STATUS_SUCCESS);
      assert.equal((await integrityOf(file)).checksumAlgorithm, CHECKSUM_TYPE_NONE);
      assert.match(execFileSync('lsattr', [join(root!, 'share', 'set')]).toString(), /C/);
      assert.equal(await set(file, CHECKSUM_TYPE_UNCHANGED), STATUS_SUCCESS);
      assert.equal((await integrityOf(file)).checksumAlgorithm, CHECKSUM_TYPE_NONE);
      assert.equal(await set(file, CHECKSUM_TYPE_CRC64), STATUS_SUCCESS);
      assert.equal((await integrityOf(file)).checksumAlgorithm, CHECKSUM_TYPE_CRC32);
    });

    it('is inherited in a folder', async () => {
      const options = { createOptions: FILE_DIRECTORY_FILE };
      const folder = await opened(tree, { ...made('folder'), ...options });
      assert.equal(await set(folder, CHECKSUM_TYPE_NONE), STATUS_SUCCESS);
      const child = await opened(tree, made('folder\\child'));
      assert.equal((await integrityOf(child)).checksumAlgorithm, CHECKSUM_TYPE_NONE);
    });

    it('fails with STATUS_NOT_SUPPORTED where the file system cannot', async () => {
      const file = await opened(tree, made('full'));
      expectStatus(await file.write({ offset: 0, data: new Uint8Array(CLUSTER) }), STATUS_SUCCESS);
      assert.equal(await set(file, CHECKSUM_TYPE_NONE), STATUS_NOT_SUPPORTED);
      assert.equal(await set(file, CHECKSUM_TYPE_CRC32), STATUS_SUCCESS);
      assert.equal(await set(file, CHECKSUM_TYPE_CRC32, LAX), STATUS_NOT_SUPPORTED);
    });

    it('fails with STATUS_INVALID_PARAMETER for what there is not', async () => {
      const file = await opened(tree, made('wrong'));
      assert.equal(await set(file, 3), STATUS_INVALID_PARAMETER);
      assert.equal(await set(file, CHECKSUM_TYPE_CRC32, 2), STATUS_INVALID_PARAMETER);
      assert.equal(await set(file, CHECKSUM_TYPE_NONE, LAX), STATUS_INVALID_PARAMETER);
    });

    it('wants the right access, and a volume that takes changes', async () => {
      await opened(tree, made('mine'));
      const rest = { createDisposition: FILE_OPEN, desiredAccess: FILE_GENERIC_READ };
      const reader = await opened(tree, { ...made('mine'), ...rest });
      assert.equal(await set(reader, CHECKSUM_TYPE_NONE), STATUS_ACCESS_DENIED);
      const fixed = await opened(readOnly, { ...made('mine'), ...rest });
      assert.equal(await set(fixed, CHECKSUM_TYPE_NONE), STATUS_MEDIA_WRITE_PROTECTED);
    });
  });

  describe('[MS-FSA] 2.1.5.10.34 FSCTL_SET_INTEGRITY_INFORMATION_EX', () => {
    it('does the same', async () => {
      const file = await opened(tree, made('ex'));
      assert.equal(await setEx(file, { wanted: 'none', flags: 0 }), STATUS_SUCCESS);
      assert.equal((await integrityOf(file)).checksumAlgorithm, CHECKSUM_TYPE_NONE);
      assert.equal(await setEx(file, { wanted: 'unchanged', flags: 0 }), STATUS_SUCCESS);
      const lax = { wanted: 'unchanged', flags: LAX } as const;
      assert.equal(await setEx(file, lax), STATUS_INVALID_PARAMETER);
      assert.equal(await setEx(file, { wanted: 'checksums', flags: 0 }), STATUS_SUCCESS);
      assert.equal((await integrityOf(file)).checksumAlgorithm, CHECKSUM_TYPE_CRC32);
    });
  });

  describe('[MS-SMB2] 2.2.13.2.7 SMB2_CREATE_TIMEWARP_TOKEN, of a snapshot of a subvolume', () => {
    it('opens what was there', async () => {
      const now = { ...made('file'), createDisposition: FILE_OPEN, desiredAccess: 1 };
      assert.equal(await textOf(await opened(tree, now)), 'now');
      const then = { ...now, name: `${SNAPSHOT}\\file` };
      assert.equal(await textOf(await opened(tree, then)), 'then');
    });
  });
});

async function integrityOf(file: ClientOpen): Promise<IntegrityInformation> {
  const ctlCode = codes.FSCTL_GET_INTEGRITY_INFORMATION;
  const input = new Uint8Array(0);
  const reply = await file.ioctl({ ctlCode, input, maxOutputResponse: 16 });
  expectStatus(reply, STATUS_SUCCESS);
  const { output } = reply.response!;
  return decodeIntegrityInformation(viewOf(output), 0, output.length)!;
}

async function attributesOf(file: ClientOpen): Promise<number> {
  const { response } = await file.queryInfo({
    infoType: SMB2_0_INFO_FILESYSTEM,
    fileInfoClass: FileFsAttributeInformation,
    outputBufferLength: 64,
  });
  const { buffer } = response!;
  return decodeAttributeInformation(viewOf(buffer), 0, buffer.length)!.attributes;
}

async function set(file: ClientOpen, checksumAlgorithm: number, flags = 0): Promise<NtStatus> {
  const input = new Uint8Array(8);
  encodeSetIntegrity(viewOf(input), 0, { checksumAlgorithm, flags });
  const ctlCode = codes.FSCTL_SET_INTEGRITY_INFORMATION;
  return (await file.ioctl({ ctlCode, input })).status;
}

async function setEx(file: ClientOpen, change: IntegrityChange): Promise<NtStatus> {
  const input = new Uint8Array(16);
  encodeSetIntegrityEx(viewOf(input), 0, change);
  const ctlCode = codes.FSCTL_SET_INTEGRITY_INFORMATION_EX;
  return (await file.ioctl({ ctlCode, input })).status;
}

async function textOf(file: ClientOpen): Promise<string> {
  const { response } = await file.read({ offset: 0, length: 10 });
  return Buffer.from(response!.data).toString();
}

function made(name: string): CreateParameters {
  return {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: 7,
    createDisposition: FILE_CREATE,
  };
}
