/**
 * [MS-SMB2] 2.2.35 SMB2 CHANGE_NOTIFY Request, CompletionFilter: which changes a watcher wants.
 * Also FilterMatch of [MS-FSA] 2.1.4.1: which kinds of change one event is.
 */
export const FILE_NOTIFY_CHANGE_FILE_NAME = 0x0001;
export const FILE_NOTIFY_CHANGE_DIR_NAME = 0x0002;
export const FILE_NOTIFY_CHANGE_ATTRIBUTES = 0x0004;
export const FILE_NOTIFY_CHANGE_SIZE = 0x0008;
export const FILE_NOTIFY_CHANGE_LAST_WRITE = 0x0010;
export const FILE_NOTIFY_CHANGE_LAST_ACCESS = 0x0020;
export const FILE_NOTIFY_CHANGE_CREATION = 0x0040;
export const FILE_NOTIFY_CHANGE_EA = 0x0080;
export const FILE_NOTIFY_CHANGE_SECURITY = 0x0100;
export const FILE_NOTIFY_CHANGE_STREAM_NAME = 0x0200;
export const FILE_NOTIFY_CHANGE_STREAM_SIZE = 0x0400;
export const FILE_NOTIFY_CHANGE_STREAM_WRITE = 0x0800;
