import { concat, equalBytes } from '../base/bytes.ts';
import {
  applicationTag,
  contextTag,
  DER_ENUMERATED,
  DER_GENERAL_STRING,
  DER_OCTET_STRING,
  DER_OID,
  DER_SEQUENCE,
  der,
  type Element,
  readAll,
  readElement,
  readOnly,
} from './der.ts';

/** The SPNEGO tokens: RFC 4178 4.2 and [MS-SPNG] 2.2.1 NegTokenInit2. */

/** RFC 4178 4.2.2 negState. */
export const ACCEPT_COMPLETED = 0;
export const ACCEPT_INCOMPLETE = 1;
export const REJECT = 2;
export const REQUEST_MIC = 3;

export interface NegTokenInit {
  /** Contents of the OIDs, in the peer's order of preference. */
  readonly mechTypes: readonly Uint8Array[];
  /** The MechTypeList as it came: what mechListMIC covers. */
  readonly mechTypeList: Uint8Array;
  readonly mechToken: Uint8Array | undefined;
  readonly mechListMic: Uint8Array | undefined;
}

export interface NegTokenResp {
  readonly negState?: number | undefined;
  readonly supportedMech?: Uint8Array | undefined;
  readonly responseToken?: Uint8Array | undefined;
  readonly mechListMic?: Uint8Array | undefined;
}

/** OID contents: 1.3.6.1.5.5.2 SPNEGO and 1.3.6.1.4.1.311.2.2.10 NTLMSSP. */
export const OID_SPNEGO: Uint8Array = Uint8Array.of(0x2b, 6, 1, 5, 5, 2);
export const OID_NTLMSSP: Uint8Array = Uint8Array.of(0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a);

/** Mechanisms in one list and fields in one token, at most: no client comes near. */
const MECH_TYPES_MAX = 32;
const FIELDS_MAX = 8;

/** Views of `bytes`; undefined when they are no NegTokenInit or NegTokenInit2. */
export function decodeNegTokenInit(bytes: Uint8Array): NegTokenInit | undefined {
  const all = { at: 0, end: bytes.length };
  const application = readOnly(bytes, all, applicationTag(0));
  const oid = application && readElement(bytes, application.at, application.end);
  if (oid?.tag !== DER_OID || !equalBytes(bytes.subarray(oid.at, oid.end), OID_SPNEGO)) {
    return undefined;
  }
  const choice = readOnly(bytes, { at: oid.end, end: application!.end }, contextTag(0));
  const fields = choice && readFields(bytes, choice);
  const list = fields?.get(0);
  const sequence = list && readOnly(bytes, list, DER_SEQUENCE);
  const oids = sequence && readAll(bytes, sequence, MECH_TYPES_MAX);
  if (!fields || !sequence || !oids || oids.length === 0) return undefined;
  if (oids.some((element) => element.tag !== DER_OID)) return undefined;

  const mechToken = optionalOctets(bytes, fields.get(2));
  // [3] is mechListMIC in RFC 4178 and negHints in NegTokenInit2, which moves the MIC to [4].
  const third = fields.get(3);
  const hints = third !== undefined && bytes[third.at] === DER_SEQUENCE;
  const mechListMic = optionalOctets(bytes, hints ? fields.get(4) : third);
  if (mechToken === null || mechListMic === null) return undefined;
  return {
    mechTypes: oids.map((element) => bytes.subarray(element.at, element.end)),
    mechTypeList: bytes.subarray(sequence.from, sequence.end),
    mechToken,
    mechListMic,
  };
}

