import { isPromise, type MaybePromise, run, type Task, wait } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import {
  isError,
  type NtStatus,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_PARAMETER,
  STATUS_PENDING,
  statusName,
} from '../../erref/ntstatus.ts';
import type { SendExtras } from '../transport/transport.ts';
import {
  COMMAND_NAMES,
  SMB2_CANCEL,
  SMB2_CREATE,
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_FLAGS_SIGNED,
  SMB2_NEGOTIATE,
  SMB2_OPLOCK_BREAK,
  SMB2_SESSION_SETUP,
} from '../wire/constants.ts';
import { encodeErrorResponse } from '../wire/error.ts';
import {
  channelSequence,
  decodeHeader,
  encodeHeader,
  HEADER_SIZE,
  setNextCommand,
} from '../wire/header.ts';
import { countOutstanding, discountOutstanding } from './channel-sequence.ts';
import { CHANGES_NOTHING, INTERRUPTIBLE, LEAVES_NOTHING } from './command-kinds.ts';
import { sendCompressed } from './compressed-sender.ts';
import { dispatch } from './dispatch.ts';
import { allocateReply, type Reply } from './reply.ts';
import { canSign, echoSignature, mustSign, signReply } from './reply-signing.ts';
import { Request } from './request.ts';
import { sendMessage } from './sender.ts';
import type { Smb2Server } from './server.ts';
import type { Connection } from './state/connection.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';

/** Bytes that padding and encryption add to the responses that leave as one message, at most. */
const REPLIES_OVERHEAD = 65_536;

/**
 * What became of a message: the peer broke the protocol; it was served and nobody looks at its
 * bytes again; it was served and somebody may.
 */
export type Served = 'broken' | 'spent' | 'kept';

/**
 * One message from the peer: a single request or a compound chain
 * ([MS-SMB2] 3.3.5.2.7 Handling Compounded Requests). Its responses leave together, unless one of
 * them has to wait.
 */
export class Chain {
  readonly server: Smb2Server;
  readonly connection: Connection;
  /** The session whose key decrypted it; its responses are encrypted with it. */
  readonly sealedBy: Session | undefined;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Bytes of responses that leave as one message; beyond it they leave as several. */
  readonly #sizeMax: number;
  /** What a related request inherits: ids of the one before, its open, or why there is none. */
  hasContext = false;
  sessionId = 0n;
  treeId = 0;
  open: Open | undefined;
  openFailure: NtStatus = 0;
  #replies: { readonly request: Request; readonly reply: Reply }[] = [];
  /** Bytes of `#replies`, and of all responses so far. */
  #repliesSize = 0;
  #answeredSize = 0;
  /** What `#replies` invalidate: a message can do that for one of them. */
  #invalidates: number | undefined;
  /** Of the requests so far. */
  #outcome: Served = 'spent';

  constructor(options: {
    readonly server: Smb2Server;
    readonly connection: Connection;
    readonly bytes: Uint8Array;
    readonly view: DataView;
    readonly sealedBy: Session | undefined;
  }) {
    this.server = options.server;
    this.connection = options.connection;
    this.sealedBy = options.sealedBy;
    this.#bytes = options.bytes;
    this.#view = options.view;
    this.#sizeMax = options.connection.transport.sendSizeMax - REPLIES_OVERHEAD;
  }

  /** Serves every element in order; without a task what is alone and answered at once. */
  process(): MaybePromise<Served> {
    const request = this.#receive(0, 0);
    if (typeof request === 'string') return request;
    const status = this.#begin(request, 0);
    if (isPromise(status) || !request.isLast) return run(this.#processRest(request, status));
    return this.#settle(request, status) ?? this.#end();
  }

  *#processRest(first: Request, firstStatus: MaybePromise<NtStatus | undefined>): Task<Served> {
    let request = first;
    let status = firstStatus;
    let turns: Turns | undefined;
    for (let index = 1; ; index++) {
      const broken = this.#settle(request, isPromise(status) ? yield* wait(status) : status);
      if (broken !== undefined) return broken;
      if (request.isLast) return this.#end();
      if (turns !== undefined) yield* turns.next();
      else turns = new Turns(this.server.options.env);
      if (this.connection.closed) return 'kept';
      const next = this.#receive(request.end, index);
      if (typeof next === 'string') return next;
      request = next;
      status = this.#begin(request, index);
    }
  }

  /** The element at `at`, or what becomes of the message without it. */
  #receive(at: number, index: number): Request | Served {
    const end = this.#bytes.length;
    if (index >= this.server.options.limits.compoundMax) return 'broken';
    const header = decodeHeader(this.#view, at, end);
    if (header === undefined) return 'broken';
    if (index === 0 && this.server.isSettling && header.command !== SMB2_OPLOCK_BREAK) {
      return 'spent';
    }
    // A response sent back as a request would pass every signature check.
    if ((header.flags & SMB2_FLAGS_SERVER_TO_REDIR) !== 0) return 'broken';
    const next = header.nextCommand;
    if (next !== 0 && (next % 8 !== 0 || next < HEADER_SIZE || at + next > end)) return 'broken';
    const request = new Request({
      chain: this,
      header,
      view: this.#view,
      body: at + HEADER_SIZE,
      end: next === 0 ? end : at + next,
      isLast: next === 0,
    });
    return this.#claim(request) ? request : 'broken';
  }

