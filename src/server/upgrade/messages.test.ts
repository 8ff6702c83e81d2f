import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FromNew, type FromOld, toFromNew, toFromOld } from './messages.ts';

const FROM_NEW: readonly FromNew[] = [
  { kind: 'hello', protocol: 1, version: '0.1.0' },
  { kind: 'prepared' },
  { kind: 'serving', opens: 3 },
  { kind: 'failed', reason: 'no' },
];
const FROM_OLD: readonly FromOld[] = [
  { kind: 'address', host: '::', port: 445 },
  { kind: 'prepare', stateFolder: '/state', layouts: { handOver: 6003, persistent: 1 } },
  { kind: 'take', folder: '/state/hand-over' },
];

describe('the messages between two versions', () => {
  it('are what was said, after the pipe', () => {
    for (const one of FROM_NEW) assert.deepEqual(toFromNew(json(one)), one);
    for (const one of FROM_OLD) assert.deepEqual(toFromOld(json(one)), one);
  });
  it('are none when anything of them is missing', () => {
    for (const [all, read] of [
      [FROM_NEW, toFromNew],
      [FROM_OLD, toFromOld],
    ] as const) {
      for (const one of all) {
        for (const name of Object.keys(one)) {
          assert.equal(read({ ...one, [name]: undefined }), undefined, `${one.kind}.${name}`);
        }
      }
    }
  });
  it('are none when they are something else', () => {
    for (const other of [undefined, null, 7, 'hello', {}, { kind: 'other' }]) {
      assert.equal(toFromNew(other), undefined);
      assert.equal(toFromOld(other), undefined);
    }
  });
});

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
