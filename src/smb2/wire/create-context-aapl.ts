/**
 * The create context of Apple's clients, as their published client source (smb_2.h of smb-697) and
 * Samba's vfs_fruit have it.
 */
import { LE, pad, viewOf } from '../../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../../base/utf16le.ts';
import { type CreateContext, makeCreateContext, SMB2_CREATE_AAPL } from './create-context.ts';

const AAPL_SERVER_QUERY = 1;

/** What a server query asks for. */
export const AAPL_SERVER_CAPS = 0x01;
export const AAPL_VOLUME_CAPS = 0x02;
export const AAPL_MODEL_INFO = 0x04;

/** Capabilities of client and server. */
export const AAPL_SUPPORTS_READ_DIR_ATTR = 0x01;
export const AAPL_SUPPORTS_OSX_COPYFILE = 0x02;
export const AAPL_UNIX_BASED = 0x04;
export const AAPL_SUPPORTS_NFS_ACE = 0x08;

/** Capabilities of the volume. */
export const AAPL_SUPPORT_RESOLVE_ID = 0x01;
export const AAPL_CASE_SENSITIVE = 0x02;
export const AAPL_FULL_SYNC = 0x04;

const QUERY_SIZE = 24;
const ANSWER_HEAD = 16;
const KNOWN_BITS = AAPL_SERVER_CAPS | AAPL_VOLUME_CAPS | AAPL_MODEL_INFO;

/**
 * A server query
 *
 *    0   4  CommandCode         1
 *    4   4  Reserved
 *    8   8  RequestBitmap
 *   16   8  ClientCapabilities
 */
export interface AaplQuery {
  /** AAPL_SERVER_CAPS and its siblings; none above 32 bits is known. */
  readonly requested: number;
  readonly clientCapabilities: number;
}

/** Undefined when `data` is no server query. */
export function decodeAaplQuery(data: Uint8Array): AaplQuery | undefined {
  if (data.length !== QUERY_SIZE) return undefined;
  const view = viewOf(data);
  if (view.getUint32(0, LE) !== AAPL_SERVER_QUERY) return undefined;
  return { requested: view.getUint32(8, LE), clientCapabilities: view.getUint32(16, LE) };
}

export function aaplQueryContext(query: AaplQuery): CreateContext {
  return makeCreateContext(SMB2_CREATE_AAPL, QUERY_SIZE, (view) => {
    view.setUint32(0, AAPL_SERVER_QUERY, LE);
    view.setUint32(8, query.requested, LE);
    view.setUint32(16, query.clientCapabilities, LE);
  });
}

/** What was asked for and only that. */
export interface AaplAnswer {
  readonly serverCapabilities: number | undefined;
  readonly volumeCapabilities: number | undefined;
  readonly model: string | undefined;
}

/**
 * The answer to a server query
 *
 *    0   4  CommandCode         1
 *    4   4  Reserved
 *    8   8  ReplyBitmap
 *   16   8  ServerCapabilities  with AAPL_SERVER_CAPS
 *    -   8  VolumeCapabilities  with AAPL_VOLUME_CAPS
 *    -   4  Pad2                with AAPL_MODEL_INFO, as what follows
 *    -   4  ModelStringLength
 *    -   -  ModelString
 */
export function aaplAnswerContext(answer: AaplAnswer): CreateContext {
  const { serverCapabilities, volumeCapabilities, model } = answer;
  const size =
    ANSWER_HEAD +
    (serverCapabilities === undefined ? 0 : 8) +
    (volumeCapabilities === undefined ? 0 : 8) +
    (model === undefined ? 0 : 8 + 2 * model.length);
  return makeCreateContext(SMB2_CREATE_AAPL, size, (view) => {
    const bitmap =
      (serverCapabilities === undefined ? 0 : AAPL_SERVER_CAPS) |
      (volumeCapabilities === undefined ? 0 : AAPL_VOLUME_CAPS) |
      (model === undefined ? 0 : AAPL_MODEL_INFO);
    pad(view, 0, size);
    view.setUint32(0, AAPL_SERVER_QUERY, LE);
    view.setUint32(8, bitmap, LE);
    let at = ANSWER_HEAD;
    for (const capabilities of [serverCapabilities, volumeCapabilities]) {
      if (capabilities === undefined) continue;
      view.setUint32(at, capabilities, LE);
      at += 8;
    }
    if (model === undefined) return;
    view.setUint32(at + 4, 2 * model.length, LE);
    encodeUtf16(view, at + 8, model);
  });
}

/** Undefined when `data` is no answer to a server query. */
export function decodeAaplAnswer(data: Uint8Array): AaplAnswer | undefined {
  if (data.length < ANSWER_HEAD) return undefined;
  const view = viewOf(data);
  const bitmap = view.getUint32(8, LE);
  if (view.getUint32(0, LE) !== AAPL_SERVER_QUERY || (bitmap & ~KNOWN_BITS) !== 0) return undefined;
  let at = ANSWER_HEAD;
  const capabilities: (number | undefined)[] = [];
  for (const bit of [AAPL_SERVER_CAPS, AAPL_VOLUME_CAPS]) {
    const isThere = (bitmap & bit) !== 0;
    if (isThere && data.length - at < 8) return undefined;
    capabilities.push(isThere ? view.getUint32(at, LE) : undefined);
    if (isThere) at += 8;
  }
  let model: string | undefined;
  if ((bitmap & AAPL_MODEL_INFO) !== 0) {
    if (data.length - at < 8) return undefined;
    const end = at + 8 + view.getUint32(at + 4, LE);
    if (end > data.length || (end - at) % 2 !== 0) return undefined;
    model = decodeUtf16(view, at + 8, end);
    at = end;
  }
  if (at !== data.length) return undefined;
  return { serverCapabilities: capabilities[0], volumeCapabilities: capabilities[1], model };
}