/** Views of `bytes`; undefined when they are no NegTokenResp. */
export function decodeNegTokenResp(bytes: Uint8Array): NegTokenResp | undefined {
  const choice = readOnly(bytes, { at: 0, end: bytes.length }, contextTag(1));
  const fields = choice && readFields(bytes, choice);
  if (!fields) return undefined;
  const negState = optionalValue(bytes, fields.get(0), DER_ENUMERATED);
  const supportedMech = optionalValue(bytes, fields.get(1), DER_OID);
  const responseToken = optionalOctets(bytes, fields.get(2));
  const mechListMic = optionalOctets(bytes, fields.get(3));
  if (negState === null || supportedMech === null) return undefined;
  if (responseToken === null || mechListMic === null) return undefined;
  if (negState !== undefined && (negState.length !== 1 || negState[0]! > REQUEST_MIC)) {
    return undefined;
  }
  return { negState: negState?.[0], supportedMech, responseToken, mechListMic };
}

/** The fields of the SEQUENCE that fills `within`, by context tag, ascending and each once. */
function readFields(bytes: Uint8Array, within: Element): Map<number, Element> | undefined {
  const sequence = readOnly(bytes, within, DER_SEQUENCE);
  const elements = sequence && readAll(bytes, sequence, FIELDS_MAX);
  if (!elements) return undefined;
  const fields = new Map<number, Element>();
  let previous = -1;
  for (const element of elements) {
    const n = element.tag & 0x1f;
    if (element.tag !== contextTag(n) || n <= previous) return undefined;
    fields.set(n, element);
    previous = n;
  }
  return fields;
}

/** Undefined when the field is absent, null when it is not what it should be. */
function optionalValue(
  bytes: Uint8Array,
  field: Element | undefined,
  tag: number,
): Uint8Array | undefined | null {
  if (field === undefined) return undefined;
  const value = readOnly(bytes, field, tag);
  return value === undefined ? null : bytes.subarray(value.at, value.end);
}

function optionalOctets(
  bytes: Uint8Array,
  field: Element | undefined,
): Uint8Array | undefined | null {
  return optionalValue(bytes, field, DER_OCTET_STRING);
}

/** The MechTypeList as `encodeNegTokenInit` sends it: what mechListMIC covers. */
export function encodeMechTypeList(mechTypes: readonly Uint8Array[]): Uint8Array {
  return der(DER_SEQUENCE, ...mechTypes.map((oid) => der(DER_OID, oid)));
}

export function encodeNegTokenInit(mechTypeList: Uint8Array, mechToken: Uint8Array): Uint8Array {
  return initToken(
    der(contextTag(0), mechTypeList),
    der(contextTag(2), der(DER_OCTET_STRING, mechToken)),
  );
}

/** [MS-SPNG] 3.2.5.2: the name that Windows' hint carries; clients ignore it. */
const HINT_NAME = 'not_defined_in_RFC4178@please_ignore';

/** [MS-SPNG] 2.2.1 NegTokenInit2, the server's hint in the NEGOTIATE response. */
export function encodeNegTokenInit2(mechTypes: readonly Uint8Array[]): Uint8Array {
  const hintName = der(DER_GENERAL_STRING, new TextEncoder().encode(HINT_NAME));
  return initToken(
    der(contextTag(0), encodeMechTypeList(mechTypes)),
    der(contextTag(3), der(DER_SEQUENCE, der(contextTag(0), hintName))),
  );
}

function initToken(...fields: readonly Uint8Array[]): Uint8Array {
  const choice = der(contextTag(0), der(DER_SEQUENCE, ...fields));
  return der(applicationTag(0), der(DER_OID, OID_SPNEGO), choice);
}

export function encodeNegTokenResp(token: NegTokenResp): Uint8Array {
  const { negState, supportedMech, responseToken, mechListMic } = token;
  const fields: Uint8Array[] = [];
  if (negState !== undefined) {
    fields.push(der(contextTag(0), der(DER_ENUMERATED, Uint8Array.of(negState))));
  }
  if (supportedMech) fields.push(der(contextTag(1), der(DER_OID, supportedMech)));
  if (responseToken) fields.push(der(contextTag(2), der(DER_OCTET_STRING, responseToken)));
  if (mechListMic) fields.push(der(contextTag(3), der(DER_OCTET_STRING, mechListMic)));
  return der(contextTag(1), der(DER_SEQUENCE, concat(...fields)));
}
