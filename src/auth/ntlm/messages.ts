import { LE, put, slice, viewOf } from '../../base/bytes.ts';
import { decodeUtf16, utf16Bytes } from '../../base/utf16le.ts';

/**
 * [MS-NLMP] 2.2.1 NTLM messages. Decoders return views of the bytes given, or undefined when these
 * are no such message; a payload field may lie anywhere in the message behind the fixed part that
 * every sender writes.
 */
export const NTLMSSP_SIGNATURE: Uint8Array = Uint8Array.from('NTLMSSP\0', (c) => c.charCodeAt(0));

const MESSAGE_NEGOTIATE = 1;
const MESSAGE_CHALLENGE = 2;
const MESSAGE_AUTHENTICATE = 3;

/**
 * [MS-NLMP] 2.2.2.10 VERSION: 10.0 build 17763 and NTLMSSP_REVISION_W2K3, what a client may rely
 * on.
 */
const VERSION = Uint8Array.of(10, 0, 0x63, 0x45, 0, 0, 0, 15);

/** Whether bytes start like a raw NTLM message, without SPNEGO around. */
export function isNtlmMessage(bytes: Uint8Array): boolean {
  return NTLMSSP_SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * [MS-NLMP] 2.2.1.1 NEGOTIATE_MESSAGE
 *
 *    0   8  Signature
 *    8   4  MessageType        1
 *   12   4  NegotiateFlags
 *   16   8  DomainNameFields   not read
 *   24   8  WorkstationFields  not read
 *   32   8  Version            not read
 */
export interface NegotiateMessage {
  readonly flags: number;
}

export function decodeNegotiate(bytes: Uint8Array): NegotiateMessage | undefined {
  const view = viewOf(bytes);
  // Windows: a message cut after the flags is accepted (Windows 9x sent such).
  if (!isMessage(bytes, MESSAGE_NEGOTIATE, 16)) return undefined;
  return { flags: view.getUint32(12, LE) };
}

export function encodeNegotiate(message: NegotiateMessage): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = startMessage(bytes, MESSAGE_NEGOTIATE);
  view.setUint32(12, message.flags, LE);
  view.setUint32(20, 40, LE);
  view.setUint32(28, 40, LE);
  put(view, 32, VERSION);
  return bytes;
}

/**
 * [MS-NLMP] 2.2.1.2 CHALLENGE_MESSAGE
 *
 *    0   8  Signature
 *    8   4  MessageType       2
 *   12   8  TargetNameFields
 *   20   4  NegotiateFlags
 *   24   8  ServerChallenge
 *   32   8  Reserved
 *   40   8  TargetInfoFields
 *   48   8  Version
 *   56   *  Payload
 */
export interface ChallengeMessage {
  readonly flags: number;
  readonly serverChallenge: Uint8Array;
  readonly targetName: string;
  readonly targetInfo: Uint8Array;
}

export function decodeChallenge(bytes: Uint8Array): ChallengeMessage | undefined {
  if (!isMessage(bytes, MESSAGE_CHALLENGE, 48)) return undefined;
  const view = viewOf(bytes);
  const targetName = readField(view, 12);
  const targetInfo = readField(view, 40);
  if (targetName === undefined || targetInfo === undefined) return undefined;
  return {
    flags: view.getUint32(20, LE),
    serverChallenge: slice(view, 24, 32),
    targetName: decodeUtf16(viewOf(targetName), 0, targetName.length & ~1),
    targetInfo,
  };
}

export function encodeChallenge(message: ChallengeMessage): Uint8Array {
  const targetName = utf16Bytes(message.targetName);
  const bytes = new Uint8Array(56 + targetName.length + message.targetInfo.length);
  const view = startMessage(bytes, MESSAGE_CHALLENGE);
  view.setUint32(20, message.flags, LE);
  put(view, 24, message.serverChallenge);
  put(view, 48, VERSION);
  const next = writeField(view, 12, 56, targetName);
  writeField(view, 40, next, message.targetInfo);
  return bytes;
}

/**
 * [MS-NLMP] 2.2.1.3 AUTHENTICATE_MESSAGE
 *
 *    0   8  Signature
 *    8   4  MessageType                      3
 *   12   8  LmChallengeResponseFields
 *   20   8  NtChallengeResponseFields
 *   28   8  DomainNameFields
 *   36   8  UserNameFields
 *   44   8  WorkstationFields
 *   52   8  EncryptedRandomSessionKeyFields
 *   60   4  NegotiateFlags
 *   64   8  Version
 *   72  16  MIC                              when MsvAvFlags says so
 *   88   *  Payload
 */
export interface AuthenticateMessage {
  readonly flags: number;
  readonly lmResponse: Uint8Array;
  readonly ntResponse: Uint8Array;
  readonly domainName: string;
  readonly userName: string;
  readonly workstation: string;
  readonly encryptedSessionKey: Uint8Array;
}

export const MIC_AT = 72;
export const MIC_END = 88;

