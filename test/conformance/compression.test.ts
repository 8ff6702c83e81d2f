/**
 * Compression over the wire, both ways, with the server's clock standing still: what takes no time
 * always pays, so that only sizes decide.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { concat, equalBytes, LE, viewOf } from '../../src/base/bytes.ts';
import type { Limits } from '../../src/base/limits.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { STATUS_ACCESS_DENIED, STATUS_INVALID_PARAMETER } from '../../src/erref/ntstatus.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import { MemoryVfs } from '../../src/server/storage.ts';
import type { ClientConnection } from '../../src/smb2/client/connection.ts';
import type { NegotiateOptions } from '../../src/smb2/client/negotiate.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { SendOptions } from '../../src/smb2/client/request.ts';
import { closeRequest, echoRequest } from '../../src/smb2/client/requests.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { COMPRESSION_ALGORITHMS, type Compression } from '../../src/smb2/compression/algorithms.ts';
import { compressMessage } from '../../src/smb2/compression/message-compressor.ts';
import {
  SMB2_COMPRESSION_CAPABILITIES,
  SMB2_COMPRESSION_LZ4,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZNT1,
  SMB2_COMPRESSION_NONE,
  SMB2_COMPRESSION_PATTERN_V1,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_READFLAG_REQUEST_COMPRESSED,
  SMB2_SHAREFLAG_COMPRESS_DATA,
} from '../../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import { SMB2_COMPRESSION_PROTOCOL_ID } from '../../src/smb2/wire/header.ts';
import {
  compressionContext,
  decodeCompressionCapabilities,
  preauthIntegrityContext,
} from '../../src/smb2/wire/negotiate-context.ts';
import { openFile, type Rig, withRig } from '../faults/rig.ts';
import { SAMPLES } from '../vectors/compressible.ts';
import { hex } from '../vectors/hex.ts';
import { expectDisconnect, expectStatus } from './peer.ts';

const SIZE = 65_536;
const ALL: Compression = { algorithms: COMPRESSION_ALGORITHMS, chained: true };
const LZ77: Compression = { algorithms: [SMB2_COMPRESSION_LZ77], chained: false };
/** The last one does not shrink: compression rests afterwards. */
const KINDS = ['zeros', 'words', 'few symbols', 'random and zeros in turns', 'random bytes'];
const ASKED = SMB2_READFLAG_REQUEST_COMPRESSED;

/** Every algorithm in every form. */
const FORMS: readonly (readonly [name: string, compression: Compression])[] = [
  ['LZNT1', { algorithms: [SMB2_COMPRESSION_LZNT1], chained: false }],
  ['LZ77', LZ77],
  ['LZ77+Huffman', { algorithms: [SMB2_COMPRESSION_LZ77_HUFFMAN], chained: false }],
  ['LZ4', { algorithms: [SMB2_COMPRESSION_LZ4], chained: false }],
  ['chained LZNT1', { algorithms: [SMB2_COMPRESSION_LZNT1], chained: true }],
  ['chained LZ77', { algorithms: [SMB2_COMPRESSION_LZ77], chained: true }],
  ['chained LZ77+Huffman', { algorithms: [SMB2_COMPRESSION_LZ77_HUFFMAN], chained: true }],
  ['chained LZ4', { algorithms: [SMB2_COMPRESSION_LZ4], chained: true }],
  ['patterns and LZ77', { algorithms: [2, SMB2_COMPRESSION_PATTERN_V1], chained: true }],
  ['all of them', ALL],
];

/** How messages are protected, and whether their first bytes can be seen. */
const PROTECTIONS: readonly {
  readonly name: string;
  readonly offer: NegotiateOptions;
  readonly send: SendOptions;
}[] = [
  { name: 'plain', offer: {}, send: {} },
  { name: 'signed with AES-GMAC', offer: { signingAlgorithms: [2] }, send: { sign: true } },
  { name: 'signed with AES-CMAC', offer: { signingAlgorithms: [1] }, send: { sign: true } },
  { name: 'encrypted with AES-128-GCM', offer: { ciphers: [2] }, send: { encrypt: true } },
  { name: 'encrypted with AES-256-CCM', offer: { ciphers: [3] }, send: { encrypt: true } },
];

