import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, toHex, viewOf } from '../base/bytes.ts';
import {
  bindPdu,
  CONTEXT_ACCEPTANCE,
  CONTEXT_NEGOTIATE_ACK,
  CONTEXT_PROVIDER_REJECTION,
  decodeBind,
  decodeBindAck,
  NDR_SYNTAX,
  NDR64_SYNTAX,
} from './bind-pdu.ts';
import { openRpcEndpoint, type RpcInterface, type RpcOperation } from './endpoint.ts';
import { HandleTable } from './handle-table.ts';
import { NdrReader, NdrWriter } from './ndr.ts';
import {
  callPdus,
  decodeFault,
  decodePduHeader,
  decodeResponse,
  PFC_FIRST_FRAG,
  RPC_BIND_ACK,
  RPC_BIND_NAK,
  RPC_FAULT,
  RPC_REQUEST,
  RPC_RESPONSE,
} from './pdu.ts';
import type { Pipe } from './pipe.ts';
import { PipeMemory } from './pipe-memory.ts';
import { NCA_OP_RNG_ERROR, NCA_UNK_IF, RPC_S_CALL_FAILED } from './rpc-status.ts';

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const CLIENT = { userName: 'u', domainName: 'd', serverName: 's', sessionKey: new Uint8Array(16) };
const UUID = '4b324fc8-1670-01d3-1278-5a47bf6ee188';
const FEATURES = { uuid: '6cb71c2c-9812-4540-0300-000000000000', version: 1 };

/** Echoes its stub; 1 waits first; 2 fails. */
const ECHO: RpcInterface = {
  uuid: UUID,
  version: 3,
  operations: new Map<number, RpcOperation>([
    [0, (call) => echo(call.in, call.out)],
    [1, async (call) => echo(call.in, call.out)],
    [2, async () => Promise.reject(new Error('a bug'))],
  ]),
};

function echo(from: NdrReader, out: NdrWriter): number {
  const size = from.u32();
  out.u32(size);
  out.put(from.bytes(size));
  return 0;
}

/** Samba's smbclient -L: the bind that it writes to srvsvc. */
const SMBCLIENT_BIND = hex(
  '05000b03 10000000 4800 0000 01000000 b810 b810 00000000 01000000 0000 0100' +
    'c84f324b 7016 d301 12785a47bf6ee188 03000000' +
    '045d888a eb1c c911 9fe808002b104860 02000000',
);

describe('C706 12.6 connection-oriented PDUs', () => {
  it('decodes and encodes a known bind', () => {
    const header = decodePduHeader(viewOf(SMBCLIENT_BIND), 0, SMBCLIENT_BIND.length);
    assert.deepEqual(header, { type: 11, flags: 3, fragLength: 72, authLength: 0, callId: 1 });
    const bind = decodeBind(viewOf(SMBCLIENT_BIND), 16, SMBCLIENT_BIND.length);
    assert.deepEqual(bind, {
      maxXmitFrag: 4280,
      maxRecvFrag: 4280,
      assocGroupId: 0,
      contexts: [
        { id: 0, abstractSyntax: { uuid: UUID, version: 3 }, transferSyntaxes: [NDR_SYNTAX] },
      ],
    });
    assert.equal(toHex(bindPdu(1, bind!)), toHex(SMBCLIENT_BIND));
  });
  it('is undefined at every truncation', () => {
    for (let end = 16; end < SMBCLIENT_BIND.length; end++) {
      assert.equal(decodeBind(viewOf(SMBCLIENT_BIND), 16, end), undefined);
    }
  });
  it('fragments a stub at multiples of eight bytes', () => {
    const stub = Uint8Array.from({ length: 3000 }, (_, i) => i);
    const call = { callId: 1, contextId: 0, opnum: 0, stub, fragSizeMax: 1432 };
    const pdus = callPdus({ type: RPC_RESPONSE, ...call });
    const parts = pdus.map((pdu) => decodeResponse(viewOf(pdu), 16, pdu.length)!.stub);
    assert.deepEqual(concat(...parts), stub);
    assert.deepEqual(
      parts.map((part) => part.length),
      [1408, 1408, 184],
    );
  });
});

