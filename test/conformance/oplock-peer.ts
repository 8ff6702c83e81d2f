/** What the tests of oplocks and leases share: who listens for breaks, and what they ask for. */
import assert from 'node:assert/strict';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import { FILE_CREATE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/wire/constants.ts';
import {
  findCreateContext,
  SMB2_CREATE_REQUEST_LEASE,
} from '../../src/smb2/wire/create-context.ts';
import {
  decodeLeaseContext,
  type LeaseContext,
  leaseContext,
} from '../../src/smb2/wire/create-context-lease.ts';
import { type GetTarget, logOnAt } from './peer.ts';

export const R: number = SMB2_LEASE_READ_CACHING;
export const RH: number = R | SMB2_LEASE_HANDLE_CACHING;
export const RWH: number = RH | SMB2_LEASE_WRITE_CACHING;
export const LEASE_KEY = '101112131415161718191a1b1c1d1e1f';
export const OTHER_KEY = '202122232425262728292a2b2c2d2e2f';

export interface Listener {
  readonly tree: ClientTree;
  nextBreak(): Promise<BreakNotification>;
}

/** A tree connect whose breaks are waited for one by one. */
export async function listening(target: GetTarget): Promise<Listener> {
  const arrived: BreakNotification[] = [];
  const wanted: ((notification: BreakNotification) => void)[] = [];
  const onBreak = (notification: BreakNotification): void => {
    const take = wanted.shift();
    if (take === undefined) arrived.push(notification);
    else take(notification);
  };
  const { tree } = await logOnAt(target(), { connection: { onBreak } });
  const nextBreak = (): Promise<BreakNotification> =>
    new Promise((resolve) => {
      const first = arrived.shift();
      if (first === undefined) wanted.push(resolve);
      else resolve(first);
    });
  return { tree, nextBreak };
}

export const create = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters => ({
  name,
  desiredAccess: FILE_ALL_ACCESS,
  shareAccess: 7,
  createDisposition: FILE_CREATE,
  ...rest,
});
export const reopen = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters =>
  create(name, { desiredAccess: FILE_GENERIC_READ, createDisposition: FILE_OPEN, ...rest });

export const lease = (leaseKey: string, leaseState: number): Partial<CreateParameters> => ({
  requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
  contexts: [
    leaseContext({
      version: 2,
      leaseKey,
      leaseState,
      leaseFlags: 0,
      parentLeaseKey: undefined,
      epoch: 1,
    }),
  ],
});

export function leaseOf(open: ClientOpen): LeaseContext {
  const { contexts, oplockLevel } = open.response;
  assert.equal(oplockLevel, SMB2_OPLOCK_LEVEL_LEASE);
  return decodeLeaseContext(findCreateContext(contexts, SMB2_CREATE_REQUEST_LEASE)!)!;
}
