/**
 * Every queue, table, length and time that a peer can influence, with its default. The server's
 * configuration may change each one (section `[limits]`, same names); nothing is unbounded.
 */
export interface Limits {
  /** Connections at once, over all listeners. */
  readonly connectionsMax: number;
  /** Connections at once from one address, or from one /64 of IPv6. */
  readonly connectionsPerAddressMax: number;
  /** Milliseconds from accept until a session must be logged in. */
  readonly unauthenticatedTimeMs: number;
  /** Milliseconds that a started message may take to arrive whole. */
  readonly messageTimeMs: number;
  /** Bytes of one message before a session is logged in. */
  readonly unauthenticatedMessageSize: number;
  /** Bytes of one READ, WRITE or transact payload offered in NEGOTIATE (a multiple of 64 KiB). */
  readonly transactSizeMax: number;
  /**
   * Bytes of one WRITE, if that is less: what is received meanwhile and what is being written
   * should both stay in the processor's cache (a multiple of 64 KiB).
   */
  readonly writeSizeMax: number;
  /** The same on connections that agreed on compression: what one message makes of few bytes. */
  readonly compressedTransactSizeMax: number;
  /** Credits that one connection can hold; also its outstanding requests. */
  readonly creditsMax: number;
  /** Asynchronous requests (waiting locks, pipe reads, notifies) on one connection. */
  readonly asyncRequestsMax: number;
  /** Requests in one compound. */
  readonly compoundMax: number;
  /** Bytes of replies queued for a peer that does not read; then its requests wait. */
  readonly sendQueueSize: number;
  /** Sessions on one connection. */
  readonly sessionsPerConnectionMax: number;
  /** Of those, sessions whose logon has begun and not ended: anybody can begin one. */
  readonly pendingLogonsMax: number;
  /** Connections that one session is bound to. */
  readonly channelsPerSessionMax: number;
  /** Tree connects of one session. */
  readonly treeConnectsPerSessionMax: number;
  /** Opens of one session. */
  readonly opensPerSessionMax: number;
  /** Opens over all sessions. */
  readonly opensMax: number;
  /** Byte-range locks on one open. */
  readonly locksPerOpenMax: number;
  /** Bytes of one security token in SESSION_SETUP. */
  readonly securityTokenSize: number;
  /** Failed logons (per user, address or IPv6 /64, and both) before answers are delayed. */
  readonly failedLogonsFree: number;
  /** Milliseconds of the longest delay put before a failed logon's answer, and between guesses. */
  readonly failedLogonDelayMs: number;
  /** Path components below a share's root. */
  readonly pathDepthMax: number;
  /** UTF-16 code units of one path. */
  readonly pathLengthMax: number;
  /** Directories whose names are remembered for case-insensitive look-ups, per share. */
  readonly nameCacheDirectories: number;
  /** Names remembered over all those directories, per share; some 40 bytes each. */
  readonly nameCacheNames: number;
  /** [MS-SMB2] 3.3.3 ServerSideCopyMaxNumberofChunks, MaxChunkSize, MaxDataSize. */
  readonly copyChunksMax: number;
  readonly copyChunkSizeMax: number;
  readonly copyDataSizeMax: number;
  /** Bytes of one request to a named pipe, reassembled; and of answers before requests wait. */
  readonly pipeMessageSize: number;
  /** Bytes that all named pipes hold of requests and answers; one that takes more breaks. */
  readonly pipeBuffersSize: number;
  /** Milliseconds that the holder of an oplock or lease has to acknowledge a break. */
  readonly breakTimeoutMs: number;
  /** Milliseconds that a worker process may be silent until it is replaced. */
  readonly workerSilenceMs: number;
  /** Milliseconds that a durable or resilient open is kept, unless it asks for another time. */
  readonly durableTimeoutMs: number;
  /** Milliseconds that it may ask for. */
  readonly durableTimeoutMaxMs: number;
  /** Opens that wait for their clients; more are closed when their connection goes. */
  readonly disconnectedOpensMax: number;
  /** Opens that outlive the server; who asks for more gets durable ones. */
  readonly persistentOpensMax: number;
  /** Bytes of one file's extended attributes, together. */
  readonly eaSizeMax: number;
  /** Bytes of one security descriptor. */
  readonly securityDescriptorSize: number;
  /** Bytes of changes held for one open of a watched directory, and for all of a share. */
  readonly notifyBufferSize: number;
  readonly notifyBuffersSize: number;
  /** Directories of one share in which changes of local processes are watched for. */
  readonly localWatchesMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 2_000,
  unauthenticatedTimeMs: 30_000,
  messageTimeMs: 60_000,
  unauthenticatedMessageSize: 128 * 1024,
  transactSizeMax: 8 * 1024 * 1024,
  writeSizeMax: 1024 * 1024,
  compressedTransactSizeMax: 1024 * 1024,
  creditsMax: 8192,
  asyncRequestsMax: 511,
  compoundMax: 256,
  sendQueueSize: 32 * 1024 * 1024,
  sessionsPerConnectionMax: 1024,
  pendingLogonsMax: 64,
  channelsPerSessionMax: 32,
  treeConnectsPerSessionMax: 1024,
  opensPerSessionMax: 65_536,
  opensMax: 1_000_000,
  locksPerOpenMax: 4096,
  securityTokenSize: 64 * 1024,
  failedLogonsFree: 3,
  failedLogonDelayMs: 5_000,
  pathDepthMax: 256,
  pathLengthMax: 32_760,
  nameCacheDirectories: 256,
  nameCacheNames: 2_000_000,
  copyChunksMax: 256,
  copyChunkSizeMax: 1024 * 1024,
  copyDataSizeMax: 16 * 1024 * 1024,
  pipeMessageSize: 1024 * 1024,
  pipeBuffersSize: 64 * 1024 * 1024,
  breakTimeoutMs: 35_000,
  workerSilenceMs: 15_000,
  durableTimeoutMs: 60_000,
  durableTimeoutMaxMs: 300_000,
  disconnectedOpensMax: 100_000,
  persistentOpensMax: 100_000,
  eaSizeMax: 64 * 1024,
  securityDescriptorSize: 64 * 1024,
  notifyBufferSize: 64 * 1024,
  notifyBuffersSize: 64 * 1024 * 1024,
  localWatchesMax: 65_536,
};

