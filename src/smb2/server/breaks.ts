import type { ParsedName } from '../../fsa/names.ts';
import { type OplockBreak, READ_CACHING } from '../../fsa/oplock.ts';
import type { OplockBreakSink } from '../../fsa/ports.ts';
import type { Volume } from '../../fsa/volume.ts';
import { upcase } from '../../fscc/upcase.ts';
import {
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
  SMB2_OPLOCK_BREAK,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../wire/constants.ts';
import type { Guid } from '../wire/guid.ts';
import { encodeHeader } from '../wire/header.ts';
import { encodeLeaseBreakNotification } from '../wire/lease-break.ts';
import { encodeOplockBreak } from '../wire/oplock-break.ts';
import type { BreakDeliveries, OplockBreakChannels } from './break-delivery.ts';
import { allocateReply, type Reply } from './reply.ts';
import { sendMessage } from './sender.ts';
import type { Connection } from './state/connection.ts';
import type { Lease } from './state/lease.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';

const NOTIFICATION_SIZE = 44;
const MESSAGE_ID_NONE = 0xffff_ffff_ffff_ffffn;

/**
 * Who holds which oplock and which lease, and how they learn of breaks: [MS-SMB2] 3.3.1.4
 * GlobalLeaseTableList in one map, and 3.3.1.10 Open.OplockLevel's opens beside it.
 */
export class OplockHolders implements OplockBreakSink {
  /** By `OplockEntry.oplockKey`: of a lease its client and key, of an oplock its open. */
  readonly #leases: Map<string, Lease> = new Map();
  readonly #opens: Map<string, Open> = new Map();
  /** Server.ConnectionList by ClientGuid, the oldest first. */
  readonly #clients: Map<Guid, Set<Connection>> = new Map();
  readonly #purge: (open: Open) => void;
  readonly #deliveries: BreakDeliveries;
  readonly #channels: OplockBreakChannels;

  /** `purge` is for an open whose client is away and cannot answer a break. */
  constructor(options: {
    readonly purge: (open: Open) => void;
    readonly deliveries: BreakDeliveries;
    readonly channels: OplockBreakChannels;
  }) {
    this.#purge = options.purge;
    this.#deliveries = options.deliveries;
    this.#channels = options.channels;
  }

  addConnection(connection: Connection): void {
    const { clientGuid } = connection;
    if (clientGuid === '') return;
    const known = this.#clients.get(clientGuid);
    if (known === undefined) this.#clients.set(clientGuid, new Set([connection]));
    else known.add(connection);
  }

  removeConnection(connection: Connection): void {
    const known = this.#clients.get(connection.clientGuid);
    if (known?.delete(connection) && known.size === 0) this.#clients.delete(connection.clientGuid);
  }

  /** The connection is no channel of any session any more: breaks on it go to others. */
  connectionLost(connection: Connection): void {
    this.#deliveries.connectionLost(connection);
  }

  /** The client answered the break of an oplock or lease. */
  acknowledged(oplockKey: string): void {
    this.#deliveries.settle(oplockKey);
  }

  /**
   * [MS-SMB2] 3.3.5.9.8 and 3.3.5.9.11: false when the lease that a CREATE names is of another
   * file, by its name, which is STATUS_INVALID_PARAMETER.
   */
  mayJoin(oplockKey: string, volume: Volume, name: ParsedName): boolean {
    const lease = this.#leases.get(oplockKey);
    if (lease === undefined) return true;
    for (const { localOpen } of lease.opens) {
      if (localOpen?.volume !== volume) return false;
      return (
        localOpen.streamKey === upcase(name.streamName) &&
        upcase(localOpen.path) === upcase(name.path)
      );
    }
    return true;
  }

  /** Enters an open that was granted something; false: its lease has become another file's. */
  add(open: Open): boolean {
    const { localOpen } = open;
    const grant = localOpen?.oplock;
    if (localOpen === undefined || grant === undefined) return true;
    const { oplockKey, fileKey, streamKey } = localOpen;
    if (grant.lease === undefined) {
      this.#opens.set(oplockKey, open);
      return true;
    }
    let lease = this.#leases.get(oplockKey);
    if (lease === undefined) {
      const { leaseKey } = grant.lease;
      lease = { oplockKey, leaseKey, fileKey, streamKey, opens: new Set() };
      this.#leases.set(oplockKey, lease);
    } else if (lease.fileKey !== fileKey || lease.streamKey !== streamKey) {
      return false;
    }
    lease.opens.add(open);
    return true;
  }

  remove(open: Open): void {
    const { localOpen } = open;
    if (localOpen?.oplock === undefined) return;
    const { oplockKey } = localOpen;
    this.#opens.delete(oplockKey);
    const lease = this.#leases.get(oplockKey);
    if (lease?.opens.delete(open) && lease.opens.size === 0) this.#leases.delete(oplockKey);
    if (lease === undefined || lease.opens.size === 0) this.#deliveries.settle(oplockKey);
  }

  /** Lease.LeaseOpens. */
  opensOfLease(oplockKey: string): Iterable<Open> {
    return this.#leases.get(oplockKey)?.opens ?? [];
  }

  /**
   * [MS-SMB2] 3.3.4.6 Object Store Indicates an Oplock Break, 3.3.4.7 … a Lease Break. A holder
   * whose client is away loses its opens instead (smbtorture smb2.durable-v2-open.purge-*).
   */
  indicateBreak(oplockBreak: OplockBreak): boolean {
    if (oplockBreak.lease === undefined) {
      const open = this.#opens.get(oplockBreak.oplockKey);
      if (open === undefined) return false;
      if (open.state === 'disconnected') this.#purge(open);
      else this.#breakOplock(open, oplockBreak);
      return true;
    }
    const lease = this.#leases.get(oplockBreak.oplockKey);
    if (lease === undefined) return false;
    const opens = [...lease.opens];
    if (opens.every(({ state }) => state === 'disconnected')) {
      for (const open of opens) this.#purge(open);
      return true;
    }
    this.#breakLease(lease, oplockBreak);
    return true;
  }

  /**
   * An oplock is its session's: it breaks on a channel of that. Without one the session is closing,
   * its opens with it. Windows: takes the channel bound last, and no other (smbtorture
   * smb2.multichannel.oplocks.test3_windows).
   */
  #breakOplock(open: Open, oplockBreak: OplockBreak): void {
    const isRetried = this.#channels === 'retry';
    this.#deliveries.deliver({
      oplockKey: oplockBreak.oplockKey,
      isRetried,
      needsAcknowledgement: oplockBreak.needsAcknowledgement,
      connections: () => {
        const channels = [...open.session.channels.keys()];
        return isRetried ? channels : channels.slice(-1);
      },
      send: (connection) => send(connection, open, oplockNotification(open, oplockBreak)),
    });
  }

  #breakLease(lease: Lease, oplockBreak: OplockBreak): void {
    this.#deliveries.deliver({
      oplockKey: oplockBreak.oplockKey,
      isRetried: true,
      needsAcknowledgement: oplockBreak.needsAcknowledgement,
      connections: () => this.#connectionsOf(lease),
      send: (connection) => {
        const open = openOn(lease, connection);
        if (open !== undefined) send(connection, open, leaseNotification(lease, oplockBreak));
      },
    });
  }

  /**
   * [MS-SMB2] 3.3.4.7: a lease is its client's, so any connection of the client will do. Windows
   * takes the oldest (smbtorture smb2.lease.v2_complex1); where a session encrypts it must be one
   * of its channels. A ClientGuid is no secret: the user has to be on the connection.
   */
  *#connectionsOf(lease: Lease): Generator<Connection> {
    for (const open of lease.opens) {
      if (open.state !== 'connected') continue;
      if (!isSealed(open)) {
        for (const connection of this.#clients.get(open.session.clientGuid) ?? []) {
          if (isOfUser(connection, open.session)) yield connection;
        }
      }
      yield* open.session.channels.keys();
    }
  }
}

