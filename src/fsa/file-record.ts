/**
 * The shared record of one open file: everything about it that another open, process or node has
 * to know ([MS-FSA] 2.1.1.3 Per File and 2.1.1.6 Per Open, the parts that outlive one process).
 *
 * Stored in table 'file' under `fileKey`. It exists while at least one open exists. Plain data,
 * never mutated; the decide* functions in this folder are the only ones that make a next record.
 */

/** [MS-FSA] 2.1.1.6 Per Open: what others' decisions look at. */
export interface OpenEntry {
  /** Unique over processes and restarts. */
  readonly openId: string;
  /** The server process that owns it; breaks and close requests go there. */
  readonly serverId: string;
  /** '' is the unnamed data stream (or the directory itself), upper-cased otherwise. */
  readonly streamKey: string;
  readonly grantedAccess: number;
  readonly shareAccess: number;
  /** FILE_DELETE_ON_CLOSE was given at open. */
  readonly deleteOnClose: boolean;
}

/** [MS-FSA] 2.1.1.10 Per ByteRangeLock. Range is [offset, offset + length), bytes, u64. */
export interface ByteRangeLock {
  readonly openId: string;
  readonly streamKey: string;
  readonly offset: bigint;
  readonly length: bigint;
  readonly exclusive: boolean;
}

export interface FileRecord {
  /** Volume id and path relative to the volume's root as on disk ('/'-separated), for look-ups. */
  readonly volumeId: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly opens: readonly OpenEntry[];
  readonly locks: readonly ByteRangeLock[];
  /** Streams that go when their last open closes; '' is the file itself. */
  readonly deletePending: readonly string[];
  /** Counts changes, so that a waiter can tell whether it saw this one. */
  readonly version: number;
}
