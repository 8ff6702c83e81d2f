import { hostname } from 'node:os';
import type { SmbServerOptions } from './options.ts';

const NETBIOS_NAME_MAX = 15;

/** What clients know the server as: this machine's name where the options say none. */
export function serverNameOf({ name }: SmbServerOptions): string {
  const own =
    hostname()
      .split('.')[0]
      ?.replace(/[^A-Za-z0-9-]/g, '') || 'SEMBA';
  return (name ?? own).slice(0, NETBIOS_NAME_MAX).toUpperCase();
}
