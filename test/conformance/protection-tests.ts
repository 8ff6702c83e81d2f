import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../../src/base/bytes.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../../src/erref/ntstatus.ts';
import { withHeader } from '../../src/smb2/client/request.ts';
import { echoRequest, treeDisconnectRequest } from '../../src/smb2/client/requests.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import { TRANSFORM_HEADER_SIZE } from '../../src/smb2/wire/transform-header.ts';
import { expectDisconnect, expectStatus, type GetTarget, logOnAt, sessionAt } from './peer.ts';

/** Dialect and signing algorithm: every way to sign. */
const SIGNED = [
  { name: 'HMAC-SHA256 of 2.0.2', dialects: [0x0202] },
  { name: 'HMAC-SHA256 of 2.1', dialects: [0x0210] },
  { name: 'AES-CMAC of 3.0', dialects: [0x0300] },
  { name: 'HMAC-SHA256 of 3.1.1', dialects: [0x0311], signingAlgorithms: [0] },
  { name: 'AES-CMAC of 3.1.1', dialects: [0x0311], signingAlgorithms: [1] },
  { name: 'AES-GMAC of 3.1.1', dialects: [0x0311], signingAlgorithms: [2] },
];

export function protectionTests(target: GetTarget): void {
  signingTests(target);
  encryptionTests(target);
}

function signingTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.2.4 Verifying the Signature', () => {
    for (const { name, ...offer } of SIGNED) {
      it(`fails with STATUS_ACCESS_DENIED when a signature is wrong: ${name}`, async () => {
        const { tree } = await logOnAt(target(), { ...offer, connection: { verify: 'report' } });
        const tamperSigned = flipping(50);
        const disconnect = treeDisconnectRequest();
        const reply = await tree.call(disconnect, { sign: true, tamperSigned });
        expectStatus(reply, STATUS_ACCESS_DENIED);
        expectStatus(await tree.call(disconnect, { sign: true }), STATUS_SUCCESS);
      });

      it(`fails with STATUS_ACCESS_DENIED when what was signed is changed: ${name}`, async () => {
        const { tree } = await logOnAt(target(), { ...offer, connection: { verify: 'report' } });
        const tamperSigned = flipping(66);
        const reply = await tree.call(treeDisconnectRequest(), { sign: true, tamperSigned });
        expectStatus(reply, STATUS_ACCESS_DENIED);
      });
    }

    it('fails with STATUS_ACCESS_DENIED when a client that requires signing does not', async () => {
      const { tree } = await logOnAt(target(), { securityMode: 3, signing: 'required' });
      const connection = { verify: 'report' } as const;
      const other = await logOnAt(target(), { securityMode: 3, signing: 'required', connection });
      expectStatus(await tree.disconnect(), STATUS_SUCCESS);
      expectStatus(await other.tree.disconnect({ sign: false }), STATUS_ACCESS_DENIED);
    });

    it('fails with STATUS_USER_SESSION_DELETED when it has no key to verify with', async () => {
      const { connection, session } = await logOnAt(target(), {
        connection: { verify: 'report' },
      });
      const header = { sessionId: session.sessionId + 77n };
      const request = withHeader(treeDisconnectRequest(), header);
      const reply = await connection.call(request, { channel: session.channel, sign: true });
      expectStatus(reply, STATUS_USER_SESSION_DELETED);
    });
  });

  describe('[MS-SMB2] 3.3.4.1.1 Signing the Message', () => {
    for (const { name, ...offer } of SIGNED) {
      it(`signs what answers a signed request, and only that: ${name}`, async () => {
        const { connection, session } = await logOnAt(target(), offer);
        const { channel } = session;
        const signed = await connection.call(echoRequest(), { channel, sign: true });
        assert.equal(signed.protection, 'signed');
        const plain = await connection.call(echoRequest(), { channel, sign: false });
        assert.equal(plain.protection, 'none');
      });
    }
  });
}

