import { assert } from '../../base/assert.ts';
import type { MaybePromise } from '../../base/task.ts';
import { run, type Task, wait } from '../../base/task.ts';
import type { Clock, Random } from '../../env/ports.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_ACCOUNT_DISABLED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
} from '../../erref/ntstatus.ts';
import type { AcceptStep } from '../acceptor.ts';
import type { Account, AccountDatabase } from '../accounts.ts';
import type { Integrity, Mechanism, MechanismAcceptor } from '../mechanism.ts';
import { OID_NTLMSSP } from '../spnego.ts';
import {
  ANONYMOUS_IDENTITY,
  type Identity,
  SID_AUTHENTICATED_USERS,
  SID_EVERYONE,
  SID_NETWORK,
} from '../token.ts';
import {
  avFileTime,
  avFlags,
  avText,
  decodeAvPairs,
  encodeAvPairs,
  MSV_AV_DNS_COMPUTER_NAME,
  MSV_AV_DNS_DOMAIN_NAME,
  MSV_AV_FLAG_MIC,
  MSV_AV_NB_COMPUTER_NAME,
  MSV_AV_NB_DOMAIN_NAME,
  MSV_AV_TIMESTAMP,
} from './av-pairs.ts';
import {
  equalSecret,
  KEY_SIZE,
  messageIntegrityCode,
  ntOwfV2,
  ntProof,
  rc4,
  sessionBaseKey,
} from './crypto.ts';
import {
  has,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
  NTLMSSP_TARGET_TYPE_SERVER,
} from './flags.ts';
import {
  type AuthenticateMessage,
  decodeAuthenticate,
  decodeNegotiate,
  decodeNtlmV2Response,
  encodeChallenge,
  MIC_AT,
  MIC_END,
} from './messages.ts';
import { createIntegrity } from './session-security.ts';

export interface NtlmOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly accounts: AccountDatabase;
  /** NetBIOS name of this server, upper case. */
  readonly serverName: string;
  /** NetBIOS name of its domain or workgroup; a standalone server's identities carry it. */
  readonly domainName: string;
  /** Fully qualified DNS name of this server. */
  readonly dnsName: string;
  /** Lets a peer that names no user in, as ANONYMOUS_IDENTITY. */
  readonly allowAnonymous?: boolean;
  /** What a user without an account becomes; without it such a logon fails. */
  readonly guest?: Identity;
}

/** NTLMv2 for servers: [MS-NLMP] 3.2 Server Details, with a local account database. */
export function createNtlmMechanism(options: NtlmOptions): Mechanism {
  const unknownUserHash = options.random.bytes(KEY_SIZE);
  return {
    oids: [OID_NTLMSSP],
    newAcceptor: () => new NtlmAcceptor(options, unknownUserHash),
  };
}

/** What a client may ask for and get. NTLMSSP_NEGOTIATE_LM_KEY, DATAGRAM and OEM are not in it. */
const GRANTED_ON_REQUEST =
  NTLMSSP_NEGOTIATE_SIGN |
  NTLMSSP_NEGOTIATE_SEAL |
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN |
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
  NTLMSSP_NEGOTIATE_VERSION |
  NTLMSSP_NEGOTIATE_128 |
  NTLMSSP_NEGOTIATE_KEY_EXCH |
  NTLMSSP_NEGOTIATE_56;

interface Challenge {
  readonly negotiate: Uint8Array;
  readonly message: Uint8Array;
  readonly serverChallenge: Uint8Array;
  readonly flags: number;
}

/**
 *   waiting for NEGOTIATE --(T0 challenge)--> waiting for AUTHENTICATE --(T1 authenticate)--> spent
 *
 * T0 keeps both messages: the MIC covers them. Each step that fails spends the acceptor.
 */
class NtlmAcceptor implements MechanismAcceptor {
  readonly #options: NtlmOptions;
  readonly #unknownUserHash: Uint8Array;
  #challenge: Challenge | undefined;
  #spent = false;
  #integrity: Integrity | undefined;

