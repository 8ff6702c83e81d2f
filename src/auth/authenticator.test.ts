import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock, Random } from '../env/ports.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_ACCOUNT_DISABLED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
} from '../erref/ntstatus.ts';
import type { Acceptor, AcceptStep } from './acceptor.ts';
import { type Account, type AccountDatabase, createAccountDatabase } from './accounts.ts';
import {
  type AuthenticatorOptions,
  createAuthenticator,
  createInitiator,
  type InitiatorOptions,
} from './authenticator.ts';
import type { Initiator } from './initiator.ts';
import type { MechanismInitiator } from './mechanism.ts';
import { NegotiateInitiator } from './negotiate-initiator.ts';
import { createNtlmInitiator } from './ntlm/initiator.ts';
import { ntHash } from './ntlm/nt-hash.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  OID_NTLMSSP,
  REJECT,
  REQUEST_MIC,
} from './spnego.ts';

const clock: Clock = { fileTime: () => 133_000_000_000_000_000n, monotonicMs: () => 0 };
const OID_KERBEROS = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2);

const ada: Account = {
  userName: 'Ada',
  ntHash: ntHash('sécret'),
  sid: 'S-1-5-21-1-2-3-1000',
  groupSids: ['S-1-5-32-545'],
  uid: 1000,
  disabled: false,
};
const accounts = createAccountDatabase([ada, { ...ada, userName: 'gone', disabled: true }]);

function serverOptions(change: Partial<AuthenticatorOptions> = {}): AuthenticatorOptions {
  const names = { serverName: 'SEMBA', domainName: 'WORKGROUP', dnsName: 'semba.example.org' };
  return { random: randomFrom(1), clock, accounts, ...names, ...change };
}

function client(change: Partial<InitiatorOptions> = {}): Initiator {
  const credentials = { userName: 'ada', domainName: 'ELSEWHERE', secret: 'sécret' };
  return createInitiator({ random: randomFrom(9), clock, ...credentials, ...change });
}

type Tamper = (token: Uint8Array, round: number) => Uint8Array;

/** Runs a logon to its end; `tamper` changes the client's tokens on their way. */
async function logon(
  initiator: Initiator,
  options: AuthenticatorOptions = serverOptions(),
  tamper: Tamper = (token) => token,
): Promise<{ accepted: AcceptStep; initiated: string; rounds: number }> {
  const authenticator = createAuthenticator(options);
  const acceptor = authenticator.newAcceptor();
  let token = await initiator.first(authenticator.hint);
  for (let round = 1; ; round++) {
    const accepted = await acceptor.step(tamper(token, round));
    if (accepted.kind === 'failed') return { accepted, initiated: '', rounds: round };
    const step = await initiator.step(accepted.token);
    if (step.kind === 'continue') {
      assert.equal(accepted.kind, 'continue');
      token = step.token;
      continue;
    }
    if (step.kind === 'done' && accepted.kind === 'done' && !accepted.identity.isGuest) {
      assert.deepEqual(step.sessionKey, accepted.sessionKey);
    }
    return { accepted, initiated: step.kind, rounds: round };
  }
}

async function failure(...args: Parameters<typeof logon>): Promise<number> {
  const { accepted } = await logon(...args);
  assert.equal(accepted.kind, 'failed');
  return accepted.kind === 'failed' ? accepted.status : 0;
}

