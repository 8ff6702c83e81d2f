import type { GatheredChanges, JournaledTable } from './gathered-changes.ts';

/** Bytes of what stands that go with one sync: less than a millisecond's work. */
const SLICE_SIZE = 64 * 1024;

/** What stands in all tables, on its way to a new segment a slice at a time. */
export class Standing {
  readonly #rest: Iterator<readonly [JournaledTable, string]>;

  constructor(tables: readonly JournaledTable[]) {
    this.#rest = entriesOf(tables);
  }

  /** True: it was the last one. */
  copySlice(to: GatheredChanges): boolean {
    while (to.size < SLICE_SIZE) {
      const { done, value } = this.#rest.next();
      if (done === true) {
        to.addWhole();
        return true;
      }
      to.addCopy(value[0], value[1]);
    }
    return false;
  }
}

function* entriesOf(
  tables: readonly JournaledTable[],
): Generator<readonly [JournaledTable, string]> {
  for (const table of tables) {
    let left = table.records.size;
    // Whoever comes meanwhile is written for itself, and comes last.
    for (const key of table.records.keys()) {
      if (left-- === 0) break;
      yield [table, key];
    }
  }
}
