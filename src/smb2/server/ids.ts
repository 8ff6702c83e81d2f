import { LE, viewOf } from '../../base/bytes.ts';
import type { Random } from '../../env/ports.ts';
import type { FileId } from '../wire/file-id.ts';
import type { Smb2Server } from './server.ts';

/**
 * A session id that names no session yet; never 0, which means "none" on the wire. It is random so
 * that a lost session's id is not met again soon, but no secret. 32 bits, as Samba's: some clients
 * keep no more (smbtorture's session-id among them). Each process of a server has a class of its
 * own.
 */
export function getSessionId(server: Smb2Server): bigint {
  const { env, peers } = server.options;
  const { value, bits } = peers?.sessionIdClass ?? { value: 0n, bits: 0 };
  for (;;) {
    const random = randomId(env.random) & 0xffff_ffffn;
    const sessionId = ((random >> BigInt(bits)) << BigInt(bits)) | value;
    if (sessionId !== 0n && !server.sessions.has(sessionId)) return sessionId;
  }
}

export const FILE_ID_ALL_ONES = 0xffff_ffff_ffff_ffffn;
const COUNTER_BITS = 24;
const COUNTER_END = 2 ** COUNTER_BITS;
/** Volatile ids that are drawn at once. */
const DRAWN_SIZE = 512;

/**
 * [MS-SMB2] 2.2.14.1 SMB2_FILEID: the volatile part is unguessable. The persistent one is unique
 * over restarts, processes and nodes: 40 random bits, drawn anew at each start and whenever the
 * 24 bits behind them were counted through.
 */
export class FileIds {
  readonly #random: Random;
  #epoch = 0n;
  #counter = COUNTER_END;
  #drawn: DataView = new DataView(new ArrayBuffer(0));
  #drawnAt = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  make(): FileId {
    return { persistent: this.#persistent(), volatile: this.volatile() };
  }

  volatile(): bigint {
    let id = this.#draw();
    while (id === 0n || id === FILE_ID_ALL_ONES) id = this.#draw();
    return id;
  }

  /** What was handed out is wiped. */
  #draw(): bigint {
    if (this.#drawnAt === this.#drawn.byteLength) {
      this.#drawn = viewOf(this.#random.bytes(DRAWN_SIZE));
      this.#drawnAt = 0;
    }
    const at = this.#drawnAt;
    this.#drawnAt = at + 8;
    const id = this.#drawn.getBigUint64(at, LE);
    this.#drawn.setBigUint64(at, 0n, LE);
    return id;
  }

  #persistent(): bigint {
    if (this.#counter === COUNTER_END) {
      this.#epoch = (randomId(this.#random) >> BigInt(COUNTER_BITS)) << BigInt(COUNTER_BITS);
      // 0 and all ones mean something else on the wire.
      this.#counter = 1;
    }
    const id = this.#epoch | BigInt(this.#counter++);
    return id === FILE_ID_ALL_ONES ? this.#persistent() : id;
  }
}

function randomId(random: Random): bigint {
  return viewOf(random.bytes(8)).getBigUint64(0, LE);
}
