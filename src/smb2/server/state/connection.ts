import type { Compression } from '../../compression/algorithms.ts';
import { type CompressionGain, NO_GAIN_YET } from '../../compression/decide-compression.ts';
import type { SigningAlgorithmId } from '../../crypto/algorithms.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Request } from '../request.ts';
import { CommandSequenceWindow } from './command-sequence-window.ts';
import type { Session } from './session.ts';

/** Connection.NegotiateDialect before the first NEGOTIATE, and between the SMB1 one and SMB2's. */
export const DIALECT_NONE = 0xffff;
export const DIALECT_WILDCARD = 0x02ff;

/** [MS-SMB2] 3.3.1.7 Per Transport Connection. */
export class Connection {
  readonly id: number;
  readonly transport: Transport;
  readonly window: CommandSequenceWindow;
  /** 0x0202 … 0x0311, DIALECT_NONE or DIALECT_WILDCARD. */
  dialect: number = DIALECT_NONE;
  /** Lower-case hexadecimal; zeros for 2.0.2. */
  clientGuid = '';
  clientCapabilities = 0;
  clientSecurityMode = 0;
  serverCapabilities = 0;
  serverSecurityMode = 0;
  supportsMultiCredit = false;
  maxTransactSize = 65_536;
  /** Larger than `maxTransactSize` where data may go beside the messages. */
  maxReadSize = 65_536;
  maxWriteSize = 65_536;
  /** Connection.CipherId; 0 when nothing was agreed on. */
  cipherId = 0;
  signingAlgorithm: SigningAlgorithmId = 0;
  /** The SMB3 POSIX Extensions were agreed on: CREATE may ask for them. */
  posixExtensions = false;
  /** Connection.CompressionIds and SupportsChainedCompression; undefined when there are none. */
  compression: Compression | undefined;
  compressionGain: CompressionGain = NO_GAIN_YET;
  preauthHash: Uint8Array | undefined;
  /** Dialects of the client's NEGOTIATE, for FSCTL_VALIDATE_NEGOTIATE_INFO. */
  clientDialects: readonly number[] = [];
  readonly sessions: Map<bigint, Session> = new Map();
  /** Connection.RequestList's waiting ones: by message id and, once async, by async id. */
  readonly waiting: Map<bigint, Request> = new Map();
  readonly asyncCommands: Map<bigint, Request> = new Map();
  nextAsyncId = 1n;
  /** Bytes of memory that replies of suspended requests take. */
  pendingBytes = 0;
  /** Bytes between a READ response's fixed part and its data; 0 but in tests (testControls). */
  readPadding = 0;
  /** It looks as if the peer took nothing that is sent; false but in tests (testControls). */
  confirmsNothing = false;
  closed = false;
  /** Reading is stopped because replies, unsent or being made, fill `sendQueueSize`. */
  paused = false;
  /** When what it sends at a stretch began, and was served last: milliseconds of the clock. */
  stretchStartMs = 0;
  servedMs = 0;
  stretchWaits = 0;
  /** It has had its turn of the event loop; its messages wait for the next one. */
  awaitsTurn = false;

  constructor(options: {
    readonly id: number;
    readonly transport: Transport;
    readonly creditsMax: number;
  }) {
    this.id = options.id;
    this.transport = options.transport;
    this.window = new CommandSequenceWindow(options.creditsMax);
  }
}

/** Whether a user, not anonymous or guest, has a session on the connection. */
export function isLoggedIn(connection: Connection): boolean {
  for (const session of connection.sessions.values()) {
    if (session.isSecured && session.state !== 'in-progress') return true;
  }
  return false;
}
