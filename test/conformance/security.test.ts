/** What a second account may do, in the object store: [MS-FSA] over any storage. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_DATA,
  READ_CONTROL,
} from '../../src/dtyp/access-mask.ts';
import { ACCESS_DENIED_ACE_TYPE, type SidAce, SYSTEM_AUDIT_ACE_TYPE } from '../../src/dtyp/acl.ts';
import {
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
} from '../../src/dtyp/privileges.ts';
import {
  DACL_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  parseSecurityDescriptor,
  SACL_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERITED,
  type SecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import { SID_EVERYONE, unixUserSid } from '../../src/dtyp/sid.ts';
import * as nt from '../../src/erref/ntstatus.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { queryMetadata } from '../../src/fsa/information.ts';
import { querySecurity, setSecurity } from '../../src/fsa/security.ts';
import type { SecurityContext } from '../../src/fsa/security-context.ts';
import type { VolumeOptions } from '../../src/fsa/volume.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_FOR_BACKUP_INTENT,
} from '../../src/fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_HIDDEN } from '../../src/fscc/file-attributes.ts';
import { sha256 } from '../../src/smb2/crypto/sha256.ts';
import { failed } from '../../src/vfs/errno.ts';
import {
  ANNA,
  type Asked,
  allow,
  BEN,
  contextOf,
  dacl,
  ME,
  names,
  overStorages,
  tryOpen,
} from './security-rig.ts';

overStorages('security', (rig) => {
  describe('[MS-SMB2] 3.3.5.18 with DoAccessBasedDirectoryEnumeration', () => {
    it('lists only what the caller may read, however it asks', async () => {
      const volume = rig().volumeWith({ accessBasedEnumeration: true });
      const anna = contextOf(ANNA);
      const make = { disposition: FILE_CREATE, access: FILE_ALL_ACCESS };
      for (const [path, mask] of [
        ['seen', FILE_GENERIC_READ],
        ['hidden', FILE_GENERIC_READ & ~FILE_READ_EA],
      ] as const) {
        await rig().opened(volume, anna, { ...make, path, descriptor: dacl(allow(ANNA, mask)) });
      }
      await rig().opened(volume, anna, { ...make, path: 'plain' });
      const root = { path: '', options: FILE_DIRECTORY_FILE };
      const directory = await rig().opened(volume, anna, root);
      assert.deepEqual(await names(directory), ['.', '..', 'plain', 'seen']);
      assert.deepEqual(await names(directory, true), ['.', '..', 'plain', 'seen']);
      const off = await rig().opened(rig().volumeWith(), anna, root);
      assert.deepEqual(await names(off), ['.', '..', 'hidden', 'plain', 'seen']);
      const ben = await rig().opened(volume, contextOf(BEN), root);
      assert.deepEqual(await names(ben), ['.', '..', 'plain']);
    });
  });

  describe('[MS-FSA] 2.1.5.1.1 privileges of a creator', () => {
    const fails = async (status: nt.NtStatus, security: SecurityContext, asked: Asked) => {
      const outcome = await tryOpen(rig().volumeWith(), security, asked);
      assert.equal(statusName(outcome.status), statusName(status));
    };
    it('refuses a foreign owner, and rights over the SACL, without the privilege', async () => {
      const make = { path: 'f', disposition: FILE_CREATE };
      const foreign = { ...dacl(allow(BEN, FILE_ALL_ACCESS)), owner: BEN };
      await fails(nt.STATUS_INVALID_OWNER, contextOf(ANNA), { ...make, descriptor: foreign });
      const audit = ACCESS_SYSTEM_SECURITY | FILE_READ_DATA;
      await fails(nt.STATUS_PRIVILEGE_NOT_HELD, contextOf(ANNA), { ...make, access: audit });
      const admin = contextOf(ANNA, {
        privileges: [SE_SECURITY_PRIVILEGE, SE_RESTORE_PRIVILEGE],
      });
      await fails(nt.STATUS_SUCCESS, admin, { ...make, access: audit, descriptor: foreign });
      await fails(nt.STATUS_PRIVILEGE_NOT_HELD, contextOf(BEN), { path: 'f', access: audit });
    });
    it('opens all that is refused for backup, and only for backup', async () => {
      const volume = rig().volumeWith();
      const nobody = dacl(allow(BEN, READ_CONTROL));
      const make = { path: 'f', disposition: FILE_CREATE, access: READ_CONTROL };
      await rig().opened(volume, contextOf(ANNA), {
        ...make,
        descriptor: { ...nobody, owner: ANNA },
      });
      const operator = contextOf(BEN, { privileges: [SE_BACKUP_PRIVILEGE] });
      const read = { path: 'f', access: FILE_READ_DATA };
      await fails(nt.STATUS_ACCESS_DENIED, operator, read);
      const backup = { ...read, options: FILE_OPEN_FOR_BACKUP_INTENT };
      await fails(nt.STATUS_SUCCESS, operator, backup);
      await fails(nt.STATUS_ACCESS_DENIED, contextOf(BEN), backup);
      const write = { ...backup, access: FILE_WRITE_DATA };
      await fails(nt.STATUS_ACCESS_DENIED, operator, write);
    });
  });

  describe('[MS-FSA] 2.1.5.17 labels, audit rules and owners', () => {
    it('keeps what a change does not name', async () => {
      const volume = rig().volumeWith();
      const admin = contextOf(ANNA, { privileges: [SE_SECURITY_PRIVILEGE] });
      const access = FILE_ALL_ACCESS | ACCESS_SYSTEM_SECURITY;
      const file = await rig().opened(volume, admin, {
        path: 'f',
        disposition: FILE_CREATE,
        access,
      });
      const set = (parts: number, ...aces: SidAce[]) => {
        const sd = { ...dacl(), dacl: undefined, sacl: { revision: 2, aces } };
        return run(setSecurity(file, parts, securityDescriptorBytes(sd)));
      };
      const audit = { type: SYSTEM_AUDIT_ACE_TYPE, flags: 0xc0, mask: 2, sid: SID_EVERYONE };
      const label = { type: 0x11, flags: 0, mask: 1, sid: 'S-1-16-4096' };
      assert.equal(await set(SACL_SECURITY_INFORMATION, audit), 0);
      assert.equal(await set(LABEL_SECURITY_INFORMATION, label), 0);
      const get = async (parts: number) => {
        const { descriptor } = await run(querySecurity(file, parts));
        return parseSecurityDescriptor(descriptor!)?.sacl?.aces;
      };
      assert.deepEqual(await get(SACL_SECURITY_INFORMATION), [audit]);
      assert.deepEqual(await get(LABEL_SECURITY_INFORMATION), [label]);
      const plain = await rig().opened(volume, contextOf(ANNA), { path: 'f' });
      const { status } = await run(querySecurity(plain, SACL_SECURITY_INFORMATION));
      assert.equal(statusName(status), 'STATUS_ACCESS_DENIED');
    });
  });

  describe('permissions that change behind a stored descriptor', () => {
    it('outdo it, as they do for Samba, until another one is stored', async () => {
      const volume = rig().volumeWith({}, sha256);
      const anna = contextOf(ANNA);
      const only = { ...dacl(allow(BEN, FILE_GENERIC_READ)), owner: BEN };
      const make = { path: 'f', disposition: FILE_CREATE, access: FILE_ALL_ACCESS };
      const admin = contextOf(ANNA, { privileges: [SE_RESTORE_PRIVILEGE] });
      const file = await rig().opened(volume, admin, { ...make, descriptor: only });
      const read = { path: 'f', access: FILE_READ_DATA };
      const status = async () => statusName((await tryOpen(volume, anna, read)).status);
      assert.equal(await status(), 'STATUS_ACCESS_DENIED');
      assert.equal(await file.file.setMode(0o640), 0);
      assert.equal(await status(), 'STATUS_SUCCESS');
      const bytes = securityDescriptorBytes(only);
      assert.equal(await run(setSecurity(file, DACL_SECURITY_INFORMATION, bytes)), 0);
      const owner = await run(querySecurity(file, DACL_SECURITY_INFORMATION));
      assert.equal(parseSecurityDescriptor(owner.descriptor!)?.dacl?.aces.length, 1);
      await rig().opened(volume, contextOf(BEN), read);
    });
  });

  describe('a share with ways of Samba', () => {
    const setOn = async (options: Partial<VolumeOptions>, sd: SecurityDescriptor) => {
      const volume = rig().volumeWith(options);
      const file = await rig().opened(volume, contextOf(ANNA), {
        path: 'f',
        disposition: FILE_CREATE,
      });
      const bytes = securityDescriptorBytes(sd);
      const status = await run(setSecurity(file, DACL_SECURITY_INFORMATION, bytes));
      const { descriptor } = await run(querySecurity(file, DACL_SECURITY_INFORMATION));
      await run(closeOpen(file));
      await rig().vfs.unlink(ME, 'f');
      return {
        status: statusName(status),
        control: parseSecurityDescriptor(descriptor!)!.control,
      };
    };

    it('refuses lists in another order than the canonical one, if it is told to', async () => {
      const deny = { ...allow(BEN, FILE_WRITE_DATA), type: ACCESS_DENIED_ACE_TYPE };
      const crooked = dacl(allow(BEN, FILE_ALL_ACCESS), deny);
      assert.equal((await setOn({}, crooked)).status, 'STATUS_SUCCESS');
      const strict = { canonicalAcls: true };
      assert.equal((await setOn(strict, crooked)).status, 'STATUS_ACCESS_DENIED');
      const straight = dacl(deny, allow(BEN, FILE_ALL_ACCESS));
      assert.equal((await setOn(strict, straight)).status, 'STATUS_SUCCESS');
    });

    it('keeps that a list was inherited as it is sent, if it is told to', async () => {
      const plain = dacl(allow(BEN, FILE_ALL_ACCESS));
      const sent = { ...plain, control: plain.control | SE_DACL_AUTO_INHERITED };
      assert.equal((await setOn({}, sent)).control & SE_DACL_AUTO_INHERITED, 0);
      const kept = await setOn({ keepsAutoInherited: true }, sent);
      assert.notEqual(kept.control & SE_DACL_AUTO_INHERITED, 0);
    });

    it('hides names by pattern', async () => {
      const volume = rig().volumeWith({ isHiddenName: (name) => name === 'f' });
      const make = { disposition: FILE_CREATE };
      const hidden = await rig().opened(volume, contextOf(ANNA), { path: 'f', ...make });
      const shown = await rig().opened(volume, contextOf(ANNA), { path: 'g', ...make });
      const attributes = [];
      for (const open of [hidden, shown]) {
        const { metadata } = await run(queryMetadata(open));
        attributes.push(metadata!.attributes & FILE_ATTRIBUTE_HIDDEN);
      }
      assert.deepEqual(attributes, [FILE_ATTRIBUTE_HIDDEN, 0]);
    });
  });

  describe('a share of permission bits alone', () => {
    it('takes a list that they can hold, and refuses others', async () => {
      const volume = rig().volumeWith({ access: 'posix' });
      const me = contextOf(ANNA);
      const file = await rig().opened(volume, me, { path: 'f', disposition: FILE_CREATE });
      const set = (sd: SecurityDescriptor) =>
        run(setSecurity(file, DACL_SECURITY_INFORMATION, securityDescriptorBytes(sd)));
      const mode = async () => {
        const stat = await file.file.stat();
        return failed(stat) ? stat : stat.mode & 0o777;
      };
      const owner = allow(unixUserSid(ME.uid), FILE_ALL_ACCESS);
      assert.equal(await set(dacl(owner)), 0);
      assert.equal(await mode(), 0o700);
      assert.equal(await set(dacl(owner, allow(SID_EVERYONE, FILE_GENERIC_READ))), 0);
      assert.equal(await mode(), 0o744);
      const refused = await set(dacl(owner, allow(BEN, FILE_GENERIC_READ)));
      assert.equal(statusName(refused), 'STATUS_ACCESS_DENIED');
      assert.equal(await mode(), 0o744);
      const created = { path: 'g', disposition: FILE_CREATE, descriptor: dacl(owner) };
      const other = await rig().opened(volume, me, created);
      const stat = await other.file.stat();
      assert.ok(!failed(stat) && (stat.mode & 0o777) === 0o700);
      assert.deepEqual(await other.file.listXattrs(), []);
    });
  });
});
