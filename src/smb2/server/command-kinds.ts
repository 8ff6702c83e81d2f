/** What commands have in common. */
import {
  SMB2_CANCEL,
  SMB2_CHANGE_NOTIFY,
  SMB2_CLOSE,
  SMB2_CREATE,
  SMB2_ECHO,
  SMB2_FLUSH,
  SMB2_LOCK,
  SMB2_NEGOTIATE,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_READ,
  SMB2_SESSION_SETUP,
  SMB2_WRITE,
} from '../wire/constants.ts';

/** What a close ends instead of waiting for it, and the close itself. */
export const INTERRUPTIBLE: ReadonlySet<number> = new Set([
  SMB2_CREATE,
  SMB2_CLOSE,
  SMB2_LOCK,
  SMB2_CHANGE_NOTIFY,
]);

/** Nothing of these is kept once they are answered; of others it may be contexts or tokens. */
export const LEAVES_NOTHING: ReadonlySet<number> = new Set([
  SMB2_CANCEL,
  SMB2_CLOSE,
  SMB2_ECHO,
  SMB2_FLUSH,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_READ,
  SMB2_WRITE,
]);

/** No other request's answer tells anything else after one of these. */
export const CHANGES_NOTHING: ReadonlySet<number> = new Set([
  SMB2_ECHO,
  SMB2_NEGOTIATE,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_READ,
  SMB2_SESSION_SETUP,
]);
