import { assert } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import type { InitiateStep, Initiator } from './initiator.ts';
import type { MechanismInitiator } from './mechanism.ts';
import {
  ACCEPT_COMPLETED,
  ACCEPT_INCOMPLETE,
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  type NegTokenResp,
  REJECT,
  REQUEST_MIC,
} from './spnego.ts';

/**
 * The initiating side of [MS-SPNG] 3.1 and RFC 4178.
 *
 *   fresh --first--> offered --step--> talking --step--> … --step--> done or failed
 *
 * Mechanisms are offered in the order given, without those that the server's hint leaves out. The
 * mechListMIC goes with the client's last token wherever the mechanism can sign, and the server's
 * is required when the server chose another mechanism than our first.
 */
export class NegotiateInitiator implements Initiator {
  readonly #mechanisms: readonly MechanismInitiator[];
  #offered: readonly MechanismInitiator[] = [];
  #mechTypeList: Uint8Array = new Uint8Array(0);
  #chosen: MechanismInitiator | undefined;
  #micSent = false;
  /** After the server's first response its choice stands. */
  #settled = false;
  #ended = false;

  constructor(mechanisms: readonly MechanismInitiator[]) {
    assert(mechanisms.length > 0, 'no mechanism to offer');
    this.#mechanisms = mechanisms;
  }

  get sessionKey(): Uint8Array | undefined {
    return this.#chosen?.sessionKey;
  }

  first(hint: Uint8Array): MaybePromise<Uint8Array> {
    return run(this.#first(hint));
  }

  *#first(hint: Uint8Array): Task<Uint8Array> {
    const known = decodeNegTokenInit(hint)?.mechTypes;
    const common = this.#mechanisms.filter(
      ({ oid }) => known === undefined || known.some((other) => equalBytes(other, oid)),
    );
    this.#offered = common.length === 0 ? this.#mechanisms : common;
    this.#mechTypeList = encodeMechTypeList(this.#offered.map(({ oid }) => oid));
    this.#chosen = this.#offered[0]!;
    return encodeNegTokenInit(this.#mechTypeList, yield* wait(this.#chosen.first()));
  }

  step(token: Uint8Array): MaybePromise<InitiateStep> {
    assert(this.#chosen !== undefined && !this.#ended, 'step of an initiator not under way');
    return run(this.#step(this.#chosen, token));
  }

  *#step(current: MechanismInitiator, token: Uint8Array): Task<InitiateStep> {
    const step = yield* this.#advance(current, token);
    this.#ended = step.kind !== 'continue';
    return step;
  }

  *#advance(chosen: MechanismInitiator, token: Uint8Array): Task<InitiateStep> {
    const response = decodeNegTokenResp(token);
    if (response === undefined) return failed('the server sent no SPNEGO response');
    if (response.negState === REJECT) return failed('the server rejected the security token');

    const { supportedMech } = response;
    const settled = this.#settled;
    this.#settled = true;
    if (supportedMech && !equalBytes(supportedMech, chosen.oid)) {
      const other = this.#offered.find(({ oid }) => equalBytes(oid, supportedMech));
      if (other === undefined || settled) return failed('the server chose a mechanism not offered');
      this.#chosen = other;
      return { kind: 'continue', token: this.#wrap(yield* wait(other.first())) };
    }
    if (chosen.sessionKey !== undefined) return this.#conclude(chosen, response);

    const { responseToken } = response;
    // Our token was ignored although the server wants its mechanism: it starts again.
    if (responseToken === undefined) {
      const goesOn = response.negState === ACCEPT_INCOMPLETE || response.negState === REQUEST_MIC;
      if (settled || !goesOn) {
        return failed('the server ended the exchange early');
      }
      return { kind: 'continue', token: this.#wrap(yield* wait(chosen.first())) };
    }
    const next = yield* wait(chosen.next(responseToken));
    if (next === undefined) return failed('the server sent an unusable security token');
    return { kind: 'continue', token: this.#wrap(next) };
  }

  #wrap(responseToken: Uint8Array): Uint8Array {
    const mechListMic = this.#chosen!.integrity?.getMic(this.#mechTypeList);
    this.#micSent ||= mechListMic !== undefined;
    return encodeNegTokenResp({ responseToken, mechListMic });
  }

  #conclude(chosen: MechanismInitiator, response: NegTokenResp): InitiateStep {
    if (response.negState !== ACCEPT_COMPLETED) return failed('the server asks for more tokens');
    const { mechListMic } = response;
    const { integrity } = chosen;
    const needed = this.#micSent && chosen !== this.#offered[0];
    if (mechListMic === undefined && needed) return failed('the server sent no mechListMIC');
    if (mechListMic && integrity && !integrity.verifyMic(this.#mechTypeList, mechListMic)) {
      return failed("the server's mechListMIC is wrong");
    }
    return { kind: 'done', sessionKey: chosen.sessionKey! };
  }
}

/** NTLMSSP without SPNEGO, as some clients speak it. */
export class RawInitiator implements Initiator {
  readonly #mechanism: MechanismInitiator;

  constructor(mechanism: MechanismInitiator) {
    this.#mechanism = mechanism;
  }

  get sessionKey(): Uint8Array | undefined {
    return this.#mechanism.sessionKey;
  }

  first(): MaybePromise<Uint8Array> {
    return this.#mechanism.first();
  }

  step(token: Uint8Array): MaybePromise<InitiateStep> {
    return run(this.#step(token));
  }

  *#step(token: Uint8Array): Task<InitiateStep> {
    const { sessionKey } = this.#mechanism;
    if (sessionKey !== undefined) return { kind: 'done', sessionKey };
    const next = yield* wait(this.#mechanism.next(token));
    if (next === undefined) return failed('the server sent an unusable security token');
    return { kind: 'continue', token: next };
  }
}

function failed(reason: string): InitiateStep {
  return { kind: 'failed', reason };
}
