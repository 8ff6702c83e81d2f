import { type Sid, unixIdOf } from '../dtyp/sid.ts';
import type { NamedSid, SidNameUse } from './service-host.ts';

/** [MS-DTYP] 2.4.2.4 Well-Known SID Structures: those that file permissions name. */
const WELL_KNOWN: readonly NamedSid[] = [
  named('S-1-1-0', '', 'Everyone', 'wellKnownGroup'),
  named('S-1-3-0', '', 'CREATOR OWNER', 'wellKnownGroup'),
  named('S-1-3-1', '', 'CREATOR GROUP', 'wellKnownGroup'),
  named('S-1-3-4', '', 'OWNER RIGHTS', 'wellKnownGroup'),
  named('S-1-5-2', 'NT AUTHORITY', 'NETWORK', 'wellKnownGroup'),
  named('S-1-5-7', 'NT AUTHORITY', 'ANONYMOUS LOGON', 'wellKnownGroup'),
  named('S-1-5-11', 'NT AUTHORITY', 'Authenticated Users', 'wellKnownGroup'),
  named('S-1-5-18', 'NT AUTHORITY', 'SYSTEM', 'wellKnownGroup'),
  named('S-1-5-32-544', 'BUILTIN', 'Administrators', 'alias'),
  named('S-1-5-32-545', 'BUILTIN', 'Users', 'alias'),
  named('S-1-5-32-546', 'BUILTIN', 'Guests', 'alias'),
  named('S-1-5-32-551', 'BUILTIN', 'Backup Operators', 'alias'),
];

const BY_SID: ReadonlyMap<Sid, NamedSid> = new Map(WELL_KNOWN.map((one) => [one.sid, one]));
const BY_NAME: ReadonlyMap<string, NamedSid> = new Map(
  WELL_KNOWN.flatMap((one) => [
    [one.name.toUpperCase(), one],
    [`${one.domainName}\\${one.name}`.toUpperCase(), one],
  ]),
);

/** The name of a well-known SID, or of a POSIX id's. */
export function wellKnownSid(sid: Sid): NamedSid | undefined {
  const found = BY_SID.get(sid);
  if (found !== undefined) return found;
  const unix = unixIdOf(sid);
  if (unix === undefined) return undefined;
  const isUser = unix.kind === 'uid';
  return named(sid, isUser ? 'Unix User' : 'Unix Group', `${unix.id}`, isUser ? 'user' : 'alias');
}

/** 'Everyone', 'NT AUTHORITY\SYSTEM', 'Unix User\1000': names in any case. */
export function wellKnownName(name: string): NamedSid | undefined {
  const found = BY_NAME.get(name.toUpperCase());
  if (found !== undefined) return found;
  const unix = /^unix (user|group)\\(\d{1,10})$/i.exec(name);
  if (unix === null) return undefined;
  return wellKnownSid(`S-1-22-${unix[1]?.toLowerCase() === 'user' ? 1 : 2}-${Number(unix[2])}`);
}

function named(sid: Sid, domainName: string, name: string, use: SidNameUse): NamedSid {
  return { sid, domainName, name, use };
}
