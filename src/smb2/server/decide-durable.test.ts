import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  statusName,
} from '../../erref/ntstatus.ts';
import type { FileRecord } from '../../fsa/file-record.ts';
import {
  ALL_CACHING,
  HANDLE_CACHING,
  type OplockEntry,
  READ_CACHING,
  WRITE_CACHING,
} from '../../fsa/oplock.ts';
import {
  decideIdentity,
  decideKeep,
  decideReconnect,
  grantedTimeoutMs,
  keepsHandles,
  type ReconnectProposal,
} from './decide-durable.ts';
import { type DurableRecord, durableKey } from './state/durable-record.ts';

const [GUID, OTHER] = ['11'.repeat(16), '22'.repeat(16)];
const LEASE = { leaseKey: '33'.repeat(16), version: 2 } as const;
const IDENTITY = { device: 1n, inode: 2n, size: 3, modifyTimeNs: 4n };
const AWAY = {
  since: 5n,
  mode: 0,
  position: 0n,
  channelSequence: 0,
  isReplayEligible: false,
  lockSequences: undefined,
  identity: IDENTITY,
};
const RECORD: DurableRecord = {
  serverId: 'server',
  kind: 'durable',
  persistentId: 7n,
  createGuid: GUID,
  clientGuid: GUID,
  userSid: 'S-1-5-21-1',
  userName: 'user',
  shareName: 'share',
  fileKey: '1:2',
  openId: 'open',
  lease: undefined,
  appInstance: undefined,
  streamName: '',
  createOptions: 0,
  createAction: 1,
  timeoutMs: 60_000,
  away: AWAY,
};
const PROPOSAL: ReconnectProposal = {
  version: 2,
  createGuid: GUID,
  isPersistent: false,
  clientGuid: GUID,
  userSid: 'S-1-5-21-1',
  shareName: 'share',
  lease: undefined,
  isSameName: true,
  deletesOnClose: false,
};
const LEASED = { ...RECORD, lease: LEASE };
const WITH_LEASE = { ...PROPOSAL, lease: LEASE };
const PERSISTENT: DurableRecord = { ...RECORD, kind: 'persistent' };
const AS_PERSISTENT = { ...PROPOSAL, isPersistent: true };
const RH = READ_CACHING | HANDLE_CACHING;
const OPEN = { openId: 'open', oplockKey: 'key', streamKey: '' };

describe('[MS-SMB2] 3.3.5.9.7 and 3.3.5.9.12: who gets an open back', () => {
  type Case = readonly [string, DurableRecord | undefined, ReconnectProposal, number];
  const CASES: readonly Case[] = [
    ['the same client', RECORD, PROPOSAL, STATUS_SUCCESS],
    ['nobody where there is none', undefined, PROPOSAL, STATUS_OBJECT_NAME_NOT_FOUND],
    ['nobody while it is in use', { ...RECORD, away: undefined }, PROPOSAL, NOT_FOUND()],
    ['nobody with another create guid', RECORD, { ...PROPOSAL, createGuid: OTHER }, NOT_FOUND()],
    ['whoever reconnects by version 1', RECORD, v1({ createGuid: OTHER }), STATUS_SUCCESS],
    ['another client, without a lease', RECORD, { ...PROPOSAL, clientGuid: OTHER }, STATUS_SUCCESS],
    ['another name, without a lease', RECORD, { ...PROPOSAL, isSameName: false }, STATUS_SUCCESS],
    ['nobody on another share', RECORD, { ...PROPOSAL, shareName: 'other' }, NOT_FOUND()],
    ['no other user', RECORD, { ...PROPOSAL, userSid: 'S-1-5-21-2' }, STATUS_ACCESS_DENIED],
    ['nobody who names a lease that it has not', RECORD, WITH_LEASE, NOT_FOUND()],
    ['the same lease', LEASED, WITH_LEASE, STATUS_SUCCESS],
    ['nobody without its lease', LEASED, PROPOSAL, NOT_FOUND()],
    ['no other client with its lease', LEASED, { ...WITH_LEASE, clientGuid: OTHER }, NOT_FOUND()],
    ['no other lease', LEASED, leased({ leaseKey: OTHER, version: 2 }), NOT_FOUND()],
    ['no other version', LEASED, leased({ ...LEASE, version: 1 }), NOT_FOUND()],
    [
      'no other name with its lease',
      LEASED,
      { ...WITH_LEASE, isSameName: false },
      STATUS_INVALID_PARAMETER,
    ],
    [
      'whatever name, of what is to be deleted',
      LEASED,
      { ...WITH_LEASE, isSameName: false, deletesOnClose: true },
      STATUS_SUCCESS,
    ],
    ['whoever is wrong twice: the lease', LEASED, v1({ isSameName: false }), NOT_FOUND()],
    ['the same client, of a persistent one', PERSISTENT, AS_PERSISTENT, STATUS_SUCCESS],
    ['nobody who does not know that it is one', PERSISTENT, PROPOSAL, NOT_FOUND()],
    ['nobody by version 1 then', PERSISTENT, v1({}), NOT_FOUND()],
    ['nobody who takes it for one', RECORD, AS_PERSISTENT, STATUS_INVALID_PARAMETER],
    ['whoever does so without its lease', LEASED, AS_PERSISTENT, NOT_FOUND()],
  ];
  for (const [who, record, proposal, status] of CASES) {
    it(`${who}: ${statusName(status)}`, () => {
      assert.equal(statusName(decideReconnect(record, proposal)), statusName(status));
    });
  }
});

