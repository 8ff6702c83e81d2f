import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_READ_DATA, FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import * as codes from '../../src/fscc/fsctl.ts';
import {
  type CopyChunk,
  copyChunkCopySize,
  decodeCopyChunkResponse,
  encodeCopyChunkCopy,
} from '../../src/fscc/fsctl-copychunk.ts';
import { decodeNetworkInterfaces } from '../../src/fscc/fsctl-network-interfaces.ts';
import { encodePipeWait } from '../../src/fscc/fsctl-pipe-wait.ts';
import {
  decodeAllocatedRanges,
  encodeAllocatedRange,
  encodeZeroData,
} from '../../src/fscc/fsctl-ranges.ts';
import {
  decodeValidateNegotiateResponse,
  encodeValidateNegotiateRequest,
  type ValidateNegotiateRequest,
} from '../../src/fscc/fsctl-validate-negotiate.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { rawRequest } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_IOCTL } from '../../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import {
  expectDisconnect,
  expectStatus,
  type GetTarget,
  logOnAt,
  opened,
  uniqueName,
} from './peer.ts';
import { scratch } from './scratch-file.ts';

const NO_FILE = RELATED_FILE_ID;

export function ioctlTests(target: GetTarget): void {
  generalTests(target);
  validateNegotiateTests(target);
  copyTests(target);
  rangeTests(target);
  pipeTests(target);
  breakTests(target);
}

function generalTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.15 Receiving an SMB2 IOCTL Request', () => {
    it('fails with STATUS_NOT_SUPPORTED when it is no FSCTL', async () => {
      const { file } = await scratch(target);
      const reply = await file.ioctl({ ctlCode: codes.FSCTL_SET_SPARSE, flags: 0 });
      expectStatus(reply, STATUS_NOT_SUPPORTED);
    });

    it('fails with STATUS_INVALID_DEVICE_REQUEST when the code is unknown', async () => {
      const { file } = await scratch(target);
      const reply = await file.ioctl({ ctlCode: 0x0009_0ffc });
      expectStatus(reply, STATUS_INVALID_DEVICE_REQUEST);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { file } = await scratch(target);
      await file.close();
      const reply = await file.ioctl({ ctlCode: codes.FSCTL_SRV_REQUEST_RESUME_KEY });
      expectStatus(reply, STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_INVALID_PARAMETER beyond MaxTransactSize', async () => {
      const { tree, file } = await scratch(target);
      const { maxTransactSize } = tree.session.connection.negotiated!.response;
      const beyond = {
        ctlCode: codes.FSCTL_SRV_REQUEST_RESUME_KEY,
        maxOutputResponse: maxTransactSize + 1,
      };
      const reply = await file.ioctl(beyond, { header: { creditCharge: 1 } });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is malformed', async () => {
      const { tree } = await scratch(target);
      const reply = await tree.call(rawRequest(SMB2_IOCTL, new Uint8Array(57)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-SMB2] 3.3.5.15.2 Handling a DFS Referral Information Request', () => {
    it('fails with STATUS_FS_DRIVER_REQUIRED', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      const input = new Uint8Array(64);
      const parameters = { ctlCode: codes.FSCTL_DFS_GET_REFERRALS, fileId: NO_FILE, input };
      expectStatus(await tree.ioctl(parameters), STATUS_FS_DRIVER_REQUIRED);
    });
  });

  describe('[MS-SMB2] 3.3.5.15.11 Handling a Query Network Interface Request', () => {
    const query = { ctlCode: codes.FSCTL_QUERY_NETWORK_INTERFACE_INFO, fileId: NO_FILE };

    it('lists interfaces with their addresses', async () => {
      const { tree } = await logOnAt(target());
      const reply = await tree.ioctl(query);
      expectStatus(reply, STATUS_SUCCESS);
      const { output } = reply.response!;
      const interfaces = decodeNetworkInterfaces(viewOf(output), 0, output.length);
      assert.ok(interfaces !== undefined);
    });

    it('fails with STATUS_INVALID_PARAMETER when it names an open', async () => {
      const { file } = await scratch(target);
      const { ctlCode } = query;
      expectStatus(await file.ioctl({ ctlCode }), STATUS_INVALID_PARAMETER);
    });
  });
}

