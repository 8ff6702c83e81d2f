/** What the supervisor and its workers say to each other. */

import type { Held, LogonAttempt } from '../../auth/logon-throttle.ts';
import type { NotifyEvent } from '../../fsa/notify-list.ts';
import type { OplockBreak } from '../../fsa/oplock.ts';
import type { VolumeNews } from '../../fsa/volume-peers.ts';
import type { CallType } from '../../messaging/calls.ts';
import type { MessageType } from '../../messaging/message-bus.ts';
import {
  bytes,
  flag,
  int,
  json,
  list,
  oneOf,
  optional,
  type Shape,
  struct,
  text,
  u64,
  u128,
  variants,
} from '../../messaging/shape.ts';
import type { InstanceMove } from '../../smb2/server/app-instances.ts';
import type { LeftBehind } from '../../smb2/server/hand-over.ts';
import type { CreateName, ForeignSession } from '../../smb2/server/options.ts';
import { HAND_OVER_STEPS, type HandOverStep } from '../step-aside.ts';
import type { InstalledCode } from './installed-code.ts';
import type { OptionsOfWorker } from './worker-options.ts';

/** Sent once, over the pipe of the fork. */
export interface WorkerSetup {
  readonly kind: 'setup';
  readonly serverId: string;
  readonly supervisorId: string;
  readonly slot: number;
  /** The runtime folder: sockets of the bus, and the volatile store. */
  readonly folder: string;
  readonly options: OptionsOfWorker;
  readonly isDebugged: boolean;
  /** What the supervisor runs: a worker of something else ends with EXIT_OTHER_CODE. */
  readonly code: InstalledCode;
}

/** Of sysexits.h: EX_CONFIG. */
export const EXIT_OTHER_CODE = 78;

/** Comes with a socket, over the same pipe. */
export interface HandedOver {
  readonly kind: 'connection';
  /** As the supervisor counts connections. */
  readonly id: number;
  readonly early: Uint8Array;
  /** Its client began with SMB1 and has been told 0x02FF; that is not in `early`. */
  readonly isSmb1Answered: boolean;
  /** Milliseconds that its client needed until then. */
  readonly waitedMs: number;
}

type None = Readonly<Record<never, never>>;
const none = struct<None>({});

interface Members {
  readonly serverIds: readonly string[];
  /** `ShareOptions[]`; what changes after this comes by `ADD_SHARE` and `REMOVE_SHARE`. */
  readonly shares: unknown;
}

const WORKERS_MAX = 1024;
const SIGNING_KEY_SIZE = 16;
/** Groups of a user: Linux allows as many. */
const TOKEN_ENTRIES_MAX = 65_536;

/** Supervisor to a new worker: who else is there, and what it serves. */
export const MEMBERS: MessageType<Members> = {
  name: 'members',
  shape: struct<Members>({ serverIds: list(text, WORKERS_MAX), shares: json }),
};
/** Worker to supervisor: connections may come. */
export const SERVING: MessageType<None> = { name: 'serving', shape: none };
export const PING: MessageType<None> = { name: 'ping', shape: none };
interface Busy {
  /** The part of the time since the last one in which it did something, in thousandths. */
  readonly busyPermille: number;
}
export const PONG: MessageType<Busy> = {
  name: 'pong',
  shape: struct<Busy>({ busyPermille: int }),
};
/** Somebody edited the accounts. */
export const ACCOUNTS_CHANGED: MessageType<None> = { name: 'accounts-changed', shape: none };
const GONE_MAX = 1024;
const OPENS_MAX = 65_536;

interface Gone {
  readonly gone: readonly string[];
}
/** Supervisor to one worker: what these processes held is to be swept. True: it is. */
export const SWEEP: CallType<Gone, boolean> = {
  name: 'sweep',
  question: struct<Gone>({ gone: list(text, GONE_MAX) }),
  answer: flag,
};

interface OpensToTake {
  readonly persistentIds: readonly bigint[];
}
/** These opens, which nobody has, are this worker's from now on. */
export const TAKE_OVER: CallType<OpensToTake, boolean> = {
  name: 'take-over',
  question: struct<OpensToTake>({ persistentIds: list(u64, OPENS_MAX) }),
  answer: flag,
};

