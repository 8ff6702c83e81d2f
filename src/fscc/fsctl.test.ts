import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../base/bytes.ts';
import { decodeCompressionState, encodeCompressionState } from './fsctl-compression.ts';
import {
  copyChunkCopySize,
  decodeCopyChunkCopy,
  decodeCopyChunkResponse,
  decodeResumeKeyResponse,
  encodeCopyChunkCopy,
  encodeCopyChunkResponse,
  encodeResumeKeyResponse,
} from './fsctl-copychunk.ts';
import { decodeRegionsQuery, encodeRegions } from './fsctl-file-regions.ts';
import { decodeNetworkInterfaces, encodeNetworkInterfaces } from './fsctl-network-interfaces.ts';
import { decodeObjectId, encodeObjectId } from './fsctl-object-id.ts';
import { decodePipeWait, encodePipeWait } from './fsctl-pipe-wait.ts';
import {
  decodeAllocatedRange,
  decodeAllocatedRanges,
  decodeDuplicateExtents,
  decodeSetSparse,
  decodeZeroData,
  encodeAllocatedRange,
  encodeSetSparse,
  encodeZeroData,
} from './fsctl-ranges.ts';
import { decodeTrim, encodeTrim, encodeTrimOutput } from './fsctl-trim.ts';
import {
  decodeValidateNegotiateRequest,
  decodeValidateNegotiateResponse,
  encodeValidateNegotiateRequest,
  encodeValidateNegotiateResponse,
} from './fsctl-validate-negotiate.ts';
import { decodeNotifyInformation, encodeNotifyInformation } from './notify-information.ts';
import {
  decodeReparseData,
  decodeSymlinkReparseData,
  encodeSymlinkReparseData,
  symlinkReparseDataSize,
} from './reparse-data.ts';

const KEY = Uint8Array.from({ length: 24 }, (_, i) => i);
const GUID = KEY.subarray(0, 16);

describe('[MS-FSCC] 2.3.13 FSCTL_FILE_LEVEL_TRIM Request', () => {
  const ranges = [
    { offset: 0, length: 4096 },
    { offset: 2 ** 40, length: 1 },
  ];
  it('round-trips and refuses truncations', () => {
    check(40, ranges, encodeTrim, decodeTrim);
  });
  it('refuses a count that is not there and numbers above 2^53 - 1', () => {
    const bytes = new Uint8Array(24);
    encodeTrim(viewOf(bytes), 0, ranges.slice(0, 1));
    bytes[4] = 2;
    assert.equal(decodeTrim(viewOf(bytes), 0, 24), undefined);
    bytes[4] = 1;
    bytes[15] = 0xff;
    assert.equal(decodeTrim(viewOf(bytes), 0, 24), undefined);
  });
  it('is answered with the ranges done', () => {
    const bytes = new Uint8Array(4);
    assert.equal(encodeTrimOutput(viewOf(bytes), 0, 7), 4);
    assert.deepEqual([...bytes], [7, 0, 0, 0]);
  });
});

describe('[MS-FSCC] 2.3.55 FSCTL_QUERY_FILE_REGIONS', () => {
  it('decodes its request and refuses truncations', () => {
    const bytes = Buffer.from('0010000000000000002000000000000001000000', 'hex');
    assert.deepEqual(decodeRegionsQuery(viewOf(bytes), 0, 20), {
      offset: 0x1000,
      length: 0x2000,
      desiredUsage: 1,
    });
    for (let end = 0; end < 20; end++) {
      assert.equal(decodeRegionsQuery(viewOf(bytes), 0, end), undefined);
    }
    bytes[15] = 0x80;
    assert.equal(decodeRegionsQuery(viewOf(bytes), 0, 20), undefined);
    bytes[15] = 0x7f;
    const { length } = decodeRegionsQuery(viewOf(bytes), 0, 20)!;
    assert.equal(length, Number.MAX_SAFE_INTEGER - 0x1000);
  });
  it('encodes its reply, with as many regions as fit', () => {
    const bytes = new Uint8Array(40).fill(0xff);
    const regions = [{ offset: 1, length: 2 }];
    assert.equal(encodeRegions(viewOf(bytes), 0, regions, 1), 40);
    const head = '00000000010000000100000000000000';
    const region = '010000000000000002000000000000000100000000000000';
    assert.equal(Buffer.from(bytes).toString('hex'), head + region);
    assert.equal(encodeRegions(viewOf(bytes), 0, regions, 0), 16);
    assert.equal(bytes[4], 1);
    assert.equal(bytes[8], 0);
  });
});

