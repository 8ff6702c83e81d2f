/**
 * Bytes that other implementations put on the wire: recorded between Samba's clients (smbclient
 * 4.17, smbtorture 4.25) and its smbd 4.17 over loopback. Each body is decoded, compared field by
 * field, and encoded again to the same bytes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex, viewOf } from '../../base/bytes.ts';
import { decodeChangeNotifyRequest, encodeChangeNotifyRequest } from './change-notify.ts';
import { decodeCloseRequest, encodeCloseRequest } from './close.ts';
import {
  decodeCreateRequest,
  decodeCreateResponse,
  encodeCreateRequest,
  encodeCreateResponse,
} from './create.ts';
import {
  findCreateContext,
  SMB2_CREATE_APP_INSTANCE_ID,
  SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
  SMB2_CREATE_REQUEST_LEASE,
} from './create-context.ts';
import {
  decodeDurableReconnectV2,
  decodeDurableRequestV2,
  decodeDurableResponseV2,
} from './create-context-durable.ts';
import { decodeAppInstanceId } from './create-context-file.ts';
import { decodeLeaseContext } from './create-context-lease.ts';
import { decodeErrorResponse, encodeErrorResponse } from './error.ts';
import { decodeHeader, encodeHeader, setAsyncId, setSignature } from './header.ts';
import { decodeIoctlRequest } from './ioctl.ts';
import {
  decodeLeaseBreak,
  decodeLeaseBreakNotification,
  encodeLeaseBreak,
  encodeLeaseBreakNotification,
} from './lease-break.ts';
import { decodeLockRequest, encodeLockRequest } from './lock.ts';
import {
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
} from './negotiate.ts';
import {
  decodeEncryptionCapabilities,
  decodeNetname,
  decodePreauthIntegrityCapabilities,
  decodeSigningCapabilities,
} from './negotiate-context.ts';
import { decodeOplockBreak, encodeOplockBreak } from './oplock-break.ts';
import { decodeQueryDirectoryRequest, encodeQueryDirectoryRequest } from './query-directory.ts';
import { decodeQueryInfoRequest, encodeQueryInfoRequest } from './query-info.ts';
import { decodeReadRequest } from './read.ts';
import { decodeSessionSetupResponse, encodeSessionSetupResponse } from './session-setup.ts';
import { decodeSetInfoRequest, encodeSetInfoRequest } from './set-info.ts';
import { decodeSmb1NegotiateRequest } from './smb1-negotiate.ts';
import { decodeTransformHeader, encodeTransformHeader } from './transform-header.ts';
import {
  decodeTreeConnectRequest,
  decodeTreeConnectResponse,
  encodeTreeConnectRequest,
  encodeTreeConnectResponse,
} from './tree-connect.ts';
import { decodeWriteRequest, decodeWriteResponse, encodeWriteResponse } from './write.ts';

const AT = 64;
const LEASE_KEY = '0df0dde0fe0fdcbaf20f221f01f02345';

type Decode<T> = (view: DataView, at: number, end: number) => T | undefined;
type Encode<T> = (view: DataView, at: number, value: T) => number;

/** Decodes a recorded body; with `encode`, also checks that it gives the same bytes again. */
function decodeBody<T>(hex: string, decode: Decode<T>, encode?: Encode<T>): T {
  const room = new Uint8Array(AT + hex.length / 2);
  room.set(Buffer.from(hex, 'hex'), AT);
  const value = decode(viewOf(room), AT, room.length);
  assert.ok(value !== undefined);
  if (encode !== undefined) {
    const again = new Uint8Array(room.length + 64).fill(0xaa);
    const end = encode(viewOf(again), AT, value);
    assert.equal(toHex(again.subarray(AT, end)), hex);
  }
  return value;
}

