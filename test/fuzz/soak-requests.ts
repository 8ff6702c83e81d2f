/** Valid requests of every command, at random: what the soak mutates. */
import { LE, viewOf } from '../../src/base/bytes.ts';
import * as access from '../../src/dtyp/access-mask.ts';
import * as create from '../../src/fscc/create-parameters.ts';
import * as fsctl from '../../src/fscc/fsctl.ts';
import * as classes from '../../src/fscc/info-classes.ts';
import type { Request } from '../../src/smb2/client/request.ts';
import * as requests from '../../src/smb2/client/requests.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import * as smb2 from '../../src/smb2/wire/constants.ts';
import type { CreateContext } from '../../src/smb2/wire/create-context.ts';
import * as contexts from '../../src/smb2/wire/create-context-file.ts';
import { leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import { type FileId, RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import type { SoakRandom } from './soak-random.ts';

const GUID = '000102030405060708090a0b0c0d0e0f';
const NAMES = [
  'a',
  'b',
  'A',
  'file.txt',
  'dir',
  'dir\\x',
  'dir\\y',
  'a:s',
  'dir\\sub',
  'é\u{1f600}',
];
const ODD_NAMES = [
  '',
  '\\',
  '..',
  'a\\..\\b',
  'a::$DATA',
  'con',
  ' x ',
  'x.',
  'a*',
  '\ud800',
  'a/b',
];
const PATTERNS = ['*', '*.*', 'a*', '<.txt', '>>>>', 'file.txt', '"', '?', '*a*b*c*', ''];
const ACCESS = [
  access.MAXIMUM_ALLOWED,
  access.FILE_ALL_ACCESS,
  access.GENERIC_ALL,
  access.FILE_GENERIC_READ,
  access.FILE_GENERIC_READ | access.FILE_GENERIC_WRITE | access.DELETE,
  access.FILE_READ_ATTRIBUTES,
  access.FILE_WRITE_DATA,
];
const CREATE_OPTIONS = [
  0,
  create.FILE_DIRECTORY_FILE,
  create.FILE_NON_DIRECTORY_FILE,
  create.FILE_DELETE_ON_CLOSE,
  create.FILE_OPEN_REPARSE_POINT,
  create.FILE_OPEN_BY_FILE_ID,
  create.FILE_WRITE_THROUGH | create.FILE_NO_INTERMEDIATE_BUFFERING,
];
const PIPES = ['srvsvc', 'wkssvc', 'lsarpc', 'samr', 'x'];
const CTL_CODES = Object.values(fsctl);
const FILE_CLASSES = Object.entries(classes).flatMap(([name, value]) =>
  name.startsWith('File') && !name.startsWith('FileFs') ? [value] : [],
);
const LIST_CLASSES = [1, 2, 3, 12, 37, 38, 60, 78, 79, 80, 81];
/** Bind to srvsvc and NetrShareEnum would do; any bytes find the parser. */
const RPC_BIND = Buffer.from(
  '05000b03100000004800000001000000b810b8100000000001000000000001' +
    '00c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000',
  'hex',
);

export interface Target {
  readonly fileIds: readonly FileId[];
  readonly isPipe: boolean;
}

export function randomRequest(target: Target, random: SoakRandom): Request<unknown> {
  return random.pick(MAKERS)(target, random);
}

/** Opens that a conversation begins with, so that the rest has something to work on. */
export function firstCreates({ isPipe }: Target): readonly Request<unknown>[] {
  const opens: readonly (readonly [string, number])[] = isPipe
    ? [
        ['srvsvc', 0],
        ['lsarpc', 0],
      ]
    : [
        ['a', 0],
        ['dir', create.FILE_DIRECTORY_FILE],
        ['', create.FILE_DIRECTORY_FILE],
        ['dir\\x', 0],
      ];
  return opens.map(([name, createOptions]) =>
    requests.createRequest({
      name,
      desiredAccess: access.MAXIMUM_ALLOWED,
      createDisposition: create.FILE_OPEN_IF,
      createOptions,
      shareAccess: 7,
    }),
  );
}

export function randomCreate(target: Target, random: SoakRandom): Request<unknown> {
  const name = target.isPipe
    ? random.pick(PIPES)
    : random.pick(random.chance(0.85) ? NAMES : ODD_NAMES);
  return requests.createRequest({
    name,
    desiredAccess: random.pick(ACCESS),
    createDisposition: random.chance(0.6) ? create.FILE_OPEN_IF : random.below(6),
    createOptions: random.chance(0.5) ? 0 : random.pick(CREATE_OPTIONS),
    shareAccess: random.chance(0.7) ? 7 : random.below(8),
    fileAttributes: random.pick([0, 0, 0, 0x80, 0x20, 0x10, 0x2, random.below(8)]),
    requestedOplockLevel: random.pick([0, 0, 1, 8, 9, 0xff]),
    contexts: random.chance(0.7) ? [] : randomContexts(random),
  });
}

function randomContexts(random: SoakRandom): CreateContext[] {
  const all: CreateContext[] = [
    contexts.maximalAccessRequestContext(),
    contexts.onDiskIdRequestContext(),
    contexts.allocationSizeContext(BigInt(random.telling())),
    contexts.timewarpTokenContext(BigInt(random.u32())),
    contexts.appInstanceIdContext(GUID),
    { name: 'ExtA', data: eaList() },
    { name: 'SecD', data: securityDescriptor() },
    leaseContext({
      version: 2,
      leaseKey: GUID,
      leaseState: 7,
      leaseFlags: 0,
      parentLeaseKey: undefined,
      epoch: 1,
    }),
  ];
  return all.filter(() => random.chance(0.4));
}

type Maker = (target: Target, random: SoakRandom) => Request<unknown>;

function fileIdOf({ fileIds }: Target, random: SoakRandom): FileId {
  if (fileIds.length > 0 && random.chance(0.95)) return random.pick(fileIds);
  return random.chance(0.5) ? RELATED_FILE_ID : { persistent: 1n, volatile: BigInt(random.u32()) };
}

function offset(random: SoakRandom): number {
  return random.chance(0.8) ? random.below(200_000) : random.telling();
}

/** Commands that change much more than themselves (LOGOFF, TREE_DISCONNECT) stand here once. */
const MAKERS: readonly Maker[] = [
  randomCreate,
  randomCreate,
  randomCreate,
  (target, random) =>
    requests.closeRequest({ fileId: fileIdOf(target, random), flags: random.below(2) }),
  (target, random) => requests.flushRequest(fileIdOf(target, random)),
  (target, random) =>
    readRequest({
      fileId: fileIdOf(target, random),
      offset: offset(random),
      length: random.chance(0.9) ? random.below(65_537) : random.telling() % 1_048_577,
      minimumCount: random.chance(0.9) ? 0 : random.telling(),
    }),
  (target, random) =>
    writeRequest({
      fileId: fileIdOf(target, random),
      offset: offset(random),
      data: random.bytes(random.below(2000)),
      flags: random.below(4),
    }),
  (target, random) =>
    requests.lockRequest({
      fileId: fileIdOf(target, random),
      locks: Array.from({ length: 1 + random.below(3) }, () => ({
        offset: BigInt(random.below(100)),
        length: BigInt(random.below(100)),
        flags: random.pick([1, 2, 4, 0x11, 0x12, 0x12]),
      })),
    }),
  (target, random) =>
    requests.ioctlRequest({
      fileId: fileIdOf(target, random),
      ctlCode: random.pick(CTL_CODES),
      input: ioctlInput(random),
      maxOutputResponse: random.pick([0, 16, 64, 4096, 65_536]),
    }),
  (target, random) =>
    requests.ioctlRequest({
      fileId: fileIdOf(target, random),
      ctlCode: fsctl.FSCTL_PIPE_TRANSCEIVE,
      input: RPC_BIND,
    }),
  () => requests.echoRequest(),
  (target, random) =>
    requests.queryDirectoryRequest({
      fileId: fileIdOf(target, random),
      fileInformationClass: random.pick(LIST_CLASSES),
      fileName: random.pick(PATTERNS),
      flags: random.pick([0, 1, 2, 3, 4, 0x10]),
      outputBufferLength: random.pick([0, 100, 1000, 65_536]),
    }),
  (target, random) =>
    requests.changeNotifyRequest({
      fileId: fileIdOf(target, random),
      completionFilter: 0xfff,
      flags: random.below(2),
      outputBufferLength: 4096,
    }),
  (target, random) =>
    requests.queryInfoRequest({
      fileId: fileIdOf(target, random),
      infoType: 1 + random.below(4),
      fileInfoClass: random.chance(0.7) ? random.pick(FILE_CLASSES) : random.below(16),
      outputBufferLength: random.pick([0, 8, 24, 104, 1000, 65_536]),
      additionalInformation: random.pick([0, 1, 3, 7, 0xf]),
      input: random.chance(0.8) ? new Uint8Array(0) : eaList(),
    }),
  setInfo,
  setInfo,
  (target, random) =>
    requests.oplockBreakRequest({
      fileId: fileIdOf(target, random),
      oplockLevel: random.below(10),
    }),
  () => requests.leaseBreakRequest({ leaseKey: GUID, leaseState: 0 } as never),
  (_target, random) =>
    requests.treeConnectRequest({ flags: 0, path: `\\\\s\\${random.pick(['fuzz', 'IPC$', 'x'])}` }),
  (_target, random) =>
    random.chance(0.15) ? requests.treeDisconnectRequest() : requests.echoRequest(),
  (_target, random) => (random.chance(0.1) ? requests.logoffRequest() : requests.echoRequest()),
  (_target, random) =>
    requests.sessionSetupRequest({
      flags: random.below(2),
      securityMode: 1,
      capabilities: 0,
      previousSessionId: 0n,
      securityBuffer: random.bytes(random.below(100)),
    }),
  (_target, random) => requests.rawRequest(random.below(24), random.bytes(random.below(100))),
];

function setInfo(target: Target, random: SoakRandom): Request<unknown> {
  const fileId = fileIdOf(target, random);
  const [fileInfoClass, buffer] = random.pick(SETTINGS)(random);
  const infoType = fileInfoClass === 0 ? smb2.SMB2_0_INFO_SECURITY : smb2.SMB2_0_INFO_FILE;
  const additionalInformation = fileInfoClass === 0 ? random.pick([1, 2, 4, 7]) : 0;
  return requests.setInfoRequest({
    fileId,
    infoType,
    fileInfoClass,
    buffer,
    additionalInformation,
  });
}

const SETTINGS: readonly ((random: SoakRandom) => readonly [number, Uint8Array])[] = [
  (random) => [classes.FileBasicInformation, random.bytes(40)],
  () => [classes.FileBasicInformation, new Uint8Array(40)],
  (random) => [classes.FileRenameInformation, newName(random)],
  (random) => [classes.FileRenameInformationEx, newName(random)],
  (random) => [classes.FileLinkInformation, newName(random)],
  (random) => [classes.FileDispositionInformation, Uint8Array.of(random.below(2))],
  (random) => [classes.FileDispositionInformationEx, u32(random.below(32))],
  (random) => [classes.FilePositionInformation, u64(random)],
  (random) => [classes.FileFullEaInformation, random.chance(0.5) ? eaList() : random.bytes(40)],
  (random) => [classes.FileModeInformation, u32(random.below(64))],
  (random) => [classes.FileAllocationInformation, u64(random)],
  (random) => [classes.FileEndOfFileInformation, u64(random)],
  (random) => [classes.FileValidDataLengthInformation, u64(random)],
  (random) => [classes.FilePipeInformation, random.bytes(8)],
  () => [0, securityDescriptor()],
  (random) => [random.below(100), random.bytes(random.below(100))],
];

function newName(random: SoakRandom): Uint8Array {
  const name = Buffer.from(random.pick(random.chance(0.8) ? NAMES : ODD_NAMES), 'utf16le');
  const buffer = new Uint8Array(20 + Math.max(4, name.length));
  buffer[0] = random.below(2);
  viewOf(buffer).setUint32(16, name.length, LE);
  buffer.set(name, 20);
  return buffer;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, LE);
  return bytes;
}

function u64(random: SoakRandom): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setUint32(0, random.chance(0.8) ? random.below(500_000) : random.telling(), LE);
  if (random.chance(0.05)) viewOf(bytes).setUint32(4, random.telling(), LE);
  return bytes;
}

