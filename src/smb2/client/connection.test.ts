import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, viewOf } from '../../base/bytes.ts';
import type { Random, TimerHandle, Timers } from '../../env/ports.ts';
import {
  STATUS_CANCELLED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_INVALID_NETWORK_RESPONSE,
  STATUS_IO_TIMEOUT,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import { createSigner } from '../crypto/signer.ts';
import type { Transport, TransportListener } from '../transport/transport.ts';
import {
  SMB2_CANCEL,
  SMB2_ECHO,
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_FLAGS_SIGNED,
  SMB2_NEGOTIATE,
  SMB2_OPLOCK_BREAK,
  SMB2_SERVER_TO_CLIENT_NOTIFICATION,
} from '../wire/constants.ts';
import { encodeEchoResponse } from '../wire/echo.ts';
import { decodeHeader, encodeHeader, HEADER_SIZE, type Header } from '../wire/header.ts';
import { encodeLeaseBreakNotification } from '../wire/lease-break.ts';
import { encodeNegotiateResponse, type NegotiateResponse } from '../wire/negotiate.ts';
import { encryptionContext, preauthIntegrityContext } from '../wire/negotiate-context.ts';
import { encodeOplockBreak } from '../wire/oplock-break.ts';
import { type BreakNotification, ClientConnection, type ConnectionOptions } from './connection.ts';
import type { Channel } from './request.ts';
import { echoRequest } from './requests.ts';

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const LEASE_KEY = '000102030405060708090a0b0c0d0e0f';

/** Time that passes when a test says so. */
class TestTimers implements Timers {
  readonly #waiting: Set<() => void> = new Set();

  after(_delayMs: number, fire: () => void): TimerHandle {
    this.#waiting.add(fire);
    return { cancel: () => this.#waiting.delete(fire) };
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.after(0, resolve));
  }

  fireAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fire of waiting) fire();
  }
}

const random: Random = { bytes: (length) => new Uint8Array(length).fill(7) };

/** The other end, which says what a test tells it to. */
class Peer implements Transport {
  readonly headroom = 4;
  readonly sendSizeMax = 0xff_ffff;
  readonly remoteAddress = 'peer';
  readonly localAddress = 'here';
  readonly queuedBytes = 0;
  readonly sentBytes = 0;
  readonly sent: Uint8Array[] = [];
  readonly timers: TestTimers = new TestTimers();
  listener!: TransportListener;

  async connect(options: Partial<ConnectionOptions> = {}): Promise<ClientConnection> {
    const connect = async (listener: TransportListener): Promise<Transport> => {
      this.listener = listener;
      return this;
    };
    return ClientConnection.open(connect, { timers: this.timers, random, ...options });
  }

  send(chunks: readonly Uint8Array[]): void {
    this.sent.push(concat(...chunks).subarray(this.headroom));
  }

  unconfirmedBytes(): number {
    return 0;
  }

  pause(): void {}
  resume(): void {}
  setMessageSizeMax(): void {}
  close(): void {}

  header(index: number): Header {
    const message = this.sent[index]!;
    return decodeHeader(viewOf(message), 0, message.length)!;
  }

  /** Delivers a response to the request of that index. */
  answer(index: number, fields: Partial<Header>, body: Body = encodeEchoResponse): Uint8Array {
    const { command, messageId, sessionId } = this.header(index);
    const message = response({ command, messageId, sessionId, ...fields }, body);
    this.listener.message(message);
    return message;
  }
}

type Body = (view: DataView, at: number) => number;

function response(fields: Partial<Header>, body: Body): Uint8Array {
  const message = new Uint8Array(2048);
  const view = viewOf(message);
  encodeHeader(view, 0, {
    creditCharge: 0,
    status: 0,
    command: SMB2_ECHO,
    credits: 1,
    nextCommand: 0,
    messageId: 0n,
    asyncId: 0n,
    treeId: 0,
    sessionId: 0n,
    ...fields,
    flags: SMB2_FLAGS_SERVER_TO_REDIR | (fields.flags ?? 0),
  });
  return message.subarray(0, body(view, HEADER_SIZE));
}

