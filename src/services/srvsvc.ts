/** [MS-SRVS] Server Service Remote Protocol: what clients ask to browse a server. */

import { civilTime } from '../base/civil-time.ts';
import { msOfFileTime } from '../dtyp/file-time.ts';
import type { RpcCall, RpcInterface, RpcOperation } from '../rpce/endpoint.ts';
import type { NdrReader, NdrWriter } from '../rpce/ndr.ts';
import {
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_MORE_DATA,
  ERROR_SUCCESS,
  NERR_DeviceNotShared,
  NERR_NetNameNotFound,
  type Win32Error,
} from '../rpce/rpc-status.ts';
import { NETR_SHARE_ENUM, SRVSVC_UUID, SRVSVC_VERSION } from '../rpce/srvs.ts';
import type { ServiceHost, ShareDescription } from './service-host.ts';
import { shareInfoSize, shareInfoWriter } from './share-info.ts';

/** [MS-SRVS] 3.1.4 Message Processing Events and Sequencing Rules, opnums. */
const NETR_CONNECTION_ENUM = 8;
const NETR_FILE_ENUM = 9;
const NETR_SESSION_ENUM = 12;
const NETR_SHARE_ADD = 14;
const NETR_SHARE_GET_INFO = 16;
const NETR_SHARE_SET_INFO = 17;
const NETR_SHARE_DEL = 18;
const NETR_SHARE_CHECK = 20;
const NETR_SERVER_GET_INFO = 21;
const NETR_SERVER_SET_INFO = 22;
const NETR_REMOTE_TOD = 28;
const NETR_SHARE_ENUM_STICKY = 36;

export function srvsvcInterface(host: ServiceHost): RpcInterface {
  const operations = new Map<number, RpcOperation>([
    [NETR_CONNECTION_ENUM, (call) => refuseEnum(call, 1)],
    [NETR_FILE_ENUM, (call) => refuseEnum(call, 2)],
    [NETR_SESSION_ENUM, (call) => refuseEnum(call, 2)],
    [NETR_SHARE_ADD, refuseWithParmError],
    [NETR_SHARE_ENUM, (call) => shareEnum(host, call)],
    [NETR_SHARE_GET_INFO, (call) => shareGetInfo(host, call)],
    [NETR_SHARE_SET_INFO, refuseWithParmError],
    [NETR_SHARE_DEL, refuse],
    [NETR_SHARE_CHECK, (call) => shareCheck(host, call)],
    [NETR_SERVER_GET_INFO, (call) => serverGetInfo(host, call)],
    [NETR_SERVER_SET_INFO, refuseWithParmError],
    [NETR_REMOTE_TOD, (call) => remoteTimeOfDay(host, call)],
    [NETR_SHARE_ENUM_STICKY, (call) => shareEnum(host, call)],
  ]);
  return { uuid: SRVSVC_UUID, version: SRVSVC_VERSION, operations };
}

/** 3.1.4.8 NetrShareEnum and 3.1.4.9 NetrShareEnumSticky (no share here is ever not sticky). */
function shareEnum(host: ServiceHost, { client, in: from, out }: RpcCall): number {
  from.uniqueString();
  const level = readInfoStruct(from);
  const lengthMax = from.u32();
  const resumes = from.pointer();
  const start = resumes ? from.u32() : 0;
  if (!from.ok) return 0;

  const writeInfo = level === 1005 ? undefined : shareInfoWriter(level);
  const error = level === 502 ? ERROR_ACCESS_DENIED : ERROR_INVALID_LEVEL;
  if (writeInfo === undefined) return answerEnum(out, { level, error, resumes });
  const shares = host.listShares(client);
  const page = pageOf(shares, start, lengthMax);
  const next = start + page.length;
  out.u32(level);
  out.u32(level);
  out.parameter(() => {
    out.u32(page.length);
    out.pointer(() => {
      out.u32(page.length);
      for (const share of page) writeInfo(out, share);
    });
  });
  const isAll = next >= shares.length;
  out.u32(Math.max(0, shares.length - start));
  out.parameter(resumes ? () => out.u32(isAll ? 0 : next) : undefined);
  out.u32(isAll ? ERROR_SUCCESS : ERROR_MORE_DATA);
  return 0;
}

/** As many shares from `start` as PreferredMaximumLength admits, but one at least. */
function pageOf(
  shares: readonly ShareDescription[],
  start: number,
  lengthMax: number,
): readonly ShareDescription[] {
  let size = 0;
  let end = start;
  for (const share of shares.slice(start)) {
    size += shareInfoSize(share);
    if (size > lengthMax && end > start) break;
    end++;
  }
  return shares.slice(start, end);
}

/** 3.1.4.10 NetrShareGetInfo. */
function shareGetInfo(host: ServiceHost, { client, in: from, out }: RpcCall): number {
  from.uniqueString();
  const name = from.string();
  const level = from.u32();
  const share = host.listShares(client).find((one) => equalNames(one.name, name));
  const writeInfo = shareInfoWriter(level);
  out.u32(level);
  if (writeInfo === undefined || share === undefined) {
    out.u32(0);
    const error = level === 502 ? ERROR_ACCESS_DENIED : ERROR_INVALID_LEVEL;
    out.u32(writeInfo === undefined ? error : NERR_NetNameNotFound);
    return 0;
  }
  out.parameter(() => writeInfo(out, share));
  out.u32(ERROR_SUCCESS);
  return 0;
}

