/** How long tokens of offloaded copies are good, and how many: in virtual time. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OFFLOAD_TOKEN_TIME_MS, OFFLOAD_TOKENS_MAX } from '../../src/base/limits.ts';
import { run } from '../../src/base/task.ts';
import { type NtStatus, STATUS_INVALID_TOKEN, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { OffloadTokens, offloadRead, offloadWrite } from '../../src/fsa/offload.ts';
import { writeFile } from '../../src/fsa/read-write.ts';
import { ReadOnlyVfs } from '../../src/vfs/read-only-vfs.ts';
import { makeVirtualEnv, type VirtualTime } from '../faults/virtual-env.ts';
import { VolumeRig } from './volume-rig.ts';

const SIZE = 4096;

describe('[MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ, TokenTimeToLive', () => {
  let rig: VolumeRig;
  let copy: LocalOpen;

  before(async () => {
    rig = new VolumeRig('memory', {});
    copy = await rig.opened('copy');
    await run(writeFile(copy, [new Uint8Array(SIZE)], 0, {}));
  });
  after(() => rig.close());

  async function source(name: string): Promise<LocalOpen> {
    const open = await rig.opened(name);
    await run(writeFile(open, [new Uint8Array(SIZE).fill(7)], 0, {}));
    return open;
  }

  function tokens(): { readonly time: VirtualTime; readonly tokens: OffloadTokens } {
    const env = makeVirtualEnv();
    return { time: env.clock, tokens: new OffloadTokens(env) };
  }

  async function issued(all: OffloadTokens, open: LocalOpen, timeToLiveMs = 0) {
    const range = { offset: 0, length: SIZE, timeToLiveMs };
    const { output } = await run(offloadRead(all, open, range));
    assert.ok(output !== undefined);
    return output.id;
  }

  async function use(all: OffloadTokens, id: Uint8Array): Promise<NtStatus> {
    const token = { kind: 'id', id } as const;
    const range = { offset: 0, length: SIZE, transferOffset: 0, token };
    return (await run(offloadWrite(all, copy, range))).status;
  }

  it('ends a token at its time, and never lets one live longer than the limit', async () => {
    const { time, tokens: all } = tokens();
    const open = await source('time');
    const short = await issued(all, open, 1000);
    const long = await issued(all, open, 10 * OFFLOAD_TOKEN_TIME_MS);
    time.advance(999);
    assert.equal(await use(all, short), STATUS_SUCCESS);
    time.advance(1);
    assert.equal(await use(all, short), STATUS_INVALID_TOKEN);
    time.advance(OFFLOAD_TOKEN_TIME_MS - 1001);
    assert.equal(await use(all, long), STATUS_SUCCESS);
    time.advance(1);
    assert.equal(await use(all, long), STATUS_INVALID_TOKEN);
    assert.equal(time.pending, 0);
  });

  it('lets the oldest give way', async () => {
    const { tokens: all } = tokens();
    const open = await source('many');
    const first = await issued(all, open);
    const second = await issued(all, open);
    for (let i = 1; i < OFFLOAD_TOKENS_MAX; i++) await issued(all, open);
    assert.equal(await use(all, first), STATUS_INVALID_TOKEN);
    assert.equal(await use(all, second), STATUS_SUCCESS);
  });

  it('keeps one descriptor for all tokens of an open, until the last one ends', async () => {
    const fixed = new ReadOnlyVfs(rig.volume.vfs);
    const { time, tokens: all } = tokens();
    const open = await source('held');
    const seen = { ...open, volume: { ...open.volume, vfs: fixed } };
    await issued(all, seen, 1000);
    const id = await issued(all, seen, 2000);
    assert.equal(fixed.openFiles, 1);
    await run(closeOpen(open));
    assert.equal(await use(all, id), STATUS_SUCCESS);
    time.advance(1999);
    assert.equal(fixed.openFiles, 1);
    time.advance(1);
    assert.equal(fixed.openFiles, 0);
    const last = await source('last');
    await issued(all, { ...last, volume: seen.volume });
    assert.equal(fixed.openFiles, 1);
    all.close();
    assert.deepEqual([fixed.openFiles, time.pending], [0, 0]);
  });
});