describe('[MS-SMB2] 2.2.1 SMB2 Packet Header', () => {
  const SYNC =
    'fe534d4240000100250200c00b000100110000000000000004000000000000000000' +
    '0000619ae68e17a4f98e00000000000000000000000000000000' +
    '00000000';
  const ASYNC =
    'fe534d42400000000301000005000100130000000000000006000000000000000600' +
    '0000000000006effcba600000000000000000000000000000000000000000';

  it('carries a sync response of an IOCTL that failed', () => {
    const bytes = Buffer.from(SYNC, 'hex');
    const header = decodeHeader(viewOf(bytes), 0, 64);
    assert.deepEqual(header, {
      creditCharge: 1,
      status: 0xc000_0225,
      command: 11,
      credits: 1,
      flags: 0x11,
      nextCommand: 0,
      messageId: 4n,
      asyncId: 0n,
      treeId: 0x8ee6_9a61,
      sessionId: 0x8ef9_a417n,
    });
    const again = new Uint8Array(64).fill(0xaa);
    assert.equal(encodeHeader(viewOf(again), 0, header!), 64);
    assert.equal(toHex(again), SYNC);
  });

  it('carries an async interim response, and the signature beside it', () => {
    const bytes = Buffer.from(ASYNC.slice(0, 128), 'hex');
    const header = decodeHeader(viewOf(bytes), 0, 64);
    assert.ok(header !== undefined);
    assert.equal(header.status, 0x103);
    assert.equal(header.asyncId, 6n);
    assert.equal(header.treeId, 0);
    const again = new Uint8Array(64);
    const view = viewOf(again);
    encodeHeader(view, 0, { ...header, flags: 0x11, asyncId: 0n, treeId: 7 });
    setAsyncId(view, 0, 6n);
    assert.deepEqual(decodeHeader(view, 0, 64), header);
    setSignature(view, 0, new Uint8Array(32).fill(9));
    assert.deepEqual(again.subarray(48), new Uint8Array(16).fill(9));
    assert.deepEqual(decodeHeader(view, 0, 64), header);
  });
});

describe('[MS-SMB2] 2.2.2 SMB2 ERROR Response', () => {
  it('is nine bytes without data', () => {
    const error = decodeBody('090000000000000000', decodeErrorResponse, encodeErrorResponse);
    assert.deepEqual(error, { contexts: [], data: new Uint8Array(0) });
  });
});

describe('[MS-SMB2] 2.2.3 and 2.2.4 SMB2 NEGOTIATE', () => {
  it('carries a 3.1.1 request with four contexts', () => {
    const request = decodeBody(
      '24000500010000007f000000651ea2af83f37140a0a054c1d0f62190700000000400' +
        '00000202100200030203110300000100260000000000010020000100d3eca1f2741d' +
        'c895daf64e1940f2e0a80d50c88990c705cbdbd2f6f58b0f626b000002000a000000' +
        '00000400020001000400030000000000000008000800000000000300020001000000' +
        '05001200000000003100320037002e0030002e0030002e003100',
      decodeNegotiateRequest,
      encodeNegotiateRequest,
    );
    assert.equal(request.clientGuid, '651ea2af83f37140a0a054c1d0f62190');
    assert.deepEqual(request.dialects, [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]);
    const [preauth, encryption, signing, netname] = request.contexts;
    assert.equal(decodePreauthIntegrityCapabilities(preauth!.data)?.salt.length, 32);
    assert.deepEqual(decodeEncryptionCapabilities(encryption!.data), [2, 1, 4, 3]);
    assert.deepEqual(decodeSigningCapabilities(signing!.data), [2, 1, 0]);
    assert.equal(decodeNetname(netname!.data), '127.0.0.1');
  });

  it('carries a 3.1.1 response whose contexts follow a padded token', () => {
    const response = decodeBody(
      '410001001103030073616d626162617365000000000000000f000000000080000000' +
        '800000008000622088d5a879dd01000000000000000080004a00d000000060480606' +
        '2b0601050502a03e303ca00e300c060a2b06010401823702020aa32a3028a0261b24' +
        '6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f' +
        '7265000000000000010026000000000001002000010082b8406d9a8bf64677969840' +
        '879a776f280397bffdf4b725734b00e28b140f660000020004000000000001000200' +
        '00000000080004000000000001000200',
      decodeNegotiateResponse,
      encodeNegotiateResponse,
    );
    assert.equal(response.dialectRevision, 0x0311);
    assert.equal(response.securityBuffer.length, 0x4a);
    assert.equal(response.systemTime, 134397329934917730n);
    assert.deepEqual(
      response.contexts.map((context) => context.type),
      [1, 2, 8],
    );
  });

  it('carries the dialects of an SMB_COM_NEGOTIATE', () => {
    const hex =
      'ff534d4272000000001843c80000000000000000000000000000feff000000000031' +
      '00024e54204c414e4d414e20312e3000024e54204c4d20302e31320002534d422032' +
      '2e3030320002534d4220322e3f3f3f00';
    const dialects = ['NT LANMAN 1.0', 'NT LM 0.12', 'SMB 2.002', 'SMB 2.???'];
    assert.deepEqual(decodeBody(hex, decodeSmb1NegotiateRequest), { dialects });
  });
});

