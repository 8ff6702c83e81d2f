/** Throws when an invariant of our own code is broken; never used on a peer's input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** A bug in this program, with the state that shows it in its message. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Marks a branch that no value can reach; the compiler proves it. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`);
}
