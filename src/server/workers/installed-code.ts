/**
 * Which code a process is made of. One that runs keeps what it has read when another version is
 * installed over it; one that it starts then would be of the other, and they would not agree on
 * messages and shared records.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';

/** Of the package, seen from dist/src/server/workers. */
const PACKAGE = fileURLToPath(new URL('../../../../', import.meta.url));
const CODE = /(?<!\.test)\.js$/;

export interface InstalledCode {
  readonly version: string;
  /** CRC-32 of names and contents of all compiled files. */
  readonly checksum: number;
}

/** As it is on the disk; of what cannot be read it is said that it is none. Some 20 ms. */
export function installedCode(folder: string = PACKAGE): InstalledCode {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    const { version } = JSON.parse(text) as { readonly version: string };
    let checksum = 0;
    for (const path of [...filesIn(folder, join('dist', 'src'))].sort()) {
      checksum = crc32(readFileSync(join(folder, path)), crc32(path, checksum));
    }
    return { version: String(version), checksum };
  } catch {
    // In the middle of an installation, or removed.
    return NONE;
  }
}

const NONE: InstalledCode = { version: 'none', checksum: 0 };

export function isSameCode(a: InstalledCode, b: InstalledCode): boolean {
  return a.version === b.version && a.checksum === b.checksum;
}

function* filesIn(root: string, folder: string): Iterable<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(root, path);
    else if (CODE.test(entry.name)) yield path;
  }
}

let first: InstalledCode | undefined;

/** What this process runs: what was installed when it first asked, at its start. */
export function runningCode(): InstalledCode {
  first ??= installedCode();
  return first;
}

/** Both versions, when other files are installed by now than this process runs. */
export function replacement():
  | { readonly running: string; readonly installed: string }
  | undefined {
  const [running, installed] = [runningCode(), installedCode()];
  if (isSameCode(installed, running)) return undefined;
  return { running: running.version, installed: installed.version };
}
