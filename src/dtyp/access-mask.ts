/** [MS-DTYP] 2.4.3 ACCESS_MASK and [MS-SMB2] 2.2.13.1 SMB2 Access Mask Encoding. */
export const FILE_READ_DATA = 0x0000_0001;
export const FILE_LIST_DIRECTORY = 0x0000_0001;
export const FILE_WRITE_DATA = 0x0000_0002;
export const FILE_ADD_FILE = 0x0000_0002;
export const FILE_APPEND_DATA = 0x0000_0004;
export const FILE_ADD_SUBDIRECTORY = 0x0000_0004;
export const FILE_READ_EA = 0x0000_0008;
export const FILE_WRITE_EA = 0x0000_0010;
export const FILE_EXECUTE = 0x0000_0020;
export const FILE_TRAVERSE = 0x0000_0020;
export const FILE_DELETE_CHILD = 0x0000_0040;
export const FILE_READ_ATTRIBUTES = 0x0000_0080;
export const FILE_WRITE_ATTRIBUTES = 0x0000_0100;
export const DELETE = 0x0001_0000;
export const READ_CONTROL = 0x0002_0000;
export const WRITE_DAC = 0x0004_0000;
export const WRITE_OWNER = 0x0008_0000;
export const SYNCHRONIZE = 0x0010_0000;
export const ACCESS_SYSTEM_SECURITY = 0x0100_0000;
export const MAXIMUM_ALLOWED = 0x0200_0000;
export const GENERIC_ALL = 0x1000_0000;
export const GENERIC_EXECUTE = 0x2000_0000;
export const GENERIC_WRITE = 0x4000_0000;
export const GENERIC_READ = 0x8000_0000;

export const FILE_ALL_ACCESS = 0x001f_01ff;
export const FILE_GENERIC_READ = 0x0012_0089;
export const FILE_GENERIC_WRITE = 0x0012_0116;
export const FILE_GENERIC_EXECUTE = 0x0012_00a0;

/** [MS-FSA] 2.1.1.4 generic mapping of files: replaces generic bits by the specific ones. */
export function mapGeneric(access: number): number {
  let mapped = access & 0x0fff_ffff;
  if (access & GENERIC_READ) mapped |= FILE_GENERIC_READ;
  if (access & GENERIC_WRITE) mapped |= FILE_GENERIC_WRITE;
  if (access & GENERIC_EXECUTE) mapped |= FILE_GENERIC_EXECUTE;
  if (access & GENERIC_ALL) mapped |= FILE_ALL_ACCESS;
  return mapped;
}
