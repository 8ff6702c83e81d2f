import { upcase } from './upcase.ts';

/** A search pattern, ready to be asked about many names. */
export interface NamePattern {
  /** True for '*' and the like: every name matches. */
  readonly matchesAll: boolean;
  /** The one name that a pattern without wildcards means; undefined with wildcards. */
  readonly literal: string | undefined;
  matches(name: string): boolean;
}

/**
 * Prepares a search pattern.
 *
 * [MS-FSA] 2.1.4.4 Algorithm for Determining if a FileName Is in an Expression, ignoring case:
 *
 *   *   any characters, or none
 *   ?   one character
 *   <   DOS_STAR: any characters, or none, up to and with the name's last period
 *   >   DOS_QM: one character; at a period or at the name's end, none
 *   "   DOS_DOT: a period; at the name's end, none
 *
 * An empty pattern is in no file's name. Matching takes time in proportion to the product of both
 * lengths at worst, never more.
 */
export function compilePattern(expression: string): NamePattern {
  if (/^\*+$/.test(expression)) return MATCHES_ALL;
  const upper = upcase(expression);
  if (!/[*?<>"]/.test(upper)) {
    return {
      matchesAll: false,
      literal: expression,
      matches: (name) => name.length === upper.length && upcase(name) === upper,
    };
  }
  // '*.txt', the commonest of all, is a comparison of ends.
  if (/^\*[^*?<>"]*$/.test(upper)) {
    const ending = upper.slice(1);
    return {
      matchesAll: false,
      literal: undefined,
      matches: (name) => upcase(name.slice(-ending.length)) === ending,
    };
  }
  const states = new StateSet(upper);
  return {
    matchesAll: false,
    literal: undefined,
    matches: (name) => states.accepts(upcase(name)),
  };
}

/** True when `name` may not be the name of a file because it holds wildcards. */
export function hasWildcards(name: string): boolean {
  return /[*?<>"]/.test(name);
}

const MATCHES_ALL: NamePattern = {
  matchesAll: true,
  literal: undefined,
  matches: () => true,
};

const STAR = 0x2a;
const QUESTION = 0x3f;
const DOS_STAR = 0x3c;
const DOS_QM = 0x3e;
const DOS_DOT = 0x22;
const PERIOD = 0x2e;

/**
 * The expression as a nondeterministic automaton: state `e` has consumed the expression before
 * `e`, and the set of states that the name so far can reach is two byte arrays that are reused.
 */
class StateSet {
  readonly #expression: string;
  #current: Uint8Array;
  #next: Uint8Array;

  constructor(expression: string) {
    this.#expression = expression;
    this.#current = new Uint8Array(expression.length + 1);
    this.#next = new Uint8Array(expression.length + 1);
  }

  accepts(name: string): boolean {
    const lastPeriod = name.lastIndexOf('.');
    this.#current.fill(0);
    this.#current[0] = 1;
    for (let i = 0; i < name.length; i++) {
      if (!this.#step(name.charCodeAt(i), i === lastPeriod)) return false;
    }
    return this.#canEnd();
  }

  /** Consumes one character; false when no state is left. */
  #step(unit: number, isLastPeriod: boolean): boolean {
    const expression = this.#expression;
    const current = this.#current;
    const next = this.#next.fill(0);
    let alive = false;
    for (let e = 0; e < expression.length; e++) {
      if (current[e] === 0) continue;
      const wanted = expression.charCodeAt(e);
      let target = -1;
      if (wanted === STAR || wanted === DOS_STAR) {
        current[e + 1] = 1;
        target = wanted === DOS_STAR && isLastPeriod ? e + 1 : e;
      } else if (wanted === DOS_QM) {
        if (unit === PERIOD) current[e + 1] = 1;
        else target = e + 1;
      } else if (wanted === QUESTION || wanted === unit) {
        target = e + 1;
      } else if (wanted === DOS_DOT && unit === PERIOD) {
        target = e + 1;
      }
      if (target < 0) continue;
      next[target] = 1;
      alive = true;
    }
    this.#current = next;
    this.#next = current;
    return alive;
  }

  /** True when what is left of the expression, from some state, can match nothing. */
  #canEnd(): boolean {
    const expression = this.#expression;
    for (let e = expression.length; e >= 0; e--) {
      if (this.#current[e] === 1) return true;
      if (e === 0) return false;
      const before = expression.charCodeAt(e - 1);
      const isOptional =
        before === STAR || before === DOS_STAR || before === DOS_QM || before === DOS_DOT;
      if (!isOptional) return false;
    }
    return false;
  }
}