/** One EA, NAME=value. */
function eaList(): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = viewOf(bytes);
  view.setUint8(5, 4);
  view.setUint16(6, 5, LE);
  bytes.set(Buffer.from('NAME\0value'), 8);
  return bytes;
}

/** Self-relative: owner and group Everyone, a DACL that grants Everyone all. */
function securityDescriptor(): Uint8Array {
  const everyone = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
  const bytes = new Uint8Array(20 + 12 + 12 + 28);
  const view = viewOf(bytes);
  view.setUint8(0, 1);
  view.setUint16(2, 0x8004, LE);
  for (const [at, value] of [
    [4, 20],
    [8, 32],
    [16, 44],
  ] as const)
    view.setUint32(at, value, LE);
  bytes.set(everyone, 20);
  bytes.set(everyone, 32);
  bytes.set([2, 0, 28, 0, 1, 0, 0, 0, 0, 0, 20, 0, 0xff, 1, 0x1f, 0, ...everyone], 44);
  return bytes;
}

function ioctlInput(random: SoakRandom): Uint8Array {
  if (random.chance(0.3)) return new Uint8Array(0);
  // Ranges, copy chunks and negotiate infos all begin with small numbers.
  const bytes = new Uint8Array(8 * (1 + random.below(10)));
  for (let at = 0; at < bytes.length; at += 8) viewOf(bytes).setUint32(at, random.below(9000), LE);
  return random.chance(0.7) ? bytes : random.bytes(bytes.length);
}