function validateNegotiateTests(target: GetTarget): void {
  const CHANGES: readonly (readonly [string, Partial<ValidateNegotiateRequest>])[] = [
    ['Capabilities', { capabilities: 0x40 }],
    ['Guid', { clientGuid: new Uint8Array(16).fill(9) }],
    ['SecurityMode', { securityMode: 2 }],
    ['Dialects', { dialects: [0x0202] }],
  ];

  const ask = async (
    tree: ClientTree,
    changes: Partial<ValidateNegotiateRequest>,
    rest: object = {},
  ): Promise<{ readonly status: NtStatus; readonly output: Uint8Array | undefined }> => {
    const { request } = tree.session.connection.negotiated!;
    const asked = {
      capabilities: request.capabilities,
      clientGuid: Buffer.from(request.clientGuid, 'hex'),
      securityMode: request.securityMode,
      dialects: request.dialects,
      ...changes,
    };
    const input = new Uint8Array(24 + 2 * asked.dialects.length);
    encodeValidateNegotiateRequest(viewOf(input), 0, asked);
    const ctlCode = codes.FSCTL_VALIDATE_NEGOTIATE_INFO;
    const reply = await tree.ioctl({ ctlCode, fileId: NO_FILE, input, ...rest }, { sign: true });
    return { status: reply.status, output: reply.response?.output };
  };

  describe('[MS-SMB2] 3.3.5.15.12 Handling a Validate Negotiate Info Request', () => {
    for (const dialect of [0x0202, 0x0210, 0x0300, 0x0302]) {
      it(`repeats what was negotiated: ${dialect.toString(16)}`, async () => {
        const { connection, tree } = await logOnAt(target(), { dialects: [dialect] });
        const { output } = await ask(tree, {});
        const info = decodeValidateNegotiateResponse(viewOf(output!), 0, output!.length)!;
        const { response } = connection.negotiated!;
        assert.equal(info.dialect, dialect);
        assert.equal(info.capabilities, response.capabilities);
        assert.equal(info.securityMode, response.securityMode);
        assert.equal(Buffer.from(info.serverGuid).toString('hex'), response.serverGuid);
      });
    }

    for (const [field, changes] of CHANGES) {
      it(`disconnects when ${field} is not what arrived`, async () => {
        const { connection, tree } = await logOnAt(target(), { dialects: [0x0302] });
        void ask(tree, changes);
        await expectDisconnect(connection);
      });
    }

    it('disconnects in 3.1.1, which has no need of it', async () => {
      const { connection, tree } = await logOnAt(target(), { dialects: [0x0311] });
      void ask(tree, {});
      await expectDisconnect(connection);
    });

    it('fails with STATUS_INVALID_PARAMETER when the answer has no room', async () => {
      const { tree } = await logOnAt(target(), { dialects: [0x0302] });
      expectStatus(await ask(tree, {}, { maxOutputResponse: 23 }), STATUS_INVALID_PARAMETER);
    });
  });
}

