import { LE, viewOf } from '../../src/base/bytes.ts';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { utf16Bytes } from '../../src/base/utf16le.ts';
import {
  parseSecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { decodeSid, encodeSid, sidSize } from '../../src/dtyp/sid.ts';
import { decodeNtAcl, encodeNtAcl, systemAclHashOf } from '../../src/fsa/nt-acl.ts';
import { systemAclBlob } from '../../src/fsa/posix-acl.ts';
import {
  decodeDirectoryEntries,
  encodeDirectoryEntry,
  linkDirectoryEntry,
} from '../../src/fscc/directory-information.ts';
import {
  decodeFullEaList,
  decodeGetEaList,
  encodeFullEaList,
  encodeGetEaList,
} from '../../src/fscc/ea.ts';
import {
  decodeAllInformation,
  decodeBasicInformation,
  decodeInternalInformation,
  decodeNameInformation,
  decodeNetworkOpenInformation,
  decodeStandardInformation,
} from '../../src/fscc/file-information.ts';
import type { DirectoryEntryData, PosixMetadata } from '../../src/fscc/file-metadata.ts';
import {
  decodeAttributeInformation,
  decodeFullSizeInformation,
  decodeVolumeInformation,
} from '../../src/fscc/fs-information.ts';
import { decodeCompressionState } from '../../src/fscc/fsctl-compression.ts';
import {
  decodeCopyChunkCopy,
  decodeCopyChunkResponse,
  decodeResumeKeyResponse,
  encodeCopyChunkCopy,
} from '../../src/fscc/fsctl-copychunk.ts';
import { decodeRegionsQuery } from '../../src/fscc/fsctl-file-regions.ts';
import {
  decodeIntegrityInformation,
  decodeSetIntegrity,
  decodeSetIntegrityEx,
  encodeSetIntegrityEx,
} from '../../src/fscc/fsctl-integrity.ts';
import {
  decodeNetworkInterfaces,
  encodeNetworkInterfaces,
} from '../../src/fscc/fsctl-network-interfaces.ts';
import { decodeObjectId } from '../../src/fscc/fsctl-object-id.ts';
import { decodeOffloadRead, decodeOffloadWrite } from '../../src/fscc/fsctl-offload.ts';
import { decodePipeWait, encodePipeWait } from '../../src/fscc/fsctl-pipe-wait.ts';
import {
  decodeAllocatedRange,
  decodeAllocatedRanges,
  decodeDuplicateExtents,
  decodeSetSparse,
  decodeZeroData,
} from '../../src/fscc/fsctl-ranges.ts';
import { decodeTrim, encodeTrim } from '../../src/fscc/fsctl-trim.ts';
import {
  decodeValidateNegotiateRequest,
  decodeValidateNegotiateResponse,
} from '../../src/fscc/fsctl-validate-negotiate.ts';
import {
  decodeNotifyInformation,
  encodeNotifyInformation,
} from '../../src/fscc/notify-information.ts';
import { compilePattern } from '../../src/fscc/patterns.ts';
import { decodePipeInformation } from '../../src/fscc/pipe-information.ts';
import {
  decodeFsPosixInformation,
  decodePosixEntries,
  decodePosixInformation,
  encodePosixEntry,
  encodePosixInformation,
} from '../../src/fscc/posix-information.ts';
import {
  decodeReparseData,
  decodeSymlinkReparseData,
  encodeSymlinkReparseData,
} from '../../src/fscc/reparse-data.ts';
import {
  decodeDisposition,
  decodeDispositionEx,
  decodeFileSize,
  decodeMode,
  decodeNewName,
  encodeNewName,
} from '../../src/fscc/set-information.ts';
import {
  decodeStreamInformation,
  encodeStreamInformation,
} from '../../src/fscc/stream-information.ts';
import {
  bindAckPdu,
  bindPdu,
  decodeBind,
  decodeBindAck,
  NDR_SYNTAX,
} from '../../src/rpce/bind-pdu.ts';
import { NdrReader, NdrWriter } from '../../src/rpce/ndr.ts';
import {
  callPdus,
  decodeFault,
  decodePduHeader,
  decodeRequest,
  decodeResponse,
  RPC_BIND_ACK,
  RPC_REQUEST,
} from '../../src/rpce/pdu.ts';
import { PipeMemory } from '../../src/rpce/pipe-memory.ts';
import { decodeShareEnumResponse, SRVSVC_UUID } from '../../src/rpce/srvs.ts';
import { createPipeOpener } from '../../src/services/pipes.ts';
import type { ServiceHost } from '../../src/services/service-host.ts';
import type { FileStat } from '../../src/vfs/vfs.ts';

/** One decoder of bytes that a peer sends: it may refuse them, it may not throw or hang. */
export interface FsccTarget {
  readonly name: string;
  /** A valid input to start from. */
  readonly seed: Uint8Array;
  /** The bytes are `[at, end)`; what it returns must not depend on any other. */
  run(view: DataView, at: number, end: number): unknown;
}

const ENTRY: DirectoryEntryData = {
  name: 'readme.txt',
  shortName: 'README~1.TXT',
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  attributes: 0x20,
  endOfFile: 5,
  allocationSize: 4096,
  numberOfLinks: 1,
  deletePending: false,
  isDirectory: false,
  fileId: 9n,
  eaSize: 0,
  reparseTag: 0,
};

const POSIX: PosixMetadata = {
  inode: 9n,
  device: 1,
  numberOfLinks: 1,
  reparseTag: 0,
  mode: 0o644,
  owner: 'S-1-22-1-1000',
  group: 'S-1-22-2-1000',
};

function made(write: (view: DataView) => number): Uint8Array {
  const bytes = new Uint8Array(1024);
  return bytes.slice(0, write(viewOf(bytes)));
}

function directory(infoClass: number): FsccTarget {
  const seed = made((view) => {
    const end = encodeDirectoryEntry(infoClass, view, 0, 1024, ENTRY);
    const at = (end + 7) & ~7;
    linkDirectoryEntry(view, 0, end, at);
    return encodeDirectoryEntry(infoClass, view, at, 1024, { ...ENTRY, name: 'b' });
  });
  const run: FsccTarget['run'] = (view, at, end) =>
    decodeDirectoryEntries(infoClass, view, at, end);
  return { name: `directory class ${infoClass}`, seed, run };
}

const POSIX_STAT: FileStat = {
  type: 'file',
  device: 1n,
  inode: 2n,
  size: 0,
  allocated: 0,
  links: 1,
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  accessTimeNs: 0n,
  modifyTimeNs: 0n,
  changeTimeNs: 0n,
  birthTimeNs: undefined,
};

const descriptor = securityDescriptorBytes({
  control: 0x8004,
  owner: 'S-1-5-32-544',
  group: 'S-1-5-21-1-2-3-513',
  sacl: { revision: 2, aces: [{ type: 2, flags: 0xc0, mask: 1, sid: 'S-1-1-0' }] },
  dacl: {
    revision: 4,
    aces: [
      { type: 0, flags: 3, mask: 0x1f01ff, sid: 'S-1-1-0' },
      { type: 9, flags: 0, mask: 1, sid: 'S-1-5-11', data: new Uint8Array(8) },
      { type: 5, flags: 0, body: new Uint8Array(32) },
    ],
  },
});

const NEW_NAME = { name: 'dir\\new', replaceIfExists: true };
const KEY = new Uint8Array(24);
const EAS = [
  { flags: 0, name: 'ONE', value: new Uint8Array(5) },
  { flags: 0, name: 'TWO', value: new Uint8Array(2) },
];
const TRIM = [
  { offset: 0, length: 1 },
  { offset: 1, length: 1 },
];
const LINK = { substituteName: '..\\a', printName: 'a', isRelative: true };
const zeroes = (size: number): Uint8Array => new Uint8Array(size);

const CODECS: readonly FsccTarget[] = [
  {
    name: 'POSIX file',
    seed: made((view) => encodePosixInformation(view, 0, 1024, ENTRY, POSIX).end),
    run: decodePosixInformation,
  },
  {
    name: 'POSIX listing',
    seed: made((view) => {
      const entry = { ...ENTRY, posix: POSIX };
      const end = encodePosixEntry(view, 0, 1024, entry);
      const at = (end + 7) & ~7;
      linkDirectoryEntry(view, 0, end, at);
      return encodePosixEntry(view, at, 1024, entry);
    }),
    run: decodePosixEntries,
  },
  { name: 'POSIX file system', seed: new Uint8Array(56), run: decodeFsPosixInformation },
  {
    name: 'SID',
    seed: made((view) => encodeSid(view, 0, 'S-1-5-32-544') && sidSize('S-1-5-32-544')),
    run: decodeSid,
  },
  {
    name: 'SECURITY_DESCRIPTOR',
    seed: descriptor,
    run: (view, at, end) => parseSecurityDescriptor(bytesOf(view, at, end)),
  },
  {
    name: 'security.NTACL',
    seed: encodeNtAcl(parseSecurityDescriptor(descriptor)!, new Uint8Array(32)),
    run: (view, at, end) => {
      const value = bytesOf(view, at, end);
      return [decodeNtAcl(value), systemAclHashOf(value)];
    },
  },
  {
    name: 'system.posix_acl_access',
    seed: Uint8Array.of(2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 232, 3, 0, 0),
    run: (view, at, end) => systemAclBlob(POSIX_STAT, bytesOf(view, at, end), undefined),
  },
  ...[1, 2, 3, 12, 37, 38, 60, 78, 79, 80, 81].map(directory),
  {
    name: 'FILE_FULL_EA_INFORMATION',
    seed: made((view) => encodeFullEaList(view, 0, 1024, EAS).end),
    run: decodeFullEaList,
  },
  {
    name: 'FILE_GET_EA_INFORMATION',
    seed: made((view) => encodeGetEaList(view, 0, ['ONE', 'TWO'])),
    run: decodeGetEaList,
  },
  {
    name: 'FileStreamInformation',
    seed: made((view) => {
      const stream = { name: '::$DATA', size: 1, allocationSize: 1 };
      return encodeStreamInformation(view, 0, 1024, [stream, stream]).end;
    }),
    run: decodeStreamInformation,
  },
  {
    name: 'FILE_NOTIFY_INFORMATION',
    seed: made((view) => {
      const changes = [
        { action: 4, name: 'a' },
        { action: 5, name: 'bb' },
      ];
      return encodeNotifyInformation(view, 0, 1024, changes);
    }),
    run: decodeNotifyInformation,
  },
  ...[10, 11, 65, 72].map((infoClass) => ({
    name: `rename class ${infoClass}`,
    seed: made((view) => encodeNewName(view, 0, NEW_NAME)),
    run: (view: DataView, at: number, end: number) => decodeNewName(infoClass, view, at, end),
  })),
  { name: 'FileAllInformation', seed: zeroes(120), run: decodeAllInformation },
  { name: 'FileBasicInformation', seed: zeroes(40), run: decodeBasicInformation },
  { name: 'FileStandardInformation', seed: zeroes(24), run: decodeStandardInformation },
  { name: 'FileNetworkOpenInformation', seed: zeroes(56), run: decodeNetworkOpenInformation },
  { name: 'FileNameInformation', seed: zeroes(8), run: decodeNameInformation },
  { name: 'FileInternalInformation', seed: zeroes(8), run: decodeInternalInformation },
  { name: 'FileFsVolumeInformation', seed: zeroes(30), run: decodeVolumeInformation },
  { name: 'FileFsAttributeInformation', seed: zeroes(20), run: decodeAttributeInformation },
  { name: 'FileFsFullSizeInformation', seed: zeroes(32), run: decodeFullSizeInformation },
  { name: 'FileDispositionInformation', seed: zeroes(1), run: decodeDisposition },
  { name: 'FileDispositionInformationEx', seed: zeroes(4), run: decodeDispositionEx },
  { name: 'FileEndOfFileInformation', seed: zeroes(8), run: decodeFileSize },
  { name: 'FileModeInformation', seed: zeroes(4), run: decodeMode },
  { name: 'FilePipeInformation', seed: zeroes(8), run: decodePipeInformation },
  {
    name: 'SRV_COPYCHUNK_COPY',
    seed: made((view) => {
      const chunk = { sourceOffset: 0, targetOffset: 0, length: 1 };
      return encodeCopyChunkCopy(view, 0, { sourceKey: KEY, chunks: [chunk, chunk] });
    }),
    run: decodeCopyChunkCopy,
  },
  { name: 'SRV_COPYCHUNK_RESPONSE', seed: zeroes(12), run: decodeCopyChunkResponse },
  { name: 'SRV_REQUEST_RESUME_KEY', seed: zeroes(32), run: decodeResumeKeyResponse },
  { name: 'FILE_ALLOCATED_RANGE_BUFFER', seed: zeroes(16), run: decodeAllocatedRange },
  { name: 'FILE_ALLOCATED_RANGE_BUFFER list', seed: zeroes(48), run: decodeAllocatedRanges },
  { name: 'FILE_ZERO_DATA_INFORMATION', seed: zeroes(16), run: decodeZeroData },
  { name: 'FILE_SET_SPARSE_BUFFER', seed: zeroes(1), run: decodeSetSparse },
  { name: 'SMB2_DUPLICATE_EXTENTS_DATA', seed: zeroes(40), run: decodeDuplicateExtents },
  { name: 'FSCTL_OFFLOAD_READ_INPUT', seed: sized(32), run: decodeOffloadRead },
  { name: 'FSCTL_OFFLOAD_WRITE_INPUT', seed: sized(544), run: decodeOffloadWrite },
  { name: 'FILE_LEVEL_TRIM', seed: made((view) => encodeTrim(view, 0, TRIM)), run: decodeTrim },
  { name: 'FILE_REGION_INPUT', seed: zeroes(20), run: decodeRegionsQuery },
  {
    name: 'FSCTL_GET_INTEGRITY_INFORMATION_BUFFER',
    seed: zeroes(16),
    run: decodeIntegrityInformation,
  },
  { name: 'FSCTL_SET_INTEGRITY_INFORMATION_BUFFER', seed: zeroes(8), run: decodeSetIntegrity },
  {
    name: 'FSCTL_SET_INTEGRITY_INFORMATION_BUFFER_EX',
    seed: made((view) => encodeSetIntegrityEx(view, 0, { wanted: 'none', flags: 0 })),
    run: decodeSetIntegrityEx,
  },
  { name: 'CompressionState', seed: zeroes(2), run: decodeCompressionState },
  { name: 'FILE_OBJECTID_BUFFER', seed: zeroes(64), run: decodeObjectId },
  {
    name: 'NETWORK_INTERFACE_INFO',
    seed: made((view) => {
      const one = { ifIndex: 1, capability: 0, linkSpeed: 1n, address: zeroes(4) };
      return encodeNetworkInterfaces(view, 0, [one, { ...one, address: zeroes(16) }]);
    }),
    run: decodeNetworkInterfaces,
  },
  {
    name: 'FSCTL_PIPE_WAIT',
    seed: made((view) => encodePipeWait(view, 0, { timeout: 1n, name: 'srvsvc' })),
    run: decodePipeWait,
  },
  { name: 'VALIDATE_NEGOTIATE_INFO', seed: zeroes(32), run: decodeValidateNegotiateRequest },
  { name: 'its response', seed: zeroes(24), run: decodeValidateNegotiateResponse },
  {
    name: 'REPARSE_DATA_BUFFER',
    seed: made((view) => encodeSymlinkReparseData(view, 0, LINK)),
    run: decodeReparseData,
  },
  {
    name: 'symbolic link',
    seed: made((view) => encodeSymlinkReparseData(view, 0, LINK)),
    run: decodeSymlinkReparseData,
  },
  {
    name: 'search pattern',
    seed: utf16Bytes('<">?*ab.'),
    run: (view, at, end) => {
      const text = Buffer.from(bytesOf(view, at, end)).toString('utf16le');
      return compilePattern(text).matches('a.b.c');
    },
  },
];

const SHARE = { name: 'data', type: 0, comment: '', maxUses: 1, currentUses: 0 };
const HOST: ServiceHost = {
  serverName: 'S',
  domainName: 'D',
  comment: '',
  osVersion: { major: 10, minor: 0 },
  clock: { fileTime: () => 0n, monotonicMs: () => 0 },
  accountDomainSid: 'S-1-5-21-1-2-3',
  listShares: () => [SHARE, { ...SHARE, name: 'more' }],
};
const openPipe = createPipeOpener(HOST, {
  ...DEFAULT_LIMITS,
  memory: new PipeMemory({ allows: () => true, fell() {} }),
});
const CLIENT = { userName: '', domainName: '', serverName: '', sessionKey: zeroes(16) };

function bindTo(uuid: string, version: number): Uint8Array {
  const context = { id: 0, abstractSyntax: { uuid, version }, transferSyntaxes: [NDR_SYNTAX] };
  return bindPdu(1, {
    maxXmitFrag: 4280,
    maxRecvFrag: 4280,
    assocGroupId: 0,
    contexts: [context],
  });
}

const SERVICES: Readonly<Record<string, readonly [string, number]>> = {
  srvsvc: [SRVSVC_UUID, 3],
  wkssvc: ['6bffd098-a112-3610-9833-46c3f87e345a', 1],
  lsarpc: ['12345778-1234-abcd-ef00-0123456789ab', 0],
};

/** A bound pipe that gets a mutated stub for one operation; the answer is read to its end. */
function operation(name: string, opnum: number, seed: Uint8Array): FsccTarget {
  return {
    name: `${name} operation ${opnum}`,
    seed,
    run: (view, at, end) => {
      const pipe = openPipe(name, CLIENT)!;
      pipe.write(bindTo(...SERVICES[name]!));
      pipe.read(10_000);
      if (name === 'lsarpc') callOver(pipe, 44, zeroes(0));
      const answer = callOver(pipe, opnum, bytesOf(view, at, end));
      pipe.close();
      return answer;
    },
  };
}

function callOver(pipe: NonNullable<ReturnType<typeof openPipe>>, opnum: number, stub: Uint8Array) {
  const call = { callId: 2, contextId: 0, opnum, stub, fragSizeMax: 4280 };
  for (const pdu of callPdus({ type: RPC_REQUEST, ...call })) pipe.write(pdu);
  const answer: string[] = [];
  for (let part = pipe.read(5000); part !== undefined; part = pipe.read(5000)) {
    answer.push(Buffer.from(part.bytes).toString('hex'));
  }
  return answer;
}

function stub(write: (out: NdrWriter) => void): Uint8Array {
  const out = new NdrWriter();
  write(out);
  return out.take();
}

const shareEnum = stub((out) => {
  out.parameter(() => out.string('\\\\S'));
  out.u32(1);
  out.u32(1);
  out.parameter(() => {
    out.u32(0);
    out.u32(0);
  });
  out.u32(0xffff_ffff);
  out.parameter(() => out.u32(0));
});
const shareGetInfo = stub((out) => {
  out.parameter(() => out.string('\\\\S'));
  out.string('data');
  out.u32(1);
});
const serverAndLevel = stub((out) => {
  out.parameter(() => out.string('\\\\S'));
  out.u32(101);
});
/** The first handle of an association. */
const HANDLE = Uint8Array.from({ length: 20 }, (_, i) => (i === 4 ? 1 : 0));
const lookupSids = stub((out) => {
  out.put(HANDLE);
  out.u32(1);
  out.parameter(() => {
    out.u32(1);
    out.pointer(() => {
      out.u32(1);
      out.put(Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0));
    });
  });
});
const lookupNames = stub((out) => {
  out.put(HANDLE);
  out.u32(1);
  out.u32(1);
  out.u32(0x0010_0010);
  out.pointer(() => out.string('Everyone'));
  out.flush();
});
const queryPolicy = stub((out) => {
  out.put(HANDLE);
  out.u16(5);
});