for (const storage of ['memory', 'local'] as const) {
  describe(`[MS-SMB2] 3.1.4.4 Compressing the Message, over ${storage} storage`, () => {
    for (const [name, compression] of FORMS) {
      for (const { name: protection, offer, send } of PROTECTIONS) {
        it(`carries READs and WRITEs with ${name}, ${protection}`, () =>
          withShares(storage, ['on'], async (rig) => {
            const { tree, wire } = await logOn(rig, compression, offer);
            for (const kind of KINDS) {
              const open = await openFile(tree, { name: kind });
              await carry(open, sample(kind), { wire, send });
              await open.close();
            }
            const limit = 0.75 * KINDS.length * SIZE;
            assert.ok(wire.sent < limit, `${wire.sent} bytes were sent`);
            assert.ok(wire.received < limit, `${wire.received} bytes were received`);
          }));
      }
    }
  });
}

describe('[MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request, compression', () => {
  const salt = new Uint8Array(32);
  const preauth = preauthIntegrityContext({ hashAlgorithms: [1], salt });

  it('is not answered while no share wants it', () =>
    withShares('memory', ['off', undefined], async (rig) => {
      const connection = await rig.connect({ compression: ALL });
      assert.equal(contextOf(connection), undefined);
      assert.equal(connection.negotiated?.response.maxReadSize, rig.limits.transactSizeMax);
    }));

  it('is answered with what both have, and with smaller sizes', () =>
    withShares('memory', ['off', 'asked'], async (rig) => {
      const algorithms = [SMB2_COMPRESSION_PATTERN_V1, 77, SMB2_COMPRESSION_LZ77];
      const connection = await rig.connect({ compression: { algorithms, chained: true } });
      const expected = [SMB2_COMPRESSION_PATTERN_V1, SMB2_COMPRESSION_LZ77];
      assert.deepEqual(contextOf(connection), { flags: 1, algorithms: expected });
      const { maxReadSize, maxWriteSize } = connection.negotiated!.response;
      const max = rig.limits.compressedTransactSizeMax;
      assert.deepEqual([maxReadSize, maxWriteSize], [max, max]);
    }));

  it('is answered with one algorithm without chaining', () =>
    withShares('memory', ['asked'], async (rig) => {
      const algorithms = [SMB2_COMPRESSION_LZ77, SMB2_COMPRESSION_LZNT1];
      const connection = await rig.connect({ compression: { algorithms, chained: false } });
      assert.deepEqual(contextOf(connection), { flags: 0, algorithms: [SMB2_COMPRESSION_LZ77] });
    }));

  it('is answered with NONE when there is nothing in common', () =>
    withShares('memory', ['asked'], async (rig) => {
      const connection = await rig.connect({ compression: { algorithms: [77], chained: true } });
      assert.deepEqual(contextOf(connection), { flags: 0, algorithms: [SMB2_COMPRESSION_NONE] });
      assert.equal(connection.negotiated?.compression, undefined);
    }));

  it('fails with STATUS_INVALID_PARAMETER for no algorithm, and for less than is counted', () =>
    withShares('memory', ['asked'], async (rig) => {
      const none = compressionContext({ flags: 0, algorithms: [] });
      const short = { type: SMB2_COMPRESSION_CAPABILITIES, data: hex('0200 0000 00000000 0200') };
      for (const context of [none, short]) {
        const socket = await rig.connectRaw();
        const reply = await socket.negotiate({ contexts: [preauth, context] });
        expectStatus(reply, STATUS_INVALID_PARAMETER);
      }
    }));
});

describe('[MS-SMB2] 3.3.5.7 Receiving an SMB2 TREE_CONNECT Request, compression', () => {
  it('tells clients that compress which shares want it', () =>
    withShares('memory', ['on', 'asked', 'off'], async (rig) => {
      const session = await rig.logOn(await rig.connect({ compression: ALL }));
      const flags = await Promise.all(
        ['share', 'share1', 'share2'].map(async (share) => {
          const tree = await rig.tree(session, share);
          return tree.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA;
        }),
      );
      assert.deepEqual(flags, [SMB2_SHAREFLAG_COMPRESS_DATA, 0, 0]);
      const plain = await rig.tree(await rig.logOn(await rig.connect()));
      assert.equal(plain.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA, 0);
    }));
});

