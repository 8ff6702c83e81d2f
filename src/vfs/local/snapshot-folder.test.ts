import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ELOOP, ENOENT, failed } from '../errno.ts';
import { compileSnapshotPattern, SnapshotFolder } from './snapshot-folder.ts';

const TIME = Date.UTC(2024, 0, 2, 3, 4, 5) / 1000;

describe('names of snapshots', () => {
  const named: readonly (readonly [string, string, number | undefined])[] = [
    ['@GMT-%Y.%m.%d-%H.%M.%S', '@GMT-2024.01.02-03.04.05', TIME],
    ['@GMT-%Y.%m.%d-%H.%M.%S', '@GMT-2024x01.02-03.04.05', undefined],
    ['@GMT-%Y.%m.%d-%H.%M.%S', '@GMT-2024.13.02-03.04.05', undefined],
    ['@GMT-%Y.%m.%d-%H.%M.%S', 'x@GMT-2024.01.02-03.04.05', undefined],
    ['zfs-auto-snap_*-%Y-%m-%d-%H%M', 'zfs-auto-snap_hourly-2024-01-02-0304', TIME - 5],
    ['daily-%Y%m%d', 'daily-20240102', TIME - (3 * 60 + 4) * 60 - 5],
    ['%s', String(TIME), TIME],
    ['100%-%s', `100%-${TIME}`, TIME],
    ['%s', 'latest', undefined],
  ];
  for (const [pattern, name, seconds] of named) {
    it(`'${pattern}' reads '${name}' as ${seconds}`, () => {
      assert.equal(compileSnapshotPattern(pattern)?.(name), seconds);
    });
  }

  for (const pattern of ['', 'snapshot', '%Y-%m', '%Y%m%d%Y', '*']) {
    it(`'${pattern}' tells no time`, () => {
      assert.equal(compileSnapshotPattern(pattern), undefined);
    });
  }
});

describe('SnapshotFolder', () => {
  it('opens what stands now, also what came after it was read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'semba-snapshots-'));
    const snapshots = new SnapshotFolder({ folder, pattern: '%s', subfolder: 'data' });
    assert.deepEqual(snapshots.list(), []);
    mkdirSync(join(folder, '1700000000', 'data'), { recursive: true });
    const vfs = snapshots.open(1_700_000_000);
    assert.ok(!failed(vfs));
    vfs.close();
    rmSync(join(folder, '1700000000'), { recursive: true });
    assert.equal(snapshots.open(1_700_000_000), ENOENT);
    rmSync(folder, { recursive: true });
    assert.deepEqual(snapshots.list(), []);
  });

  it('follows no link that somebody left there', () => {
    const share = mkdtempSync(join(tmpdir(), 'semba-snapshots-'));
    const outside = mkdtempSync(join(tmpdir(), 'semba-outside-'));
    mkdirSync(join(outside, '1700000003', 'data'), { recursive: true });
    mkdirSync(join(share, 'taken', '1700000001'), { recursive: true });
    symlinkSync(outside, join(share, 'taken', '1700000000'));
    symlinkSync(outside, join(share, 'taken', '1700000001', 'data'));
    symlinkSync(outside, join(share, 'planted'));
    const asked = { share, pattern: '%s' };
    const cases = [
      [{ ...asked, folder: 'taken' }, 1_700_000_000],
      [{ ...asked, folder: 'taken', subfolder: 'data' }, 1_700_000_001],
      [{ ...asked, folder: 'planted' }, 1_700_000_003],
      [{ folder: join(share, 'taken'), pattern: '%s' }, 1_700_000_000],
    ] as const;
    for (const [options, seconds] of cases) {
      const opened = new SnapshotFolder(options).open(seconds);
      if (!failed(opened)) opened.close();
      assert.equal(opened, ELOOP);
    }
    const real = new SnapshotFolder({ ...asked, folder: 'taken' }).open(1_700_000_001);
    assert.ok(!failed(real));
    real.close();
    for (const folder of [share, outside]) rmSync(folder, { recursive: true });
  });
});