describe('[MS-NLMP] 3.2.5.1.2, a logon', () => {
  for (const framing of ['spnego', 'raw'] as const) {
    it(`succeeds with the right password (${framing})`, async () => {
      const { accepted, initiated, rounds } = await logon(client({ framing }));
      assert.equal(initiated, 'done');
      assert.equal(rounds, 2);
      assert.ok(accepted.kind === 'done');
      assert.equal(accepted.sessionKey.length, 16);
      assert.equal(accepted.identity.userName, 'Ada');
      assert.equal(accepted.identity.domainName, 'SEMBA');
      assert.equal(accepted.identity.uid, 1000);
      assert.equal(accepted.identity.isAnonymous, false);
      assert.equal(accepted.token.length > 0, framing === 'spnego');
    });

    it(`fails with STATUS_LOGON_FAILURE on a wrong password or user (${framing})`, async () => {
      assert.equal(await failure(client({ framing, secret: 'secret' })), STATUS_LOGON_FAILURE);
      assert.equal(await failure(client({ framing, userName: 'eve' })), STATUS_LOGON_FAILURE);
    });

    it(`fails with STATUS_ACCOUNT_DISABLED, if the password is right (${framing})`, async () => {
      const gone = { framing, userName: 'gone' };
      assert.equal(await failure(client(gone)), STATUS_ACCOUNT_DISABLED);
      assert.equal(await failure(client({ ...gone, secret: 'x' })), STATUS_LOGON_FAILURE);
    });

    it(`fails when anonymous with STATUS_ACCESS_DENIED, unless allowed (${framing})`, async () => {
      const nobody = { framing, userName: '', secret: '' };
      assert.equal(await failure(client(nobody)), STATUS_ACCESS_DENIED);
      const options = serverOptions({ allowAnonymous: true });
      const { accepted, initiated } = await logon(client(nobody), options);
      assert.equal(initiated, 'done');
      assert.ok(accepted.kind === 'done' && accepted.identity.isAnonymous);
    });

    it(`fails when its MIC or what it covers is changed (${framing})`, async () => {
      for (const offset of [72, 87, 64]) {
        const status = await failure(client({ framing }), undefined, (token, round) =>
          round === 2 ? flip(token, ntlmAt(token) + offset) : token,
        );
        assert.notEqual(status, 0, `byte ${offset}`);
      }
      const flags = await failure(client({ framing }), undefined, (token, round) =>
        round === 1 ? flip(token, ntlmAt(token) + 35) : token,
      );
      assert.equal(flags, STATUS_INVALID_PARAMETER);
    });
  }

  it('takes the NT hash in place of the password', async () => {
    assert.equal((await logon(client({ secret: ada.ntHash }))).initiated, 'done');
  });

  it('waits for an account database that answers later', async () => {
    const later: AccountDatabase = {
      lookup: async (user, domain) => accounts.lookup(user, domain),
    };
    assert.equal((await logon(client(), serverOptions({ accounts: later }))).initiated, 'done');
  });

  it('makes an unknown user a guest where that is configured', async () => {
    const { accepted } = await logon(client({ userName: 'eve' }), serverOptions({ guest: GUEST }));
    assert.ok(accepted.kind === 'done' && accepted.identity.isGuest);
    const wrong = client({ secret: 'wrong' });
    assert.equal(await failure(wrong, serverOptions({ guest: GUEST })), STATUS_LOGON_FAILURE);
  });

  it('fails with STATUS_LOGON_FAILURE on an NTLMv1 response', async () => {
    const status = await failure(client({ framing: 'raw' }), undefined, (token, round) => {
      if (round === 1) return token;
      const v1 = Uint8Array.from(token);
      v1[20] = 24;
      v1[21] = 0;
      return v1;
    });
    assert.equal(status, STATUS_LOGON_FAILURE);
  });

  it('names the user that failed', async () => {
    const { accepted } = await logon(client({ userName: 'eve' }));
    assert.ok(accepted.kind === 'failed');
    assert.equal(accepted.userName, 'eve');
    assert.equal(decodeNegTokenResp(accepted.token!)?.negState, REJECT);
  });
});

