/**
 * Linux's constants for syscalls.ts and thread-calls.ts; the same numbers on x64 and arm64 but for
 * O_*.
 */

const arm64 = process.arch === 'arm64';

export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY: number = arm64 ? 0o40000 : 0o200000;
export const O_NOFOLLOW: number = arm64 ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** An unnamed file in a directory; with O_DIRECTORY. */
export const O_TMPFILE: number = 0o20000000 | O_DIRECTORY;

export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;

export const RENAME_NOREPLACE = 1;

export const RWF_NOWAIT = 8;
/** Entries of one preadv or pwritev. */
export const IOV_MAX = 1024;

/** _IOW(0x94, 13, struct file_clone_range). */
export const FICLONERANGE = 0x4020_940d;

/** _IOR('f', 1, long), _IOW('f', 2, long): flags as chattr(1) sets them, an int in fact. */
export const FS_IOC_GETFLAGS = 0x8008_6601;
export const FS_IOC_SETFLAGS = 0x4008_6602;
export const FS_NOCOW_FL = 0x0080_0000;

export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_ZERO_RANGE = 0x10;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;

export const UTIME_OMIT = 0x3fff_fffe;

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_IXGRP = 0o010;

export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_ISDIR = 0x4000_0000;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_UNMOUNT = 0x2000;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x0100_0000;
export const IN_NONBLOCK: number = O_NONBLOCK;
export const IN_CLOEXEC: number = O_CLOEXEC;

export const ST_RDONLY = 1;

/** `f_type` of statfs(2). */
export const TMPFS_MAGIC = 0x0102_1994;
export const RAMFS_MAGIC = 0x8584_58f6;
export const BTRFS_SUPER_MAGIC = 0x9123_683e;
/** ext2, ext3 and ext4. */
export const EXT_SUPER_MAGIC = 0xef53;
export const XFS_SUPER_MAGIC = 0x5846_5342;
export const MSDOS_SUPER_MAGIC = 0x4d44;
export const EXFAT_SUPER_MAGIC = 0x2011_bab0;

/** Bytes of one path, its NUL included. */
export const PATH_MAX = 4096;
/** Bytes of one xattr value, and of one list of xattr names. */
export const XATTR_SIZE_MAX = 65_536;

/* fcntl(2) */
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
export const F_OFD_SETLK = 37;
export const F_SETLEASE = 1024;
export const F_GETLEASE = 1025;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_SETOWN = 8;
export const O_ASYNC = 0o20_000;