describe('[MS-RPCE] 3.3.1 server', () => {
  it('acknowledges a bind and names its pipe', () => {
    const pipe = open();
    pipe.write(SMBCLIENT_BIND);
    const { header, bytes } = next(pipe);
    assert.equal(header.type, RPC_BIND_ACK);
    const ack = decodeBindAck(viewOf(bytes), 16, bytes.length);
    assert.equal(ack?.secondaryAddress, '\\PIPE\\srvsvc');
    assert.deepEqual(ack?.results, [
      { result: CONTEXT_ACCEPTANCE, reason: 0, transferSyntax: NDR_SYNTAX },
    ]);
  });
  it('accepts NDR, refuses NDR64 and answers feature negotiation, context by context', () => {
    const pipe = open();
    const syntax = { uuid: UUID, version: 3 };
    pipe.write(
      bindPdu(1, {
        maxXmitFrag: 5840,
        maxRecvFrag: 5840,
        assocGroupId: 0,
        contexts: [
          { id: 0, abstractSyntax: syntax, transferSyntaxes: [NDR_SYNTAX] },
          { id: 1, abstractSyntax: syntax, transferSyntaxes: [NDR64_SYNTAX] },
          { id: 2, abstractSyntax: syntax, transferSyntaxes: [FEATURES] },
          { id: 3, abstractSyntax: { uuid: UUID, version: 4 }, transferSyntaxes: [NDR_SYNTAX] },
        ],
      }),
    );
    const { bytes } = next(pipe);
    const results = decodeBindAck(viewOf(bytes), 16, bytes.length)?.results ?? [];
    assert.deepEqual(
      results.map(({ result, reason }) => [result, reason]),
      [
        [CONTEXT_ACCEPTANCE, 0],
        [CONTEXT_PROVIDER_REJECTION, 2],
        [CONTEXT_NEGOTIATE_ACK, 0],
        [CONTEXT_PROVIDER_REJECTION, 1],
      ],
    );
  });
  it('refuses a bind with an auth verifier by a bind_nak', () => {
    const pipe = open();
    const bind = concat(SMBCLIENT_BIND, new Uint8Array(8 + 16));
    viewOf(bind).setUint16(8, bind.length, true);
    viewOf(bind).setUint16(10, 16, true);
    assert.equal(pipe.write(bind), true);
    const { header, bytes } = next(pipe);
    assert.deepEqual([header.type, bytes[16]], [RPC_BIND_NAK, 8]);
    assert.equal(pipe.write(SMBCLIENT_BIND), true);
    assert.equal(next(pipe).header.type, RPC_BIND_ACK);
  });
  it('takes PDUs in any pieces and answers in fragments', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 20 }),
        (size, cuts) => {
          const stub = echoStub(size);
          const pipe = bound();
          let rest = concat(...request(0, stub));
          for (const cut of cuts) {
            assert.equal(pipe.write(rest.subarray(0, cut)), true);
            rest = rest.subarray(cut);
          }
          pipe.write(rest);
          assert.deepEqual(responseOf(pipe), stub);
        },
      ),
      { numRuns: 50 },
    );
  });
  it('runs a waiting operation alone and tells when its answer is there', async () => {
    const pipe = bound();
    const readable = new Promise<void>((resolve) => pipe.whenReadable(resolve));
    pipe.write(concat(...request(1, echoStub(4)), ...request(0, echoStub(8))));
    assert.equal(pipe.read(100), undefined);
    await readable;
    assert.deepEqual(responseOf(pipe), echoStub(4));
    await new Promise(setImmediate);
    assert.deepEqual(responseOf(pipe), echoStub(8));
  });
  it('faults: unknown opnum, unknown context, a failing operation', async () => {
    const pipe = bound();
    pipe.write(request(9, echoStub(0))[0]!);
    assert.equal(faultOf(pipe), NCA_OP_RNG_ERROR);
    const elsewhere = request(0, echoStub(0))[0]!;
    viewOf(elsewhere).setUint16(20, 7, true);
    pipe.write(elsewhere);
    assert.equal(faultOf(pipe), NCA_UNK_IF);
    pipe.write(request(2, echoStub(0))[0]!);
    await new Promise<void>((resolve) => pipe.whenReadable(resolve));
    assert.equal(faultOf(pipe), RPC_S_CALL_FAILED);
  });
  it('breaks the pipe at a malformed PDU and at too much input', () => {
    assert.equal(open().write(new Uint8Array(16)), false);
    const pipe = bound();
    const [fragment] = request(0, echoStub(40_000));
    assert.equal(pipe.write(fragment!), true);
    assert.equal(pipe.write(fragment!), false, 'a first fragment while one is assembled');
    assert.equal(pipe.write(SMBCLIENT_BIND), false);
    const limited = openRpcEndpoint({ ...OPTIONS, messageSizeMax: 10_000 });
    limited.write(SMBCLIENT_BIND);
    const outcomes = request(0, echoStub(40_000)).map((pdu) => limited.write(pdu));
    assert.equal(outcomes.at(-1), false);
  });
  it('lets requests wait while answers are not read, and breaks at too many', () => {
    const [call] = request(0, echoStub(4000));
    const reader = openRpcEndpoint({ ...OPTIONS, messageSizeMax: 10_000 });
    const hoarder = openRpcEndpoint({ ...OPTIONS, messageSizeMax: 10_000 });
    for (const pipe of [reader, hoarder]) pipe.write(SMBCLIENT_BIND);
    reader.read(1000);
    let accepted = 0;
    while (accepted < 100 && hoarder.write(call!)) accepted++;
    assert.ok(accepted < 10, `${accepted} unread answers`);
    for (let i = 0; i < 4; i++) assert.equal(reader.write(call!), true);
    for (let i = 0; i < 4; i++) assert.deepEqual(responseOf(reader), echoStub(4000));
    for (let i = 0; i < 100; i++) {
      assert.equal(reader.write(call!), true);
      assert.deepEqual(responseOf(reader), echoStub(4000));
    }
  });
  it('breaks at fragments without end, empty ones too', () => {
    const pipe = openRpcEndpoint({ ...OPTIONS, messageSizeMax: 10_000 });
    pipe.write(SMBCLIENT_BIND);
    let accepted = 0;
    while (accepted < 1000 && pipe.write(emptyFragment(accepted === 0))) accepted++;
    assert.ok(accepted < 1000, 'it goes on for ever');
  });
  it('breaks when all pipes together hold too much, and has room when they are gone', () => {
    const memory = new PipeMemory({ allows: (size) => size <= 12_000, fell() {} });
    const make = (): Pipe => {
      const pipe = openRpcEndpoint({ ...OPTIONS, messageSizeMax: 10_000, memory });
      pipe.write(SMBCLIENT_BIND);
      pipe.read(1000);
      return pipe;
    };
    const [first, second] = [make(), make()];
    const [call] = request(0, echoStub(4000));
    assert.deepEqual(
      [1, 2].map(() => first.write(call!)),
      [true, true],
    );
    assert.equal(second.write(call!), false);
    first.close();
    const third = make();
    assert.deepEqual(
      [1, 2].map(() => third.write(call!)),
      [true, true],
    );
    for (let i = 0; i < 2; i++) responseOf(third);
    assert.deepEqual(
      [1, 2].map(() => make().write(call!)),
      [true, true],
    );
  });
  it('reads a message in parts and says when there is more', () => {
    const pipe = open();
    pipe.write(SMBCLIENT_BIND);
    const first = pipe.read(10);
    assert.deepEqual([first?.bytes.length, first?.more], [10, true]);
    assert.equal(pipe.read(1000)?.more, false);
    assert.equal(pipe.read(1000), undefined);
  });
});

