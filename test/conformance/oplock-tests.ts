import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_COMPLETE_IF_OPLOCKED,
  FILE_OPEN_REQUIRING_OPLOCK,
  FILE_RESERVE_OPFILTER,
} from '../../src/fscc/create-parameters.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_LEASE_NONE,
  SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import {
  create,
  LEASE_KEY,
  lease,
  leaseOf,
  listening,
  OTHER_KEY,
  R,
  RH,
  RWH,
  reopen,
} from './oplock-peer.ts';
import { expectStatus, type GetTarget, logOnAt, opened, uniqueName } from './peer.ts';

export function oplockTests(target: GetTarget): void {
  grantTests(target);
  optionTests(target);
  breakTests(target);
  leaseTests(target);
}

function grantTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, RequestedOplockLevel', () => {
    const LEVELS = [
      ['none', SMB2_OPLOCK_LEVEL_NONE],
      ['level II', SMB2_OPLOCK_LEVEL_II],
      ['exclusive', SMB2_OPLOCK_LEVEL_EXCLUSIVE],
      ['batch', SMB2_OPLOCK_LEVEL_BATCH],
    ] as const;
    for (const [name, requestedOplockLevel] of LEVELS) {
      it(`grants ${name} on a file that nobody else has open`, async () => {
        const { tree } = await logOnAt(target());
        const open = await opened(tree, create(uniqueName('oplock'), { requestedOplockLevel }));
        assert.equal(open.response.oplockLevel, requestedOplockLevel);
      });
    }

    it('grants no more than level II on a file that is open', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('oplock');
      await opened(tree, create(name));
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const second = await opened(tree, reopen(name, { requestedOplockLevel }));
      assert.ok(second.response.oplockLevel <= SMB2_OPLOCK_LEVEL_II);
    });
  });
}

/** They ask the kernel's own callers not to wait; SMB2 has no way to say that a break goes on. */
function optionTests(target: GetTarget): void {
  describe('[MS-SMB2] 2.2.13 SMB2 CREATE Request, the CreateOptions about oplocks', () => {
    const IGNORED = [
      ['FILE_COMPLETE_IF_OPLOCKED', FILE_COMPLETE_IF_OPLOCKED],
      ['FILE_OPEN_REQUIRING_OPLOCK', FILE_OPEN_REQUIRING_OPLOCK],
    ] as const;
    for (const [name, createOptions] of IGNORED) {
      it(`waits for a break as without it: ${name}`, async () => {
        const holder = await listening(target);
        const { tree } = await logOnAt(target());
        const path = uniqueName('option');
        const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
        const first = await opened(holder.tree, create(path, { requestedOplockLevel }));
        const second = tree.create(reopen(path, { createOptions, requestedOplockLevel }));
        assert.equal((await second.interim)?.status, STATUS_PENDING);
        await holder.nextBreak();
        expectStatus(await first.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_II), STATUS_SUCCESS);
        expectStatus(await second, STATUS_SUCCESS);
      });
    }

    it('fails with STATUS_NOT_SUPPORTED: FILE_RESERVE_OPFILTER', async () => {
      const holder = await listening(target);
      const path = uniqueName('option');
      await opened(holder.tree, create(path));
      const reply = await holder.tree.create(
        reopen(path, { createOptions: FILE_RESERVE_OPFILTER }),
      );
      expectStatus(reply, STATUS_NOT_SUPPORTED);
    });
  });
}

function breakTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.4.6 Object Store Indicates an Oplock Break', () => {
    for (const level of [SMB2_OPLOCK_LEVEL_EXCLUSIVE, SMB2_OPLOCK_LEVEL_BATCH]) {
      it(`asks the holder of ${level} and lets the second open wait`, async () => {
        const holder = await listening(target);
        const { tree } = await logOnAt(target());
        const name = uniqueName('break');
        const first = await opened(holder.tree, create(name, { requestedOplockLevel: level }));
        const second = tree.create(reopen(name));
        assert.equal((await second.interim)?.status, STATUS_PENDING);
        const told = await holder.nextBreak();
        assert.deepEqual(told, {
          kind: 'oplock',
          notification: { oplockLevel: SMB2_OPLOCK_LEVEL_II, fileId: first.fileId },
        });
        const acknowledged = await first.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_II);
        expectStatus(acknowledged, STATUS_SUCCESS);
        assert.equal(acknowledged.response?.oplockLevel, SMB2_OPLOCK_LEVEL_II);
        expectStatus(await second, STATUS_SUCCESS);
      });
    }

    it('lets the second open go on when the holder closes instead', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('break');
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const first = await opened(holder.tree, create(name, { requestedOplockLevel }));
      const second = tree.create(reopen(name));
      await holder.nextBreak();
      expectStatus(await first.close(), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('takes level II away at a write, and waits for nobody', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('break');
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_II;
      await opened(holder.tree, create(name, { requestedOplockLevel }));
      const writer = await opened(tree, reopen(name, { desiredAccess: FILE_ALL_ACCESS }));
      const written = await writer.write({ offset: 0, data: Uint8Array.of(1) });
      expectStatus(written, STATUS_SUCCESS);
      const { notification } = await holder.nextBreak();
      assert.equal('oplockLevel' in notification && notification.oplockLevel, 0);
    });
  });

  describe('[MS-SMB2] 3.3.5.22.1 Processing an Oplock Acknowledgment', () => {
    it('fails with STATUS_INVALID_OPLOCK_PROTOCOL when nothing breaks', async () => {
      const { tree } = await logOnAt(target());
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const open = await opened(tree, create(uniqueName('ack'), { requestedOplockLevel }));
      const reply = await open.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_NONE);
      expectStatus(reply, STATUS_INVALID_OPLOCK_PROTOCOL);
    });

    it('fails when the client would keep more than it is left', async () => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('ack');
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_EXCLUSIVE;
      const first = await opened(holder.tree, create(name, { requestedOplockLevel }));
      const second = tree.create(reopen(name));
      await holder.nextBreak();
      const { status } = await first.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_BATCH);
      assert.notEqual(status, STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });
  });
}

function leaseTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.9.11 SMB2_CREATE_REQUEST_LEASE_V2', () => {
    for (const state of [R, RH, RWH]) {
      it(`grants ${state} to the only open`, async () => {
        const { tree } = await logOnAt(target());
        const open = await opened(tree, create(uniqueName('lease'), lease(LEASE_KEY, state)));
        assert.equal(leaseOf(open).leaseState, state);
        assert.equal(leaseOf(open).leaseKey, LEASE_KEY);
      });
    }

    it('gives the opens of one key one lease', async () => {
      const { tree } = await logOnAt(target());
      const name = uniqueName('lease');
      await opened(tree, create(name, lease(LEASE_KEY, RWH)));
      const second = await opened(tree, reopen(name, lease(LEASE_KEY, RWH)));
      assert.equal(leaseOf(second).leaseState, RWH);
    });

    it('fails with STATUS_INVALID_PARAMETER when the key is of another file', async () => {
      const { tree } = await logOnAt(target());
      await opened(tree, create(uniqueName('lease'), lease(LEASE_KEY, RWH)));
      const reply = await tree.create(create(uniqueName('lease'), lease(LEASE_KEY, RWH)));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
    });
  });

  describe('[MS-SMB2] 3.3.4.7 Object Store Indicates a Lease Break', () => {
    const broken = async (): Promise<{
      readonly holder: Awaited<ReturnType<typeof listening>>;
      readonly second: PromiseLike<{ readonly status: NtStatus }>;
    }> => {
      const holder = await listening(target);
      const { tree } = await logOnAt(target());
      const name = uniqueName('lease');
      await opened(holder.tree, create(name, lease(LEASE_KEY, RWH)));
      const second = tree.create(reopen(name, lease(OTHER_KEY, RH)));
      assert.equal((await second.interim)?.status, STATUS_PENDING);
      const told = await holder.nextBreak();
      assert.equal(told.kind, 'lease');
      if (told.kind === 'lease') {
        const { newEpoch, ...notification } = told.notification;
        assert.ok(newEpoch > 0);
        assert.deepEqual(notification, {
          flags: SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
          leaseKey: LEASE_KEY,
          currentLeaseState: RWH,
          newLeaseState: RH,
        });
      }
      return { holder, second };
    };
    const acknowledge = (
      { tree }: { readonly tree: ClientTree },
      leaseState: number,
    ): PromiseLike<{ readonly status: NtStatus }> =>
      tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState });

    it('breaks RWH to RH for a reader, who waits for the acknowledgment', async () => {
      const { holder, second } = await broken();
      expectStatus(await acknowledge(holder, RH), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('lets the holder give up more', async () => {
      const { holder, second } = await broken();
      expectStatus(await acknowledge(holder, SMB2_LEASE_NONE), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('fails with STATUS_REQUEST_NOT_ACCEPTED when it would keep more', async () => {
      const { holder, second } = await broken();
      expectStatus(await acknowledge(holder, RWH), STATUS_REQUEST_NOT_ACCEPTED);
      expectStatus(await acknowledge(holder, RH), STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('fails with STATUS_UNSUCCESSFUL when nothing breaks any more', async () => {
      const { holder, second } = await broken();
      expectStatus(await acknowledge(holder, RH), STATUS_SUCCESS);
      expectStatus(await acknowledge(holder, RH), STATUS_UNSUCCESSFUL);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('fails with STATUS_OBJECT_NAME_NOT_FOUND when the lease is unknown', async () => {
      const { tree } = await logOnAt(target());
      expectStatus(await acknowledge({ tree }, RH), STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });
}