/** 3.1.4.13 NetrShareCheck: is a device shared, and as what. */
function shareCheck(host: ServiceHost, { client, in: from, out }: RpcCall): number {
  from.uniqueString();
  const device = from.string();
  const share = host.listShares(client).find((one) => equalNames(one.path ?? '', device));
  out.u32(share?.type ?? 0);
  out.u32(share === undefined ? NERR_DeviceNotShared : ERROR_SUCCESS);
  return 0;
}

/** [MS-SRVS] 2.2.2.6 Platform IDs and 2.2.2.7 Software Type Flags. */
const PLATFORM_ID_NT = 500;
const SV_TYPE_WORKSTATION = 0x0000_0001;
const SV_TYPE_SERVER = 0x0000_0002;
const SV_TYPE_NT = 0x0000_1000;
const SV_TYPE_SERVER_NT = 0x0000_8000;
const SERVER_TYPE = SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_NT | SV_TYPE_SERVER_NT;

/** 3.1.4.17 NetrServerGetInfo: [MS-SRVS] 2.2.4.40 SERVER_INFO_100 to 102. */
function serverGetInfo(host: ServiceHost, { in: from, out }: RpcCall): number {
  from.uniqueString();
  const level = from.u32();
  out.u32(level);
  if (level < 100 || level > 102) {
    out.u32(0);
    out.u32(isAdministratorsLevel(level) ? ERROR_ACCESS_DENIED : ERROR_INVALID_LEVEL);
    return 0;
  }
  out.parameter(() => {
    out.u32(PLATFORM_ID_NT);
    out.stringPointer(host.serverName);
    if (level === 100) return;
    out.u32(host.osVersion.major);
    out.u32(host.osVersion.minor);
    out.u32(SERVER_TYPE);
    out.stringPointer(host.comment);
    if (level === 102) writeInfo102Rest(out);
  });
  out.u32(ERROR_SUCCESS);
  return 0;
}

/** sv102_users to sv102_userpath, with Windows' defaults. */
function writeInfo102Rest(out: NdrWriter): void {
  out.u32(0xffff_ffff);
  out.u32(15);
  out.u32(0);
  out.u32(240);
  out.u32(3000);
  out.u32(0);
  out.stringPointer('c:\\');
}

/** SERVER_INFO_502, 503 and 599. */
function isAdministratorsLevel(level: number): boolean {
  return level === 502 || level === 503 || level === 599;
}

/** 3.1.4.21 NetrRemoteTOD: [MS-SRVS] 2.2.4.105 TIME_OF_DAY_INFO, in UTC. */
function remoteTimeOfDay(host: ServiceHost, { in: from, out }: RpcCall): number {
  from.uniqueString();
  const ms = msOfFileTime(host.clock.fileTime());
  const time = civilTime(ms);
  out.parameter(() => {
    out.u32(Math.floor(ms / 1000));
    out.u32(Math.floor(host.clock.monotonicMs()) >>> 0);
    out.u32(time.hours);
    out.u32(time.minutes);
    out.u32(time.seconds);
    out.u32(Math.floor(time.milliseconds / 10));
    out.u32(0);
    out.u32(TIME_TICK);
    out.u32(time.day);
    out.u32(time.month);
    out.u32(time.year);
    out.u32(time.weekday);
  });
  out.u32(ERROR_SUCCESS);
  return 0;
}

/** tod_tinterval: a clock tick in units of 0.1 ms. */
const TIME_TICK = 310;

/** The server's name, some filter strings, then the structure: enough to answer in kind. */
function refuseEnum({ in: from, out }: RpcCall, filters: number): number {
  from.uniqueString();
  for (let i = 0; i < filters; i++) from.uniqueString();
  const level = from.u32();
  return answerEnum(out, { level, error: ERROR_ACCESS_DENIED, resumes: false });
}

/** An enumeration's answer without entries: level, null container, total, resume handle. */
function answerEnum(
  out: NdrWriter,
  answer: { readonly level: number; readonly error: Win32Error; readonly resumes: boolean },
): number {
  out.u32(answer.level);
  out.u32(answer.level);
  out.u32(0);
  out.u32(0);
  out.parameter(answer.resumes ? () => out.u32(0) : undefined);
  out.u32(answer.error);
  return 0;
}

function refuse({ out }: RpcCall): number {
  out.u32(ERROR_ACCESS_DENIED);
  return 0;
}

/** The out parameter ParmErr is null, then the return value. */
function refuseWithParmError({ out }: RpcCall): number {
  out.u32(0);
  out.u32(ERROR_ACCESS_DENIED);
  return 0;
}

/**
 * [MS-SRVS] 2.2.4.38 SHARE_ENUM_STRUCT as a client sends it: a level, and a container that is empty
 * by all the sense there is; one with entries is refused as a bad stub.
 */
function readInfoStruct(from: NdrReader): number {
  const level = from.u32();
  if (from.u32() !== level) from.fail();
  if (from.pointer()) {
    from.u32();
    if (from.pointer() && from.u32() !== 0) from.fail();
  }
  return level;
}

function equalNames(a: string, b: string): boolean {
  return a.toUpperCase() === b.toUpperCase();
}