const ERROR_BODY: Body = (view, at) => {
  view.setUint16(at, 9, true);
  return at + 9;
};

const PREAUTH = preauthIntegrityContext({ hashAlgorithms: [1], salt: new Uint8Array(32) });

const negotiateBody =
  (changes: Partial<NegotiateResponse>): Body =>
  (view, at) =>
    encodeNegotiateResponse(view, at, {
      securityMode: 1,
      dialectRevision: 0x0311,
      serverGuid: '00'.repeat(16),
      capabilities: 4,
      maxTransactSize: 65_536,
      maxReadSize: 65_536,
      maxWriteSize: 65_536,
      systemTime: 0n,
      serverStartTime: 0n,
      securityBuffer: new Uint8Array(0),
      contexts: [PREAUTH],
      ...changes,
    });

describe('[MS-SMB2] 3.2.5.2 Receiving an SMB2 NEGOTIATE Response', () => {
  const REFUSED: readonly (readonly [string, Partial<NegotiateResponse>])[] = [
    ['a dialect that was not offered', { dialectRevision: 0x0202, contexts: [] }],
    ['no preauthentication context', { contexts: [] }],
    ['two preauthentication contexts', { contexts: [PREAUTH, PREAUTH] }],
    ['a cipher that was not offered', { contexts: [PREAUTH, encryptionContext([3])] }],
    ['two ciphers', { contexts: [PREAUTH, encryptionContext([1, 2])] }],
  ];
  for (const [what, changes] of REFUSED) {
    it(`ends the connection over ${what}`, async () => {
      const peer = new Peer();
      const connection = await peer.connect();
      const reply = connection.negotiate({ dialects: [0x0300, 0x0311], ciphers: [1, 2] });
      peer.answer(0, { command: SMB2_NEGOTIATE }, negotiateBody(changes));
      assert.equal((await reply).status, STATUS_INVALID_NETWORK_RESPONSE);
      assert.notEqual(connection.closedReason, undefined);
      assert.equal(connection.negotiated, undefined);
    });
  }

  it('goes on without encryption when the server knows no cipher', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const reply = connection.negotiate({ dialects: [0x0311] });
    peer.answer(0, {}, negotiateBody({ contexts: [PREAUTH, encryptionContext([0])] }));
    assert.equal((await reply).status, STATUS_SUCCESS);
    assert.equal(connection.negotiated?.cipherId, undefined);
  });
});

describe('[MS-SMB2] 3.2.5.1 Receiving Any Message', () => {
  const BROKEN: readonly (readonly [string, Uint8Array])[] = [
    ['no message', new Uint8Array(0)],
    ['an unknown ProtocolId', new Uint8Array(64).fill(0x41)],
    ['a response to no request', response({ messageId: 77n }, encodeEchoResponse)],
    ['a NextCommand out of bounds', response({ nextCommand: 4096 }, encodeEchoResponse)],
    ['an encrypted message without keys', new Uint8Array(80).fill(0).fill(0xfd, 0, 1)],
    [
      'a malformed notification',
      response({ messageId: ALL_ONES, command: SMB2_OPLOCK_BREAK }, encodeEchoResponse),
    ],
  ];
  for (const [what, message] of BROKEN) {
    it(`ends the connection over ${what}`, async () => {
      const peer = new Peer();
      const connection = await peer.connect();
      const call = connection.echo();
      peer.listener.message(message);
      assert.notEqual(connection.closedReason, undefined);
      assert.equal((await call).status, STATUS_CONNECTION_DISCONNECTED);
      assert.equal((await connection.echo()).status, STATUS_CONNECTION_DISCONNECTED);
    });
  }

  it('takes a response that is cut anywhere for a broken one, and never throws', async () => {
    const whole = response({}, negotiateBody({}));
    for (let length = 0; length < whole.length; length++) {
      const peer = new Peer();
      const connection = await peer.connect();
      const reply = connection.negotiate({ dialects: [0x0311] });
      peer.listener.message(whole.slice(0, length));
      const { status } = await reply;
      const broken = [STATUS_CONNECTION_DISCONNECTED, STATUS_INVALID_NETWORK_RESPONSE];
      assert.ok(broken.includes(status), `${length} bytes`);
    }
  });

  it('answers STATUS_INVALID_NETWORK_RESPONSE when the body is no response', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo();
    peer.answer(0, {}, ERROR_BODY);
    assert.equal((await call).status, STATUS_INVALID_NETWORK_RESPONSE);
    assert.equal(connection.closedReason, undefined);
  });
});