function isOfUser(connection: Connection, { ownerSid }: Session): boolean {
  for (const session of connection.sessions.values()) {
    if (session.state !== 'in-progress' && session.ownerSid === ownerSid) return true;
  }
  return false;
}

/** On whose behalf a lease breaks on the connection: its keys seal what must be sealed. */
function openOn(lease: Lease, connection: Connection): Open | undefined {
  for (const open of lease.opens) {
    if (open.state !== 'connected') continue;
    if (!isSealed(open) || open.session.channels.has(connection)) return open;
  }
  return undefined;
}

/** [MS-SMB2] 2.2.23.1 Oplock Break Notification. */
function oplockNotification({ fileId }: Open, { to }: OplockBreak): Reply {
  const reply = allocateReply(NOTIFICATION_SIZE);
  const isShared = (to & READ_CACHING) !== 0;
  const oplockLevel = isShared ? SMB2_OPLOCK_LEVEL_II : SMB2_OPLOCK_LEVEL_NONE;
  reply.finish(encodeOplockBreak(reply.view, reply.body, { oplockLevel, fileId }));
  return reply;
}

/** [MS-SMB2] 2.2.23.2 Lease Break Notification. */
function leaseNotification({ leaseKey }: Lease, oplockBreak: OplockBreak): Reply {
  const reply = allocateReply(NOTIFICATION_SIZE);
  const { from, to, epoch, needsAcknowledgement } = oplockBreak;
  reply.finish(
    encodeLeaseBreakNotification(reply.view, reply.body, {
      newEpoch: oplockBreak.lease?.version === 2 ? epoch : 0,
      flags: needsAcknowledgement ? SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED : 0,
      leaseKey,
      currentLeaseState: from,
      newLeaseState: to,
    }),
  );
  return reply;
}

/** Unsigned, with no ids but the open's; encrypted where everything of the session is. */
function send(connection: Connection, open: Open, reply: Reply): void {
  encodeHeader(reply.view, reply.start, {
    creditCharge: 0,
    status: 0,
    command: SMB2_OPLOCK_BREAK,
    credits: 0,
    flags: SMB2_FLAGS_SERVER_TO_REDIR,
    nextCommand: 0,
    messageId: MESSAGE_ID_NONE,
    asyncId: 0n,
    treeId: 0,
    sessionId: 0n,
  });
  sendMessage(connection, isSealed(open) ? open.session : undefined, [reply]);
}

function isSealed({ session, treeConnect }: Open): boolean {
  return session.encryptData || treeConnect.encryptData;
}
