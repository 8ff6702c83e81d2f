import {
  FILE_ALL_ACCESS,
  GENERIC_ALL,
  GENERIC_EXECUTE,
  GENERIC_READ,
  GENERIC_WRITE,
  mapGeneric,
} from './access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACL_REVISION,
  type Ace,
  type Acl,
  CONTAINER_INHERIT_ACE,
  INHERIT_ONLY_ACE,
  INHERITED_ACE,
  isSidAce,
  NO_PROPAGATE_INHERIT_ACE,
  OBJECT_INHERIT_ACE,
  type SidAce,
} from './acl.ts';
import {
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_PROTECTED,
  SE_SELF_RELATIVE,
  type SecurityDescriptor,
} from './security-descriptor.ts';
import { SID_CREATOR_GROUP, SID_CREATOR_OWNER, SID_LOCAL_SYSTEM, type Sid } from './sid.ts';

export interface NewDescriptorParams {
  /** The containing directory's descriptor. */
  readonly parent: SecurityDescriptor | undefined;
  /** What the creator asked for (SecD context); its parts win over inherited ones. */
  readonly creator: SecurityDescriptor | undefined;
  readonly isDirectory: boolean;
  /** The token's user and primary group: owner and group unless the creator names them. */
  readonly owner: Sid;
  readonly group: Sid | undefined;
  /** The token's default DACL, for want of anything to inherit. */
  readonly defaultDacl?: Acl;
}

/**
 * The security descriptor of a new file or directory.
 *
 * [MS-DTYP] 2.5.3.4.1 CreateSecurityDescriptor, with the generic mapping of files. Whether the
 * caller may name this owner or a SACL at all is the object store's decision ([MS-FSA] 2.1.5.1.1).
 *
 * Windows: inherited ACEs carry INHERITED_ACE, and the child SE_DACL_AUTO_INHERITED, only when the
 * parent's ACL is auto-inherited itself (smbtorture smb2.acls.INHERITFLAGS).
 */
export function createSecurityDescriptor(params: NewDescriptorParams): SecurityDescriptor {
  const { parent, creator } = params;
  const owner = creator?.owner ?? params.owner;
  const group = creator?.group ?? params.group;
  const who: Child = { isDirectory: params.isDirectory, owner, group: group ?? owner };
  const dacl = newDacl(params, who);
  const sacl = newAcl(who, {
    parent: parent?.sacl,
    parentAutoInherited: hasControl(parent, SE_SACL_AUTO_INHERITED),
    creator: creator?.sacl,
    isProtected: hasControl(creator, SE_SACL_PROTECTED),
  });
  let control = SE_SELF_RELATIVE;
  if (dacl.inherited && hasControl(parent, SE_DACL_AUTO_INHERITED)) {
    control |= SE_DACL_AUTO_INHERITED;
  }
  if (sacl.inherited && hasControl(parent, SE_SACL_AUTO_INHERITED)) {
    control |= SE_SACL_AUTO_INHERITED;
  }
  control |= (creator?.control ?? 0) & (SE_DACL_PROTECTED | SE_SACL_PROTECTED);
  return { control, owner, group, sacl: sacl.acl, dacl: dacl.acl };
}

/** Windows' default for a file with nothing to inherit: full control for owner and SYSTEM. */
export function defaultDaclFor(owner: Sid): Acl {
  const full = { type: ACCESS_ALLOWED_ACE_TYPE, flags: 0, mask: FILE_ALL_ACCESS };
  return {
    revision: ACL_REVISION,
    aces: [
      { ...full, sid: owner },
      { ...full, sid: SID_LOCAL_SYSTEM },
    ],
  };
}

/** ACEs with generic bits replaced by file rights, where they take effect on this object. */
export function mapAclGeneric(acl: Acl): Acl {
  return { revision: acl.revision, aces: acl.aces.map(mapAceGeneric) };
}

interface Child {
  readonly isDirectory: boolean;
  readonly owner: Sid;
  readonly group: Sid;
}

interface AclSources {
  readonly parent: Acl | null | undefined;
  readonly parentAutoInherited: boolean;
  readonly creator: Acl | null | undefined;
  readonly isProtected: boolean;
}

interface NewAcl {
  readonly acl: Acl | null | undefined;
  readonly inherited: boolean;
}

