/** [MS-SMB2] 2.2.13 and [MS-FSA] 2.1.5.1: parameters of an open, shared by protocol and store. */
export const FILE_SHARE_READ = 0x1;
export const FILE_SHARE_WRITE = 0x2;
export const FILE_SHARE_DELETE = 0x4;

export const FILE_SUPERSEDE = 0;
export const FILE_OPEN = 1;
export const FILE_CREATE = 2;
export const FILE_OPEN_IF = 3;
export const FILE_OVERWRITE = 4;
export const FILE_OVERWRITE_IF = 5;

/** CreateAction of the CREATE response. */
export const FILE_SUPERSEDED = 0;
export const FILE_OPENED = 1;
export const FILE_CREATED = 2;
export const FILE_OVERWRITTEN = 3;

export const FILE_DIRECTORY_FILE = 0x0000_0001;
export const FILE_WRITE_THROUGH = 0x0000_0002;
export const FILE_SEQUENTIAL_ONLY = 0x0000_0004;
export const FILE_NO_INTERMEDIATE_BUFFERING = 0x0000_0008;
export const FILE_SYNCHRONOUS_IO_ALERT = 0x0000_0010;
export const FILE_SYNCHRONOUS_IO_NONALERT = 0x0000_0020;
export const FILE_NON_DIRECTORY_FILE = 0x0000_0040;
export const FILE_CREATE_TREE_CONNECTION = 0x0000_0080;
export const FILE_COMPLETE_IF_OPLOCKED = 0x0000_0100;
export const FILE_NO_EA_KNOWLEDGE = 0x0000_0200;
export const FILE_OPEN_REMOTE_INSTANCE = 0x0000_0400;
export const FILE_RANDOM_ACCESS = 0x0000_0800;
export const FILE_DELETE_ON_CLOSE = 0x0000_1000;
export const FILE_OPEN_BY_FILE_ID = 0x0000_2000;
export const FILE_OPEN_FOR_BACKUP_INTENT = 0x0000_4000;
export const FILE_NO_COMPRESSION = 0x0000_8000;
export const FILE_OPEN_REQUIRING_OPLOCK = 0x0001_0000;
export const FILE_DISALLOW_EXCLUSIVE = 0x0002_0000;
export const FILE_RESERVE_OPFILTER = 0x0010_0000;
export const FILE_OPEN_REPARSE_POINT = 0x0020_0000;
export const FILE_OPEN_NO_RECALL = 0x0040_0000;
export const FILE_OPEN_FOR_FREE_SPACE_QUERY = 0x0080_0000;
