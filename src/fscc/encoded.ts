import type { NtStatus } from '../erref/ntstatus.ts';

/** What an information encoder wrote: its end offset, and how it went. */
export interface Encoded {
  /**
   * STATUS_SUCCESS; STATUS_BUFFER_OVERFLOW when a variable part was cut;
   * STATUS_INFO_LENGTH_MISMATCH when not even the fixed part fits; STATUS_INVALID_INFO_CLASS when
   * the class is not known.
   */
  readonly status: NtStatus;
  /** Where the data ends; the start offset when nothing was written. */
  readonly end: number;
}
