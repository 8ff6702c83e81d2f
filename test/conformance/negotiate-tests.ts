import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../../src/base/bytes.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import type { ClientConnection } from '../../src/smb2/client/connection.ts';
import { withHeader } from '../../src/smb2/client/request.ts';
import { echoRequest, negotiateRequest, rawRequest } from '../../src/smb2/client/requests.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import {
  SMB2_ENCRYPTION_CAPABILITIES,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_NEGOTIATE,
  SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
  SMB2_SIGNING_CAPABILITIES,
} from '../../src/smb2/wire/constants.ts';
import { HEADER_SIZE } from '../../src/smb2/wire/header.ts';
import { decodeNegotiateResponse } from '../../src/smb2/wire/negotiate.ts';
import {
  decodeEncryptionCapabilities,
  decodePreauthIntegrityCapabilities,
  decodeSigningCapabilities,
  encryptionContext,
  type NegotiateContext,
  preauthIntegrityContext,
  signingContext,
} from '../../src/smb2/wire/negotiate-context.ts';
import { connectTo, expectDisconnect, expectStatus, type GetTarget, initiatorFor } from './peer.ts';

const DIALECTS = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];
const SALT = new Uint8Array(32).fill(7);
const PREAUTH = preauthIntegrityContext({ hashAlgorithms: [1], salt: SALT });
const UNKNOWN_CONTEXT = { type: 0x7777, data: new Uint8Array(5) };

export function negotiateTests(target: GetTarget): void {
  dialectTests(target);
  contextTests(target);
  refusalTests(target);
  smb1Tests(target);
  malformedTests(target);
}

function dialectTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request', () => {
    for (const dialect of DIALECTS) {
      const hex = `0x${dialect.toString(16).padStart(4, '0')}`;
      it(`agrees on ${hex} when it alone is offered`, async () => {
        const connection = await connectTo(target());
        const { status, response } = await connection.negotiate({ dialects: [dialect] });
        assert.equal(status, STATUS_SUCCESS);
        assert.equal(response!.dialectRevision, dialect);
        assert.ok(response!.securityBuffer.length > 0, 'a hint of the security mechanisms');
        const { capabilities, maxReadSize, maxWriteSize, maxTransactSize } = response!;
        assert.equal((capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) !== 0, dialect !== 0x0202);
        const sizes = [maxReadSize, maxWriteSize, maxTransactSize];
        for (const size of sizes) assert.ok(dialect === 0x0202 ? size === 65_536 : size >= 65_536);
      });
    }

    it('agrees on the highest dialect of those offered, in whatever order', async () => {
      const connection = await connectTo(target());
      const { response } = await connection.negotiate({ dialects: [0x0300, 0x0202, 0x0210] });
      assert.equal(response!.dialectRevision, 0x0300);
    });

    it('skips dialects that it does not know', async () => {
      const connection = await connectTo(target());
      const { response } = await connection.negotiate({ dialects: [0x0222, 0x0210, 0x0399] });
      assert.equal(response!.dialectRevision, 0x0210);
    });

    it('claims encryption in 3.0 only to a client that can', async () => {
      for (const offered of [0, SMB2_GLOBAL_CAP_ENCRYPTION]) {
        const connection = await connectTo(target());
        const offer = { dialects: [0x0300], capabilities: offered };
        const { response } = await connection.negotiate(offer);
        assert.equal(response!.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION, offered);
      }
    });
  });
}

