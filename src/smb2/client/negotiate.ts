import type { Random } from '../../env/ports.ts';
import type { Compression } from '../compression/algorithms.ts';
import {
  type CipherId,
  isCipherId,
  isSigningAlgorithmId,
  SIGNING_AES_CMAC,
  SIGNING_AES_GMAC,
  SIGNING_HMAC_SHA256,
  type SigningAlgorithmId,
} from '../crypto/algorithms.ts';
import {
  SMB2_COMPRESSION_CAPABILITIES,
  SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED,
  SMB2_COMPRESSION_CAPABILITIES_FLAG_NONE,
  SMB2_COMPRESSION_NONE,
  SMB2_DIALECT_202,
  SMB2_DIALECT_210,
  SMB2_DIALECT_300,
  SMB2_DIALECT_302,
  SMB2_DIALECT_311,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
  SMB2_ENCRYPTION_CAPABILITIES,
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_GLOBAL_CAP_LEASING,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
  SMB2_PREAUTH_INTEGRITY_SHA512,
  SMB2_SIGNING_CAPABILITIES,
} from '../wire/constants.ts';
import type { Guid } from '../wire/guid.ts';
import type { NegotiateRequest, NegotiateResponse } from '../wire/negotiate.ts';
import {
  compressionContext,
  decodeCompressionCapabilities,
  decodeEncryptionCapabilities,
  decodePreauthIntegrityCapabilities,
  decodeSigningCapabilities,
  encryptionContext,
  type NegotiateContext,
  netnameContext,
  preauthIntegrityContext,
  signingContext,
} from '../wire/negotiate-context.ts';

/** What a client offers; everything that this client can unless told. */
export interface NegotiateOptions {
  readonly dialects?: readonly number[] | undefined;
  /** SMB2_NEGOTIATE_SIGNING_* */
  readonly securityMode?: number | undefined;
  /** SMB2_GLOBAL_CAP_*; sent when a dialect of 3.x is offered, else 0. */
  readonly capabilities?: number | undefined;
  /** Default: 16 random bytes. */
  readonly clientGuid?: Guid | undefined;
  /** In order of preference; an empty list leaves the context away. */
  readonly ciphers?: readonly number[] | undefined;
  readonly signingAlgorithms?: readonly number[] | undefined;
  /** Offered in SMB2_COMPRESSION_CAPABILITIES; default: nothing. */
  readonly compression?: Compression | undefined;
  /** The server's name for SMB2_NETNAME_NEGOTIATE_CONTEXT_ID. */
  readonly netName?: string | undefined;
  /** In place of all the contexts that 3.1.1 would send. */
  readonly contexts?: readonly NegotiateContext[] | undefined;
}

export const ALL_DIALECTS: readonly number[] = [
  SMB2_DIALECT_202,
  SMB2_DIALECT_210,
  SMB2_DIALECT_300,
  SMB2_DIALECT_302,
  SMB2_DIALECT_311,
];

const ALL_CIPHERS: readonly number[] = [
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_GCM,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES256_CCM,
];

const ALL_SIGNING_ALGORITHMS: readonly number[] = [
  SIGNING_AES_GMAC,
  SIGNING_AES_CMAC,
  SIGNING_HMAC_SHA256,
];

export const CAPABILITIES_WITHOUT_ENCRYPTION: number =
  SMB2_GLOBAL_CAP_LEASING |
  SMB2_GLOBAL_CAP_LARGE_MTU |
  SMB2_GLOBAL_CAP_MULTI_CHANNEL |
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES |
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING;

export const ALL_CAPABILITIES: number =
  CAPABILITIES_WITHOUT_ENCRYPTION | SMB2_GLOBAL_CAP_ENCRYPTION;

const SALT_SIZE = 32;

/** [MS-SMB2] 3.2.4.2.2.2 SMB2-Only Negotiate. */
export function negotiateRequestOf(options: NegotiateOptions, random: Random): NegotiateRequest {
  const dialects = options.dialects ?? ALL_DIALECTS;
  const isSmb3 = dialects.some((dialect) => dialect >= SMB2_DIALECT_300);
  return {
    dialects,
    securityMode: options.securityMode ?? SMB2_NEGOTIATE_SIGNING_ENABLED,
    capabilities: isSmb3 ? (options.capabilities ?? ALL_CAPABILITIES) : 0,
    clientGuid: options.clientGuid ?? Buffer.from(random.bytes(16)).toString('hex'),
    contexts: dialects.includes(SMB2_DIALECT_311) ? contextsOf(options, random) : [],
  };
}

function contextsOf(options: NegotiateOptions, random: Random): readonly NegotiateContext[] {
  if (options.contexts !== undefined) return options.contexts;
  const ciphers = options.ciphers ?? ALL_CIPHERS;
  const signingAlgorithms = options.signingAlgorithms ?? ALL_SIGNING_ALGORITHMS;
  const salt = random.bytes(SALT_SIZE);
  return [
    preauthIntegrityContext({ hashAlgorithms: [SMB2_PREAUTH_INTEGRITY_SHA512], salt }),
    ...(ciphers.length > 0 ? [encryptionContext(ciphers)] : []),
    ...(signingAlgorithms.length > 0 ? [signingContext(signingAlgorithms)] : []),
    ...(options.compression !== undefined ? [compressionOffer(options.compression)] : []),
    ...(options.netName !== undefined ? [netnameContext(options.netName)] : []),
  ];
}