  #begin(request: Request, index: number): MaybePromise<NtStatus | undefined> {
    if (index === 0 && request.isRelated && request.header.command !== SMB2_CANCEL) {
      return STATUS_INVALID_PARAMETER;
    }
    if (this.#isOversized()) return STATUS_INSUFFICIENT_RESOURCES;
    const at = request.body - HEADER_SIZE;
    const isAlone = index === 0 && request.isLast;
    return this.#serve(request, isAlone ? this.#bytes : this.#bytes.subarray(at, request.end));
  }

  /** Answers; what becomes of the message if that is its end. */
  #settle(request: Request, status: NtStatus | undefined): Served | undefined {
    const { command } = request.header;
    if (!request.leavesNothing && !LEAVES_NOTHING.has(command)) this.#outcome = 'kept';
    if (this.connection.closed) return 'kept';
    if (status === undefined) return 'broken';
    if (command !== SMB2_CANCEL) this.answer(request, status);
    return undefined;
  }

  #end(): Served {
    this.#flush();
    return this.#outcome;
  }

  /** Undefined: the peer broke the protocol and gets no answer. */
  #serve(request: Request, message: Uint8Array): MaybePromise<NtStatus | undefined> {
    const { connection } = this;
    let outcome: MaybePromise<NtStatus | undefined>;
    try {
      const served = dispatch(request, message);
      outcome = typeof served === 'object' ? run(served) : served;
    } catch (error) {
      return this.#bug(request, error);
    }
    if (!isPromise(outcome)) return request.refusal !== 0 ? request.refusal : outcome;
    const { messageId } = request.header;
    connection.waiting.set(messageId, request);
    const busy = INTERRUPTIBLE.has(request.header.command) ? undefined : request.open;
    if (busy !== undefined) busy.inFlight++;
    const counted = request.isCounted ? request.open : undefined;
    if (counted !== undefined) countOutstanding(counted);
    const pendingBytes = (request.reply?.size ?? 0) + request.stagedSize;
    connection.pendingBytes += pendingBytes;
    this.server.holdBack(connection);
    return outcome
      .catch((error: unknown) => this.#bug(request, error))
      .then((status) => {
        connection.waiting.delete(messageId);
        if (request.isReplayable) request.session?.stranded.delete(request);
        if (counted !== undefined) discountOutstanding(counted, channelSequence(request.header));
        if (busy !== undefined && --busy.inFlight === 0) busy.whenIdle?.();
        connection.pendingBytes -= pendingBytes;
        this.server.letGo(connection);
        if (request.asyncId !== 0n) connection.asyncCommands.delete(request.asyncId);
        // The range's file may be closed by now, and its descriptor be another file's.
        if (request.reply?.file !== undefined) {
          return this.#bug(request, new Error('a range of a file outlived its call'));
        }
        return request.refusal !== 0 ? request.refusal : status;
      });
  }

  /** The one place where a bug ends a request and nothing else (design.md 6). */
  #bug(request: Request, error: unknown): NtStatus {
    this.server.options.env.log.error(
      {
        connection: this.connection.id,
        command: request.header.command,
        messageId: String(request.header.messageId),
        error: error instanceof Error ? error.stack : String(error),
      },
      'a request failed by a bug',
    );
    request.reply = undefined;
    return STATUS_INTERNAL_ERROR;
  }

  /** [MS-SMB2] 3.3.5.2.3 Verifying the Sequence Number. */
  #claim(request: Request): boolean {
    const { header, connection } = request;
    if (header.command === SMB2_CANCEL) return true;
    const charge = connection.supportsMultiCredit ? Math.max(1, header.creditCharge) : 1;
    return connection.window.claim(header.messageId, charge);
  }

  /** Writes the header over the handler's body, or an ERROR response where it wrote none. */
  answer(request: Request, status: NtStatus): void {
    let reply = request.reply;
    if (reply === undefined || !reply.hasBody) {
      reply = allocateReply(16);
      reply.finish(encodeErrorResponse(reply.view, reply.body));
    }
    const { header } = request;
    if (!CHANGES_NOTHING.has(header.command)) this.server.changeCount++;
    if (isError(status)) this.#logFailure(request, status);
    let flags = SMB2_FLAGS_SERVER_TO_REDIR;
    if (request.isRelated) flags |= SMB2_FLAGS_RELATED_OPERATIONS;
    if (request.asyncId !== 0n) flags |= SMB2_FLAGS_ASYNC_COMMAND;
    if (mustSign(request, status)) flags |= SMB2_FLAGS_SIGNED;
    encodeHeader(reply.view, reply.start, {
      creditCharge: header.creditCharge,
      status,
      command: header.command,
      credits: this.#grant(request, status),
      flags,
      nextCommand: 0,
      messageId: header.messageId,
      asyncId: request.asyncId,
      treeId: request.treeConnect?.treeId ?? (request.isRelated ? this.treeId : header.treeId),
      sessionId:
        request.session?.sessionId ?? (request.isRelated ? this.sessionId : header.sessionId),
    });
    if (request.isSigned && status !== STATUS_PENDING && !canSign(request)) {
      echoSignature(request, reply);
    }
    const size = reply.end - reply.start + (reply.file?.length ?? 0);
    if (this.#repliesSize + size > this.#sizeMax) this.#flush();
    if (request.invalidates !== undefined && status !== STATUS_PENDING) {
      if (this.#invalidates !== undefined) this.#flush();
      this.#invalidates = request.invalidates;
    }
    this.#replies.push({ request, reply });
    this.#repliesSize += size;
    this.#answeredSize += size;
  }

  /** One compound may ask for no more than a peer that reads nothing can make the server keep. */
  #isOversized(): boolean {
    return this.#answeredSize > this.server.options.limits.sendQueueSize;
  }

  #logFailure({ header }: Request, status: NtStatus): void {
    this.server.options.env.log.debug(
      {
        connection: this.connection.id,
        session: header.sessionId.toString(16),
        command: COMMAND_NAMES[header.command],
        status: statusName(status),
      },
      'answered with an error',
    );
  }

  /** [MS-SMB2] 3.3.1.2 Algorithm for the Granting of Message Credits; 3.3.4.1.2. */
  #grant(request: Request, status: NtStatus): number {
    if (request.creditsGranted) return 0;
    request.creditsGranted = true;
    const { header, connection } = request;
    const charge = connection.supportsMultiCredit ? Math.max(1, header.creditCharge) : 1;
    let extra = Math.max(0, header.credits - 1);
    if (header.command === SMB2_NEGOTIATE) extra = 0;
    if (header.command === SMB2_SESSION_SETUP && status !== 0) extra = 0;
    if (header.credits === 0 && connection.window.available > 0) return 0;
    return connection.window.grant(charge + extra);
  }

  /**
   * [MS-SMB2] 3.3.4.2 Sending an Interim Response for an Asynchronous Operation. In the middle of a
   * compound only CREATE may wait; anything else is refused as Windows does, with
   * STATUS_INTERNAL_ERROR. What was answered before leaves on its own, ahead of the interim
   * response.
   */
  goAsync(request: Request): void {
    if (request.asyncId !== 0n || this.connection.closed) return;
    const { connection, server } = this;
    if (!request.isLast && request.header.command !== SMB2_CREATE) {
      this.#refuse(request, STATUS_INTERNAL_ERROR);
      return;
    }
    if (connection.asyncCommands.size >= server.options.limits.asyncRequestsMax) {
      this.#refuse(request, STATUS_INSUFFICIENT_RESOURCES);
      return;
    }
    this.#flush();
    request.asyncId = connection.nextAsyncId++;
    connection.asyncCommands.set(request.asyncId, request);
    const written = request.reply;
    request.reply = undefined;
    this.answer(request, STATUS_PENDING);
    request.reply = written;
    this.#flush();
  }

  #refuse(request: Request, status: NtStatus): void {
    request.refusal = status;
    request.cancel();
  }

  /** Sends what was answered so far as one (compounded) message. */
  #flush(): void {
    const replies = this.#replies;
    if (replies.length === 0) return;
    const invalidates = this.#invalidates;
    this.#replies = [];
    this.#repliesSize = 0;
    this.#invalidates = undefined;
    // Windows: the last response of a compound is padded like the others.
    for (let i = 0; replies.length > 1 && i < replies.length; i++) {
      const { reply } = replies[i]!;
      const padded = (reply.end - reply.start + 7) & ~7;
      while (reply.end < reply.start + padded) reply.view.setUint8(reply.end++, 0);
      if (i < replies.length - 1) setNextCommand(reply.view, reply.start, padded);
    }
    let compress = false;
    for (const { request, reply } of replies) {
      signReply(request, reply);
      if (request.compressReply) compress = true;
    }
    const { connection, sealedBy } = this;
    const outgoing = replies.map(({ reply }) => reply);
    const { clock } = this.server.options.env;
    if (!compress || !sendCompressed({ connection, sealedBy, replies: outgoing, clock })) {
      sendMessage(connection, sealedBy, outgoing, extrasOf(outgoing[0]!, invalidates));
    }
    for (const { request, reply } of replies) {
      request.afterSend?.(reply.bytes.subarray(reply.start, reply.end));
      request.afterSend = undefined;
    }
    this.server.holdBack(this.connection);
  }
}

/** A file's range comes with a response that is alone in its message. */
function extrasOf({ file }: Reply, invalidates: number | undefined): SendExtras | undefined {
  return file === undefined && invalidates === undefined ? undefined : { file, invalidates };
}
