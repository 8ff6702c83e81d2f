/** What the object store needs from the layers above it. */
import type { OplockBreak } from './oplock.ts';

/**
 * [MS-FSA] 2.1.5.18.3 Indicating an Oplock Break to the Server. Must not throw; it may close the
 * holder's opens at once. False: it does not know the holder yet, whose CREATE is not answered; it
 * is told again when that open is claimed.
 */
export interface OplockBreakSink {
  indicateBreak(oplockBreak: OplockBreak): boolean;
}