function contextTests(target: GetTarget): void {
  const negotiated = async (
    contexts: readonly NegotiateContext[],
  ): Promise<ReadonlyMap<number, Uint8Array>> => {
    const connection = await connectTo(target());
    const { status, response } = await connection.negotiate({ dialects: [0x0311], contexts });
    assert.equal(status, STATUS_SUCCESS);
    return new Map(response!.contexts.map(({ type, data }) => [type, data]));
  };

  describe('[MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request, NegotiateContextList', () => {
    it('answers SHA-512 with a salt of its own each time', async () => {
      const salts = new Set<string>();
      for (let i = 0; i < 2; i++) {
        const contexts = await negotiated([PREAUTH]);
        const data = contexts.get(SMB2_PREAUTH_INTEGRITY_CAPABILITIES);
        const { hashAlgorithms, salt } = decodePreauthIntegrityCapabilities(data!)!;
        assert.deepEqual(hashAlgorithms, [1]);
        assert.ok(salt.length >= 16);
        salts.add(Buffer.from(salt).toString('hex'));
      }
      assert.equal(salts.size, 2);
    });

    it('answers no context that was not offered', async () => {
      const contexts = await negotiated([PREAUTH, UNKNOWN_CONTEXT]);
      assert.deepEqual([...contexts.keys()], [SMB2_PREAUTH_INTEGRITY_CAPABILITIES]);
    });

    for (const cipher of [1, 2, 3, 4]) {
      it(`takes cipher ${cipher} when it alone is known`, async () => {
        const contexts = await negotiated([PREAUTH, encryptionContext([0x99, cipher])]);
        const data = contexts.get(SMB2_ENCRYPTION_CAPABILITIES);
        assert.deepEqual(decodeEncryptionCapabilities(data!), [cipher]);
      });
    }

    it('answers cipher 0 when it knows none of the offered', async () => {
      const contexts = await negotiated([PREAUTH, encryptionContext([0x99, 0x98])]);
      const data = contexts.get(SMB2_ENCRYPTION_CAPABILITIES);
      assert.deepEqual(decodeEncryptionCapabilities(data!), [0]);
    });

    for (const algorithm of [0, 1, 2]) {
      it(`takes signing algorithm ${algorithm} when it alone is known`, async () => {
        const contexts = await negotiated([PREAUTH, signingContext([0x99, algorithm])]);
        const data = contexts.get(SMB2_SIGNING_CAPABILITIES);
        assert.deepEqual(decodeSigningCapabilities(data!), [algorithm]);
      });
    }

    it('signs with AES-CMAC when no signing algorithm was offered', async () => {
      const connection = await connectTo(target());
      await connection.negotiate({ dialects: [0x0311], contexts: [PREAUTH] });
      const session = new ClientSession(connection);
      const options = { signing: 'required' } as const;
      expectStatus(await session.setup(initiatorFor(target()), options), STATUS_SUCCESS);
      assert.equal(session.channel.signer?.algorithm, 1);
    });
  });
}

function refusalTests(target: GetTarget): void {
  const REFUSED: readonly (readonly [string, readonly NegotiateContext[], number])[] = [
    ['no context comes with 3.1.1', [], STATUS_INVALID_PARAMETER],
    [
      'the preauthentication context is missing',
      [encryptionContext([1])],
      STATUS_INVALID_PARAMETER,
    ],
    ['it comes twice', [PREAUTH, PREAUTH], STATUS_INVALID_PARAMETER],
    [
      'it names no hash algorithm',
      [preauthIntegrityContext({ hashAlgorithms: [], salt: SALT })],
      STATUS_INVALID_PARAMETER,
    ],
    [
      'it names unknown hash algorithms only',
      [preauthIntegrityContext({ hashAlgorithms: [9], salt: SALT })],
      STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
    ],
    [
      'the encryption context comes twice',
      [PREAUTH, encryptionContext([1]), encryptionContext([2])],
      STATUS_INVALID_PARAMETER,
    ],
    ['it names no cipher', [PREAUTH, encryptionContext([])], STATUS_INVALID_PARAMETER],
    [
      'the signing context comes twice',
      [PREAUTH, signingContext([1]), signingContext([2])],
      STATUS_INVALID_PARAMETER,
    ],
    ['it names no algorithm', [PREAUTH, signingContext([])], STATUS_INVALID_PARAMETER],
    [
      'a context is cut short',
      [PREAUTH, { type: SMB2_ENCRYPTION_CAPABILITIES, data: Uint8Array.of(9, 0, 1, 0) }],
      STATUS_INVALID_PARAMETER,
    ],
  ];

  describe('[MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request, refusals', () => {
    for (const [condition, contexts, status] of REFUSED) {
      it(`fails when ${condition}`, async () => {
        const connection = await connectTo(target());
        expectStatus(await connection.negotiate({ dialects: [0x0311], contexts }), status);
      });
    }

    it('fails with STATUS_NOT_SUPPORTED when it speaks no offered dialect', async () => {
      const connection = await connectTo(target());
      expectStatus(await connection.negotiate({ dialects: [0x0399] }), STATUS_NOT_SUPPORTED);
    });

    it('fails with STATUS_INVALID_PARAMETER when no dialect is offered', async () => {
      const connection = await connectTo(target());
      expectStatus(await connection.negotiate({ dialects: [] }), STATUS_INVALID_PARAMETER);
    });

    it('fails with STATUS_INVALID_PARAMETER when the body is too short', async () => {
      const connection = await connectTo(target());
      const request = rawRequest(SMB2_NEGOTIATE, Uint8Array.of(36, 0, 1, 0));
      expectStatus(await connection.call(request), STATUS_INVALID_PARAMETER);
    });

    it('disconnects a client that negotiates twice', async () => {
      const connection = await connectTo(target());
      await connection.negotiate();
      void connection.negotiate();
      await expectDisconnect(connection);
    });

    it('disconnects a client whose first request is no NEGOTIATE', async () => {
      const connection = await connectTo(target());
      void connection.echo();
      await expectDisconnect(connection);
    });
  });
}