describe('RFC 4178 5 Processing of mechListMIC', () => {
  it('refuses a wrong mechListMIC', async () => {
    const status = await failure(client(), undefined, (token, round) =>
      round === 2 ? flip(token, token.length - 10) : token,
    );
    assert.equal(status, STATUS_LOGON_FAILURE);
  });

  it('refuses a mechanism list that was changed on its way', async () => {
    const status = await failure(client(), undefined, (token, round) => {
      if (round !== 1) return token;
      const list = encodeMechTypeList([OID_NTLMSSP, OID_KERBEROS]);
      return encodeNegTokenInit(list, decodeNegTokenInit(token)!.mechToken!);
    });
    assert.equal(status, STATUS_LOGON_FAILURE);
  });

  const kerberosFirst = (): Initiator => {
    const kerberos: MechanismInitiator = {
      oid: OID_KERBEROS,
      first: () => Uint8Array.of(1, 2, 3),
      next: () => undefined,
      sessionKey: undefined,
      integrity: undefined,
    };
    const credentials = { userName: 'ada', domainName: '', secret: 'sécret' };
    const ntlm = createNtlmInitiator({ random: randomFrom(5), clock, ...credentials });
    const initiator = new NegotiateInitiator([kerberos, ntlm]);
    return {
      first: () => initiator.first(new Uint8Array(0)),
      step: (token) => initiator.step(token),
      get sessionKey() {
        return initiator.sessionKey;
      },
    };
  };

  it('answers request-mic when NTLM is not the favourite, and signs both ways', async () => {
    const acceptor = createAuthenticator(serverOptions()).newAcceptor();
    const first = await acceptor.step(await kerberosFirst().first(new Uint8Array(0)));
    assert.ok(first.kind === 'continue');
    const answer = decodeNegTokenResp(first.token)!;
    assert.equal(answer.negState, REQUEST_MIC);
    assert.deepEqual(Uint8Array.from(answer.supportedMech!), OID_NTLMSSP);
    assert.equal(answer.responseToken, undefined);

    const { accepted, initiated, rounds } = await logon(kerberosFirst());
    assert.equal(initiated, 'done');
    assert.equal(rounds, 3);
    assert.ok(accepted.kind === 'done');
    assert.equal(decodeNegTokenResp(accepted.token)?.mechListMic?.length, 16);
  });

  it('insists on the mechListMIC when NTLM is not the favourite', async () => {
    const status = await failure(kerberosFirst(), undefined, (token, round) => {
      if (round !== 3) return token;
      return encodeNegTokenResp({ responseToken: decodeNegTokenResp(token)!.responseToken });
    });
    assert.equal(status, STATUS_LOGON_FAILURE);
  });

  it('lets a client without mechListMIC in when NTLM was its favourite', async () => {
    const { accepted } = await logon(client(), undefined, (token, round) => {
      if (round === 1) return token;
      return encodeNegTokenResp({ responseToken: decodeNegTokenResp(token)!.responseToken });
    });
    assert.equal(accepted.kind, 'done');
    assert.ok(accepted.kind === 'done');
    assert.equal(decodeNegTokenResp(accepted.token)?.mechListMic, undefined);
  });

  it("has the client refuse a server's wrong mechListMIC", async () => {
    const { hint, newAcceptor } = createAuthenticator(serverOptions());
    const initiator = client();
    const acceptor = newAcceptor();
    const challenge = await acceptor.step(await initiator.first(hint));
    assert.ok(challenge.kind === 'continue');
    const step = await initiator.step(challenge.token);
    assert.ok(step.kind === 'continue');
    assert.equal(initiator.sessionKey?.length, 16);
    const last = await acceptor.step(step.token);
    assert.ok(last.kind === 'done');
    const end = await initiator.step(flip(last.token, last.token.length - 10));
    assert.equal(end.kind, 'failed');
  });
});

describe('[MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication, malformed tokens', () => {
  it('fail with STATUS_INVALID_PARAMETER at every cut', async () => {
    for (const framing of ['spnego', 'raw'] as const) {
      const { hint, newAcceptor } = createAuthenticator(serverOptions());
      const initiator = client({ framing });
      const first = await initiator.first(hint);
      const challenge = await newAcceptor().step(first);
      assert.ok(challenge.kind === 'continue');
      const second = await initiator.step(challenge.token);
      assert.ok(second.kind === 'continue');
      for (let size = 0; size < first.length; size++) {
        if (framing === 'raw' && size >= 16) break;
        await refuses(newAcceptor(), first.subarray(0, size));
      }
      for (let size = 0; size < second.token.length; size++) {
        const acceptor = newAcceptor();
        await acceptor.step(first);
        await refuses(acceptor, second.token.subarray(0, size));
      }
    }
  });

  it('fail with STATUS_INVALID_PARAMETER without a common mechanism', async () => {
    const list = encodeMechTypeList([OID_KERBEROS]);
    const acceptor = createAuthenticator(serverOptions()).newAcceptor();
    await refuses(acceptor, encodeNegTokenInit(list, Uint8Array.of(1)));
  });

  it('end the acceptor', async () => {
    const acceptor = createAuthenticator(serverOptions()).newAcceptor();
    await refuses(acceptor, new Uint8Array(0));
    assert.throws(() => acceptor.step(new Uint8Array(0)));
  });
});

async function refuses(acceptor: Acceptor, token: Uint8Array): Promise<void> {
  const step = await acceptor.step(token);
  assert.ok(step.kind === 'failed', `${token.length} bytes`);
  assert.equal(step.status, STATUS_INVALID_PARAMETER, `${token.length} bytes`);
}

function flip(token: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(token);
  flipped[at]! ^= 1;
  return flipped;
}

/** Where the NTLM message starts in a token. */
function ntlmAt(token: Uint8Array): number {
  return Buffer.from(token).indexOf('NTLMSSP\0');
}

function randomFrom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state * 75 + 74) % 65_537;
    return state & 0xff;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}

const GUEST = {
  userName: 'Guest',
  domainName: 'SEMBA',
  userSid: 'S-1-5-21-1-2-3-501',
  groupSids: ['S-1-5-32-546'],
  isGuest: true,
  isAnonymous: false,
};
