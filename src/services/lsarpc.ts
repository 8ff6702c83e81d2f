/**
 * [MS-LSAD] and [MS-LSAT] Local Security Authority: what a client needs to show names for the SIDs
 * in a security descriptor and SIDs for names. Nothing here changes anything.
 */
import { NULL_GUID } from '../dtyp/guid.ts';
import type { Sid } from '../dtyp/sid.ts';
import {
  type NtStatus,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { RpcCall, RpcInterface, RpcOperation } from '../rpce/endpoint.ts';
import { CONTEXT_HANDLE_SIZE } from '../rpce/handle-table.ts';
import type { NdrWriter } from '../rpce/ndr.ts';
import { readLsaStrings, readSids, writeGuid, writeLsaString, writeSid } from './lsa-ndr.ts';
import type { NamedSid, ServiceHost, SidNameUse } from './service-host.ts';
import { wellKnownName, wellKnownSid } from './well-known-names.ts';

const LSARPC_UUID = '12345778-1234-abcd-ef00-0123456789ab';

/** [MS-LSAD] 3.1.4 and [MS-LSAT] 3.1.4, opnums. */
const LSAR_CLOSE = 0;
const LSAR_OPEN_POLICY = 6;
const LSAR_QUERY_INFORMATION_POLICY = 7;
const LSAR_LOOKUP_NAMES = 14;
const LSAR_LOOKUP_SIDS = 15;
const LSAR_OPEN_POLICY_2 = 44;
const LSAR_QUERY_INFORMATION_POLICY_2 = 46;
const LSAR_LOOKUP_SIDS_2 = 57;
const LSAR_LOOKUP_NAMES_2 = 58;

/** [MS-ERREF] 2.3.1. */
const STATUS_SOME_NOT_MAPPED: NtStatus = 0x0000_0107;
const STATUS_NONE_MAPPED: NtStatus = 0xc000_0073;

/** What every policy handle stands for. */
const POLICY = 'policy';

export function lsarpcInterface(host: ServiceHost): RpcInterface {
  const operations = new Map<number, RpcOperation>([
    [LSAR_CLOSE, close],
    [LSAR_OPEN_POLICY, openPolicy],
    [LSAR_QUERY_INFORMATION_POLICY, (call) => queryInformationPolicy(host, call)],
    [LSAR_LOOKUP_NAMES, (call) => lookupNames(host, call, false)],
    [LSAR_LOOKUP_SIDS, (call) => lookupSids(host, call, false)],
    [LSAR_OPEN_POLICY_2, openPolicy],
    [LSAR_QUERY_INFORMATION_POLICY_2, (call) => queryInformationPolicy(host, call)],
    [LSAR_LOOKUP_SIDS_2, (call) => lookupSids(host, call, true)],
    [LSAR_LOOKUP_NAMES_2, (call) => lookupNames(host, call, true)],
  ]);
  return { uuid: LSARPC_UUID, version: 0, operations };
}

/** [MS-LSAD] 3.1.4.9.4 LsarClose. */
function close({ in: from, out, handles }: RpcCall): number {
  const closed = handles.close(from.bytes(CONTEXT_HANDLE_SIZE));
  out.put(new Uint8Array(CONTEXT_HANDLE_SIZE));
  out.u32(closed ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
  return 0;
}

/** [MS-LSAD] 3.1.4.4.1 LsarOpenPolicy2: reading is all there is, so nothing asked for matters. */
function openPolicy({ out, handles }: RpcCall): number {
  const handle = handles.open(POLICY);
  out.put(handle ?? new Uint8Array(CONTEXT_HANDLE_SIZE));
  out.u32(handle === undefined ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
  return 0;
}

/** [MS-LSAD] 2.2.4.1 POLICY_INFORMATION_CLASS. */
const PolicyPrimaryDomainInformation = 3;
const PolicyAccountDomainInformation = 5;
const PolicyDnsDomainInformation = 12;

/** [MS-LSAD] 3.1.4.4.4 LsarQueryInformationPolicy. */
function queryInformationPolicy(host: ServiceHost, { in: from, out, handles }: RpcCall): number {
  const handle = from.bytes(CONTEXT_HANDLE_SIZE);
  const level = from.u16();
  const writeInformation = policyInformation(host, out, level);
  const isOpen = handles.find(handle) === POLICY;
  if (!isOpen || writeInformation === undefined) {
    out.u32(0);
    out.u32(isOpen ? STATUS_INVALID_PARAMETER : STATUS_INVALID_HANDLE);
    return 0;
  }
  out.parameter(() => {
    out.u16(level);
    out.align(4);
    writeInformation();
  });
  out.u32(STATUS_SUCCESS);
  return 0;
}

function policyInformation(
  host: ServiceHost,
  out: NdrWriter,
  level: number,
): (() => void) | undefined {
  const sid = host.accountDomainSid;
  switch (level) {
    case PolicyPrimaryDomainInformation:
      // A standalone server has a workgroup, and that has no SID.
      return () => {
        writeLsaString(out, host.domainName);
        out.pointer(undefined);
      };
    case PolicyAccountDomainInformation:
      return () => {
        writeLsaString(out, host.serverName);
        out.pointer(sid === undefined ? undefined : () => writeSid(out, sid));
      };
    case PolicyDnsDomainInformation:
      return () => {
        writeLsaString(out, host.domainName);
        writeLsaString(out, '');
        writeLsaString(out, '');
        writeGuid(out, NULL_GUID);
        out.pointer(undefined);
      };
    default:
      return undefined;
  }
}

/** [MS-LSAT] 3.1.4.11 LsarLookupSids and 3.1.4.10 LsarLookupSids2. */
function lookupSids(host: ServiceHost, call: RpcCall, isSecond: boolean): number {
  const { in: from, out, handles } = call;
  const isOpen = handles.find(from.bytes(CONTEXT_HANDLE_SIZE)) === POLICY;
  const sids = readSids(from);
  if (!from.ok) return 0;
  const found = isOpen ? sids.map((sid) => host.findSid?.(sid) ?? wellKnownSid(sid)) : [];
  const domains = new DomainList(found);
  domains.write(out);
  writeArray(out, found, (one, i) => {
    out.u16(useNumber(one?.use));
    out.align(4);
    writeLsaString(out, one?.name ?? sids[i] ?? '');
    out.u32(domains.indexOf(one));
    if (isSecond) out.u32(0);
  });
  return finishLookup(out, isOpen, found);
}

/** [MS-LSAT] 3.1.4.8 LsarLookupNames and 3.1.4.7 LsarLookupNames2. */
function lookupNames(host: ServiceHost, call: RpcCall, isSecond: boolean): number {
  const { in: from, out, handles } = call;
  const isOpen = handles.find(from.bytes(CONTEXT_HANDLE_SIZE)) === POLICY;
  const names = readLsaStrings(from);
  if (!from.ok) return 0;
  const found = isOpen ? names.map((name) => host.findName?.(name) ?? wellKnownName(name)) : [];
  const domains = new DomainList(found);
  domains.write(out);
  writeArray(out, found, (one) => {
    out.u16(useNumber(one?.use));
    out.u32(one === undefined ? 0 : ridOf(one.sid));
    out.u32(domains.indexOf(one));
    if (isSecond) out.u32(0);
  });
  return finishLookup(out, isOpen, found);
}

/** A counted array behind a pointer. */
function writeArray(
  out: NdrWriter,
  found: readonly (NamedSid | undefined)[],
  write: (one: NamedSid | undefined, i: number) => void,
): void {
  out.u32(found.length);
  out.parameter(
    found.length === 0
      ? undefined
      : () => {
          out.u32(found.length);
          for (const [i, one] of found.entries()) write(one, i);
        },
  );
}

/** MappedCount and the status. */
function finishLookup(
  out: NdrWriter,
  isOpen: boolean,
  found: readonly (NamedSid | undefined)[],
): number {
  const mapped = found.filter((one) => one !== undefined).length;
  out.u32(mapped);
  if (!isOpen) out.u32(STATUS_INVALID_HANDLE);
  else if (mapped === found.length) out.u32(STATUS_SUCCESS);
  else out.u32(mapped === 0 ? STATUS_NONE_MAPPED : STATUS_SOME_NOT_MAPPED);
  return 0;
}

/** [MS-LSAT] 2.2.12 LSAPR_REFERENCED_DOMAIN_LIST of some answers. */
class DomainList {
  readonly #domains = new Map<Sid, { readonly name: string; readonly index: number }>();

  constructor(found: readonly (NamedSid | undefined)[]) {
    for (const one of found) {
      if (one === undefined || this.#domains.has(domainOf(one.sid))) continue;
      const index = this.#domains.size;
      this.#domains.set(domainOf(one.sid), { name: one.domainName, index });
    }
  }

  /** 0xffffffff when the name is unknown. */
  indexOf(one: NamedSid | undefined): number {
    if (one === undefined) return 0xffff_ffff;
    return this.#domains.get(domainOf(one.sid))?.index ?? 0xffff_ffff;
  }

  write(out: NdrWriter): void {
    const count = this.#domains.size;
    out.parameter(() => {
      out.u32(count);
      out.pointer(count === 0 ? undefined : () => this.#writeDomains(out));
      out.u32(count);
    });
  }

  #writeDomains(out: NdrWriter): void {
    out.u32(this.#domains.size);
    for (const [sid, { name }] of this.#domains) {
      writeLsaString(out, name);
      out.pointer(() => writeSid(out, sid));
    }
  }
}

/** [MS-LSAT] 2.2.13 SID_NAME_USE; an unknown SID is SidTypeUnknown. */
function useNumber(use: SidNameUse | undefined): number {
  switch (use) {
    case 'user':
      return 1;
    case 'group':
      return 2;
    case 'domain':
      return 3;
    case 'alias':
      return 4;
    case 'wellKnownGroup':
      return 5;
    default:
      return 8;
  }
}

function domainOf(sid: Sid): Sid {
  return sid.slice(0, sid.lastIndexOf('-'));
}

function ridOf(sid: Sid): number {
  return Number(sid.slice(sid.lastIndexOf('-') + 1));
}
