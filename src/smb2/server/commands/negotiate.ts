import { toHex } from '../../../base/bytes.ts';
import type { Limits } from '../../../base/limits.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
} from '../../../erref/ntstatus.ts';
import { agreeOnCompression } from '../../compression/algorithms.ts';
import {
  isCipherId,
  isSigningAlgorithmId,
  SIGNING_AES_CMAC,
  SIGNING_HMAC_SHA256,
} from '../../crypto/algorithms.ts';
import { extendPreauthHash, PREAUTH_HASH_INITIAL } from '../../crypto/preauth.ts';
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
  SMB2_ENCRYPTION_CAPABILITIES,
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_GLOBAL_CAP_LEASING,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
  SMB2_POSIX_EXTENSIONS_AVAILABLE,
  SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
  SMB2_PREAUTH_INTEGRITY_SHA512,
  SMB2_SIGNING_CAPABILITIES,
} from '../../wire/constants.ts';
import {
  decodeNegotiateRequest,
  encodeNegotiateResponse,
  type NegotiateRequest,
} from '../../wire/negotiate.ts';
import {
  compressionContext,
  decodeCompressionCapabilities,
  decodeEncryptionCapabilities,
  decodePosixExtensions,
  decodePreauthIntegrityCapabilities,
  decodeSigningCapabilities,
  encryptionContext,
  type NegotiateContext,
  posixExtensionsContext,
  preauthIntegrityContext,
  signingContext,
} from '../../wire/negotiate-context.ts';
import type { Request } from '../request.ts';
import type { Smb2Server } from '../server.ts';
import type { Connection } from '../state/connection.ts';

/** Every dialect that semba speaks, best first. */
const DIALECTS: readonly number[] = [
  SMB2_DIALECT_311,
  SMB2_DIALECT_302,
  SMB2_DIALECT_300,
  SMB2_DIALECT_210,
  SMB2_DIALECT_202,
];

const SALT_SIZE = 32;

/** [MS-SMB2] 3.3.5.4 Receiving an SMB2 NEGOTIATE Request. */
export function* handleNegotiate(
  request: Request,
  message: Uint8Array,
): Task<NtStatus | undefined> {
  const { connection, server } = request;
  const negotiate = decodeNegotiateRequest(request.view, request.body, request.end);
  if (negotiate === undefined || negotiate.dialects.length === 0) return STATUS_INVALID_PARAMETER;
  const dialect = chooseDialect(server, negotiate.dialects);
  if (dialect === undefined) return STATUS_NOT_SUPPORTED;

  const contexts: NegotiateContext[] = [];
  if (dialect === SMB2_DIALECT_311) {
    const status = negotiateContexts(request, negotiate, contexts);
    if (status !== 0) return status;
  }
  settle(server, connection, negotiate, dialect);
  connection.transport.setMessageSizeMax(server.options.limits.unauthenticatedMessageSize);

  const { authenticator, env, serverGuid } = server.options;
  const reply = request.room(512 + authenticator.hint.length);
  reply.finish(
    encodeNegotiateResponse(reply.view, reply.body, {
      securityMode: connection.serverSecurityMode,
      dialectRevision: dialect,
      serverGuid: guidText(serverGuid),
      capabilities: connection.serverCapabilities,
      maxTransactSize: connection.maxTransactSize,
      maxReadSize: connection.maxReadSize,
      maxWriteSize: connection.maxWriteSize,
      systemTime: env.clock.fileTime(),
      serverStartTime: 0n,
      securityBuffer: authenticator.hint,
      contexts,
    }),
  );
  if (dialect === SMB2_DIALECT_311) {
    const hash = extendPreauthHash(PREAUTH_HASH_INITIAL, message);
    connection.preauthHash = hash;
    request.afterSend = (sent) => {
      connection.preauthHash = extendPreauthHash(hash, sent);
    };
  }
  return 0;
}

export function guidText(guid: Uint8Array): string {
  return toHex(guid);
}

function chooseDialect(server: Smb2Server, offered: readonly number[]): number | undefined {
  const { dialectMin, dialectMax } = server.options;
  return DIALECTS.find(
    (dialect) => dialect >= dialectMin && dialect <= dialectMax && offered.includes(dialect),
  );
}