describe('[MS-SMB2] 3.2.5.19 Receiving an SMB2 OPLOCK_BREAK Notification', () => {
  it('tells oplock breaks, lease breaks and closed sessions', async () => {
    const breaks: BreakNotification[] = [];
    const sessions: bigint[] = [];
    const peer = new Peer();
    await peer.connect({
      onBreak: (notification) => breaks.push(notification),
      onSessionClosed: (sessionId) => sessions.push(sessionId),
    });
    const unsolicited = { messageId: ALL_ONES, command: SMB2_OPLOCK_BREAK };
    const fileId = { persistent: 1n, volatile: 2n };
    peer.listener.message(
      response(unsolicited, (view, at) => encodeOplockBreak(view, at, { oplockLevel: 1, fileId })),
    );
    const lease = {
      newEpoch: 3,
      flags: 1,
      leaseKey: LEASE_KEY,
      currentLeaseState: 7,
      newLeaseState: 1,
    };
    peer.listener.message(
      response(unsolicited, (view, at) => encodeLeaseBreakNotification(view, at, lease)),
    );
    const command = SMB2_SERVER_TO_CLIENT_NOTIFICATION;
    peer.listener.message(
      response({ messageId: ALL_ONES, command, sessionId: 9n }, (view, at) => {
        view.setUint16(at, 4, true);
        return at + 12;
      }),
    );
    assert.deepEqual(breaks, [
      { kind: 'oplock', notification: { oplockLevel: 1, fileId } },
      { kind: 'lease', notification: lease },
    ]);
    assert.deepEqual(sessions, [9n]);
  });
});

describe('[MS-SMB2] 3.2.5.1.3 Verifying the Signature', () => {
  const signer = createSigner(1, new Uint8Array(16).fill(3));
  const channel: Channel = {
    sessionId: 5n,
    signer,
    encryptor: undefined,
    decryptor: undefined,
    signingRequired: true,
    encryptData: false,
  };
  const signed = (peer: Peer, flip: boolean): Uint8Array => {
    const { messageId, sessionId } = peer.header(0);
    const fields = { messageId, sessionId, flags: SMB2_FLAGS_SIGNED };
    const message = response(fields, encodeEchoResponse);
    signer.sign(message);
    if (flip) message[50]! ^= 1;
    return message;
  };

  it('takes a response that is signed as the request was', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo({ channel });
    assert.ok(signer.verify(peer.sent[0]!));
    peer.listener.message(signed(peer, false));
    assert.equal((await call).protection, 'signed');
  });

  it('ends the connection when the signature is wrong', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo({ channel });
    peer.listener.message(signed(peer, true));
    assert.equal((await call).status, STATUS_CONNECTION_DISCONNECTED);
  });

  it('ends the connection when there is none', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo({ channel });
    peer.answer(0, {});
    assert.equal((await call).status, STATUS_CONNECTION_DISCONNECTED);
  });

  it('hands both on where it is to report', async () => {
    for (const flip of [true, false]) {
      const peer = new Peer();
      const connection = await peer.connect({ verify: 'report' });
      const call = connection.echo({ channel });
      if (flip) peer.listener.message(signed(peer, true));
      else peer.answer(0, {});
      assert.equal((await call).protection, flip ? 'bad-signature' : 'none');
    }
  });
});