interface ToStore {
  readonly fileKey: string;
  /** Answered before the disk has it: `StoredTable.replaceSoon`. */
  readonly isSoon: boolean;
}
/**
 * Worker to supervisor: of this file's record the disk is to have what outlives the server, as it
 * is now. Answered when it has; with what is wrong, '' for nothing.
 */
export const STORE: CallType<ToStore, string> = {
  name: 'store',
  question: struct<ToStore>({ fileKey: text, isSoon: flag }),
  answer: text,
};

/** To every worker, when another one is gone and what it held is swept. */
export const SWEPT: MessageType<None> = { name: 'swept', shape: none };

interface ConnectionId {
  readonly id: number;
}
/** Worker to supervisor: the socket came. */
export const CONNECTION_TAKEN: MessageType<ConnectionId> = {
  name: 'connection-taken',
  shape: struct<ConnectionId>({ id: int }),
};
export const CONNECTION_CLOSED: MessageType<ConnectionId> = {
  name: 'connection-closed',
  shape: struct<ConnectionId>({ id: int }),
};

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: unknown;
  readonly message: string;
}
export const LOG: MessageType<LogLine> = {
  name: 'log',
  shape: struct<LogLine>({
    level: oneOf(['debug', 'info', 'warn', 'error']),
    fields: json,
    message: text,
  }),
};

interface EventMessage {
  readonly event: unknown;
}
/** `ServerEvent`. */
export const EVENT: MessageType<EventMessage> = {
  name: 'event',
  shape: struct<EventMessage>({ event: json }),
};

const oplockBreak: Shape<OplockBreak> = struct<OplockBreak>({
  oplockKey: text,
  serverId: text,
  lease: optional(
    struct<NonNullable<OplockBreak['lease']>>({
      clientGuid: text,
      leaseKey: text,
      version: leaseVersion(),
    }),
  ),
  from: int,
  to: int,
  needsAcknowledgement: flag,
  epoch: int,
  since: int,
});

function leaseVersion(): Shape<1 | 2> {
  const known = oneOf(['1', '2']);
  return {
    toJson: (value) => String(value),
    fromJson: (value) => {
      const found = known.fromJson(value);
      if (found === '1') return 1;
      return found === '2' ? 2 : found;
    },
  };
}

/** Of one deed. */
const EVENTS_MAX = 8;

const notifyEvent = struct<NotifyEvent>({
  action: int,
  filter: int,
  unless: int,
  path: text,
  streamName: text,
});
const fromTo = { from: text, to: text };

interface VolumeMessage {
  readonly volumeId: string;
  readonly news: VolumeNews;
}
/** `VolumePeers.tell`. */
export const VOLUME_NEWS: MessageType<VolumeMessage> = {
  name: 'volume',
  shape: struct<VolumeMessage>({
    volumeId: text,
    news: variants<VolumeNews>({
      break: struct({ fileKey: text, oplockBreak }),
      events: struct({ events: list(notifyEvent, EVENTS_MAX) }),
      'watch-ends': struct({ directory: text, status: int }),
      noted: struct({ path: text, deed: oneOf(['added', 'removed', 'modified']) }),
      moved: struct(fromTo),
      renamed: struct({ fileKey: text, ...fromTo }),
      'moved-below': struct(fromTo),
      'stream-renamed': struct({ fileKey: text, from: text, streamName: text, streamKey: text }),
    }),
  }),
};

/** `VolumePeers.settled`: answered when everything sent before is done. */
export const SETTLED: CallType<None, boolean> = { name: 'settled', question: none, answer: flag };

interface SessionId {
  readonly sessionId: bigint;
}
/** `ServerPeers.findSession`. */
export const FIND_SESSION: CallType<SessionId, ForeignSession | undefined> = {
  name: 'find-session',
  question: struct<SessionId>({ sessionId: u64 }),
  answer: optional(
    struct<ForeignSession>({
      dialect: int,
      cipherId: int,
      signingAlgorithm: int,
      signingKey: bytes(SIGNING_KEY_SIZE),
    }),
  ),
};

/** `ServerPeers.findCreate`. */
export const FIND_CREATE: CallType<CreateName, bigint | undefined> = {
  name: 'find-create',
  question: struct<CreateName>({ clientGuid: text, createGuid: text }),
  answer: optional(u64),
};