/** What the server keeps of the client's offer: [MS-SMB2] 3.3.5.4, from "Connection.Dialect" on. */
function settle(
  server: Smb2Server,
  connection: Connection,
  negotiate: NegotiateRequest,
  dialect: number,
): void {
  const { signing, limits } = server.options;
  connection.dialect = dialect;
  connection.clientCapabilities = dialect >= SMB2_DIALECT_300 ? negotiate.capabilities : 0;
  connection.clientSecurityMode = negotiate.securityMode;
  connection.clientDialects = negotiate.dialects;
  connection.clientGuid = dialect === SMB2_DIALECT_202 ? '' : negotiate.clientGuid;
  server.oplockHolders.addConnection(connection);
  connection.serverSecurityMode =
    SMB2_NEGOTIATE_SIGNING_ENABLED | (signing === 'required' ? SMB2_NEGOTIATE_SIGNING_REQUIRED : 0);
  let capabilities = 0;
  if (dialect !== SMB2_DIALECT_202) {
    capabilities |= SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_LEASING;
    connection.supportsMultiCredit = true;
    settleSizes(connection, limits);
  }
  if (dialect >= SMB2_DIALECT_300) {
    capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
    capabilities |= negotiate.capabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
    if (server.hasPersistentShares()) {
      capabilities |= negotiate.capabilities & SMB2_GLOBAL_CAP_PERSISTENT_HANDLES;
    }
  }
  const offersEncryption = (negotiate.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0;
  if (dialect === SMB2_DIALECT_300 || dialect === SMB2_DIALECT_302) {
    connection.signingAlgorithm = SIGNING_AES_CMAC;
    const ccm = server.options.ciphers.includes(SMB2_ENCRYPTION_AES128_CCM);
    if (offersEncryption && ccm) {
      capabilities |= SMB2_GLOBAL_CAP_ENCRYPTION;
      connection.cipherId = SMB2_ENCRYPTION_AES128_CCM;
    }
  } else if (dialect < SMB2_DIALECT_300) {
    connection.signingAlgorithm = SIGNING_HMAC_SHA256;
  }
  connection.serverCapabilities = capabilities;
}

/** Bytes that a message may be larger than its payload, and what payloads are a multiple of. */
const MESSAGE_EXTRA = 65_536;
const SIZE_UNIT = 65_536;

/**
 * MaxTransactSize, MaxReadSize and MaxWriteSize. What goes in messages has to fit the transport's;
 * what an RDMA transport moves beside them may be larger, in the dialects that can say so.
 */
function settleSizes(connection: Connection, limits: Limits): void {
  const { transport, compression } = connection;
  let transactSizeMax = limits.transactSizeMax;
  if (compression !== undefined) {
    transactSizeMax = Math.min(transactSizeMax, limits.compressedTransactSizeMax);
  }
  const room = transport.sendSizeMax - MESSAGE_EXTRA;
  connection.maxTransactSize = Math.min(transactSizeMax, room - (room % SIZE_UNIT));
  connection.maxReadSize = connection.maxTransactSize;
  connection.maxWriteSize = Math.min(connection.maxTransactSize, limits.writeSizeMax);
  if (transport.rdma !== undefined && connection.dialect >= SMB2_DIALECT_300) {
    const { readWriteSizeMax } = transport.rdma;
    connection.maxReadSize = Math.min(limits.transactSizeMax, readWriteSizeMax);
    connection.maxWriteSize = connection.maxReadSize;
  }
}

const KNOWN_CONTEXTS: ReadonlySet<number> = new Set([
  SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
  SMB2_ENCRYPTION_CAPABILITIES,
  SMB2_COMPRESSION_CAPABILITIES,
  SMB2_SIGNING_CAPABILITIES,
  SMB2_POSIX_EXTENSIONS_AVAILABLE,
]);

/** [MS-SMB2] 3.3.5.4, NegotiateContextList: each known context once, unknown ones ignored. */
function negotiateContexts(
  request: Request,
  negotiate: NegotiateRequest,
  answer: NegotiateContext[],
): NtStatus {
  const { server, connection } = request;
  const known = new Map<number, Uint8Array>();
  for (const context of negotiate.contexts) {
    if (!KNOWN_CONTEXTS.has(context.type)) continue;
    if (known.has(context.type)) return STATUS_INVALID_PARAMETER;
    known.set(context.type, context.data);
  }
  const preauth = known.get(SMB2_PREAUTH_INTEGRITY_CAPABILITIES);
  if (preauth === undefined) return STATUS_INVALID_PARAMETER;
  const status = checkPreauth(preauth);
  if (status !== 0) return status;
  const salt = server.options.env.random.bytes(SALT_SIZE);
  answer.push(preauthIntegrityContext({ hashAlgorithms: [SMB2_PREAUTH_INTEGRITY_SHA512], salt }));
  connection.signingAlgorithm = SIGNING_AES_CMAC;
  return (
    chooseCipher(request, known.get(SMB2_ENCRYPTION_CAPABILITIES), answer) ||
    chooseSigning(request, known.get(SMB2_SIGNING_CAPABILITIES), answer) ||
    chooseCompression(request, known.get(SMB2_COMPRESSION_CAPABILITIES), answer) ||
    choosePosix(request, known.get(SMB2_POSIX_EXTENSIONS_AVAILABLE), answer)
  );
}

function checkPreauth(data: Uint8Array): NtStatus {
  const capabilities = decodePreauthIntegrityCapabilities(data);
  if (capabilities === undefined || capabilities.hashAlgorithms.length === 0) {
    return STATUS_INVALID_PARAMETER;
  }
  return capabilities.hashAlgorithms.includes(SMB2_PREAUTH_INTEGRITY_SHA512)
    ? 0
    : STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP;
}

/** The server's order of preference decides; no common cipher is answered with cipher 0. */
function chooseCipher(
  { server, connection }: Request,
  data: Uint8Array | undefined,
  answer: NegotiateContext[],
): NtStatus {
  if (data === undefined) return 0;
  const offered = decodeEncryptionCapabilities(data);
  if (offered === undefined || offered.length === 0) return STATUS_INVALID_PARAMETER;
  const chosen = server.options.ciphers.find((id) => isCipherId(id) && offered.includes(id));
  connection.cipherId = chosen ?? 0;
  answer.push(encryptionContext([connection.cipherId]));
  return 0;
}

function chooseSigning(
  { server, connection }: Request,
  data: Uint8Array | undefined,
  answer: NegotiateContext[],
): NtStatus {
  if (data === undefined) return 0;
  const offered = decodeSigningCapabilities(data);
  if (offered === undefined || offered.length === 0) return STATUS_INVALID_PARAMETER;
  const chosen = server.options.signingAlgorithms.find((id) => offered.includes(id));
  if (chosen === undefined || !isSigningAlgorithmId(chosen)) return 0;
  connection.signingAlgorithm = chosen;
  answer.push(signingContext([chosen]));
  return 0;
}

/**
 * IsCompressionSupported: some share wants it. Nothing in common is answered with NONE. Windows:
 * what is compressed is discarded on an RDMA connection ([MS-SMB2] 3.3.5.2.1.2).
 */
function chooseCompression(
  { server, connection }: Request,
  data: Uint8Array | undefined,
  answer: NegotiateContext[],
): NtStatus {
  const isRdma = connection.transport.rdma !== undefined;
  if (data === undefined || isRdma || !server.compresses()) return 0;
  const offered = decodeCompressionCapabilities(data);
  if (offered === undefined || offered.algorithms.length === 0) return STATUS_INVALID_PARAMETER;
  const chained = (offered.flags & SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED) !== 0;
  connection.compression = agreeOnCompression({ algorithms: offered.algorithms, chained });
  const { compression } = connection;
  const flags = compression?.chained
    ? SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED
    : SMB2_COMPRESSION_CAPABILITIES_FLAG_NONE;
  const algorithms = compression?.algorithms ?? [SMB2_COMPRESSION_NONE];
  answer.push(compressionContext({ flags, algorithms }));
  return 0;
}

/** The SMB3 POSIX Extensions, where the server has them and the client knows their one version. */
function choosePosix(
  { server, connection }: Request,
  data: Uint8Array | undefined,
  answer: NegotiateContext[],
): NtStatus {
  if (data === undefined || !server.options.posixExtensions) return 0;
  const isKnown = decodePosixExtensions(data);
  if (isKnown === undefined) return STATUS_INVALID_PARAMETER;
  connection.posixExtensions = isKnown;
  if (isKnown) answer.push(posixExtensionsContext());
  return 0;
}