/** What both sides agreed on: [MS-SMB2] 3.2.1.2 Per SMB2 Transport Connection. */
export interface Negotiated {
  readonly request: NegotiateRequest;
  readonly response: NegotiateResponse;
  readonly dialect: number;
  /** Undefined: this connection cannot encrypt. */
  readonly cipherId: CipherId | undefined;
  readonly signingAlgorithm: SigningAlgorithmId;
  /** Undefined: nothing is compressed. */
  readonly compression: Compression | undefined;
  readonly supportsMultiCredit: boolean;
}

/**
 * [MS-SMB2] 3.2.5.2 Receiving an SMB2 NEGOTIATE Response. Undefined when the response breaks the
 * rules, after which the connection must be closed.
 */
export function agree(
  request: NegotiateRequest,
  response: NegotiateResponse,
): Negotiated | undefined {
  const dialect = response.dialectRevision;
  if (!request.dialects.includes(dialect)) return undefined;
  const common = {
    request,
    response,
    dialect,
    supportsMultiCredit:
      dialect >= SMB2_DIALECT_210 && (response.capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) !== 0,
  };
  if (dialect === SMB2_DIALECT_311) {
    const chosen = chosenIn(request, response.contexts);
    return chosen && { ...common, ...chosen };
  }
  const encrypts =
    (request.capabilities & response.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0;
  return {
    ...common,
    cipherId: dialect >= SMB2_DIALECT_300 && encrypts ? SMB2_ENCRYPTION_AES128_CCM : undefined,
    signingAlgorithm: dialect >= SMB2_DIALECT_300 ? SIGNING_AES_CMAC : SIGNING_HMAC_SHA256,
    compression: undefined,
  };
}

type Chosen = Pick<Negotiated, 'cipherId' | 'signingAlgorithm' | 'compression'>;

function chosenIn(
  request: NegotiateRequest,
  contexts: readonly NegotiateContext[],
): Chosen | undefined {
  let hasPreauth = false;
  let cipherId: CipherId | undefined;
  let signingAlgorithm: SigningAlgorithmId = SIGNING_AES_CMAC;
  let compression: Compression | undefined;
  for (const { type, data } of contexts) {
    if (type === SMB2_PREAUTH_INTEGRITY_CAPABILITIES) {
      const hashAlgorithms = decodePreauthIntegrityCapabilities(data)?.hashAlgorithms;
      if (hasPreauth || hashAlgorithms?.length !== 1) return undefined;
      if (hashAlgorithms[0] !== SMB2_PREAUTH_INTEGRITY_SHA512) return undefined;
      hasPreauth = true;
    } else if (type === SMB2_ENCRYPTION_CAPABILITIES) {
      const id = only(decodeEncryptionCapabilities(data));
      const offered = offeredIn(request, type, decodeEncryptionCapabilities);
      // 0: the server has no cipher in common with us.
      if (id === undefined || (id !== 0 && !offered.includes(id))) return undefined;
      if (isCipherId(id)) cipherId = id;
    } else if (type === SMB2_SIGNING_CAPABILITIES) {
      const id = only(decodeSigningCapabilities(data));
      const offered = offeredIn(request, type, decodeSigningCapabilities);
      if (id === undefined || !offered.includes(id) || !isSigningAlgorithmId(id)) return undefined;
      signingAlgorithm = id;
    } else if (type === SMB2_COMPRESSION_CAPABILITIES) {
      const chosen = compressionIn(request, data);
      if (chosen === 'broken') return undefined;
      compression = chosen;
    }
  }
  return hasPreauth ? { cipherId, signingAlgorithm, compression } : undefined;
}

function compressionOffer({ algorithms, chained }: Compression): NegotiateContext {
  const flags = chained
    ? SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED
    : SMB2_COMPRESSION_CAPABILITIES_FLAG_NONE;
  return compressionContext({ flags, algorithms });
}

/** [MS-SMB2] 3.2.5.2: some of what was offered, each once; NONE: there is nothing in common. */
function compressionIn(
  request: NegotiateRequest,
  data: Uint8Array,
): Compression | undefined | 'broken' {
  const answer = decodeCompressionCapabilities(data);
  if (answer === undefined || answer.algorithms.length === 0) return 'broken';
  const { algorithms, flags } = answer;
  if (algorithms.length === 1 && algorithms[0] === SMB2_COMPRESSION_NONE) return undefined;
  const context = request.contexts.find((one) => one.type === SMB2_COMPRESSION_CAPABILITIES);
  const offered = context && decodeCompressionCapabilities(context.data);
  if (offered === undefined || (flags & ~offered.flags) !== 0) return 'broken';
  if (algorithms.some((id) => !offered.algorithms.includes(id))) return 'broken';
  if (new Set(algorithms).size < algorithms.length) return 'broken';
  return { algorithms, chained: (flags & SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED) !== 0 };
}

function only(ids: readonly number[] | undefined): number | undefined {
  return ids?.length === 1 ? ids[0] : undefined;
}

function offeredIn(
  request: NegotiateRequest,
  type: number,
  decode: (data: Uint8Array) => readonly number[] | undefined,
): readonly number[] {
  const context = request.contexts.find((candidate) => candidate.type === type);
  return (context && decode(context.data)) ?? [];
}
