import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/erref/ntstatus.ts';
import { currentName } from '../../src/fsa/open-paths.ts';
import { shortNameOf } from '../../src/fsa/short-names.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
} from '../../src/fscc/create-parameters.ts';
import { VolumeRig } from './volume-rig.ts';

const LONG = 'A long file name.text';
const SHORT = shortNameOf(LONG);
const STANDS = { createDisposition: FILE_OPEN };

for (const storage of ['memory', 'local'] as const) {
  describe(`[MS-FSCC] 2.1.5.2.1 8.3 Filename, on ${storage} storage`, () => {
    let rig: VolumeRig;

    before(async () => {
      rig = new VolumeRig(storage, { shortNames: true });
      await rig.make('A long folder', { createOptions: FILE_DIRECTORY_FILE });
      await rig.make(`A long folder\\${LONG}`);
      await rig.make('A long folder\\SHORT.TXT');
    });
    after(() => rig.close());

    it('opens a file by it, in any case, and along a path', async () => {
      const folder = shortNameOf('A long folder');
      const open = await rig.opened(`${folder}\\${SHORT.toLowerCase()}`, STANDS);
      assert.equal(currentName(open), `A long folder\\${LONG}`);
      const taken = { createDisposition: FILE_CREATE };
      await rig.fails(STATUS_OBJECT_NAME_COLLISION, `A long folder\\${SHORT}`, taken);
      await rig.fails(STATUS_OBJECT_NAME_NOT_FOUND, `A long folder\\${SHORT}X`, STANDS);
    });

    it('lists it beside names that are none, and finds them by it', async () => {
      const all = await rig.list('A long folder', '*');
      const names = new Map(all.map(({ name, shortName }) => [name, shortName]));
      assert.deepEqual([names.get(LONG), names.get('SHORT.TXT')], [SHORT, '']);
      for (const pattern of [SHORT, SHORT.toLowerCase(), `${SHORT.slice(0, 6)}~*.*`]) {
        const found = await rig.list('A long folder', pattern);
        assert.deepEqual(
          found.map(({ name }) => name),
          [LONG],
          pattern,
        );
      }
      // What matches nothing at all matches no name that is not there.
      for (const pattern of ['<', '>>>>', '"']) {
        assert.deepEqual(await rig.list('A long folder', pattern), [], pattern);
      }
    });

    it('forgets it with the file, and gives the file that replaces it the long name', async () => {
      await rig.make('Some other name', { createOptions: FILE_DELETE_ON_CLOSE });
      const short = shortNameOf('Some other name');
      await rig.fails(STATUS_OBJECT_NAME_NOT_FOUND, short, STANDS);
      const again = await rig.opened(short, { createDisposition: FILE_CREATE });
      assert.equal(currentName(again), 'Some other name');
    });
  });
}

describe('[MS-FSCC] 2.1.5.2.1 8.3 Filename, on a volume without', () => {
  it('neither tells nor finds any', async () => {
    const rig = new VolumeRig('memory', {});
    await rig.make(LONG);
    await rig.fails(STATUS_OBJECT_NAME_NOT_FOUND, SHORT, STANDS);
    assert.equal((await rig.list('', '*'))[0]?.shortName, '');
    await rig.close();
  });
});