  constructor(options: NtlmOptions, unknownUserHash: Uint8Array) {
    this.#options = options;
    this.#unknownUserHash = unknownUserHash;
  }

  get integrity(): Integrity | undefined {
    return this.#integrity;
  }

  step(token: Uint8Array): MaybePromise<AcceptStep> {
    assert(!this.#spent, 'step of an NTLM acceptor that has ended');
    if (this.#challenge === undefined) return this.#onNegotiate(token);
    this.#spent = true;
    return run(this.#onAuthenticate(this.#challenge, Uint8Array.from(token)));
  }

  /** [MS-NLMP] 3.2.5.1.1 Server Receives a NEGOTIATE_MESSAGE from the Client. */
  #onNegotiate(token: Uint8Array): AcceptStep {
    const negotiate = decodeNegotiate(token);
    // Windows: a client that offers OEM names only is answered in Unicode, which all of them speak.
    if (negotiate === undefined) {
      this.#spent = true;
      return { kind: 'failed', status: STATUS_INVALID_PARAMETER };
    }
    const flags =
      NTLMSSP_NEGOTIATE_UNICODE |
      NTLMSSP_NEGOTIATE_NTLM |
      NTLMSSP_REQUEST_TARGET |
      NTLMSSP_TARGET_TYPE_SERVER |
      NTLMSSP_NEGOTIATE_TARGET_INFO |
      (negotiate.flags & GRANTED_ON_REQUEST);
    const { random, serverName } = this.#options;
    const serverChallenge = random.bytes(8);
    const targetInfo = this.#targetInfo();
    const fields = { flags, serverChallenge, targetName: serverName, targetInfo };
    const message = encodeChallenge(fields);
    this.#challenge = { negotiate: Uint8Array.from(token), message, serverChallenge, flags };
    return { kind: 'continue', token: message };
  }

  #targetInfo(): Uint8Array {
    const { clock, serverName, domainName, dnsName } = this.#options;
    const dot = dnsName.indexOf('.');
    return encodeAvPairs([
      avText(MSV_AV_NB_DOMAIN_NAME, domainName),
      avText(MSV_AV_NB_COMPUTER_NAME, serverName),
      avText(MSV_AV_DNS_DOMAIN_NAME, dot < 0 ? '' : dnsName.slice(dot + 1)),
      avText(MSV_AV_DNS_COMPUTER_NAME, dnsName),
      avFileTime(MSV_AV_TIMESTAMP, clock.fileTime()),
    ]);
  }

  /** [MS-NLMP] 3.2.5.1.2 Server Receives an AUTHENTICATE_MESSAGE from the Client. */
  *#onAuthenticate(challenge: Challenge, token: Uint8Array): Task<AcceptStep> {
    const message = decodeAuthenticate(token);
    if (message === undefined) return { kind: 'failed', status: STATUS_INVALID_PARAMETER };
    if (isAnonymous(message)) return this.#acceptAnonymous(message, challenge);

    const { userName, domainName } = message;
    const response = decodeNtlmV2Response(message.ntResponse);
    // LM and NTLMv1 responses are no proof of anything any more.
    if (response === undefined) return { kind: 'failed', status: STATUS_LOGON_FAILURE, userName };
    const avPairs = decodeAvPairs(response.avPairs);
    if (avPairs === undefined) {
      return { kind: 'failed', status: STATUS_INVALID_PARAMETER, userName };
    }

    // An unknown user takes the same path and time as a wrong password.
    const account = yield* wait(this.#options.accounts.lookup(userName, domainName));
    const hash = account?.ntHash ?? this.#unknownUserHash;
    const responseKey = ntOwfV2(hash, userName, domainName);
    const proof = ntProof(responseKey, challenge.serverChallenge, response.temp);
    const baseKey = sessionBaseKey(responseKey, proof);
    const proven = equalSecret(proof, response.proof);
    if (account === undefined && this.#options.guest !== undefined) {
      return done(this.#options.guest, new Uint8Array(KEY_SIZE));
    }
    if (account === undefined || !proven) {
      return { kind: 'failed', status: STATUS_LOGON_FAILURE, userName };
    }

    const flags = message.flags & challenge.flags;
    const sessionKey = exportedSessionKey(baseKey, flags, message.encryptedSessionKey);
    if (sessionKey === undefined) {
      return { kind: 'failed', status: STATUS_INVALID_PARAMETER, userName };
    }
    const hasMic = has(avFlags(avPairs), MSV_AV_FLAG_MIC);
    if (hasMic && !micIsRight(sessionKey, challenge, token)) {
      return { kind: 'failed', status: STATUS_INVALID_PARAMETER, userName };
    }
    if (account.disabled) return { kind: 'failed', status: STATUS_ACCOUNT_DISABLED, userName };

    if (has(flags, NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY)) {
      const micExpected = hasMic;
      const security = {
        role: 'server',
        flags,
        exportedSessionKey: sessionKey,
        micExpected,
      } as const;
      this.#integrity = createIntegrity(security);
    }
    return done(identityOf(account, this.#options.serverName), sessionKey);
  }

  /** The key is the exported one of a SessionBaseKey of zeros: it keeps nothing secret. */
  #acceptAnonymous(message: AuthenticateMessage, challenge: Challenge): AcceptStep {
    if (this.#options.allowAnonymous !== true) {
      return { kind: 'failed', status: STATUS_ACCESS_DENIED, userName: '' };
    }
    const flags = message.flags & challenge.flags;
    const zeros = new Uint8Array(KEY_SIZE);
    const sessionKey = exportedSessionKey(zeros, flags, message.encryptedSessionKey) ?? zeros;
    return done(ANONYMOUS_IDENTITY, sessionKey);
  }
}

function done(identity: Identity, sessionKey: Uint8Array): AcceptStep {
  return { kind: 'done', token: new Uint8Array(0), identity, sessionKey };
}

/** [MS-NLMP] 3.2.5.1.2: no user, no NT response and an LM response of nothing or one zero byte. */
function isAnonymous({ userName, ntResponse, lmResponse }: AuthenticateMessage): boolean {
  return userName === '' && ntResponse.length === 0 && lmResponse.length <= 1;
}

/** [MS-NLMP] 3.2.5.1.2, ExportedSessionKey; undefined when the client's key is not 16 bytes. */
function exportedSessionKey(
  keyExchangeKey: Uint8Array,
  flags: number,
  encryptedSessionKey: Uint8Array,
): Uint8Array | undefined {
  if (!has(flags, NTLMSSP_NEGOTIATE_KEY_EXCH)) return keyExchangeKey;
  if (encryptedSessionKey.length !== KEY_SIZE) return undefined;
  return rc4(keyExchangeKey, encryptedSessionKey);
}

/** `authenticate` is our copy: its MIC field is zeroed for the computation. */
function micIsRight(key: Uint8Array, challenge: Challenge, authenticate: Uint8Array): boolean {
  if (authenticate.length < MIC_END) return false;
  const mic = authenticate.slice(MIC_AT, MIC_END);
  authenticate.fill(0, MIC_AT, MIC_END);
  const { negotiate, message } = challenge;
  return equalSecret(messageIntegrityCode(key, negotiate, message, authenticate), mic);
}

function identityOf(account: Account, domainName: string): Identity {
  return {
    userName: account.userName,
    domainName,
    userSid: account.sid,
    groupSids: [...account.groupSids, SID_EVERYONE, SID_NETWORK, SID_AUTHENTICATED_USERS],
    ...(account.uid === undefined ? {} : { uid: account.uid }),
    ...(account.gid === undefined ? {} : { gid: account.gid }),
    ...(account.gids === undefined ? {} : { gids: account.gids }),
    isGuest: false,
    isAnonymous: false,
  };
}
