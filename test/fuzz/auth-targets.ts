import { createAccountDatabase } from '../../src/auth/accounts.ts';
import { createAuthenticator, createInitiator } from '../../src/auth/authenticator.ts';
import { readElement } from '../../src/auth/der.ts';
import type { InitiateStep } from '../../src/auth/initiator.ts';
import { decodeAvPairs } from '../../src/auth/ntlm/av-pairs.ts';
import {
  decodeAuthenticate,
  decodeChallenge,
  decodeNegotiate,
  decodeNtlmV2Response,
} from '../../src/auth/ntlm/messages.ts';
import { ntHash } from '../../src/auth/ntlm/nt-hash.ts';
import { decodeNegTokenInit, decodeNegTokenResp } from '../../src/auth/spnego.ts';
import type { Clock, Random } from '../../src/env/ports.ts';
import { LOGON_MESSAGES } from '../vectors/smb311-logon.ts';

/** One decoder of bytes that a peer sends: it may refuse them, it may not throw or hang. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs to start from. */
  readonly seeds: readonly Uint8Array[];
  run(bytes: Uint8Array): unknown;
}

const clock: Clock = { fileTime: () => 0n, monotonicMs: () => 0 };
const random: Random = { bytes: (length) => new Uint8Array(length).fill(7) };
const account = { ntHash: ntHash('x'), sid: 'S-1-5-21-1', groupSids: [], disabled: false };
const accounts = createAccountDatabase([{ userName: 'administrator', ...account }]);
const authenticator = createAuthenticator({
  random,
  clock,
  accounts,
  serverName: 'S',
  domainName: 'D',
  dnsName: 's.d',
  allowAnonymous: true,
});

const init = LOGON_MESSAGES.setupRequest1.slice(88);
const challengeResp = LOGON_MESSAGES.setupResponse1.slice(72);
const authenticateResp = LOGON_MESSAGES.setupRequest2.slice(88);
const completed = LOGON_MESSAGES.setupResponse2.slice(72);
const negotiate = Uint8Array.from(decodeNegTokenInit(init)!.mechToken!);
const challenge = Uint8Array.from(decodeNegTokenResp(challengeResp)!.responseToken!);
const authenticate = Uint8Array.from(decodeNegTokenResp(authenticateResp)!.responseToken!);
const ntResponse = Uint8Array.from(decodeAuthenticate(authenticate)!.ntResponse);

export const AUTH_FUZZ_TARGETS: readonly FuzzTarget[] = [
  { name: 'der', seeds: [init, completed], run: (b) => readElement(b, 0, b.length) },
  { name: 'NegTokenInit', seeds: [init, authenticator.hint], run: decodeNegTokenInit },
  { name: 'NegTokenResp', seeds: [challengeResp, completed], run: decodeNegTokenResp },
  { name: 'NEGOTIATE_MESSAGE', seeds: [negotiate], run: decodeNegotiate },
  { name: 'CHALLENGE_MESSAGE', seeds: [challenge], run: decodeChallenge },
  { name: 'AUTHENTICATE_MESSAGE', seeds: [authenticate], run: decodeAuthenticate },
  { name: 'NTLMv2_RESPONSE', seeds: [ntResponse], run: decodeNtlmV2Response },
  { name: 'AV_PAIR', seeds: [ntResponse.slice(44)], run: decodeAvPairs },
  {
    name: 'acceptor, first token',
    seeds: [init, negotiate],
    run: (bytes) => authenticator.newAcceptor().step(bytes),
  },
  {
    name: 'acceptor, second token',
    seeds: [authenticateResp],
    run: (bytes) => stepAfter(init, bytes),
  },
  {
    name: 'acceptor, second raw token',
    seeds: [authenticate],
    run: (bytes) => stepAfter(negotiate, bytes),
  },
  {
    name: 'initiator',
    seeds: [challengeResp, completed],
    run: (bytes) => {
      const credentials = { userName: 'a', domainName: 'd', secret: 's' };
      const initiator = createInitiator({ random, clock, ...credentials });
      initiator.first(bytes);
      const step = initiator.step(bytes) as InitiateStep;
      return step.kind === 'continue' ? initiator.step(bytes) : step;
    },
  },
];

function stepAfter(first: Uint8Array, second: Uint8Array): unknown {
  const acceptor = authenticator.newAcceptor();
  acceptor.step(first);
  return acceptor.step(second);
}
