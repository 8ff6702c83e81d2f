import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { FILE_CREATE, FILE_DELETE_ON_CLOSE } from '../../src/fscc/create-parameters.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import type { Credentials } from '../../src/vfs/vfs.ts';
import { assertStatus, openFile, withRig } from './rig.ts';

/** A program's own store, whose removals take a while. */
class SlowToRemove extends MemoryVfs {
  override readonly capabilities = {
    ...new MemoryVfs(makeNodeClock()).capabilities,
    answersAtOnce: false,
  };

  override unlink(credentials: Credentials, path: string): never {
    const removed = async (): Promise<unknown> => {
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((next) => setImmediate(next));
      return super.unlink(credentials, path);
    };
    return removed() as never;
  }
}

describe('storage that answers later', () => {
  it('has removed the file when the CLOSE is answered that deletes it', async () => {
    const vfs = new SlowToRemove(makeNodeClock());
    await withRig({ shares: [{ name: 'share', vfs }] }, async (rig) => {
      const tree = await rig.tree();
      const asked = { name: 'a', createDisposition: FILE_CREATE };
      const open = await openFile(tree, { ...asked, createOptions: FILE_DELETE_ON_CLOSE });
      assertStatus((await open.close()).status, 0);
      const again = await openFile(tree, asked);
      assert.equal(again.response.createAction, 2);
    });
  });
});
