import type { NdrWriter } from '../rpce/ndr.ts';
import type { ShareDescription } from './service-host.ts';

/** Writes the fixed part of one structure; its strings follow as referents. */
export type WriteShareInfo = (out: NdrWriter, share: ShareDescription) => void;

/**
 * The levels that everybody may ask: [MS-SRVS] 2.2.4.22 SHARE_INFO_0 and its relatives. Level 502,
 * with the security descriptor, is an administrator's.
 */
export function shareInfoWriter(level: number): WriteShareInfo | undefined {
  switch (level) {
    case 0:
      return (out, share) => out.stringPointer(share.name);
    case 1:
      return writeInfo1;
    case 2:
      return writeInfo2;
    case 501:
      return writeInfo501;
    case 1004:
      return (out, share) => out.stringPointer(share.comment);
    case 1005:
      return (out, share) => out.u32(share.flags ?? 0);
    default:
      return undefined;
  }
}

/** 2.2.4.23 SHARE_INFO_1. */
function writeInfo1(out: NdrWriter, share: ShareDescription): void {
  out.stringPointer(share.name);
  out.u32(share.type);
  out.stringPointer(share.comment);
}

/** 2.2.4.24 SHARE_INFO_2: permissions are ignored, the password is never told. */
function writeInfo2(out: NdrWriter, share: ShareDescription): void {
  writeInfo1(out, share);
  out.u32(0);
  out.u32(share.maxUses);
  out.u32(share.currentUses);
  out.stringPointer(share.path ?? '');
  out.stringPointer(undefined);
}

/** Bits of SHI1005_FLAGS that say how clients may cache files offline. */
const CSC_MASK = 0x30;

/** 2.2.4.25 SHARE_INFO_501. */
function writeInfo501(out: NdrWriter, share: ShareDescription): void {
  writeInfo1(out, share);
  out.u32((share.flags ?? 0) & CSC_MASK);
}

/** About as many bytes as a share takes in an answer, for PreferredMaximumLength. */
export function shareInfoSize(share: ShareDescription): number {
  const path = share.path ?? '';
  return 64 + 2 * (share.name.length + share.comment.length + path.length);
}
