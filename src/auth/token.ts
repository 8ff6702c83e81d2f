/**
 * Who a peer proved to be: what a security mechanism hands to the protocol layer, which makes the
 * SecurityContext ([MS-SMB2] 3.3.5.5.3, Session.SecurityContext) from it.
 */
export interface Identity {
  /** As the account spells it, not as the client typed it; empty for anonymous. */
  readonly userName: string;
  /** The domain that vouches for the account; a standalone server's own name. */
  readonly domainName: string;
  /** As text, "S-1-5-21-…" ([MS-DTYP] 2.4.2.1). */
  readonly userSid: string;
  readonly groupSids: readonly string[];
  /** POSIX ids, where the account names them. */
  readonly uid?: number;
  readonly gid?: number;
  readonly gids?: readonly number[];
  /** Session.IsGuest: SMB2_SESSION_FLAG_IS_GUEST; such a session neither signs nor encrypts. */
  readonly isGuest: boolean;
  /** Session.IsAnonymous: SMB2_SESSION_FLAG_IS_NULL; such a session neither signs nor encrypts. */
  readonly isAnonymous: boolean;
}

/** [MS-DTYP] 2.4.2.4 Well-Known SID Structures. */
export const SID_ANONYMOUS = 'S-1-5-7';
export const SID_EVERYONE = 'S-1-1-0';
export const SID_NETWORK = 'S-1-5-2';
export const SID_AUTHENTICATED_USERS = 'S-1-5-11';
export const SID_BUILTIN_GUESTS = 'S-1-5-32-546';

/** The identity of a peer that named no user ([MS-NLMP] 3.2.5.1.2, anonymous authentication). */
export const ANONYMOUS_IDENTITY: Identity = {
  userName: '',
  domainName: '',
  userSid: SID_ANONYMOUS,
  groupSids: [SID_EVERYONE, SID_NETWORK],
  isGuest: false,
  isAnonymous: true,
};
