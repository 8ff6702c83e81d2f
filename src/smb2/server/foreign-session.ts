import type { ForeignSession } from './options.ts';
import type { Smb2Server } from './server.ts';

/** A session of this process, as another one has to know it; undefined: there is none. */
export function foreignSessionOf(
  server: Smb2Server,
  sessionId: bigint,
): ForeignSession | undefined {
  const session = server.sessions.get(sessionId);
  if (session?.keys === undefined || session.signer === undefined) return undefined;
  const { dialect, cipherId, signingAlgorithm } = session;
  return { dialect, cipherId, signingAlgorithm, signingKey: session.keys.signingKey };
}
