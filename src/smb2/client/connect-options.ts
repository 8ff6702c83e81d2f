import type { Transport, TransportListener } from '../transport/transport.ts';
import {
  SMB2_DIALECT_202,
  SMB2_DIALECT_210,
  SMB2_DIALECT_300,
  SMB2_DIALECT_302,
  SMB2_DIALECT_311,
} from '../wire/constants.ts';
import type { ClientEnv } from './client-env.ts';
import type { BreakNotification } from './connection.ts';

/** How `SmbClient.connect` reaches a server and as whom. */
export interface ConnectOptions {
  /** Name or address. */
  readonly host: string;
  /** Default 445. */
  readonly port?: number;
  /** Default: anonymous. */
  readonly user?: string;
  readonly password?: string;
  /** The user's domain; default: an account of the server's own. */
  readonly domain?: string;
  /** What paths are relative to; without it only `shares` and `openShare` do anything. */
  readonly share?: string;
  /** 'required' signs every message; 'auto' (default) does when the server demands it. */
  readonly signing?: 'auto' | 'required';
  /** 'required' encrypts everything, 'auto' (default) what server or share demand; 'off' cannot. */
  readonly encryption?: 'auto' | 'required' | 'off';
  /**
   * 'auto' compresses what shares ask to have compressed, 'always' everything that shrinks; default
   * 'off'. It pays on networks of less than some 100 Mbit/s.
   */
  readonly compression?: 'off' | 'auto' | 'always';
  /**
   * Multichannel, with servers of SMB 3: how many connections to use for one session, to addresses
   * that the server tells; or the addresses of further ones, besides `host`. A request whose
   * connection breaks goes out on another one; a broken connection is made again. Default 1.
   */
  readonly channels?: number | readonly string[];
  /**
   * When the last connection breaks, connects and logs on again, and takes up open files where the
   * server kept them (durable handles, SMB 2.1 or newer). Default false: what is under way and what
   * is asked for afterwards fails with STATUS_CONNECTION_DISCONNECTED.
   */
  readonly reconnect?: boolean;
  /** Milliseconds that `reconnect` tries; default 60,000. */
  readonly reconnectTimeMs?: number;
  /** Offered dialects; default: all. */
  readonly dialects?: readonly DialectName[];
  /** Whether to go on when the server takes a user for a guest; default 'refuse'. */
  readonly guest?: 'refuse' | 'accept';
  /** Milliseconds until the TCP connection must stand; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds until the answer to a request must have begun; default 60,000. */
  readonly timeoutMs?: number;
  /** Breaks of oplocks and leases that were asked for by `tree`: [MS-SMB2] 3.2.5.19. */
  readonly onBreak?: (notification: BreakNotification) => void;
  /** Clocks, timers and randomness; default: this machine's. */
  readonly env?: ClientEnv;
  /** Opens the connections in place of TCP: whatever carries messages in order. */
  readonly transport?: TransportConnect;
}

/** Connects to the server at `host`, one of its addresses; see `Transport`. */
export type TransportConnect = (
  to: { readonly host: string; readonly port: number },
  listener: TransportListener,
) => Promise<Transport>;

export type DialectName = '2.0.2' | '2.1' | '3.0' | '3.0.2' | '3.1.1';

const DIALECTS: Readonly<Record<DialectName, number>> = {
  '2.0.2': SMB2_DIALECT_202,
  '2.1': SMB2_DIALECT_210,
  '3.0': SMB2_DIALECT_300,
  '3.0.2': SMB2_DIALECT_302,
  '3.1.1': SMB2_DIALECT_311,
};

export function dialectOf(name: DialectName): number {
  return DIALECTS[name];
}

/** The name of a negotiated dialect. */
export function dialectName(dialect: number): DialectName | undefined {
  const names = Object.keys(DIALECTS) as DialectName[];
  return names.find((name) => DIALECTS[name] === dialect);
}