describe('C706 14 NDR', () => {
  it('writes referents behind the construct, each with its own', () => {
    const out = new NdrWriter();
    out.parameter(() => {
      out.stringPointer('a');
      out.pointer(() => out.stringPointer('b'));
      out.u32(7);
    });
    const from = new NdrReader(out.take());
    const ids = [from.pointer(), from.pointer(), from.pointer(), from.u32()];
    assert.deepEqual(ids, [true, true, true, 7]);
    assert.deepEqual([from.string(), from.pointer(), from.string()], ['a', true, 'b']);
    assert.ok(from.ok);
  });
  it('aligns each number to its size', () => {
    const out = new NdrWriter();
    out.u8(1);
    out.u16(2);
    out.u8(3);
    out.u32(4);
    out.u8(5);
    out.u64(6n);
    const stub = out.take();
    assert.equal(
      toHex(stub),
      '01000200' + '03000000' + '04000000' + '05000000' + '0600000000000000',
    );
    const from = new NdrReader(stub);
    assert.deepEqual([from.u8(), from.u16(), from.u8(), from.u32(), from.u8()], [1, 2, 3, 4, 5]);
    assert.equal(from.u64(), 6n);
  });
  it('reads zeroes and clears ok beyond the end', () => {
    const from = new NdrReader(Uint8Array.of(1, 2));
    assert.deepEqual([from.u32(), from.u8(), from.string(), from.count(1)], [0, 0, '', 0]);
    assert.equal(from.ok, false);
    const huge = new NdrReader(hex('ffffffff 00000000 ffffffff'));
    assert.equal(huge.string(), '');
    assert.equal(huge.ok, false);
  });
  it('round-trips strings', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.endsWith('\0'));
        const out = new NdrWriter();
        out.string(text);
        assert.equal(new NdrReader(out.take()).string(), text);
      }),
    );
  });
});