describe('[MS-SMB2] 3.2.6.1 Request Expiration Timer Event', () => {
  it('answers STATUS_IO_TIMEOUT, and lets a late response bring its credits', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo();
    peer.timers.fireAll();
    assert.equal((await call).status, STATUS_IO_TIMEOUT);
    assert.equal(connection.creditsAvailable, 0);
    peer.answer(0, { credits: 3 });
    assert.equal(connection.closedReason, undefined);
    assert.equal(connection.creditsAvailable, 3);
  });

  it('waits for ever once the server answered STATUS_PENDING', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo();
    const pending = { status: STATUS_PENDING, flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: 8n };
    peer.answer(0, pending, ERROR_BODY);
    assert.equal((await call.interim)?.asyncId, 8n);
    peer.timers.fireAll();
    peer.answer(0, { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: 8n, credits: 0 });
    assert.equal((await call).status, STATUS_SUCCESS);
  });
});

describe('[MS-SMB2] 3.2.4.1.3 Associating the Message with a MessageId', () => {
  it('holds requests back, in order, until there are credits', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const calls = [connection.echo(), connection.echo(), connection.echo()];
    assert.equal(peer.sent.length, 1);
    peer.answer(0, { credits: 1 });
    assert.equal(peer.sent.length, 2);
    assert.equal(peer.header(1).messageId, 1n);
    peer.answer(1, { credits: 2 });
    peer.answer(2, { credits: 2 });
    for (const call of calls) assert.equal((await call).status, STATUS_SUCCESS);
  });

  it('sends a compound only when there are credits for all of it', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    connection.compound([echoRequest(), echoRequest()]);
    assert.equal(peer.sent.length, 0);
  });

  it('answers STATUS_IO_TIMEOUT to what never gets its credits, and goes on behind it', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const wide = connection.compound([echoRequest(), echoRequest()]);
    peer.timers.fireAll();
    for (const call of wide) assert.equal((await call).status, STATUS_IO_TIMEOUT);
    const call = connection.echo();
    peer.answer(0, {});
    assert.equal((await call).status, STATUS_SUCCESS);
  });

  it('settles what waits when the connection ends', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const calls = [connection.echo(), connection.echo()];
    peer.listener.closed('cut');
    for (const call of calls) assert.equal((await call).status, STATUS_CONNECTION_DISCONNECTED);
    assert.equal(await connection.closed, 'cut');
  });
});

describe('[MS-SMB2] 3.2.4.24 Application Requests Canceling an Operation', () => {
  it('takes back a request that was not sent', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    connection.echo();
    const call = connection.echo();
    call.cancel();
    assert.equal((await call).status, STATUS_CANCELLED);
    assert.equal(peer.sent.length, 1);
  });

  it('names the message id, and the async id where there is one', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const call = connection.echo();
    call.cancel();
    assert.equal(peer.header(1).command, SMB2_CANCEL);
    assert.equal(peer.header(1).messageId, 0n);
    assert.equal(peer.header(1).flags & SMB2_FLAGS_ASYNC_COMMAND, 0);
    const pending = { status: STATUS_PENDING, flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: 8n };
    peer.answer(0, pending, ERROR_BODY);
    call.cancel();
    assert.equal(peer.header(2).asyncId, 8n);
    peer.answer(0, { ...pending, status: STATUS_CANCELLED, credits: 0 }, ERROR_BODY);
    assert.equal((await call).status, STATUS_CANCELLED);
  });

  it('follows an AbortSignal', async () => {
    const peer = new Peer();
    const connection = await peer.connect();
    const abort = new AbortController();
    connection.echo({ signal: abort.signal });
    abort.abort();
    assert.equal(peer.header(1).command, SMB2_CANCEL);
  });
});
