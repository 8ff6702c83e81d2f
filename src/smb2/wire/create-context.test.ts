import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LE, viewOf } from '../../base/bytes.ts';
import { decodeCreateRequest, encodeCreateRequest } from './create.ts';
import {
  type CreateContext,
  decodeCreateContexts,
  encodeCreateContexts,
  findCreateContext,
} from './create-context.ts';

const FIRST: CreateContext = { name: 'AlSi', data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
const SECOND: CreateContext = { name: 'MxAc', data: new Uint8Array(0) };

/** Both contexts' 56 bytes: the first at 0 (name 16, data 24), the second at 32. */
function encodeBoth(change: (view: DataView) => void): readonly CreateContext[] | undefined {
  const view = viewOf(new Uint8Array(56));
  assert.equal(encodeCreateContexts(view, 0, [FIRST, SECOND]), 56);
  change(view);
  return decodeCreateContexts(view, 0, 56);
}

describe('[MS-SMB2] 2.2.13.2 SMB2_CREATE_CONTEXT Request Values', () => {
  it('come in their order and are found by their name', () => {
    const contexts = encodeBoth(() => {});
    assert.deepEqual(contexts, [FIRST, SECOND]);
    assert.deepEqual(findCreateContext(contexts!, 'AlSi'), FIRST.data);
    assert.equal(findCreateContext(contexts!, 'QFid'), undefined);
  });

  const malformed: readonly (readonly [string, (view: DataView) => void])[] = [
    ['Next is no multiple of 8', (view) => view.setUint32(0, 36, LE)],
    ['Next points behind the chain', (view) => view.setUint32(0, 64, LE)],
    ['Next points to the chain’s end', (view) => view.setUint32(0, 56, LE)],
    ['Next points into the same context’s data', (view) => view.setUint32(0, 24, LE)],
    ['Next points into its own head', (view) => view.setUint32(0, 8, LE)],
    ['the name does not follow the head', (view) => view.setUint16(4, 24, LE)],
    ['the name is shorter than 4 bytes', (view) => view.setUint16(6, 3, LE)],
    ['the name ends behind its context', (view) => view.setUint16(6, 17, LE)],
    ['the data is no multiple of 8 away', (view) => view.setUint16(10, 20, LE)],
    ['the data overlaps the name', (view) => view.setUint16(10, 16, LE)],
    ['the data ends behind its context', (view) => view.setUint32(12, 9, LE)],
    ['the data is longer than any message', (view) => view.setUint32(12, 0xffff_ffff, LE)],
  ];
  for (const [condition, change] of malformed) {
    it(`are refused when ${condition}`, () => assert.equal(encodeBoth(change), undefined));
  }
});

describe('[MS-SMB2] 2.2.13 SMB2 CREATE Request', () => {
  /** A request for "ab" with one context: the name at 120, contexts at 128. */
  function decodeChanged(change: (view: DataView) => void): unknown {
    const room = new Uint8Array(256);
    const view = viewOf(room);
    const end = encodeCreateRequest(view, 64, {
      requestedOplockLevel: 0,
      impersonationLevel: 2,
      desiredAccess: 1,
      fileAttributes: 0,
      shareAccess: 7,
      createDisposition: 1,
      createOptions: 0,
      name: 'ab',
      contexts: [FIRST],
    });
    change(view);
    return decodeCreateRequest(view, 64, end);
  }

  it('is refused when the name has an odd length', () => {
    assert.equal(
      decodeChanged((view) => view.setUint16(64 + 46, 3, LE)),
      undefined,
    );
  });

  it('is refused when the name overlaps the fixed part', () => {
    assert.equal(
      decodeChanged((view) => view.setUint16(64 + 44, 118, LE)),
      undefined,
    );
  });

  it('is refused when the contexts are no multiple of 8 away', () => {
    assert.equal(
      decodeChanged((view) => view.setUint32(64 + 48, 124, LE)),
      undefined,
    );
  });

  it('is refused when StructureSize is not 57', () => {
    assert.equal(
      decodeChanged((view) => view.setUint16(64, 56, LE)),
      undefined,
    );
  });
});
