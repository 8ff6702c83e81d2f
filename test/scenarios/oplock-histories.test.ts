import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FILE_ALL_ACCESS, FILE_READ_ATTRIBUTES } from '../../src/dtyp/access-mask.ts';
import { FILE_OPEN_IF, FILE_OVERWRITE_IF } from '../../src/fscc/create-parameters.ts';
import { type ChangeKind, OplockTheatre } from './oplock-theatre.ts';

const MINUTE_MS = 60_000;
const SLOTS = 5;
const HISTORY_LENGTH = 40;
const HISTORIES = Number(process.env.SEMBA_OPLOCK_HISTORIES ?? 1_000);

const slot = fc.nat(SLOTS - 1);
const name = fc.constantFrom('a', 'b');

const open = fc.record({
  kind: fc.constant('open' as const),
  slot,
  name,
  /** Undefined: an oplock, not a lease. */
  key: fc.constantFrom(undefined, undefined, 'K', 'L', 'M'),
  caching: fc.constantFrom(0, 1, 3, 5, 5, 7, 7, 7),
  desiredAccess: fc.constantFrom(FILE_ALL_ACCESS, FILE_ALL_ACCESS, FILE_READ_ATTRIBUTES),
  shareAccess: fc.constantFrom(7, 7, 7, 7, 1, 0),
  createDisposition: fc.constantFrom(FILE_OPEN_IF, FILE_OPEN_IF, FILE_OPEN_IF, FILE_OVERWRITE_IF),
  isDeletedOnClose: fc.constantFrom(false, false, false, true),
});
const change = fc.record({
  kind: fc.constant('change' as const),
  slot,
  change: fc.constantFrom<ChangeKind>('write', 'write', 'truncate', 'touch', 'lock', 'delete'),
});
const rename = fc.record({
  kind: fc.constant('rename' as const),
  slot,
  name,
  replaceIfExists: fc.boolean(),
});
const close = fc.record({ kind: fc.constant('close' as const), slot });
const cancel = fc.record({ kind: fc.constant('cancel' as const), slot });
/** What it may keep, or anything; for a holder that is asked, or one that is not. */
const acknowledge = fc.record({
  kind: fc.constant('acknowledge' as const),
  slot,
  keeps: fc.constantFrom('what it may' as const, 'what it may' as const, 0, 1, 3, 5, 7, 4, 2),
});
/** Most breaks are answered at once, some late, some never. */
const answerAll = fc.record({ kind: fc.constant('answer all' as const) });
const pass = fc.record({
  kind: fc.constant('pass' as const),
  ms: fc.constantFrom(1, 1_000, 34_000, 36_000),
});

const history = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: open },
    { weight: 6, arbitrary: change },
    { weight: 3, arbitrary: rename },
    { weight: 3, arbitrary: close },
    { weight: 1, arbitrary: cancel },
    { weight: 4, arbitrary: acknowledge },
    { weight: 3, arbitrary: answerAll },
    { weight: 1, arbitrary: pass },
  ),
  { maxLength: HISTORY_LENGTH, size: 'max' },
);

/**
 * Clients open, overwrite, write, truncate, change, lock, rename, replace, delete and close two
 * files, and answer breaks at once, late, wrongly or never. After every step: no two cache writes,
 * nobody caches what another changed, client and server agree on what is held, and no break is
 * older than its time-out. In the end everything that waits comes to an end by itself.
 */
describe('[MS-FSA] 2.1.4.12, 2.1.5.18, 2.1.5.19: histories of several clients', () => {
  it('keep every promise', { timeout: 60 * MINUTE_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const theatre = new OplockTheatre(SLOTS);
        for (const step of steps) {
          switch (step.kind) {
            case 'open':
              theatre.open(step);
              break;
            case 'change':
              theatre.change(step.slot, step.change);
              break;
            case 'rename':
              theatre.rename(step);
              break;
            case 'close':
              theatre.close(step.slot);
              break;
            case 'cancel':
              theatre.cancel(step.slot);
              break;
            case 'acknowledge':
              theatre.acknowledge(step.slot, step.keeps);
              break;
            case 'answer all':
              theatre.answerAll();
              break;
            case 'pass':
              theatre.pass(step.ms);
          }
          await theatre.settle();
        }
        await theatre.end();
      }),
      { numRuns: HISTORIES, includeErrorInReport: true },
    );
  });

  it('bring two clients that rename over each other to an end', async () => {
    const theatre = new OplockTheatre(4);
    const held = { key: 'K', caching: 3, desiredAccess: FILE_ALL_ACCESS, shareAccess: 7 };
    const rest = { createDisposition: FILE_OPEN_IF, isDeletedOnClose: false };
    theatre.open({ slot: 0, name: 'a', ...held, ...rest });
    theatre.open({ slot: 1, name: 'b', ...held, key: 'L', ...rest });
    theatre.open({ slot: 2, name: 'b', ...held, key: undefined, caching: 0, ...rest });
    theatre.open({ slot: 3, name: 'a', ...held, key: undefined, caching: 0, ...rest });
    await theatre.settle();
    // Each waits for the other's lease, and neither answers before it is done itself.
    theatre.rename({ slot: 2, name: 'c', replaceIfExists: false });
    theatre.rename({ slot: 3, name: 'd', replaceIfExists: false });
    await theatre.settle();
    assert.deepEqual(theatre.waiting(), [2, 3]);
    theatre.pass(35_000);
    await theatre.settle();
    assert.deepEqual(theatre.waiting(), []);
    await theatre.end();
  });

  it('let a rename wait for each of many holders', async () => {
    const theatre = new OplockTheatre(MANY + 1);
    openMany(theatre);
    await theatre.settle();
    theatre.rename({ slot: MANY, name: 'b', replaceIfExists: false });
    await theatre.settle();
    for (let slot = 0; slot < MANY; slot++) {
      assert.deepEqual(theatre.waiting(), [MANY], `before ${slot} answered`);
      theatre.acknowledge(slot, 'what it may');
      await theatre.settle();
    }
    assert.deepEqual(theatre.waiting(), []);
    await theatre.end();
  });

  it('let an open wait for each of many holders', async () => {
    const theatre = new OplockTheatre(MANY + 2);
    openMany(theatre);
    await theatre.settle();
    // Everybody is asked for all that is cached; the newcomer queues behind that.
    theatre.change(MANY, 'write');
    const held = { key: 'late', caching: 3, desiredAccess: FILE_ALL_ACCESS, shareAccess: 7 };
    const rest = { createDisposition: FILE_OPEN_IF, isDeletedOnClose: false };
    theatre.open({ slot: MANY + 1, name: 'a', ...held, ...rest });
    for (let slot = 0; slot < MANY; slot++) {
      await theatre.settle();
      assert.deepEqual(theatre.waiting(), [MANY + 1], `before ${slot} answered`);
      theatre.acknowledge(slot, 'what it may');
    }
    await theatre.settle();
    assert.deepEqual(theatre.waiting(), []);
    await theatre.end();
  });
});

/** More holders than any limit on how often something waits. */
const MANY = 40;

/** Leases of `a` under keys of their own, and an open beside them that caches nothing. */
function openMany(theatre: OplockTheatre): void {
  const open = { name: 'a', desiredAccess: FILE_ALL_ACCESS, shareAccess: 7 };
  const rest = { createDisposition: FILE_OPEN_IF, isDeletedOnClose: false };
  theatre.open({ slot: MANY, ...open, key: undefined, caching: 0, ...rest });
  for (let slot = 0; slot < MANY; slot++) {
    theatre.open({ slot, ...open, key: `lease ${slot}`, caching: 3, ...rest });
  }
}