const RPC: readonly FsccTarget[] = [
  {
    name: 'PDU header',
    seed: bindTo(SRVSVC_UUID, 3),
    run: (view, at, end) => decodePduHeader(view, at, end),
  },
  { name: 'bind', seed: bindTo(SRVSVC_UUID, 3).slice(16), run: decodeBind },
  {
    name: 'bind_ack',
    seed: bindAckPdu(RPC_BIND_ACK, 1, {
      maxXmitFrag: 4280,
      maxRecvFrag: 4280,
      assocGroupId: 1,
      secondaryAddress: '\\PIPE\\srvsvc',
      results: [{ result: 0, reason: 0, transferSyntax: NDR_SYNTAX }],
    }).slice(16),
    run: decodeBindAck,
  },
  {
    name: 'request',
    seed: zeroes(32),
    run: (view, at, end) => decodeRequest(view, at, end, 0x80),
  },
  { name: 'response', seed: zeroes(16), run: decodeResponse },
  { name: 'fault', seed: zeroes(16), run: decodeFault },
  {
    name: 'NetrShareEnum answer',
    seed: stub((out) => {
      out.u32(1);
      out.u32(1);
      out.parameter(() => {
        out.u32(1);
        out.pointer(() => {
          out.u32(1);
          out.stringPointer('data');
          out.u32(0);
          out.stringPointer('');
        });
      });
      out.u32(1);
      out.u32(0);
      out.u32(0);
    }),
    run: (view, at, end) => decodeShareEnumResponse(bytesOf(view, at, end)),
  },
  {
    name: 'NDR string',
    seed: stub((out) => out.string('text')),
    run: (view, at, end) => {
      const from = new NdrReader(bytesOf(view, at, end));
      return [from.string(), from.uniqueString(), from.u64(), from.ok];
    },
  },
  {
    name: 'whole PDUs at an endpoint',
    seed: bindTo(SRVSVC_UUID, 3),
    run: (view, at, end) => {
      const pipe = openPipe('srvsvc', CLIENT)!;
      const written = pipe.write(bytesOf(view, at, end));
      return [written, pipe.read(10_000)?.bytes];
    },
  },
  operation('srvsvc', 12, shareEnum),
  operation('srvsvc', 15, shareEnum),
  operation('srvsvc', 16, shareGetInfo),
  operation('srvsvc', 20, shareGetInfo),
  operation('srvsvc', 21, serverAndLevel),
  operation('srvsvc', 28, serverAndLevel),
  operation('srvsvc', 36, shareEnum),
  operation('wkssvc', 0, serverAndLevel),
  operation('lsarpc', 0, HANDLE),
  operation('lsarpc', 7, queryPolicy),
  operation('lsarpc', 14, lookupNames),
  operation('lsarpc', 15, lookupSids),
  operation('lsarpc', 57, lookupSids),
  operation('lsarpc', 58, lookupNames),
];

export const FSCC_TARGETS: readonly FsccTarget[] = [...CODECS, ...RPC];

function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at);
}

/** Zeroes behind a Size of their own. */
function sized(size: number): Uint8Array {
  const bytes = zeroes(size);
  viewOf(bytes).setUint32(0, size, LE);
  return bytes;
}
