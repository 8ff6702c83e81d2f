/** Placeholder until the fsa engineer's implementation lands in this file. */
export interface NameResolver {
  readonly caseSensitive: boolean;
}
