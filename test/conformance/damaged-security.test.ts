/** [MS-FSA] 2.1.5.1.2.1: files whose stored descriptor cannot be read, or was outdone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../../src/dtyp/access-mask.ts';
import { SE_RESTORE_PRIVILEGE, SE_TAKE_OWNERSHIP_PRIVILEGE } from '../../src/dtyp/privileges.ts';
import {
  DACL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { SID_EVERYONE } from '../../src/dtyp/sid.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { encodeNtAcl } from '../../src/fsa/nt-acl.ts';
import { setSecurity } from '../../src/fsa/security.ts';
import type { Volume } from '../../src/fsa/volume.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/fscc/create-parameters.ts';
import { sha256 } from '../../src/smb2/crypto/sha256.ts';
import { failed } from '../../src/vfs/errno.ts';
import { type LogEntry, RecordingLog } from '../faults/virtual-env.ts';
import { ANNA, allow, BEN, contextOf, dacl, names, overStorages, tryOpen } from './security-rig.ts';

overStorages('security', (rig) => {
  describe('a stored descriptor that is damaged', () => {
    const whole = encodeNtAcl({ ...dacl(allow(SID_EVERYONE, FILE_ALL_ACCESS)), owner: ANNA });
    const unknown = whole.with(0, 5);
    const damages: Readonly<Record<string, Uint8Array>> = {
      empty: new Uint8Array(),
      cut: whole.subarray(0, whole.length - 1),
      'cut before the descriptor': whole.subarray(0, 40),
      'of a version that is not known': unknown,
      'of another revision': whole.with(80, 2),
      'with an offset beyond its end': whole.with(80 + 17, 0x7f),
      noise: new Uint8Array(200).fill(0x5a),
    };
    for (const [what, value] of Object.entries(damages)) {
      it(`lets nobody in: ${what}`, async () => {
        const volume = rig().volumeWith({ accessBasedEnumeration: true });
        const anna = contextOf(ANNA);
        const file = await rig().opened(volume, anna, { path: 'f', disposition: FILE_CREATE });
        assert.equal(await file.file.setXattr(volume.options.securityXattr, value), 0);
        for (const access of [FILE_READ_DATA, FILE_WRITE_DATA, READ_CONTROL, WRITE_DAC]) {
          const { status } = await tryOpen(volume, anna, { path: 'f', access });
          assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
        }
        const maximum = await rig().opened(volume, anna, { path: 'f' });
        assert.equal(maximum.grantedAccess, DELETE | FILE_READ_ATTRIBUTES, "the folder's");
        const root = await rig().opened(volume, anna, { path: '', options: FILE_DIRECTORY_FILE });
        assert.deepEqual(await names(root), ['.', '..']);
        const told = logged(volume).filter(({ message }) => /is damaged/.test(message));
        assert.deepEqual(
          told.map(({ fields }) => (fields as { path: string }).path),
          ['f'],
        );
      });
    }

    it('is replaced by an administrator', async () => {
      const volume = rig().volumeWith();
      const [anna, path] = [contextOf(ANNA), 'f'];
      const file = await rig().opened(volume, anna, { path, disposition: FILE_CREATE });
      assert.equal(await file.file.setXattr(volume.options.securityXattr, unknown), 0);
      const admin = contextOf(BEN, { privileges: [SE_TAKE_OWNERSHIP_PRIVILEGE] });
      const taken = await rig().opened(volume, admin, { path, access: WRITE_OWNER });
      const own = securityDescriptorBytes({ ...dacl(), dacl: undefined, owner: BEN });
      assert.equal(await run(setSecurity(taken, OWNER_SECURITY_INFORMATION, own)), 0);
      const mine = await rig().opened(volume, admin, { path, access: WRITE_DAC });
      const again = securityDescriptorBytes(dacl(allow(ANNA, FILE_GENERIC_READ)));
      assert.equal(await run(setSecurity(mine, DACL_SECURITY_INFORMATION, again)), 0);
      await rig().opened(volume, anna, { path, access: FILE_READ_DATA });
    });

    it('does not count where somebody changed the mode since', async () => {
      const volume = rig().volumeWith({}, sha256);
      const [admin, path] = [contextOf(ANNA, { privileges: [SE_RESTORE_PRIVILEGE] }), 'f'];
      const descriptor = { ...dacl(), owner: BEN };
      const file = await rig().opened(volume, admin, {
        path,
        disposition: FILE_CREATE,
        descriptor,
      });
      const { securityXattr } = volume.options;
      const value = await file.file.getXattr(securityXattr);
      assert.ok(!failed(value));
      assert.equal(await file.file.setXattr(securityXattr, value.subarray(0, -1)), 0);
      const asked = { path, access: FILE_READ_DATA };
      const { status } = await tryOpen(volume, contextOf(ANNA), asked);
      assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
      assert.equal(await file.file.setMode(0o640), 0);
      await rig().opened(volume, contextOf(ANNA), asked);
    });
  });
});

function logged({ env }: Volume): readonly LogEntry[] {
  return env.log instanceof RecordingLog ? env.log.entries : [];
}