function newDacl(params: NewDescriptorParams, who: Child): NewAcl {
  const { parent, creator } = params;
  const found = newAcl(who, {
    parent: parent?.dacl,
    parentAutoInherited: hasControl(parent, SE_DACL_AUTO_INHERITED),
    creator: creator?.dacl,
    isProtected: hasControl(creator, SE_DACL_PROTECTED),
  });
  if (found.acl !== undefined) return found;
  return { acl: params.defaultDacl ?? defaultDaclFor(who.owner), inherited: false };
}

/**
 * 2.5.3.4.2 ComputeACL: an explicit ACL is taken without its INHERITED_ACE entries and, on an
 * auto-inheriting parent, followed by the parent's; without one, the parent's alone.
 */
function newAcl(who: Child, sources: AclSources): NewAcl {
  const { creator } = sources;
  if (creator === null) return { acl: null, inherited: false };
  if (creator !== undefined) {
    // Windows: an ACL given with CREATE stands as given; nothing is merged in.
    return { acl: mapAclGeneric(substituteCreator(creator, who)), inherited: false };
  }
  if (sources.isProtected || !sources.parent) return { acl: undefined, inherited: false };
  const flag = sources.parentAutoInherited ? INHERITED_ACE : 0;
  const aces = sources.parent.aces.flatMap((ace) => inheritAce(ace, who, flag));
  if (aces.length === 0) return { acl: undefined, inherited: false };
  return { acl: { revision: sources.parent.revision, aces }, inherited: true };
}

/**
 * 2.5.3.4.3 ContentsInheritedFromACL, one ACE: nothing, one ACE, or an effective and an
 * inherit-only one where what takes effect here differs from what is passed on.
 */
function inheritAce(ace: Ace, who: Child, inheritedFlag: number): Ace[] {
  const takesEffect =
    (ace.flags & (who.isDirectory ? CONTAINER_INHERIT_ACE : OBJECT_INHERIT_ACE)) !== 0;
  const passes = who.isDirectory ? ace.flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE) : 0;
  const isPassedOn = passes !== 0 && (ace.flags & NO_PROPAGATE_INHERIT_ACE) === 0;
  if (!takesEffect && !isPassedOn) return [];
  const audit = ace.flags & 0xc0;
  const propagated = audit | passes | inheritedFlag;
  if (!takesEffect) return [withFlags(ace, propagated | INHERIT_ONLY_ACE)];
  const effective = effectiveAce(ace, who);
  if (!isPassedOn) return [withFlags(effective, audit | inheritedFlag)];
  if (effective === ace) return [withFlags(ace, propagated)];
  return [
    withFlags(effective, audit | inheritedFlag),
    withFlags(ace, propagated | INHERIT_ONLY_ACE),
  ];
}

/** The ACE as it counts on the child itself; the very same object when nothing changes. */
function effectiveAce(ace: Ace, who: Child): Ace {
  if (!isSidAce(ace)) return ace;
  const sid = substituteSid(ace.sid, who);
  const mask = mapGeneric(ace.mask);
  if (sid === ace.sid && mask === ace.mask) return ace;
  return { ...ace, sid, mask };
}

/** Creator SIDs in ACEs that take effect stand for the new owner and group. */
function substituteCreator(acl: Acl, who: Child): Acl {
  const aces = acl.aces.map((ace) => {
    const staysTemplate = !isSidAce(ace) || (ace.flags & INHERIT_ONLY_ACE) !== 0;
    return staysTemplate ? ace : ({ ...ace, sid: substituteSid(ace.sid, who) } satisfies SidAce);
  });
  return { revision: acl.revision, aces };
}

function substituteSid(sid: Sid, who: Child): Sid {
  if (sid === SID_CREATOR_OWNER) return who.owner;
  if (sid === SID_CREATOR_GROUP) return who.group;
  return sid;
}

function mapAceGeneric(ace: Ace): Ace {
  const generic = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL;
  if (!isSidAce(ace) || (ace.mask & generic) === 0) return ace;
  if (ace.flags & INHERIT_ONLY_ACE) return ace;
  return { ...ace, mask: mapGeneric(ace.mask) >>> 0 };
}

function withFlags(ace: Ace, flags: number): Ace {
  return { ...ace, flags };
}

function hasControl(descriptor: SecurityDescriptor | undefined, bit: number): boolean {
  return descriptor !== undefined && (descriptor.control & bit) !== 0;
}