// What no configuration changes.

/** A smaller `sendQueueSize` counts as this: below it the system's buffers decide. */
export const SEND_QUEUE_SIZE_MIN = 65_536;
/** Milliseconds without a word from a peer until its system is asked whether it is there. */
export const KEEPALIVE_IDLE_MS = 60_000;
/** Milliseconds that it has to answer then; Node sends ten probes, one a second. */
export const KEEPALIVE_PROBES_MS = 10_000;
/** Milliseconds in which a channel must take some of what waits for a break to get through. */
export const BREAK_TAKEN_TIME_MS = 2_000;
/** Milliseconds between two looks at how much it took. */
export const BREAK_LOOK_MS = 200;
/** Addresses that FSCTL_QUERY_NETWORK_INTERFACE_INFO tells. */
export const NETWORK_INTERFACES_MAX = 256;
/** Milliseconds until the kernel is asked for them again. */
export const NETWORK_INTERFACES_FRESH_MS = 1_000;
/** Milliseconds that one request may keep the event loop before others have their turn. */
export const TURN_TIME_MS = 20;
/** Backups of Time Machine that are counted for a share's size. */
export const BACKUPS_COUNTED_MAX = 256;
/** Bytes of a message that is worth compressing. */
export const COMPRESSION_SIZE_MIN = 4096;
/**
 * Bytes that compression must save for each millisecond that it takes: what 100 Mbit/s carry in it.
 * A network that is slower is a gain for certain; one that is faster rests while this runs.
 */
export const COMPRESSION_SAVING_MIN = 12_500;
/** Bytes that pass as they are after a try that did not pay; twice as many after the next one. */
export const COMPRESSION_PAUSE_SIZE_MIN: number = 256 * 1024;
export const COMPRESSION_PAUSE_SIZE_MAX: number = 64 * 1024 * 1024;
/**
 * Milliseconds that an open waits for a local process to give up its lease; the kernel takes it
 * away after fs.lease-break-time, 45 s as a rule.
 */
export const LOCAL_LEASE_TIME_MS = 60_000;
/** Changes of its own that a share remembers while directories are leased. */
export const LOCAL_NOTES_MAX = 8192;
/** Names of removed files that a share remembers for their 8.3 names, and for how long. */
export const TUNNEL_ENTRIES_MAX = 1024;
export const TUNNEL_TIME_MS = 15_000;
/** Snapshots of a share that are told, and open at once; milliseconds until an idle one goes. */
export const SNAPSHOTS_LISTED_MAX = 1024;
export const SNAPSHOT_VOLUMES_MAX = 16;
export const SNAPSHOT_IDLE_MS = 60_000;
/** Ranges of one LOCK request; Linux sends 170, Windows one. */
export const LOCKS_PER_REQUEST_MAX = 256;
/** Byte-range locks on one file, whosever they are: each READ and WRITE looks at them. */
export const LOCKS_PER_FILE_MAX = 32_768;
/** Milliseconds for which, and directories of which, a watcher's right to know is remembered. */
export const NOTIFY_RIGHTS_FRESH_MS = 1_000;
export const NOTIFY_RIGHTS_MAX = 256;
/** Files whose damaged descriptor was logged already, of one volume. */
export const DAMAGED_DESCRIPTORS_MAX = 1024;
/** Milliseconds after which a store of persistent opens that took nothing is tried again. */
export const STORE_RETRY_MS = 5_000;
/** UTF-16 code units of a search pattern: no name is longer, and matching takes both lengths. */
export const SEARCH_PATTERN_LENGTH_MAX = 255;

/** Bytes that one FSCTL_OFFLOAD_READ or _WRITE stands for, and copies in one go. */
export const OFFLOAD_SIZE_MAX: number = 16 * 1024 * 1024;
/** Tokens that are good at once; the oldest give way. */
export const OFFLOAD_TOKENS_MAX = 1024;
/** Milliseconds that a token is good for at most. */
export const OFFLOAD_TOKEN_TIME_MS = 30_000;

/** Bytes of one message between server processes, and queued for one that does not take them. */
export const BUS_FRAME_SIZE_MAX: number = 64 * 1024 * 1024;
export const BUS_QUEUE_SIZE_MAX: number = 256 * 1024 * 1024;

/** Files whose attributes a share on local storage remembers, for each attribute. */
export const XATTR_MEMORY_FILES = 16_384;

/** Milliseconds after which a listing is answered with what was found, and told on ahead. */
export const LISTING_TIME_MS = 2;
/** Entries told ahead: of those at least so many make an answer, and at most so many are kept. */
export const LISTING_ANSWER_MIN = 256;
export const LISTING_AHEAD_MAX = 2048;
/** Milliseconds that one step of telling ahead may take, and for which what was told counts. */
export const LISTING_SLICE_MS = 1;
export const LISTING_FRESH_MS = 200;