describe('[MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request, compression', () => {
  it('compresses what is asked for, and nothing else', () =>
    withShares('memory', ['asked'], async (rig) => {
      const { tree, wire } = await logOn(rig, LZ77);
      const open = await openFile(tree, { name: 'words' });
      await open.write({ offset: 0, data: words(SIZE) });
      wire.clear();
      assert.equal((await open.read({ offset: 0, length: SIZE })).response?.data.length, SIZE);
      assert.ok(wire.received > SIZE);
      wire.clear();
      const reply = await open.read({ offset: 0, length: SIZE, flags: ASKED });
      assert.deepEqual(Uint8Array.from(reply.response!.data), words(SIZE));
      assert.ok(wire.received < SIZE / 2);
      assert.equal(wire.isCompressed, true);
    }));

  it('compresses nothing on a share that does not want it, nor what is short', () =>
    withShares('memory', ['off', 'asked'], async (rig) => {
      const { session, wire, tree } = await logOn(rig, LZ77);
      const other = await rig.tree(session, 'share1');
      for (const [where, length] of [
        [tree, SIZE],
        [other, 3000],
      ] as const) {
        const open = await openFile(where, { name: 'words' });
        await open.write({ offset: 0, data: words(length) });
        wire.clear();
        await open.read({ offset: 0, length, flags: ASKED });
        assert.ok(wire.received > length);
      }
    }));

  it('gives up for a while after data that does not shrink', () =>
    withShares('memory', ['asked'], async (rig) => {
      const { tree, wire } = await logOn(rig, LZ77);
      const random = await openFile(tree, { name: 'random' });
      const text = await openFile(tree, { name: 'words' });
      await random.write({ offset: 0, data: sample('random bytes') });
      await text.write({ offset: 0, data: words(SIZE) });
      await random.read({ offset: 0, length: SIZE, flags: ASKED });
      const sizes: number[] = [];
      for (let i = 0; i < 6; i++) {
        wire.clear();
        await text.read({ offset: 0, length: SIZE, flags: ASKED });
        sizes.push(wire.received);
      }
      assert.deepEqual(
        sizes.map((size) => size < SIZE),
        [false, false, false, false, true, true],
      );
    }));

  it('compresses a compound as one message', () =>
    withShares('memory', ['asked'], async (rig) => {
      const { tree, wire } = await logOn(rig, ALL);
      const open = await openFile(tree, { name: 'words' });
      await open.write({ offset: 0, data: words(30_000) });
      wire.clear();
      const { fileId } = open;
      const calls = tree.compound(
        [
          readRequest({ fileId, offset: 0, length: 10_000, flags: ASKED }),
          readRequest({ fileId: RELATED_FILE_ID, offset: 10_000, length: 20_000 }),
          closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
        ],
        { related: true },
      );
      const [first, second, closed] = [await calls[0], await calls[1], await calls[2]];
      const data = concat(first.response!.data, second.response!.data);
      assert.ok(equalBytes(data, words(30_000)));
      expectStatus(closed, 0);
      assert.ok(wire.received < 20_000);
    }));
});

