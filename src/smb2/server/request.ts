import { STATUS_FILE_NOT_AVAILABLE } from '../../erref/ntstatus.ts';
import type { CancelSignal } from '../../fsa/surface.ts';
import type { Signer } from '../crypto/signer.ts';
import {
  SMB2_DIALECT_300,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_FLAGS_SIGNED,
  SMB2_IOCTL,
  SMB2_SET_INFO,
  SMB2_WRITE,
} from '../wire/constants.ts';
import type { FileId } from '../wire/file-id.ts';
import { channelSequence, HEADER_SIZE, type Header } from '../wire/header.ts';
import type { Chain } from './chain.ts';
import { acceptSequence } from './channel-sequence.ts';
import { allocateReply, type Reply } from './reply.ts';
import type { Smb2Server } from './server.ts';
import type { Connection } from './state/connection.ts';
import { FILE_CLOSED_STATUS, type Open, type OpenOrStatus } from './state/open.ts';
import type { Session } from './state/session.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/** [MS-SMB2] 3.3.5.2.10: what a channel that failed must not do any more. */
const CHANGING: ReadonlySet<number> = new Set([SMB2_WRITE, SMB2_SET_INFO, SMB2_IOCTL]);

/**
 * [MS-SMB2] 3.3.1.12 Per Request: one element of a chain on its way to its response.
 *
 *   received --> served at once -----------------------------------------> answered
 *           \--> suspended (a promise: disk, key derivation) -------------> answered
 *                      \--> waiting: STATUS_PENDING went out, AsyncId ---> answered
 *                                 \-- cancel() --> gives up, answered STATUS_CANCELLED
 */
export class Request implements CancelSignal {
  readonly server: Smb2Server;
  readonly connection: Connection;
  readonly chain: Chain;
  readonly header: Header;
  /** The message it came in; the body is `[body, end)`, the header 64 bytes before. */
  readonly view: DataView;
  readonly body: number;
  readonly end: number;
  readonly isLast: boolean;
  session: Session | undefined;
  treeConnect: TreeConnect | undefined;
  /** What `findOpen` found. */
  open: Open | undefined;
  /** A CREATE with a CreateGuid: its answer can be asked for again. */
  isReplayable = false;
  waitsForSharing = false;
  /** It counts for the open's channel sequence while it is suspended. */
  isCounted = false;
  reply: Reply | undefined;
  /** Other than 0 once an interim response went out. */
  asyncId = 0n;
  /** Credits were already granted, by the interim response. */
  creditsGranted = false;
  /** Sign the response whatever the request was: the last SESSION_SETUP. */
  mustSign = false;
  /** Signs the response instead of the channel's own signer: a binding that is under way. */
  signer: Signer | undefined;
  /** Request.CompressReply: the response is to be compressed if that pays. */
  compressReply = false;
  /** A token of the peer's memory that ends with the response, whatever its status: RDMA. */
  invalidates: number | undefined;
  /** Bytes of memory for data that goes beside the messages. */
  stagedSize = 0;
  /** Gets the whole response as sent: the preauthentication hash needs it. */
  afterSend: ((message: Uint8Array) => void) | undefined;
  /** What a wait that may not be answers instead of its own status. */
  refusal = 0;
  /** A wait of it is not told: no interim response goes out. */
  waitsSilently = false;
  /** Nobody looks at the message's bytes once it is answered, though its command may leave some. */
  leavesNothing = false;
  cancelled = false;
  #listeners: (() => void)[] = [];

  constructor(options: {
    readonly chain: Chain;
    readonly header: Header;
    readonly view: DataView;
    readonly body: number;
    readonly end: number;
    readonly isLast: boolean;
  }) {
    this.chain = options.chain;
    this.server = options.chain.server;
    this.connection = options.chain.connection;
    this.header = options.header;
    this.view = options.view;
    this.body = options.body;
    this.end = options.end;
    this.isLast = options.isLast;
  }

  get isRelated(): boolean {
    return (this.header.flags & SMB2_FLAGS_RELATED_OPERATIONS) !== 0;
  }

  get isSigned(): boolean {
    return (this.header.flags & SMB2_FLAGS_SIGNED) !== 0;
  }

  /** It came signed or encrypted, and so will its response. */
  get isProtected(): boolean {
    return this.isSigned || this.chain.sealedBy !== undefined;
  }

  /** Its message has no other: so has that of its response. */
  get isAlone(): boolean {
    return this.isLast && this.body === HEADER_SIZE;
  }

  /** Room for a response whose body takes at most `bodySize` bytes. */
  room(bodySize: number): Reply {
    this.reply = allocateReply(bodySize);
    return this.reply;
  }

  /**
   * [MS-SMB2] 3.3.5.2.5 Verifying the Credit Charge and the Payload Size: true when the charge
   * covers `payloadSize` bytes in the one direction or the other.
   */
  chargeCovers(payloadSize: number): boolean {
    if (!this.connection.supportsMultiCredit) return payloadSize <= 65_536;
    const needed = payloadSize === 0 ? 1 : Math.floor((payloadSize - 1) / 65_536) + 1;
    return Math.max(1, this.header.creditCharge) >= needed;
  }

  /**
   * The open that the request names, or the status to answer: STATUS_FILE_CLOSED, or for a related
   * request the failure of the one that should have made the open. [MS-SMB2] 3.3.5.2.7.2: a related
   * request goes to the open of the one before, whatever FileId it carries.
   */
  findOpen(fileId: FileId): OpenOrStatus {
    const { chain, session } = this;
    if (this.isRelated && chain.openFailure !== 0) return chain.openFailure;
    if (this.isRelated && chain.open !== undefined) {
      const { open } = chain;
      // Between the two, a request that is not related may have named another session or tree.
      const isOurs = open.state === 'connected' && open.treeConnect === this.treeConnect;
      return isOurs ? this.#take(open) : FILE_CLOSED_STATUS;
    }
    const open = session?.opens.get(fileId.volatile);
    const isFound =
      open !== undefined &&
      open.fileId.persistent === fileId.persistent &&
      open.treeConnect === this.treeConnect;
    if (!isFound) {
      chain.open = undefined;
      chain.openFailure = FILE_CLOSED_STATUS;
      return FILE_CLOSED_STATUS;
    }
    chain.open = open;
    chain.openFailure = 0;
    return this.#take(open);
  }

  /**
   * [MS-SMB2] 3.3.5.2.10: STATUS_FILE_NOT_AVAILABLE for what would change the file out of turn. Who
   * uses an open has seen the answer to its CREATE.
   */
  #take(open: Open): OpenOrStatus {
    const { header, connection } = this;
    this.open = open;
    if (open.replayKey !== undefined) this.server.createReplays.forget(open);
    if (connection.dialect < SMB2_DIALECT_300) return open;
    const isReplay = (header.flags & SMB2_FLAGS_REPLAY_OPERATION) !== 0;
    this.isCounted = acceptSequence(open, channelSequence(header), isReplay);
    return this.isCounted || !CHANGING.has(header.command) ? open : STATUS_FILE_NOT_AVAILABLE;
  }

  onCancel(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  waiting(): void {
    if (!this.waitsSilently) this.chain.goAsync(this);
  }

  /** [MS-SMB2] 3.3.5.16 Receiving an SMB2 CANCEL Request, or the connection went. */
  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const listener of [...this.#listeners]) listener();
  }
}
