import { EOPNOTSUPP, type Errno } from '../vfs/errno.ts';
import type { StreamBacking } from './stream-backing.ts';

/** The content of a symbolic link that is opened itself: none, as on NTFS, and it takes none. */
export const LINK_BACKING: StreamBacking = {
  size: () => 0,
  read: () => 0,
  write: (): Errno => EOPNOTSUPP,
  truncate: (size: number): 0 | Errno => (size === 0 ? 0 : EOPNOTSUPP),
  sync: () => 0,
  *contentFile() {
    return undefined;
  },
  renamed() {},
  close() {},
};