describe('[MS-SMB2] 3.3.5.2.1.2 Decompressing the Message', () => {
  it('serves a compressed compound, encrypted too', () =>
    withShares('memory', ['asked'], async (rig) => {
      const { tree, wire } = await logOn(rig, ALL);
      for (const encrypt of [false, true]) {
        const { fileId } = await openFile(tree, { name: `words ${encrypt}` });
        wire.clear();
        const data = words(10_000);
        const calls = tree.compound(
          [
            writeRequest({ fileId, offset: 0, data }),
            writeRequest({ fileId: RELATED_FILE_ID, offset: 10_000, data }),
            closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
          ],
          { related: true, compress: true, encrypt, tamperSent: wire.see },
        );
        for (const call of calls) expectStatus(await call, 0);
        assert.ok(wire.sent < 15_000);
        const open = await openFile(tree, { name: `words ${encrypt}` });
        const read = await open.read({ offset: 0, length: 20_000 });
        assert.ok(equalBytes(read.response!.data, concat(data, data)));
      }
    }));

  it('verifies the signature of what was compressed', () =>
    withShares('memory', ['asked'], async (rig) => {
      const connection = await rig.connect({ compression: ALL }, { verify: 'report' });
      const tree = await rig.tree(await rig.logOn(connection));
      const open = await openFile(tree, { name: 'words' });
      const tamperSigned = (message: Uint8Array): Uint8Array => {
        message[200]! ^= 1;
        return message;
      };
      const data = words(SIZE);
      const send = { compress: true, sign: true };
      expectStatus(await open.write({ offset: 0, data }, send), 0);
      const reply = await open.write({ offset: 0, data }, { ...send, tamperSigned });
      expectStatus(reply, STATUS_ACCESS_DENIED);
    }));

  it('is done before there is a session, with a smaller limit', () =>
    withShares('memory', ['asked'], async (rig) => {
      const limit = rig.limits.unauthenticatedMessageSize;
      for (const [size, fine] of [
        [limit, true],
        [limit + 1, false],
      ] as const) {
        const connection = await rig.connect({ compression: ALL });
        const call = connection.call(echoRequest(), { tamperSent: bomb(size) });
        if (fine) expectStatus(await call, 0);
        else await expectDisconnect(connection);
      }
    }));

  it('ends the connection over more than MaxTransactSize and what goes with it', () =>
    withShares('memory', ['asked'], async (rig) => {
      const limit = rig.limits.compressedTransactSizeMax + 272;
      for (const [size, fine] of [
        [limit, true],
        [limit + 1, false],
      ] as const) {
        const { tree, connection } = await logOn(rig, ALL);
        const call = tree.call(echoRequest(), { tamperSent: bomb(size) });
        if (fine) expectStatus(await call, 0);
        else await expectDisconnect(connection);
      }
    }));

  const broken: readonly (readonly [what: string, change: (plain: Uint8Array) => Uint8Array])[] = [
    ['that is cut', (plain) => compressed(plain, ALL).slice(0, -3)],
    ['that is shorter than its header', () => hex('fc534d42 00')],
    ['with an algorithm that was not agreed on', (plain) => otherAlgorithm(plain)],
    ['that is compressed twice', (plain) => chainOf(chainOf(plain))],
    ['that holds no SMB2 message', () => chainOf(new Uint8Array(100))],
    ['that holds nothing', () => hex('fc534d42 00000000 0000 0100 00000000')],
    ['whose sizes do not add up', (plain) => longer(compressed(plain, ALL))],
  ];
  for (const [what, change] of broken) {
    for (const encrypt of [false, true]) {
      it(`ends the connection over a message ${what}${encrypt ? ', encrypted' : ''}`, () =>
        withShares('memory', ['asked'], async (rig) => {
          const { tree, connection } = await logOn(rig, ALL);
          const open = await openFile(tree, { name: 'words' });
          const tamper = encrypt ? { tamperSigned: change } : { tamperSent: change };
          void open.write({ offset: 0, data: words(5000) }, { encrypt, ...tamper });
          await expectDisconnect(connection);
        }));
    }
  }

  it('counts what it makes of a request that waits, and takes no more beyond the limit', () =>
    withShares(
      'memory',
      ['asked'],
      async (rig) => {
        const holder = await openFile((await logOn(rig, ALL)).tree, { name: 'file' });
        const range = { offset: 0n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
        expectStatus(await holder.lock([range]), 0);
        const known = new Set(rig.engine.connections);
        const { tree } = await logOn(rig, ALL);
        const open = await openFile(tree, { name: 'file' });
        const [served] = [...rig.engine.connections].filter((one) => !known.has(one));
        const waiting = open.lock([range], { tamperSent: bomb(500_000) });
        await waiting.interim;
        assert.equal(served?.paused, true);
        expectStatus(await holder.lock([{ ...range, flags: SMB2_LOCKFLAG_UNLOCK }]), 0);
        expectStatus(await waiting, 0);
        assert.equal(served.paused, false);
        expectStatus(await tree.call(echoRequest()), 0);
      },
      { sendQueueSize: 400_000 },
    ));

  it('ends the connection where compression was not agreed on', () =>
    withShares('memory', ['off'], async (rig) => {
      const { tree, connection } = await logOn(rig, ALL);
      void tree.call(echoRequest(), { tamperSent: chainOf });
      await expectDisconnect(connection);
    }));
});

/** What went over the wire, as the transport sees it. */
class Wire {
  sent = 0;
  received = 0;
  /** Of the last message that came. */
  isCompressed = false;

  clear(): void {
    this.sent = 0;
    this.received = 0;
  }

  readonly see = (message: Uint8Array): Uint8Array => {
    this.sent += message.length;
    return message;
  };

  readonly hear = (message: Uint8Array): boolean => {
    this.received += message.length;
    this.isCompressed = viewOf(message).getUint32(0, LE) === SMB2_COMPRESSION_PROTOCOL_ID;
    return false;
  };
}

async function logOn(rig: Rig, compression: Compression, offer: NegotiateOptions = {}) {
  const wire = new Wire();
  const connection = await rig.connect({ compression, ...offer }, { intercept: wire.hear });
  const session = await rig.logOn(connection);
  const tree: ClientTree = await rig.tree(session);
  return { connection, session, tree, wire };
}

/** Writes and reads 64 KiB on a share that wants compression. */
async function carry(
  open: ClientOpen,
  data: Uint8Array,
  { wire, send }: { readonly wire: Wire; readonly send: SendOptions },
): Promise<void> {
  const written = await open.write({ offset: 0, data }, { ...send, tamperSent: wire.see });
  expectStatus(written, 0);
  const read = await open.read({ offset: 0, length: data.length }, send);
  expectStatus(read, 0);
  assert.ok(equalBytes(read.response!.data, data));
}

/** Shares `share`, `share1`, …, one with each of these options. */
async function withShares(
  storage: 'memory' | 'local',
  policies: readonly ShareOptions['compression'][],
  body: (rig: Rig) => Promise<void>,
  limits: Partial<Limits> = {},
): Promise<void> {
  const folders: string[] = [];
  const place = (): Pick<ShareOptions, 'path' | 'vfs'> => {
    if (storage === 'memory') return { vfs: new MemoryVfs(makeNodeClock()) };
    const path = mkdtempSync(join(tmpdir(), 'semba-compression-'));
    folders.push(path);
    return { path };
  };
  const shares = policies.map((compression, i) => ({
    name: i === 0 ? 'share' : `share${i}`,
    ...place(),
    ...(compression === undefined ? {} : { compression }),
  }));
  try {
    await withRig({ shares, limits }, body);
  } finally {
    for (const path of folders) rmSync(path, { recursive: true, force: true });
  }
}

function contextOf(connection: ClientConnection) {
  const contexts = connection.negotiated?.response.contexts ?? [];
  const context = contexts.find(({ type }) => type === SMB2_COMPRESSION_CAPABILITIES);
  return context && decodeCompressionCapabilities(context.data);
}

function sample(kind: string): Uint8Array {
  return SAMPLES.find((one) => one.kind === kind)!.make(SIZE);
}

function words(size: number): Uint8Array {
  return SAMPLES.find(({ kind }) => kind === 'words')!.make(size);
}

/** The message followed by zeros up to `size` bytes, as a chain of itself and a pattern. */
function bomb(size: number): (plain: Uint8Array) => Uint8Array {
  return (plain) => {
    const head = chainOf(plain);
    viewOf(head).setUint32(4, size, LE);
    const run = new Uint8Array(16);
    const view = viewOf(run);
    view.setUint16(0, SMB2_COMPRESSION_PATTERN_V1, LE);
    view.setUint32(4, 8, LE);
    view.setUint32(12, size - plain.length, LE);
    return concat(head, run);
  };
}

/** A chain of one payload that is not compressed. */
function chainOf(plain: Uint8Array): Uint8Array {
  const head = hex('fc534d42 00000000 0000 0100 00000000');
  viewOf(head).setUint32(4, plain.length, LE);
  viewOf(head).setUint32(12, plain.length, LE);
  return concat(head, plain);
}

function compressed(plain: Uint8Array, compression: Compression): Uint8Array {
  const out = new Uint8Array(plain.length + 64);
  const message = { head: plain.subarray(0, 112), data: plain.subarray(112) };
  const size = compressMessage(message, compression, out);
  assert.ok(size > 0);
  return out.slice(0, size);
}

function otherAlgorithm(plain: Uint8Array): Uint8Array {
  const message = compressed(plain, LZ77);
  viewOf(message).setUint16(8, 77, LE);
  return message;
}

function longer(message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  view.setUint32(4, view.getUint32(4, LE) + 1, LE);
  return message;
}