function encryptionTests(target: GetTarget): void {
  const BROKEN = [
    ['whose ciphertext was changed', flipping(TRANSFORM_HEADER_SIZE + 3)],
    ['whose tag was changed', flipping(5)],
    ['whose nonce was changed', flipping(22)],
    ['whose SessionId is unknown', flipping(48)],
    ['whose OriginalMessageSize is wrong', flipping(36)],
    ['whose Flags do not say that it is encrypted', flipping(42)],
    ['that ends within the transform header', cutTo(TRANSFORM_HEADER_SIZE - 1)],
    ['that ends behind the transform header', cutTo(TRANSFORM_HEADER_SIZE)],
    ['that lacks its last byte', cutTo(-1)],
    ['that has a byte too many', (message: Uint8Array) => concat(message, Uint8Array.of(0))],
  ] as const;

  describe('[MS-SMB2] 3.3.5.2.1.1 Decrypting the Message', () => {
    for (const dialect of [0x0300, 0x0311]) {
      for (const [what, tamperSent] of BROKEN) {
        it(`disconnects over a message ${what}, dialect ${dialect.toString(16)}`, async () => {
          const { connection, session } = await logOnAt(target(), { dialects: [dialect] });
          const { channel } = session;
          void connection.call(echoRequest(), { channel, encrypt: true, tamperSent });
          await expectDisconnect(connection);
        });
      }
    }

    it('disconnects over a transform header within another', async () => {
      const { connection, session } = await logOnAt(target(), { dialects: [0x0311] });
      const { channel } = session;
      const tamperSigned = (message: Uint8Array): Uint8Array => {
        message[0] = 0xfd;
        return message;
      };
      void connection.call(echoRequest(), { channel, encrypt: true, tamperSigned });
      await expectDisconnect(connection);
    });

    it('serves encrypted requests of a session that need not be', async () => {
      const { connection, session } = await logOnAt(target(), { dialects: [0x0311] });
      const { channel } = session;
      const reply = await connection.call(echoRequest(), { channel, encrypt: true });
      expectStatus(reply, STATUS_SUCCESS);
      assert.equal(reply.protection, 'encrypted');
    });
  });

  describe('[MS-SMB2] 3.3.5.2.11 Verifying the Tree Connect, Share.EncryptData', () => {
    it('fails with STATUS_ACCESS_DENIED when a request to the share is not encrypted', async () => {
      const { tree } = await logOnAt(target(), {
        share: 'share_enc',
        connection: { verify: 'report' },
      });
      assert.equal(tree.encryptData, true);
      const parameters = { name: '', desiredAccess: 0x80, createDisposition: 1, shareAccess: 7 };
      expectStatus(await tree.create(parameters), STATUS_SUCCESS);
      expectStatus(await tree.create(parameters, { encrypt: false }), STATUS_ACCESS_DENIED);
    });
  });

  describe('[MS-SMB2] 3.3.5.7 Receiving an SMB2 TREE_CONNECT Request, Share.EncryptData', () => {
    const WEAK = [
      { name: '2.1', dialects: [0x0210] },
      { name: '3.0 without encryption', dialects: [0x0300], capabilities: 0 },
      { name: '3.1.1 without ciphers', dialects: [0x0311], ciphers: [] },
    ];
    for (const { name, ...offer } of WEAK) {
      it(`fails with STATUS_ACCESS_DENIED over ${name}`, async () => {
        const session = await sessionAt(target(), offer);
        const path = `\\\\${target().host}\\share_enc`;
        expectStatus(await ClientTree.connect(session, path), STATUS_ACCESS_DENIED);
      });
    }
  });
}

function flipping(at: number): (message: Uint8Array) => Uint8Array {
  return (message) => {
    message[at]! ^= 1;
    return message;
  };
}

function cutTo(length: number): (message: Uint8Array) => Uint8Array {
  return (message) => message.subarray(0, length < 0 ? message.length + length : length);
}