describe('context handles', () => {
  it('stand for a value until closed, and no others do', () => {
    const table = new HandleTable();
    const handle = table.open('policy')!;
    assert.equal(table.find(handle), 'policy');
    const forged = handle.slice();
    forged[19] = 1;
    assert.equal(table.find(forged), undefined);
    assert.equal(table.close(handle), true);
    assert.equal(table.close(handle), false);
  });
});

const OPTIONS = { name: 'srvsvc', interfaces: [ECHO], client: CLIENT };

function open(): Pipe {
  return openRpcEndpoint(OPTIONS);
}

function bound(): Pipe {
  const pipe = open();
  pipe.write(SMBCLIENT_BIND);
  pipe.read(1000);
  return pipe;
}

function echoStub(size: number): Uint8Array {
  const out = new NdrWriter();
  out.u32(size);
  out.put(Uint8Array.from({ length: size }, (_, i) => i));
  return out.take();
}

function request(opnum: number, stub: Uint8Array): Uint8Array[] {
  const call = { callId: 2, contextId: 0, opnum, stub, fragSizeMax: 4280 };
  return callPdus({ type: RPC_REQUEST, ...call });
}

/** Of a request whose last fragment never comes. */
function emptyFragment(isFirst: boolean): Uint8Array {
  const [pdu] = request(0, new Uint8Array(0));
  pdu![3] = isFirst ? PFC_FIRST_FRAG : 0;
  return pdu!;
}

function next(pipe: Pipe): { header: { type: number; flags: number }; bytes: Uint8Array } {
  const { bytes } = pipe.read(10_000)!;
  return { header: decodePduHeader(viewOf(bytes), 0, bytes.length)!, bytes };
}

function responseOf(pipe: Pipe): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { header, bytes } = next(pipe);
    assert.equal(header.type, RPC_RESPONSE);
    parts.push(decodeResponse(viewOf(bytes), 16, bytes.length)!.stub);
    if (header.flags & 2) return concat(...parts);
  }
}

function faultOf(pipe: Pipe): number | undefined {
  const { header, bytes } = next(pipe);
  assert.equal(header.type, RPC_FAULT);
  return decodeFault(viewOf(bytes), 16, bytes.length);
}