describe('[MS-SMB2] 2.2.31.1 SRV_COPYCHUNK_COPY', () => {
  const copy = {
    sourceKey: KEY,
    chunks: [
      { sourceOffset: 0, targetOffset: 2 ** 33, length: 4096 },
      { sourceOffset: 4096, targetOffset: 0, length: 1 },
    ],
  };
  it('round-trips and refuses truncations', () => {
    check(copyChunkCopySize(2), copy, encodeCopyChunkCopy, decodeCopyChunkCopy);
  });
  it('refuses a count that is not there and offsets above 2^53 - 1', () => {
    const bytes = new Uint8Array(copyChunkCopySize(1));
    encodeCopyChunkCopy(viewOf(bytes), 0, { ...copy, chunks: copy.chunks.slice(0, 1) });
    bytes[32 + 7] = 0xff;
    assert.equal(decodeCopyChunkCopy(viewOf(bytes), 0, bytes.length), undefined);
    bytes[32 + 7] = 0;
    bytes.fill(0xff, 24, 28);
    assert.equal(decodeCopyChunkCopy(viewOf(bytes), 0, bytes.length), undefined);
  });
  it('has a response and a resume key', () => {
    const result = { chunksWritten: 2, chunkBytesWritten: 0, totalBytesWritten: 4097 };
    check(12, result, encodeCopyChunkResponse, decodeCopyChunkResponse);
    const view = new DataView(new ArrayBuffer(32));
    assert.equal(encodeResumeKeyResponse(view, 0, KEY), 32);
    assert.deepEqual(decodeResumeKeyResponse(view, 0, 32), KEY);
    assert.equal(decodeResumeKeyResponse(view, 0, 27), undefined);
  });
});

describe('[MS-FSCC] 2.3 FSCTL payloads', () => {
  it('round-trips ranges and refuses negative ones', () => {
    check(16, { offset: 4096, length: 2 ** 40 }, encodeAllocatedRange, decodeAllocatedRange);
    const view = new DataView(new ArrayBuffer(32));
    encodeAllocatedRange(view, encodeAllocatedRange(view, 0, { offset: 0, length: 1 }), {
      offset: 10,
      length: 2,
    });
    assert.equal(decodeAllocatedRanges(view, 0, 32)?.length, 2);
    assert.equal(decodeAllocatedRanges(view, 0, 31), undefined);
    view.setBigInt64(8, -1n, true);
    assert.equal(decodeAllocatedRange(view, 0, 16), undefined);
    view.setBigInt64(0, 1n, true);
    view.setBigInt64(8, 0x7fff_ffff_ffff_ffffn, true);
    assert.equal(decodeAllocatedRange(view, 0, 16), undefined);
    view.setBigInt64(0, 0n, true);
    assert.deepEqual(decodeAllocatedRange(view, 0, 16), { offset: 0, length: 2 ** 53 - 1 });
  });
  it('round-trips zero data, compression, object ids and pipe waits', () => {
    check(16, { fileOffset: -1n, beyondFinalZero: 5n }, encodeZeroData, decodeZeroData);
    check(2, 1, encodeCompressionState, decodeCompressionState);
    const id = { objectId: GUID, birthVolumeId: GUID, birthObjectId: GUID, domainId: GUID };
    check(64, id, encodeObjectId, decodeObjectId);
    check(14 + 12, { timeout: -5n, name: 'srvsvc' }, encodePipeWait, decodePipeWait);
    check(14 + 12, { timeout: undefined, name: 'srvsvc' }, encodePipeWait, decodePipeWait);
  });
  it('takes an empty FSCTL_SET_SPARSE for TRUE', () => {
    const view = new DataView(new ArrayBuffer(1));
    assert.equal(decodeSetSparse(view, 0, 0), true);
    assert.equal(decodeSetSparse(view, 0, encodeSetSparse(view, 0, false)), false);
  });
  it('decodes FSCTL_DUPLICATE_EXTENTS_TO_FILE', () => {
    const view = new DataView(new ArrayBuffer(40));
    view.setUint32(16, 1, true);
    view.setUint32(24, 2, true);
    view.setUint32(32, 3, true);
    const extents = decodeDuplicateExtents(view, 0, 40);
    const sourceFileId = new Uint8Array(16);
    assert.deepEqual(extents, { sourceFileId, sourceOffset: 1, targetOffset: 2, length: 3 });
    assert.equal(decodeDuplicateExtents(view, 0, 39), undefined);
  });
  it('round-trips symbolic links', () => {
    const link = { substituteName: '..\\target', printName: 'target', isRelative: true };
    const size = symlinkReparseDataSize(link);
    check(size, link, encodeSymlinkReparseData, decodeSymlinkReparseData);
    const bytes = new Uint8Array(size);
    encodeSymlinkReparseData(viewOf(bytes), 0, link);
    const reparse = decodeReparseData(viewOf(bytes), 0, size);
    assert.deepEqual([reparse?.tag, reparse?.data.length], [0xa000_000c, size - 8]);
    assert.equal(decodeReparseData(viewOf(bytes), 0, size - 1), undefined);
  });
});