/** [MS-CIFS] 2.2.4.52 SMB_COM_NEGOTIATE: header, no words, dialects. */
function smb1Negotiate(dialects: readonly string[]): Uint8Array {
  const header = new Uint8Array(32);
  header.set([0xff, 0x53, 0x4d, 0x42, 0x72]);
  const list = Buffer.from(dialects.map((name) => `\x02${name}\0`).join(''), 'latin1');
  return concat(header, Uint8Array.of(0, list.length & 0xff, list.length >> 8), list);
}

function smb1Tests(target: GetTarget): void {
  const answered = async (
    dialects: readonly string[],
  ): Promise<{ connection: ClientConnection; revision: number }> => {
    let take: (message: Uint8Array) => void;
    const received = new Promise<Uint8Array>((resolve) => {
      take = resolve;
    });
    let isFirst = true;
    const connection = await connectTo(target(), {
      intercept: (message) => {
        if (isFirst) take(message);
        const wasFirst = isFirst;
        isFirst = false;
        return wasFirst;
      },
    });
    connection.sendRaw(smb1Negotiate(dialects));
    const message = await received;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const response = decodeNegotiateResponse(view, HEADER_SIZE, message.length);
    return { connection, revision: response!.dialectRevision };
  };

  describe('[MS-SMB2] 3.3.5.3 Receiving an SMB_COM_NEGOTIATE', () => {
    it('answers 0x02FF to "SMB 2.???" and goes on with an SMB2 NEGOTIATE', async () => {
      const dialects = ['NT LM 0.12', 'SMB 2.002', 'SMB 2.???'];
      const { connection, revision } = await answered(dialects);
      assert.equal(revision, 0x02ff);
      const negotiate = negotiateRequest({
        dialects: [0x0302],
        securityMode: 1,
        capabilities: 0,
        clientGuid: '0123456789abcdef0123456789abcdef',
        contexts: [],
      });
      const { status, response } = await connection.call(withHeader(negotiate, { messageId: 1n }));
      assert.equal(status, STATUS_SUCCESS);
      assert.equal(response!.dialectRevision, 0x0302);
    });

    it('answers 0x0202 to "SMB 2.002"', async () => {
      const { revision } = await answered(['NT LM 0.12', 'SMB 2.002']);
      assert.equal(revision, 0x0202);
    });

    it('disconnects a client that speaks SMB1 only', async () => {
      const connection = await connectTo(target());
      connection.sendRaw(smb1Negotiate(['NT LM 0.12']));
      await expectDisconnect(connection);
    });

    it('disconnects a client that speaks SMB1 after SMB2', async () => {
      const connection = await connectTo(target());
      await connection.negotiate();
      connection.sendRaw(smb1Negotiate(['SMB 2.002']));
      await expectDisconnect(connection);
    });
  });
}

function malformedTests(target: GetTarget): void {
  const BROKEN: readonly (readonly [string, (echo: Uint8Array) => Uint8Array])[] = [
    ['no bytes', () => new Uint8Array(0)],
    ['three bytes', (echo) => echo.subarray(0, 3)],
    ['a header that is cut short', (echo) => echo.subarray(0, 63)],
    ['an unknown ProtocolId', (echo) => changed(echo, 0, 0xee)],
    ["a header's StructureSize other than 64", (echo) => changed(echo, 4, 65)],
    ['a NextCommand beyond the message', (echo) => changed(echo, 21, 1)],
    ['a NextCommand that is no multiple of 8', (echo) => changed(concat(echo, echo), 20, 68)],
    ['a NextCommand within the header', (echo) => changed(echo, 20, 8)],
    ['a response', (echo) => changed(echo, 16, SMB2_FLAGS_SERVER_TO_REDIR)],
  ];

  describe('[MS-SMB2] 3.3.5.2 Receiving Any Message', () => {
    for (const [what, tamperSent] of BROKEN) {
      it(`disconnects a client that sends ${what}`, async () => {
        const connection = await connectTo(target());
        await connection.negotiate();
        void connection.call(echoRequest(), { tamperSent });
        await expectDisconnect(connection);
      });
    }

    it('disconnects a client that sends no frame of [MS-SMB2] 2.1', async () => {
      const connection = await connectTo(target());
      await connection.negotiate();
      // More bytes than the 24 bits of a length that the server accepts from a stranger.
      connection.sendRaw(new Uint8Array(0x20_0000));
      await expectDisconnect(connection);
    });

    it('fails with STATUS_INVALID_PARAMETER when the command is unknown', async () => {
      const connection = await connectTo(target());
      await connection.negotiate();
      const reply = await connection.call(rawRequest(0x0014, Uint8Array.of(4, 0, 0, 0)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });

    it('answers an ECHO before any session', async () => {
      const connection = await connectTo(target());
      await connection.negotiate();
      expectStatus(await connection.echo(), STATUS_SUCCESS);
    });
  });
}

/** A copy with one byte replaced. */
function changed(message: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(message);
  copy[at] = byte;
  return copy;
}