export function decodeAuthenticate(bytes: Uint8Array): AuthenticateMessage | undefined {
  if (!isMessage(bytes, MESSAGE_AUTHENTICATE, 64)) return undefined;
  const view = viewOf(bytes);
  const lmResponse = readField(view, 12);
  const ntResponse = readField(view, 20);
  const domainName = readText(view, 28);
  const userName = readText(view, 36);
  const workstation = readText(view, 44);
  const encryptedSessionKey = readField(view, 52);
  if (lmResponse === undefined || ntResponse === undefined) return undefined;
  if (domainName === undefined || userName === undefined) return undefined;
  if (workstation === undefined || encryptedSessionKey === undefined) return undefined;
  const flags = view.getUint32(60, LE);
  return { flags, lmResponse, ntResponse, domainName, userName, workstation, encryptedSessionKey };
}

/** The MIC field is left zero: it is computed over the whole message, then set. */
export function encodeAuthenticate(message: AuthenticateMessage): Uint8Array {
  const domainName = utf16Bytes(message.domainName);
  const userName = utf16Bytes(message.userName);
  const workstation = utf16Bytes(message.workstation);
  const { lmResponse, ntResponse, encryptedSessionKey } = message;
  const size =
    MIC_END +
    domainName.length +
    userName.length +
    workstation.length +
    lmResponse.length +
    ntResponse.length +
    encryptedSessionKey.length;
  const bytes = new Uint8Array(size);
  const view = startMessage(bytes, MESSAGE_AUTHENTICATE);
  view.setUint32(60, message.flags, LE);
  put(view, 64, VERSION);
  let at = writeField(view, 28, MIC_END, domainName);
  at = writeField(view, 36, at, userName);
  at = writeField(view, 44, at, workstation);
  at = writeField(view, 12, at, lmResponse);
  at = writeField(view, 20, at, ntResponse);
  writeField(view, 52, at, encryptedSessionKey);
  return bytes;
}

/**
 * [MS-NLMP] 2.2.2.8 NTLMv2_RESPONSE with its NTLMv2_CLIENT_CHALLENGE (2.2.2.7), `temp`
 *
 *    0  16  Response (NTProofStr)
 *   16   1  RespType          1
 *   17   1  HiRespType        1
 *   18   6  Reserved1, Reserved2
 *   24   8  TimeStamp
 *   32   8  ChallengeFromClient
 *   40   4  Reserved3
 *   44   *  AvPairs, ended by MsvAvEOL
 */
export interface NtlmV2Response {
  readonly proof: Uint8Array;
  readonly temp: Uint8Array;
  readonly avPairs: Uint8Array;
}

export function decodeNtlmV2Response(bytes: Uint8Array): NtlmV2Response | undefined {
  if (bytes.length < 48 || bytes[16] !== 1 || bytes[17] !== 1) return undefined;
  return {
    proof: bytes.subarray(0, 16),
    temp: bytes.subarray(16),
    avPairs: bytes.subarray(44),
  };
}

/** `temp`, with the four zero bytes behind the pairs that 3.3.2 has. */
export function encodeClientChallenge(challenge: {
  readonly fileTime: bigint;
  readonly clientChallenge: Uint8Array;
  readonly avPairs: Uint8Array;
}): Uint8Array {
  const temp = new Uint8Array(28 + challenge.avPairs.length + 4);
  const view = viewOf(temp);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setBigUint64(8, challenge.fileTime, LE);
  put(view, 16, challenge.clientChallenge);
  put(view, 28, challenge.avPairs);
  return temp;
}

function isMessage(bytes: Uint8Array, type: number, size: number): boolean {
  if (bytes.length < size || !isNtlmMessage(bytes)) return false;
  return viewOf(bytes).getUint32(8, LE) === type;
}

function startMessage(bytes: Uint8Array, type: number): DataView {
  const view = viewOf(bytes);
  put(view, 0, NTLMSSP_SIGNATURE);
  view.setUint32(8, type, LE);
  return view;
}

/**
 * The payload that Len (2), MaxLen (2, ignored) and BufferOffset (4) at `at` name; undefined when
 * it does not lie in the message. An empty field's offset means nothing.
 */
function readField(view: DataView, at: number): Uint8Array | undefined {
  const length = view.getUint16(at, LE);
  if (length === 0) return new Uint8Array(0);
  const offset = view.getUint32(at + 4, LE);
  if (offset < NTLMSSP_SIGNATURE.length || offset + length > view.byteLength) return undefined;
  return slice(view, offset, offset + length);
}

function readText(view: DataView, at: number): string | undefined {
  const bytes = readField(view, at);
  if (bytes === undefined || bytes.length % 2 !== 0) return undefined;
  return decodeUtf16(viewOf(bytes), 0, bytes.length);
}

/** Writes `bytes` to the payload at `offset` and its field at `at`; returns the payload's end. */
function writeField(view: DataView, at: number, offset: number, bytes: Uint8Array): number {
  view.setUint16(at, bytes.length, LE);
  view.setUint16(at + 2, bytes.length, LE);
  view.setUint32(at + 4, offset, LE);
  return put(view, offset, bytes);
}
