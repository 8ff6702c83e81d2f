import { concat, LE, viewOf } from '../../base/bytes.ts';
import type { Clock, Random } from '../../env/ports.ts';
import type { Integrity, MechanismInitiator } from '../mechanism.ts';
import { OID_NTLMSSP } from '../spnego.ts';
import {
  type AvPair,
  avFlags,
  avText,
  avU32,
  decodeAvPairs,
  encodeAvPairs,
  findAvPair,
  MSV_AV_CHANNEL_BINDINGS,
  MSV_AV_FLAG_MIC,
  MSV_AV_FLAGS,
  MSV_AV_TARGET_NAME,
  MSV_AV_TIMESTAMP,
} from './av-pairs.ts';
import {
  hmacMd5,
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
  NTLMSSP_NEGOTIATE_ANONYMOUS,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
} from './flags.ts';
import {
  decodeChallenge,
  encodeAuthenticate,
  encodeClientChallenge,
  encodeNegotiate,
  MIC_AT,
} from './messages.ts';
import { ntHash } from './nt-hash.ts';
import { createIntegrity } from './session-security.ts';

export interface NtlmCredentials {
  /** Empty with no password: anonymous. */
  readonly userName: string;
  /** As the user has it; empty for an account of the server's own. */
  readonly domainName: string;
  /** The password, or its NTOWFv1 (`ntHash`). */
  readonly secret: string | Uint8Array;
}

export interface NtlmInitiatorOptions extends NtlmCredentials {
  readonly random: Random;
  readonly clock: Clock;
  readonly workstation?: string;
  /** "cifs/server": the service that the client means to reach, for MsvAvTargetName. */
  readonly targetName?: string;
}

export function createNtlmInitiator(options: NtlmInitiatorOptions): MechanismInitiator {
  return new NtlmInitiator(options);
}

const REQUESTED =
  NTLMSSP_NEGOTIATE_UNICODE |
  NTLMSSP_REQUEST_TARGET |
  NTLMSSP_NEGOTIATE_SIGN |
  NTLMSSP_NEGOTIATE_NTLM |
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN |
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
  NTLMSSP_NEGOTIATE_TARGET_INFO |
  NTLMSSP_NEGOTIATE_VERSION |
  NTLMSSP_NEGOTIATE_128 |
  NTLMSSP_NEGOTIATE_KEY_EXCH |
  NTLMSSP_NEGOTIATE_56;

/** Without these a server does not speak NTLMv2 with session security. */
const REQUIRED =
  NTLMSSP_NEGOTIATE_UNICODE |
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
  NTLMSSP_NEGOTIATE_TARGET_INFO;

/** NTLMv2 for clients: [MS-NLMP] 3.1 Client Details. */
class NtlmInitiator implements MechanismInitiator {
  readonly oid: Uint8Array = OID_NTLMSSP;
  readonly #options: NtlmInitiatorOptions;
  #negotiate: Uint8Array = new Uint8Array(0);
  #sessionKey: Uint8Array | undefined;
  #integrity: Integrity | undefined;

  constructor(options: NtlmInitiatorOptions) {
    this.#options = options;
  }

  get sessionKey(): Uint8Array | undefined {
    return this.#sessionKey;
  }

  get integrity(): Integrity | undefined {
    return this.#integrity;
  }

  first(): Uint8Array {
    this.#negotiate = encodeNegotiate({ flags: REQUESTED });
    return this.#negotiate;
  }

  /** [MS-NLMP] 3.1.5.1.2 Client Receives a CHALLENGE_MESSAGE from the Server. */
  next(token: Uint8Array): Uint8Array | undefined {
    if (this.#sessionKey !== undefined) return undefined;
    const challenge = decodeChallenge(token);
    const avPairs = challenge && decodeAvPairs(challenge.targetInfo);
    if (challenge === undefined || avPairs === undefined) return undefined;
    if ((challenge.flags & REQUIRED) !== REQUIRED) return undefined;

    const { random, userName, domainName, secret, workstation = '' } = this.#options;
    const anonymous = userName === '' && secret.length === 0;
    const answer = anonymous ? ANONYMOUS : this.#respond(challenge.serverChallenge, avPairs);
    const flags = challenge.flags & REQUESTED;
    const keyExchange = has(flags, NTLMSSP_NEGOTIATE_KEY_EXCH);
    const sessionKey = keyExchange ? random.bytes(KEY_SIZE) : answer.baseKey;
    const authenticate = encodeAuthenticate({
      flags: anonymous ? flags | NTLMSSP_NEGOTIATE_ANONYMOUS : flags,
      lmResponse: answer.lmResponse,
      ntResponse: answer.ntResponse,
      domainName: anonymous ? '' : domainName,
      userName,
      workstation,
      encryptedSessionKey: keyExchange ? rc4(answer.baseKey, sessionKey) : new Uint8Array(0),
    });
    if (answer.hasMic) {
      const mic = messageIntegrityCode(sessionKey, this.#negotiate, token, authenticate);
      authenticate.set(mic, MIC_AT);
    }
    this.#sessionKey = sessionKey;
    if (!anonymous) {
      const micExpected = answer.hasMic;
      const security = {
        role: 'client',
        flags,
        exportedSessionKey: sessionKey,
        micExpected,
      } as const;
      this.#integrity = createIntegrity(security);
    }
    return authenticate;
  }

  /** [MS-NLMP] 3.3.2 NTLM v2 Authentication, ComputeResponse. */
  #respond(serverChallenge: Uint8Array, received: readonly AvPair[]): Answer {
    const { random, clock, userName, domainName, secret, targetName = '' } = this.#options;
    const responseKey = ntOwfV2(hashOf(secret), userName, domainName);
    const clientChallenge = random.bytes(8);
    const timestamp = findAvPair(received, MSV_AV_TIMESTAMP);
    // 3.1.5.1.2: a server that sends its time gets a MIC, and no LMv2 response.
    const hasMic = timestamp?.length === 8;
    const fileTime = hasMic ? viewOf(timestamp).getBigUint64(0, LE) : clock.fileTime();
    const avPairs = encodeAvPairs([
      ...received.filter((pair) => pair.id !== MSV_AV_FLAGS),
      ...(hasMic ? [avU32(MSV_AV_FLAGS, avFlags(received) | MSV_AV_FLAG_MIC)] : []),
      { id: MSV_AV_CHANNEL_BINDINGS, value: new Uint8Array(16) },
      avText(MSV_AV_TARGET_NAME, targetName),
    ]);
    const temp = encodeClientChallenge({ fileTime, clientChallenge, avPairs });
    const proof = ntProof(responseKey, serverChallenge, temp);
    const lmProof = hmacMd5(responseKey, serverChallenge, clientChallenge);
    return {
      ntResponse: concat(proof, temp),
      lmResponse: hasMic ? new Uint8Array(24) : concat(lmProof, clientChallenge),
      baseKey: sessionBaseKey(responseKey, proof),
      hasMic,
    };
  }
}

interface Answer {
  readonly ntResponse: Uint8Array;
  readonly lmResponse: Uint8Array;
  readonly baseKey: Uint8Array;
  readonly hasMic: boolean;
}

/** [MS-NLMP] 3.1.5.1.2: the responses of a client without credentials. */
const ANONYMOUS: Answer = {
  ntResponse: new Uint8Array(0),
  lmResponse: new Uint8Array(1),
  baseKey: new Uint8Array(KEY_SIZE),
  hasMic: false,
};

function hashOf(secret: string | Uint8Array): Uint8Array {
  return typeof secret === 'string' ? ntHash(secret) : secret;
}
