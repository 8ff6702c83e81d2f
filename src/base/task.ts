/**
 * Direct-style code that is synchronous where its callees are.
 *
 * A storage call answers at once (page cache, local metadata, memory) or later (a thread, a
 * bucket). A `Task` is a generator that is written once for both: `const x = yield* wait(call())`
 * goes on at once when the call returned a plain value and suspends only on a promise. `run` drives
 * a task and returns a plain value when nothing in it suspended, so hot paths never touch the
 * microtask queue.
 *
 * Rule (style.md 12): after a `yield*` that may suspend, look shared state up again.
 */
export type MaybePromise<T> = T | Promise<T>;
export type Task<T> = Generator<Promise<unknown>, T, unknown>;
/**
 * What is known at once, or a task that comes to it: for the hottest paths, where a dozen nested
 * tasks that never suspend cost more than what they do.
 */
export type Now<T> = T | Task<T>;

/** Waits for a value inside a task; a plain value costs no suspension. */
export function* wait<T>(value: MaybePromise<T>): Task<T> {
  if (isPromise(value)) return (yield value) as T;
  return value;
}

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
  );
}

function isTask<T>(now: Now<T>): now is Task<T> {
  return typeof now === 'object' && now !== null && typeof (now as Task<T>).next === 'function';
}

/** What comes next of a value: at once where that is known, as a task else. */
export function after<A, B>(now: Now<A>, next: (value: A) => Now<B>): Now<B> {
  return isTask(now) ? afterTask(now, next) : next(now);
}

function* afterTask<A, B>(task: Task<A>, next: (value: A) => Now<B>): Task<B> {
  return yield* taskOf(next(yield* task));
}

/** The same for what storage or a record store answers. */
export function afterAnswer<A, B>(value: MaybePromise<A>, next: (value: A) => Now<B>): Now<B> {
  return isPromise(value) ? afterTask(wait(value), next) : next(value);
}

/** For a task: the value that may need none. */
export function* taskOf<T>(now: Now<T>): Task<T> {
  return isTask(now) ? yield* now : now;
}

/** Drives a task to its end: its result at once, or a promise of it once it suspended. */
export function run<T>(task: Task<T>): MaybePromise<T> {
  const step = task.next();
  return step.done === true ? step.value : resume(task, step.value);
}

async function resume<T>(task: Task<T>, first: Promise<unknown>): Promise<T> {
  let pending = first;
  for (;;) {
    let step: IteratorResult<Promise<unknown>, T>;
    try {
      const value = await pending;
      step = task.next(value);
    } catch (error) {
      step = task.throw(error);
    }
    if (step.done === true) return step.value;
    pending = step.value;
  }
}
