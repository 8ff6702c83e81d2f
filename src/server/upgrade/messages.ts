/**
 * What the process that serves and the one that takes its place say to each other, over the pipe of
 * the fork. They are of different versions: nothing is taken for granted.
 *
 *     old                                new
 *      |  (start)                         |
 *      |<-- hello ------------------------|  its version
 *      |--- address … ------------------->|  each with a socket
 *      |--- prepare --------------------->|  reads its configuration, opens shares, binds
 *      |<-- prepared, or failed ----------|  until here the old one serves and can go on
 *      |--- take ------------------------>|  the old one has let go of everything
 *      |<-- serving, or failed -----------|
 *   (exit)
 */
import { z } from 'zod';

/** Who speaks another one is no successor. */
export const PROTOCOL = 1;
/** Set for a process that is to take another's place. */
export const VARIABLE = 'SEMBA_SUCCEEDS';

/** New to old. */
export type FromNew =
  | { readonly kind: 'hello'; readonly protocol: number; readonly version: string }
  | { readonly kind: 'prepared' }
  | { readonly kind: 'serving'; readonly opens: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** Which layouts the old process writes, or the new one reads. */
export interface Layouts {
  readonly handOver: number;
  readonly persistent: number;
}

/** Old to new. An address comes with the handle of a listening socket. */
export type FromOld =
  | { readonly kind: 'address'; readonly host: string; readonly port: number }
  | { readonly kind: 'prepare'; readonly stateFolder: string; readonly layouts: Layouts }
  | { readonly kind: 'take'; readonly folder: string };

const fromNew: z.ZodType<FromNew> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('hello'), protocol: z.number(), version: z.string() }),
  z.object({ kind: z.literal('prepared') }),
  z.object({ kind: z.literal('serving'), opens: z.number() }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);
const layouts: z.ZodType<Layouts> = z.object({ handOver: z.number(), persistent: z.number() });
const fromOld: z.ZodType<FromOld> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('address'), host: z.string(), port: z.number() }),
  z.object({ kind: z.literal('prepare'), stateFolder: z.string(), layouts }),
  z.object({ kind: z.literal('take'), folder: z.string() }),
]);

/** Undefined: it is no message of this protocol. */
export function toFromNew(message: unknown): FromNew | undefined {
  return fromNew.safeParse(message).data;
}

export function toFromOld(message: unknown): FromOld | undefined {
  return fromOld.safeParse(message).data;
}
