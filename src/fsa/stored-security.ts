/** The descriptor that a file keeps in an extended attribute, where the share has such. */
import type { MaybePromise } from '../base/task.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { ENODATA, EOPNOTSUPP, type Errno, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { decodeNtAcl } from './nt-acl.ts';
import type { Volume } from './volume.ts';

/** The attribute's value. Where permission bits alone rule nothing is read. */
export function getSecurity(volume: Volume, file: VfsFile): MaybePromise<Uint8Array | Errno> {
  const { access, securityXattr } = volume.options;
  return access === 'posix' ? ENODATA : file.getXattr(securityXattr);
}

/** What the attribute holds; undefined where permission bits speak. */
export function descriptorOf(value: Uint8Array | Errno): SecurityDescriptor | undefined {
  if (!failed(value)) return decodeNtAcl(value);
  // A descriptor that is there and cannot be read must not let anybody in.
  return value === ENODATA || value === EOPNOTSUPP ? undefined : UNREADABLE;
}

const UNREADABLE: SecurityDescriptor = {
  control: 0,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: { revision: 2, aces: [] },
};
