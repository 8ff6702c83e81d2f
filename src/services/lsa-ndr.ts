import { viewOf } from '../base/bytes.ts';
import { type Guid, guidBytes } from '../dtyp/guid.ts';
import { decodeSid, encodeSid, type Sid, sidSize } from '../dtyp/sid.ts';
import type { NdrReader, NdrWriter } from '../rpce/ndr.ts';

/** [MS-LSAT] 3.1.4: a server refuses longer lists. */
const LOOKUPS_MAX = 1000;

/** [MS-DTYP] 2.3.10 RPC_UNICODE_STRING: the fixed part, its text as a referent without a NUL. */
export function writeLsaString(out: NdrWriter, text: string): void {
  out.align(4);
  out.u16(2 * text.length);
  out.u16(2 * text.length);
  out.pointer(() => {
    out.u32(text.length);
    out.u32(0);
    out.u32(text.length);
    for (let i = 0; i < text.length; i++) out.u16(text.charCodeAt(i));
  });
}

/** [MS-DTYP] 2.4.2.3 RPC_SID: the number of sub-authorities, then the SID. */
export function writeSid(out: NdrWriter, sid: Sid): void {
  const bytes = new Uint8Array(sidSize(sid));
  encodeSid(viewOf(bytes), 0, sid);
  out.u32((bytes.length - 8) / 4);
  out.put(bytes);
}

export function writeGuid(out: NdrWriter, guid: Guid): void {
  out.align(4);
  out.put(guidBytes(guid));
}

/** [MS-LSAT] 2.2.18 LSAPR_SID_ENUM_BUFFER; what is no SID makes the stub bad. */
export function readSids(from: NdrReader): readonly Sid[] {
  const entries = from.u32();
  if (!from.pointer()) return [];
  const count = from.count(4);
  if (count !== entries || count > LOOKUPS_MAX) from.fail();
  const present: boolean[] = [];
  for (let i = 0; i < count && from.ok; i++) present.push(from.pointer());
  return present.map((isPresent) => (isPresent ? readSid(from) : ''));
}

function readSid(from: NdrReader): Sid {
  const count = from.count(4);
  const bytes = from.bytes(8 + 4 * count);
  const decoded = decodeSid(viewOf(bytes), 0, bytes.length);
  if (decoded === undefined || decoded.end !== bytes.length) from.fail();
  return decoded?.sid ?? '';
}

/** A count, and a conformant array of RPC_UNICODE_STRING. */
export function readLsaStrings(from: NdrReader): readonly string[] {
  const entries = from.u32();
  const count = from.count(8);
  if (count !== entries || count > LOOKUPS_MAX) from.fail();
  const present: boolean[] = [];
  for (let i = 0; i < count && from.ok; i++) {
    from.u32();
    present.push(from.pointer());
  }
  return present.map((isPresent) => (isPresent ? from.string() : ''));
}