describe('[MS-SMB2] 2.2.31.4 VALIDATE_NEGOTIATE_INFO', () => {
  it('round-trips and refuses truncations', () => {
    const request = {
      capabilities: 0x7f,
      clientGuid: GUID,
      securityMode: 1,
      dialects: [0x202, 0x210, 0x300, 0x302],
    };
    check(32, request, encodeValidateNegotiateRequest, decodeValidateNegotiateRequest);
    const response = { capabilities: 7, serverGuid: GUID, securityMode: 3, dialect: 0x302 };
    check(24, response, encodeValidateNegotiateResponse, decodeValidateNegotiateResponse);
  });
});

describe('[MS-SMB2] 2.2.32.5 NETWORK_INTERFACE_INFO', () => {
  it('round-trips both families', () => {
    const interfaces = [
      {
        ifIndex: 2,
        capability: 1,
        linkSpeed: 10_000_000_000n,
        address: Uint8Array.of(10, 0, 0, 1),
      },
      { ifIndex: 2, capability: 0, linkSpeed: 1n, address: GUID },
    ];
    check(304, interfaces, encodeNetworkInterfaces, decodeNetworkInterfaces);
  });
});

describe('[MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION', () => {
  const changes = [
    { action: 4, name: 'old.txt' },
    { action: 5, name: 'dir\\new' },
  ];
  it('round-trips, and is -1 where it does not fit', () => {
    const view = viewOf(new Uint8Array(100).fill(0xff));
    const end = encodeNotifyInformation(view, 0, 100, changes);
    assert.equal(end, 28 + 12 + 14);
    assert.deepEqual(decodeNotifyInformation(view, 0, end), changes);
    for (let cut = 1; cut < end; cut++) {
      assert.equal(decodeNotifyInformation(view, 0, cut), undefined);
    }
    for (let size = 0; size < end; size++) {
      assert.equal(encodeNotifyInformation(view, 0, size, changes), -1);
    }
  });
});

/** Encodes into a dirty buffer, decodes again, and cuts after every byte. */
function check<T>(
  size: number,
  value: T,
  encode: (view: DataView, at: number, value: T) => number,
  decode: (view: DataView, at: number, end: number) => T | undefined,
): void {
  const view = viewOf(new Uint8Array(size + 3).fill(0xff));
  assert.equal(encode(view, 3, value), size + 3);
  assert.deepEqual(decode(view, 3, size + 3), value);
  for (let end = 4; end < size + 3; end++) assert.equal(decode(view, 3, end), undefined, `${end}`);
}
