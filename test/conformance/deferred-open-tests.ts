/** Opens that wait for others' caching to break: how they end, and that they hold up nobody. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_PENDING,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../../src/erref/ntstatus.ts';
import { FileRenameInformation } from '../../src/fscc/info-classes.ts';
import { encodeNewName, newNameSize } from '../../src/fscc/set-information.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  create,
  LEASE_KEY,
  type Listener,
  lease,
  listening,
  OTHER_KEY,
  RH,
  RWH,
  reopen,
} from './oplock-peer.ts';
import {
  expectStatus,
  type GetTarget,
  type LoggedOn,
  logOnAt,
  opened,
  uniqueName,
} from './peer.ts';

export function deferredOpenTests(target: GetTarget): void {
  endTests(target);
  mutualTests(target);
}

type Opening = ReturnType<LoggedOn['tree']['create']>;

/** What ends an open that waits; the statuses that its request may have then. */
const ENDS: readonly {
  readonly name: string;
  readonly statuses: readonly NtStatus[];
  readonly end: (client: LoggedOn, opening: Opening) => Promise<void>;
}[] = [
  {
    name: 'a CANCEL',
    statuses: [STATUS_CANCELLED],
    end: async (_, opening) => opening.cancel(),
  },
  {
    name: 'the end of the tree connect',
    statuses: [STATUS_CANCELLED, STATUS_NETWORK_NAME_DELETED],
    end: async ({ tree }) => expectStatus(await tree.disconnect(), STATUS_SUCCESS),
  },
  {
    name: 'a LOGOFF',
    statuses: [STATUS_CANCELLED, STATUS_USER_SESSION_DELETED],
    end: async ({ session }) => expectStatus(await session.logoff(), STATUS_SUCCESS),
  },
  { name: 'a cut connection', statuses: [], end: async ({ connection }) => connection.close() },
];

function endTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.9 Receiving an SMB2 CREATE Request, one that waits', () => {
    for (const { name: what, statuses, end } of ENDS) {
      it(`ends by ${what}, and leaves nothing`, async () => {
        const holder = await listening(target);
        const client = await logOnAt(target());
        const name = uniqueName('deferred');
        const held = await opened(holder.tree, create(name, lease(LEASE_KEY, RWH)));
        const opening = client.tree.create(reopen(name, { shareAccess: 0 }));
        assert.equal((await opening.interim)?.status, STATUS_PENDING);
        const told = await holder.nextBreak();
        assert.ok(told.kind === 'lease');
        // Meanwhile the same client, and the holder, work on.
        await (await opened(client.tree, create(uniqueName('meanwhile')))).close();
        expectStatus(await held.write({ offset: 0, data: Uint8Array.of(1) }), STATUS_SUCCESS);
        const over = ended(opening);
        await end(client, opening);
        const status = await over;
        if (statuses.length > 0) assert.ok(status !== undefined && statuses.includes(status));
        expectStatus(
          await acknowledge(holder, LEASE_KEY, told.notification.newLeaseState),
          STATUS_SUCCESS,
        );
        await held.close();
        const { tree } = await logOnAt(target());
        await (await opened(tree, reopen(name, { shareAccess: 0 }))).close();
      });
    }
  });
}

/** The status; undefined where no answer came. */
async function ended(opening: Opening): Promise<NtStatus | undefined> {
  try {
    return (await opening).status;
  } catch {
    return undefined;
  }
}

function mutualTests(target: GetTarget): void {
  interface Side {
    readonly listener: Listener;
    readonly name: string;
    readonly key: string;
    readonly held: ClientOpen;
  }
  const side = async (key: string, state: number): Promise<Side> => {
    const listener = await listening(target);
    const name = uniqueName('mutual');
    const held = await opened(listener.tree, create(name, lease(key, state)));
    return { listener, name, key, held };
  };
  const sides = async (state: number): Promise<readonly [Side, Side]> => [
    await side(LEASE_KEY, state),
    await side(OTHER_KEY, state),
  ];

  describe('[MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, each of two breaks', () => {
    it('get in when both acknowledge', async () => {
      const [one, two] = await sides(RWH);
      const first = one.listener.tree.create(reopen(two.name));
      const second = two.listener.tree.create(reopen(one.name));
      for (const { listener } of [one, two]) await listener.nextBreak();
      for (const { listener, key } of [one, two]) {
        expectStatus(await acknowledge(listener, key, RH), STATUS_SUCCESS);
      }
      expectStatus(await first, STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('get in when both close', async () => {
      const [one, two] = await sides(RWH);
      const first = one.listener.tree.create(reopen(two.name, { shareAccess: 0 }));
      const second = two.listener.tree.create(reopen(one.name, { shareAccess: 0 }));
      for (const { listener, held } of [one, two]) {
        await listener.nextBreak();
        expectStatus(await held.close(), STATUS_SUCCESS);
      }
      expectStatus(await first, STATUS_SUCCESS);
      expectStatus(await second, STATUS_SUCCESS);
    });

    it('come to an end when each renames its file to the name of the other', async () => {
      const [one, two] = await sides(RH);
      const first = renameTo(one.held, two.name);
      const second = renameTo(two.held, one.name);
      for (const { listener, held } of [one, two]) {
        // Who is asked to give way does; who was faster is not asked.
        void listener.nextBreak().then(() => held.close());
      }
      const statuses = [(await first).status, (await second).status];
      assert.ok(statuses.every((status) => status !== STATUS_PENDING));
      for (const { name } of [one, two]) {
        const { tree } = await logOnAt(target());
        const left = await tree.create(reopen(name));
        if (left.status === STATUS_SUCCESS) continue;
        assert.ok(statuses.includes(STATUS_SUCCESS), 'a file is gone that nobody renamed');
      }
    });
  });
}

function renameTo(open: ClientOpen, name: string): ReturnType<ClientOpen['setInfo']> {
  const buffer = new Uint8Array(newNameSize(name));
  encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: true });
  return open.setInfo({ infoType: 1, fileInfoClass: FileRenameInformation, buffer });
}

function acknowledge(
  { tree }: Listener,
  leaseKey: string,
  leaseState: number,
): ReturnType<Listener['tree']['acknowledgeLeaseBreak']> {
  return tree.acknowledgeLeaseBreak({ leaseKey, leaseState });
}