function copyTests(target: GetTarget): void {
  const keyOf = async (file: ClientOpen): Promise<Uint8Array> => {
    const ctlCode = codes.FSCTL_SRV_REQUEST_RESUME_KEY;
    const reply = await file.ioctl({ ctlCode, maxOutputResponse: 32 });
    expectStatus(reply, STATUS_SUCCESS);
    return reply.response!.output.subarray(0, 24);
  };
  const copy = async (
    to: ClientOpen,
    sourceKey: Uint8Array,
    chunks: readonly CopyChunk[],
    ctlCode: number = codes.FSCTL_SRV_COPYCHUNK,
  ): Promise<{ readonly status: NtStatus; readonly output: Uint8Array | undefined }> => {
    const input = new Uint8Array(copyChunkCopySize(chunks.length));
    encodeCopyChunkCopy(viewOf(input), 0, { sourceKey, chunks });
    const reply = await to.ioctl({ ctlCode, input, maxOutputResponse: 12 });
    return { status: reply.status, output: reply.response?.output };
  };
  const CHUNK = { sourceOffset: 0, targetOffset: 0, length: 100 };

  describe('[MS-SMB2] 3.3.5.15.5 Handling a Resume Key Request', () => {
    it('fails with STATUS_INVALID_PARAMETER when the key has no room', async () => {
      const { file } = await scratch(target);
      const ctlCode = codes.FSCTL_SRV_REQUEST_RESUME_KEY;
      const reply = await file.ioctl({ ctlCode, maxOutputResponse: 31 });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-SMB2] 3.3.5.15.6 Handling a Server-Side Data Copy Request', () => {
    it('copies ranges within the server', async () => {
      const { tree, file } = await scratch(target, 10_000);
      const to = await opened(tree, {
        name: uniqueName('copy'),
        desiredAccess: FILE_ALL_ACCESS,
        createDisposition: FILE_CREATE,
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      const chunks = [
        { sourceOffset: 0, targetOffset: 5_000, length: 5_000 },
        { sourceOffset: 5_000, targetOffset: 0, length: 5_000 },
      ];
      const { status, output } = await copy(to, await keyOf(file), chunks);
      expectStatus({ status }, STATUS_SUCCESS);
      assert.deepEqual(decodeCopyChunkResponse(viewOf(output!), 0, output!.length), {
        chunksWritten: 2,
        chunkBytesWritten: 0,
        totalBytesWritten: 10_000,
      });
      const back = (await to.read({ offset: 0, length: 10_000 })).response!.data;
      const from = (await file.read({ offset: 0, length: 10_000 })).response!.data;
      const moved = Buffer.concat([from.subarray(5_000), from.subarray(0, 5_000)]);
      assert.equal(Buffer.compare(back, moved), 0);
    });

    it('fails with STATUS_INVALID_PARAMETER and tells its limits beyond them', async () => {
      const { file } = await scratch(target, 100);
      const key = await keyOf(file);
      const tooLarge = [{ ...CHUNK, length: 0x7fff_ffff }];
      const { status, output } = await copy(file, key, tooLarge);
      expectStatus({ status }, STATUS_INVALID_PARAMETER);
      const limits = decodeCopyChunkResponse(viewOf(output!), 0, output!.length)!;
      assert.ok(limits.chunksWritten > 0 && limits.chunkBytesWritten > 0);
      const tooMany = Array.from({ length: limits.chunksWritten + 1 }, () => CHUNK);
      expectStatus(await copy(file, key, tooMany), STATUS_INVALID_PARAMETER);
      expectStatus(await copy(file, key, [{ ...CHUNK, length: 0 }]), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_OBJECT_NAME_NOT_FOUND when the key is unknown', async () => {
      const { file } = await scratch(target, 100);
      const reply = await copy(file, new Uint8Array(24).fill(3), [CHUNK]);
      expectStatus(reply, STATUS_OBJECT_NAME_NOT_FOUND);
    });

    it('wants to read the target too, unless FSCTL_SRV_COPYCHUNK_WRITE', async () => {
      const { tree, name, file } = await scratch(target, 100);
      const key = await keyOf(file);
      const writer = await opened(tree, {
        name,
        desiredAccess: FILE_WRITE_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      const chunks = [{ ...CHUNK, targetOffset: 1_000 }];
      expectStatus(await copy(writer, key, chunks), STATUS_ACCESS_DENIED);
      const code = codes.FSCTL_SRV_COPYCHUNK_WRITE;
      expectStatus(await copy(writer, key, chunks, code), STATUS_SUCCESS);
      await writer.close();
    });

    it('fails with STATUS_ACCESS_DENIED when the target may not be written', async () => {
      const { tree, name, file } = await scratch(target, 100);
      const key = await keyOf(file);
      const reader = await opened(tree, {
        name,
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      expectStatus(await copy(reader, key, [CHUNK]), STATUS_ACCESS_DENIED);
      await reader.close();
    });
  });
}

function rangeTests(target: GetTarget): void {
  const range = (offset: number, length: number): Uint8Array => {
    const input = new Uint8Array(16);
    encodeAllocatedRange(viewOf(input), 0, { offset, length });
    return input;
  };
  const zeros = (fileOffset: bigint, beyondFinalZero: bigint): Uint8Array => {
    const input = new Uint8Array(16);
    encodeZeroData(viewOf(input), 0, { fileOffset, beyondFinalZero });
    return input;
  };

  describe('[MS-FSA] 2.1.5.10.22 FSCTL_QUERY_ALLOCATED_RANGES', () => {
    const ctlCode = codes.FSCTL_QUERY_ALLOCATED_RANGES;

    it('tells that a file without holes is all there', async () => {
      const { file } = await scratch(target, 1_000);
      const { response } = await file.ioctl({ ctlCode, input: range(0, 5_000) });
      const { output } = response!;
      const ranges = decodeAllocatedRanges(viewOf(output), 0, output.length)!;
      assert.equal(ranges.length, 1);
      assert.equal(ranges[0]!.offset, 0);
    });

    it('fails with STATUS_INVALID_PARAMETER when its input is too short', async () => {
      const { file } = await scratch(target, 10);
      const reply = await file.ioctl({ ctlCode, input: new Uint8Array(15) });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-FSA] 2.1.5.10.37 FSCTL_SET_ZERO_DATA', () => {
    const ctlCode = codes.FSCTL_SET_ZERO_DATA;

    it('zeroes a range and keeps what is around it', async () => {
      const { file } = await scratch(target, 200);
      expectStatus(await file.ioctl({ ctlCode, input: zeros(50n, 150n) }), STATUS_SUCCESS);
      const { data } = (await file.read({ offset: 0, length: 200 })).response!;
      assert.deepEqual([...data.subarray(48, 52)], [48, 49, 0, 0]);
      assert.deepEqual([...data.subarray(148, 152)], [0, 0, 150, 151]);
    });

    it('fails with STATUS_INVALID_PARAMETER when the range ends before it begins', async () => {
      const { file } = await scratch(target, 10);
      const reply = await file.ioctl({ ctlCode, input: zeros(5n, 4n) });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_ACCESS_DENIED when the file may not be written', async () => {
      const { tree, name } = await scratch(target, 10);
      const reader = await opened(tree, {
        name,
        desiredAccess: FILE_READ_DATA,
        shareAccess: 7,
        createDisposition: FILE_OPEN,
      });
      expectStatus(await reader.ioctl({ ctlCode, input: zeros(0n, 5n) }), STATUS_ACCESS_DENIED);
      await reader.close();
    });
  });
}

/** [C706] 12.6.4.3: a bind to srvsvc, NDR. */
export const BIND: Uint8Array = Buffer.from(
  '05000b03100000004800000001000000b810b810000000000100000000000100' +
    'c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000',
  'hex',
);
const BIND_ACK = 12;

function pipeTests(target: GetTarget): void {
  const openPipe = async (): Promise<ClientOpen> => {
    const { tree } = await logOnAt(target(), { share: 'IPC$' });
    return opened(tree, {
      name: 'srvsvc',
      desiredAccess: FILE_READ_DATA | FILE_WRITE_DATA,
      shareAccess: 3,
      createDisposition: FILE_OPEN,
    });
  };

  describe('[MS-SMB2] 3.3.5.15.10 Handling a Pipe Transaction', () => {
    const ctlCode = codes.FSCTL_PIPE_TRANSCEIVE;

    it('answers what was written', async () => {
      const pipe = await openPipe();
      const { response } = await pipe.ioctl({ ctlCode, input: BIND, maxOutputResponse: 4_280 });
      assert.equal(response!.output[2], BIND_ACK);
    });

    it('gives a long answer in parts, with STATUS_BUFFER_OVERFLOW', async () => {
      const pipe = await openPipe();
      const reply = await pipe.ioctl({ ctlCode, input: BIND, maxOutputResponse: 16 });
      expectStatus(reply, STATUS_BUFFER_OVERFLOW);
      assert.equal(reply.response!.output.length, 16);
      const rest = await pipe.read({ offset: 0, length: 4_280 });
      expectStatus(rest, STATUS_SUCCESS);
      assert.ok(rest.response!.data.length > 0);
    });

    it('fails with STATUS_INVALID_DEVICE_REQUEST on a file', async () => {
      const { file } = await scratch(target);
      expectStatus(await file.ioctl({ ctlCode, input: BIND }), STATUS_INVALID_DEVICE_REQUEST);
    });
  });

  describe('[MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request, named pipes', () => {
    it('is cancelled while it waits', async () => {
      const pipe = await openPipe();
      const call = pipe.read({ offset: 0, length: 100 });
      assert.notEqual(await call.interim, undefined);
      call.cancel();
      expectStatus(await call, STATUS_CANCELLED);
    });

    it('waits for an answer', async () => {
      const pipe = await openPipe();
      const call = pipe.read({ offset: 0, length: 100 });
      assert.notEqual(await call.interim, undefined);
      const written = await pipe.write({ offset: 0, data: BIND });
      expectStatus(written, STATUS_SUCCESS);
      assert.equal((await call).response!.data[2], BIND_ACK);
    });

    it('answers in parts', async () => {
      const pipe = await openPipe();
      await pipe.write({ offset: 0, data: BIND });
      const first = await pipe.read({ offset: 0, length: 10 });
      expectStatus(first, STATUS_BUFFER_OVERFLOW);
      const second = await pipe.read({ offset: 0, length: 4_280 });
      expectStatus(second, STATUS_SUCCESS);
      assert.equal(first.response!.data.length, 10);
    });
  });

  describe('[MS-SMB2] 3.3.5.15.4 Handling a Pipe Wait Request', () => {
    const wait = (name: string): { ctlCode: number; fileId: typeof NO_FILE; input: Uint8Array } => {
      const input = new Uint8Array(14 + 2 * name.length);
      encodePipeWait(viewOf(input), 0, { timeout: undefined, name });
      return { ctlCode: codes.FSCTL_PIPE_WAIT, fileId: NO_FILE, input };
    };

    it('finds a pipe that there is', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      expectStatus(await tree.ioctl(wait('srvsvc')), STATUS_SUCCESS);
    });

    it('fails with STATUS_OBJECT_NAME_NOT_FOUND when there is none', async () => {
      const { tree } = await logOnAt(target(), { share: 'IPC$' });
      const reply = await tree.ioctl(wait(uniqueName('pipe')));
      expectStatus(reply, STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });
}

function breakTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.22 Receiving an SMB2 OPLOCK_BREAK Acknowledgment', () => {
    it('fails with STATUS_INVALID_OPLOCK_PROTOCOL when nothing breaks', async () => {
      const { file } = await scratch(target);
      expectStatus(await file.acknowledgeOplockBreak(0), STATUS_INVALID_OPLOCK_PROTOCOL);
    });

    it('fails with STATUS_FILE_CLOSED when the open is unknown', async () => {
      const { file } = await scratch(target);
      await file.close();
      expectStatus(await file.acknowledgeOplockBreak(0), STATUS_FILE_CLOSED);
    });

    it('fails with STATUS_OBJECT_NAME_NOT_FOUND when the lease is unknown', async () => {
      const { tree } = await logOnAt(target());
      const leaseKey = '0123456789abcdef0123456789abcdef';
      const reply = await tree.acknowledgeLeaseBreak({ leaseKey, leaseState: 0 });
      expectStatus(reply, STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });
}