interface DurableOpenId {
  readonly persistentId: bigint;
}
/** `ServerPeers.askForOpen`. */
export const ASK_FOR_OPEN: CallType<DurableOpenId, boolean> = {
  name: 'ask-for-open',
  question: struct<DurableOpenId>({ persistentId: u64 }),
  answer: flag,
};

interface OfferEnd extends DurableOpenId {
  readonly isTaken: boolean;
}
/** `ServerPeers.settleOpen`. */
export const SETTLE_OPEN: MessageType<OfferEnd> = {
  name: 'settle-open',
  shape: struct<OfferEnd>({ persistentId: u64, isTaken: flag }),
};

/** `ServerPeers.closeInstances`. */
export const CLOSE_INSTANCES: CallType<InstanceMove, boolean> = {
  name: 'close-instances',
  question: struct<InstanceMove>({
    shareName: text,
    name: text,
    clientGuid: text,
    instance: struct<InstanceMove['instance']>({ id: text, version: optional(u128) }),
    security: struct<InstanceMove['security']>({
      userSid: text,
      groupSids: list(text, TOKEN_ENTRIES_MAX),
      privileges: list(text, TOKEN_ENTRIES_MAX),
      credentials: struct<InstanceMove['security']['credentials']>({
        uid: int,
        gid: int,
        groups: list(int, TOKEN_ENTRIES_MAX),
      }),
      maximalAccess: int,
    }),
  }),
  answer: flag,
};

interface SessionOfUser {
  readonly sessionId: bigint;
  readonly userSid: string;
}
/** `ServerPeers.endSession`; answered once the session is gone. */
export const END_SESSION: CallType<SessionOfUser, boolean> = {
  name: 'end-session',
  question: struct<SessionOfUser>({ sessionId: u64, userSid: text }),
  answer: flag,
};

const logonAttempt = struct<LogonAttempt>({ userName: text, address: text });
/** `LogonGuard`, which the supervisor keeps for all workers. */
export const LOGON_FAILED: CallType<LogonAttempt, number> = {
  name: 'logon-failed',
  question: logonAttempt,
  answer: int,
};
export const LOGON_HELD: CallType<LogonAttempt, Held> = {
  name: 'logon-held',
  question: logonAttempt,
  answer: struct<Held>({ delayMs: int, isRefused: flag }),
};
export const LOGON_SUCCEEDED: MessageType<LogonAttempt> = {
  name: 'logon-succeeded',
  shape: logonAttempt,
};

export interface Named {
  readonly what: 'session' | 'open' | 'share';
  readonly id: string;
}
/** What an administrator ends; true: it was here. */
export const END: CallType<Named, boolean> = {
  name: 'end',
  question: struct<Named>({ what: oneOf(['session', 'open', 'share']), id: text }),
  answer: flag,
};

/** `ServerStatus` of a worker. */
export const STATUS: CallType<None, unknown> = { name: 'status', question: none, answer: json };
/** `ShareOptions`; answers with what is wrong, '' for nothing. */
export const ADD_SHARE: CallType<unknown, string> = {
  name: 'add-share',
  question: json,
  answer: text,
};
export const REMOVE_SHARE: CallType<string, boolean> = {
  name: 'remove-share',
  question: text,
  answer: flag,
};
/** `ShareOptions` of one that is there, and `OptionsOfWorker`; answered when they hold. */
export const CHANGE_SHARE: CallType<unknown, boolean> = {
  name: 'change-share',
  question: json,
  answer: flag,
};
export const CHANGE_OPTIONS: CallType<unknown, boolean> = {
  name: 'change-options',
  question: json,
  answer: flag,
};
interface StepAside {
  readonly step: HandOverStep;
  readonly folder: string;
}
/** `stepAside`; answered when it is done. */
export const STEP_ASIDE: CallType<StepAside, LeftBehind> = {
  name: 'step-aside',
  question: struct<StepAside>({ step: oneOf(HAND_OVER_STEPS), folder: text }),
  answer: struct<LeftBehind>({ connections: int, durable: int, persistent: int }),
};
/** `takeOpens`, of a folder; -1: it failed, and the log says why. */
export const TAKE_OPENS: CallType<string, number> = {
  name: 'take-opens',
  question: text,
  answer: int,
};
/** Answered when everything is closed. */
export const STOP: CallType<None, boolean> = { name: 'stop', question: none, answer: flag };