function NOT_FOUND(): number {
  return STATUS_OBJECT_NAME_NOT_FOUND;
}

function v1(change: Partial<ReconnectProposal>): ReconnectProposal {
  return { ...PROPOSAL, version: 1, ...change };
}

function leased(lease: ReconnectProposal['lease']): ReconnectProposal {
  return { ...PROPOSAL, lease };
}

describe('[MS-SMB2] 3.3.5.9.6 and 3.3.5.9.10: what makes an open durable', () => {
  const lease = { clientGuid: GUID, leaseKey: GUID, version: 2 } as const;
  it('a batch oplock, no other one', () => {
    assert.ok(keepsHandles({ caching: ALL_CACHING, lease: undefined }));
    assert.ok(!keepsHandles({ caching: READ_CACHING | WRITE_CACHING, lease: undefined }));
    assert.ok(!keepsHandles({ caching: READ_CACHING, lease: undefined }));
  });

  it('a lease with handle caching, no other one', () => {
    assert.ok(keepsHandles({ caching: RH, lease }));
    assert.ok(keepsHandles({ caching: ALL_CACHING, lease }));
    assert.ok(!keepsHandles({ caching: READ_CACHING | WRITE_CACHING, lease }));
  });

  it('for as long as it asks, within limits', () => {
    const limits = { defaultMs: 60_000, maxMs: 300_000 };
    assert.equal(grantedTimeoutMs(0, limits), 60_000);
    assert.equal(grantedTimeoutMs(1, limits), 1);
    assert.equal(grantedTimeoutMs(0xffff_ffff, limits), 300_000);
  });
});

describe('[MS-SMB2] 3.3.7.1 Handling Loss of a Connection: what stays', () => {
  const entry = (change: Partial<OplockEntry> = {}): OplockEntry => ({
    oplockKey: 'key',
    streamKey: '',
    serverId: 'server',
    lease: { clientGuid: GUID, leaseKey: GUID, version: 2 },
    caching: RH,
    epoch: 1,
    breaking: undefined,
    ...change,
  });
  const file = (oplock: OplockEntry, locks: FileRecord['locks'] = []): FileRecord => ({
    isDirectory: false,
    opens: [],
    locks,
    oplocks: [oplock],
    deletePending: [],
    version: 1,
  });
  const lock = { openId: 'open', streamKey: '', offset: 0n, length: 1n, exclusive: true };

  it('an open whose lease still has handle caching', () => {
    assert.ok(decideKeep(file(entry()), OPEN));
    assert.ok(!decideKeep(file(entry({ caching: READ_CACHING })), OPEN));
    assert.ok(!decideKeep(file(entry({ oplockKey: 'other' })), OPEN));
    assert.ok(!decideKeep(undefined, OPEN));
  });

  it('none whose lease is breaking', () => {
    const breaking = { breakingTo: RH, target: RH, since: 1, begun: 1 };
    assert.ok(!decideKeep(file(entry({ caching: ALL_CACHING, breaking })), OPEN));
  });

  it('none with byte-range locks, unless it caches writes', () => {
    assert.ok(!decideKeep(file(entry(), [lock]), OPEN));
    assert.ok(decideKeep(file(entry({ caching: ALL_CACHING }), [lock]), OPEN));
    assert.ok(decideKeep(file(entry(), [{ ...lock, openId: 'other' }]), OPEN));
  });
});

describe('what became of a file meanwhile', () => {
  it('tells a changed file and one that took its place', () => {
    assert.equal(decideIdentity(IDENTITY, { ...IDENTITY }), undefined);
    assert.equal(decideIdentity(IDENTITY, undefined), 'replaced');
    assert.equal(decideIdentity(IDENTITY, { ...IDENTITY, inode: 9n }), 'replaced');
    assert.equal(decideIdentity(IDENTITY, { ...IDENTITY, device: 9n }), 'replaced');
    assert.equal(decideIdentity(IDENTITY, { ...IDENTITY, size: 9 }), 'changed');
    assert.equal(decideIdentity(IDENTITY, { ...IDENTITY, modifyTimeNs: 9n }), 'changed');
    assert.equal(decideIdentity(undefined, IDENTITY), undefined);
  });

  it('names a record by its persistent id', () => {
    assert.equal(durableKey(0x1a2bn), '0000000000001a2b');
  });
});
