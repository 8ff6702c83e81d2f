import { assert } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { STATUS_INVALID_PARAMETER, STATUS_LOGON_FAILURE } from '../erref/ntstatus.ts';
import type { Acceptor, AcceptStep } from './acceptor.ts';
import type { Mechanism, MechanismAcceptor } from './mechanism.ts';
import { isNtlmMessage } from './ntlm/messages.ts';
import {
  ACCEPT_COMPLETED,
  ACCEPT_INCOMPLETE,
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenResp,
  OID_NTLMSSP,
  REJECT,
  REQUEST_MIC,
} from './spnego.ts';

const REJECTION = encodeNegTokenResp({ negState: REJECT });

/** What the client's NegTokenInit settled. */
interface Choice {
  readonly mechanism: MechanismAcceptor;
  readonly oid: Uint8Array;
  /** As it came: what mechListMIC covers. */
  readonly mechTypeList: Uint8Array;
  /** Whether our choice is the client's favourite, so that the list need not be protected. */
  readonly preferred: boolean;
}

/**
 * The accepting side of [MS-SPNG] 3.2 and RFC 4178, and raw NTLMSSP beside it.
 *
 *   fresh --(T0 raw)--------> raw         every token goes to NTLM as it is
 *   fresh --(T1 choose)-----> chosen      NegTokenInit read, mechanism picked
 *   chosen --(T2 advance)---> chosen      NegTokenResp in, NegTokenResp out
 *   any --------------------> spent       'done' or 'failed' returned
 */
export class NegotiateAcceptor implements Acceptor {
  readonly #mechanisms: readonly Mechanism[];
  #raw: MechanismAcceptor | undefined;
  #choice: Choice | undefined;
  #spent = false;

  constructor(mechanisms: readonly Mechanism[]) {
    this.#mechanisms = mechanisms;
  }

  step(token: Uint8Array): MaybePromise<AcceptStep> {
    assert(!this.#spent, 'step of an acceptor that has ended');
    return run(this.#step(token));
  }

  *#step(token: Uint8Array): Task<AcceptStep> {
    const step = yield* this.#dispatch(token);
    this.#spent = step.kind !== 'continue';
    return step;
  }

  *#dispatch(token: Uint8Array): Task<AcceptStep> {
    if (this.#raw !== undefined) return yield* wait(this.#raw.step(token));
    if (this.#choice !== undefined) return yield* this.#advance(this.#choice, token);
    if (isNtlmMessage(token)) return yield* this.#startRaw(token);
    return yield* this.#choose(token);
  }

  /** T0. [MS-SMB2] 3.3.5.5.3 leaves the token's kind to GSS; clients do send bare NTLMSSP. */
  *#startRaw(token: Uint8Array): Task<AcceptStep> {
    this.#raw = this.#find(OID_NTLMSSP)?.newAcceptor();
    if (this.#raw === undefined) return rejected(STATUS_LOGON_FAILURE);
    return yield* wait(this.#raw.step(token));
  }

  /** T1. [MS-SPNG] 3.2.5.1: the client's first mechanism that we have too. */
  *#choose(token: Uint8Array): Task<AcceptStep> {
    const init = decodeNegTokenInit(token);
    if (init === undefined) return rejected(STATUS_INVALID_PARAMETER);
    const index = init.mechTypes.findIndex((oid) => this.#find(oid) !== undefined);
    if (index < 0) return rejected(STATUS_INVALID_PARAMETER);

    const oid = Uint8Array.from(init.mechTypes[index]!);
    const choice: Choice = {
      mechanism: this.#find(oid)!.newAcceptor(),
      oid,
      mechTypeList: Uint8Array.from(init.mechTypeList),
      preferred: index === 0,
    };
    this.#choice = choice;
    const optimistic = choice.preferred ? init.mechToken : undefined;
    if (optimistic === undefined) return { kind: 'continue', token: firstResponse(choice) };

    const step = yield* wait(choice.mechanism.step(optimistic));
    if (step.kind !== 'continue') return this.#conclude(choice, step, init.mechListMic);
    return { kind: 'continue', token: firstResponse(choice, step.token) };
  }

  /** T2. */
  *#advance(choice: Choice, token: Uint8Array): Task<AcceptStep> {
    const response = decodeNegTokenResp(token);
    if (response?.responseToken === undefined) return rejected(STATUS_INVALID_PARAMETER);
    const { mechListMic } = response;
    const mic = mechListMic && Uint8Array.from(mechListMic);
    const step = yield* wait(choice.mechanism.step(response.responseToken));
    if (step.kind !== 'continue') return this.#conclude(choice, step, mic);
    const negState = ACCEPT_INCOMPLETE;
    return {
      kind: 'continue',
      token: encodeNegTokenResp({ negState, responseToken: step.token }),
    };
  }

  /**
   * The mechanism has ended. RFC 4178 5: the client sent the last mechanism token, so its
   * mechListMIC came with it. One that is there must be right; one that is missing is refused when
   * the list needed protection and this client is of the kind that protects it.
   */
  #conclude(choice: Choice, step: AcceptStep, mic: Uint8Array | undefined): AcceptStep {
    if (step.kind !== 'done') return { ...step, token: REJECTION };
    const { integrity } = choice.mechanism;
    const { isGuest, isAnonymous, userName } = step.identity;
    // Guests and anonymous peers share no secret with us that could sign.
    const checked = !isGuest && !isAnonymous;
    const missing = mic === undefined && !choice.preferred && integrity?.micExpected === true;
    const wrong = mic !== undefined && integrity?.verifyMic(choice.mechTypeList, mic) !== true;
    if (checked && (missing || wrong)) {
      return { ...rejected(STATUS_LOGON_FAILURE), userName };
    }
    const token = encodeNegTokenResp({
      negState: ACCEPT_COMPLETED,
      responseToken: step.token.length === 0 ? undefined : step.token,
      mechListMic: mic === undefined ? undefined : integrity?.getMic(choice.mechTypeList),
    });
    return { ...step, token };
  }

  #find(oid: Uint8Array): Mechanism | undefined {
    return this.#mechanisms.find(({ oids }) => oids.some((known) => equalBytes(known, oid)));
  }
}

/** RFC 4178 4.2.2: the first response names the mechanism; request-mic when it is no favourite. */
function firstResponse(choice: Choice, responseToken?: Uint8Array): Uint8Array {
  return encodeNegTokenResp({
    negState: choice.preferred ? ACCEPT_INCOMPLETE : REQUEST_MIC,
    supportedMech: choice.oid,
    responseToken,
  });
}

function rejected(status: number): AcceptStep & { kind: 'failed' } {
  return { kind: 'failed', status, token: REJECTION };
}