describe('[MS-SMB2] 2.2.6, 2.2.9 and 2.2.10 SESSION_SETUP and TREE_CONNECT', () => {
  it('carries the last token of a logon', () => {
    const response = decodeBody(
      '0900000048001d00a11b3019a0030a0100a31204100100000063933274c7c3991900000000',
      decodeSessionSetupResponse,
      encodeSessionSetupResponse,
    );
    assert.equal(response.securityBuffer.length, 29);
  });

  it('carries a path and what the share grants', () => {
    const request = decodeBody(
      '09000000480020005c005c003100320037002e0030002e0030002e0031005c004900500043002400',
      decodeTreeConnectRequest,
      encodeTreeConnectRequest,
    );
    assert.equal(request.path, '\\\\127.0.0.1\\IPC$');
    const response = decodeBody(
      '100002000000000000000000a9001f00',
      decodeTreeConnectResponse,
      encodeTreeConnectResponse,
    );
    assert.deepEqual(response, {
      shareType: 2,
      shareFlags: 0,
      capabilities: 0,
      maximalAccess: 0x1f00a9,
    });
  });
});

describe('[MS-SMB2] 2.2.13 and 2.2.14 SMB2 CREATE', () => {
  it('carries a lease request V2', () => {
    const request = decodeBody(
      '390000ff0200000000000000000000000000000000000000ff011f00800000000700' +
        '0000030000006400200078002c00a80000004c000000760032005f006c0065006100' +
        '730065005f0062007200650061006b0069006e00670033002e006400610074000000' +
        '00000000000010000400000018003400000052714c73000000000df0dde0fe0fdcba' +
        'f20f221f01f023450700000000000000000000000000000000000000000000000000' +
        '00000000000011000000',
      decodeCreateRequest,
      encodeCreateRequest,
    );
    assert.equal(request.name, 'v2_lease_breaking3.dat');
    const data = findCreateContext(request.contexts, SMB2_CREATE_REQUEST_LEASE);
    assert.deepEqual(decodeLeaseContext(data!), {
      version: 2,
      leaseKey: LEASE_KEY,
      leaseState: 7,
      leaseFlags: 0,
      parentLeaseKey: undefined,
      epoch: 17,
    });
  });

  it('carries a durable request V2 together with an application instance', () => {
    const request = decodeBody(
      '390000090200000000000000000000000000000000000000ff011f00800000000000' +
        '000003000000640020007800520' +
        '0d00000006c000000640075007200610062006c0065005f00760032005f006f00700' +
        '065006e005f006100700070005f0069006e007300740061006e00630065005f00780' +
        '073002b0049003900430059004b002e0064006100740000000000000038000000100' +
        '0040000001800200000004448325100000000ffffffff00000000000000000000000' +
        '0837748e82e82f448b0225335031d8dc200000000100010000000200014000000' +
        '45bca66aefa7f74a9008fa462e144d74140000008bd32f1fe90385429720181330450f85',
      decodeCreateRequest,
      encodeCreateRequest,
    );
    const durable = findCreateContext(request.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
    assert.deepEqual(decodeDurableRequestV2(durable!), {
      timeoutMs: 0xffff_ffff,
      flags: 0,
      createGuid: '837748e82e82f448b0225335031d8dc2',
    });
    const instance = findCreateContext(request.contexts, SMB2_CREATE_APP_INSTANCE_ID);
    assert.equal(decodeAppInstanceId(instance!), '8bd32f1fe90385429720181330450f85');
  });

  it('carries a reconnect V2 without a name, its contexts where the name would be', () => {
    const request = decodeBody(
      '39000000000000000000000000000000000000000000000000000000000000000000' +
        '0000000000000000000078000000780000003c000000000000001000040000001800' +
        '240000004448324300000000e7d9df0100000000b612607b00000000adfd1dfb6b69' +
        '78439133a65118ef907000000000',
      decodeCreateRequest,
      encodeCreateRequest,
    );
    assert.equal(request.name, '');
    const data = findCreateContext(request.contexts, SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2);
    assert.deepEqual(decodeDurableReconnectV2(data!), {
      fileId: { persistent: 0x01df_d9e7n, volatile: 0x7b60_12b6n },
      createGuid: 'adfd1dfb6b6978439133a65118ef9070',
      flags: 0,
    });
  });

  it('carries a response that grants a durable handle V2', () => {
    const response = decodeBody(
      '59000900020000001dd022d1a879dd011dd022d1a879dd011dd022d1a879dd011dd0' +
        '22d1a879dd01000000000000000000000000000000002000000000000000e7d9df01' +
        '00000000b612607b0000000098000000200000000000000010000400000018000800' +
        '00004448325100000000e093040000000000',
      decodeCreateResponse,
      encodeCreateResponse,
    );
    assert.equal(response.createAction, 2);
    assert.equal(response.creationTime, 134397329861169181n);
    const data = findCreateContext(response.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
    assert.deepEqual(decodeDurableResponseV2(data!), { timeoutMs: 300_000, flags: 0 });
  });
});

describe('[MS-SMB2] 2.2.15 to 2.2.31 requests on an open', () => {
  const fileId = { persistent: 0xa7d1_931en, volatile: 0x2ef3_1358n };

  it('carries a CLOSE', () => {
    const hex = '180000000000000075beed21000000000b00646200000000';
    const close = decodeBody(hex, decodeCloseRequest, encodeCloseRequest);
    assert.deepEqual(close.fileId, { persistent: 0x21ed_be75n, volatile: 0x6264_000bn });
  });

  it('carries a READ', () => {
    const hex =
      '31000000b80b000000000000000000001e93d1a7000000005813f32e000000000000' +
      '000000000000000000000000000000';
    const read = decodeBody(hex, decodeReadRequest);
    assert.deepEqual([read.length, read.offset, read.fileId], [3000, 0, fileId]);
  });

  it('carries a WRITE of one byte and its answer', () => {
    const hex =
      '31007000010000000000000000000000df8e4e6c0000000044a50eda000000000000' +
      '000000000000000000000000000000';
    const write = decodeBody(hex, decodeWriteRequest);
    assert.deepEqual([write.offset, write.dataAt, write.data], [0, 112, Uint8Array.of(0)]);
    const answer = decodeBody('11000000b80b00000000000000000000', decodeWriteResponse, (v, at, r) =>
      encodeWriteResponse(v, at, r.count),
    );
    assert.deepEqual(answer, { count: 3000 });
  });

  it('carries a LOCK', () => {
    const hex =
      '30000100000000005156e801000000006f329ed70000000064000000000000006400' +
      '0000000000000400000000000000';
    const request = decodeBody(hex, decodeLockRequest, encodeLockRequest);
    assert.deepEqual(request.locks, [{ offset: 100n, length: 100n, flags: 4 }]);
  });

  it('carries an IOCTL without an open, its input first', () => {
    const hex =
      '3900000094010600ffffffffffffffffffffffffffffffff78000000240000000000' +
      '00007800000000000000ffff0000010000000000000003005c003100320037002e00' +
      '30002e0030002e0031005c00730068006100720065000000';
    const request = decodeBody(hex, decodeIoctlRequest);
    assert.equal(request.ctlCode, 0x0006_0194);
    assert.equal(request.maxOutputResponse, 0xffff);
    assert.equal(request.input.length, 36);
  });
});

describe('[MS-SMB2] 2.2.33 to 2.2.39 queries and settings', () => {
  it('carries a QUERY_DIRECTORY', () => {
    const hex =
      '2100250000000000ac5b4e5700000000c17432820000000060000c00000080006e006f00730075006300' +
      '6800';
    const request = decodeBody(hex, decodeQueryDirectoryRequest, encodeQueryDirectoryRequest);
    assert.deepEqual([request.fileInformationClass, request.fileName], [37, 'nosuch']);
    assert.equal(request.outputBufferLength, 0x80_0000);
  });

  it('carries a CHANGE_NOTIFY', () => {
    const hex = '20000100e8030000b8b8c09f00000000700bbc22000000000300000000000000';
    const request = decodeBody(hex, decodeChangeNotifyRequest, encodeChangeNotifyRequest);
    const { flags, outputBufferLength, completionFilter } = request;
    assert.deepEqual([flags, outputBufferLength, completionFilter], [1, 1000, 3]);
  });

  it('carries a QUERY_INFO', () => {
    const hex =
      '29000112ffff0000000000000000000000000000000000001e93d1a7000000005813f32e0000000000';
    const request = decodeBody(hex, decodeQueryInfoRequest, encodeQueryInfoRequest);
    assert.deepEqual([request.infoType, request.fileInfoClass], [1, 18]);
    assert.equal(request.outputBufferLength, 0xffff);
  });

  it('carries a SET_INFO', () => {
    const hex = '2100010d0100000060000000000000006b26ae45000000004dfaf6930000000001';
    const request = decodeBody(hex, decodeSetInfoRequest, encodeSetInfoRequest);
    assert.deepEqual([request.fileInfoClass, request.buffer], [13, Uint8Array.of(1)]);
  });
});

describe('[MS-SMB2] 2.2.23 to 2.2.25 OPLOCK_BREAK', () => {
  it('carries an oplock break', () => {
    const hex = '1800010000000000df8e4e6c0000000044a50eda00000000';
    assert.equal(decodeBody(hex, decodeOplockBreak, encodeOplockBreak).oplockLevel, 1);
  });

  it('carries a lease break and its acknowledgment', () => {
    const notification = decodeBody(
      `2c00130001000000${LEASE_KEY}0700000003000000000000000000000000000000`,
      decodeLeaseBreakNotification,
      encodeLeaseBreakNotification,
    );
    assert.deepEqual(notification, {
      newEpoch: 19,
      flags: 1,
      leaseKey: LEASE_KEY,
      currentLeaseState: 7,
      newLeaseState: 3,
    });
    const hex = `2400000000000000${LEASE_KEY}030000000000000000000000`;
    assert.equal(decodeBody(hex, decodeLeaseBreak, encodeLeaseBreak).leaseState, 3);
  });
});

describe('[MS-SMB2] 2.2.41 SMB2 TRANSFORM_HEADER', () => {
  it('carries a nonce of twelve bytes', () => {
    const header = decodeBody(
      'fd534d429a04e8c33b246502995e429c829a6b27010000000000000058309d490000' +
        '000068000000000001007fbbee1400000000',
      decodeTransformHeader,
      encodeTransformHeader,
    );
    assert.equal(header.originalMessageSize, 0x68);
    assert.equal(header.flags, 1);
    assert.equal(header.sessionId, 0x14ee_bb7fn);
    assert.equal(toHex(header.nonce), '010000000000000058309d4900000000');
  });
});
