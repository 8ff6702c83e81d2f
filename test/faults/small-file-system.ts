import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallFileSystem {
  readonly path: string;
  /** Mounts it again with that option. */
  remount(option: 'ro' | 'rw'): void;
  release(): void;
}

/** A tmpfs of its own with `size` bytes, or why there can be none: only root may mount. */
export function mountSmall(size: number): SmallFileSystem | string {
  if (process.platform !== 'linux') return 'tmpfs is Linux';
  if (process.getuid?.() !== 0) return 'only root may mount a file system';
  const path = mkdtempSync(join(tmpdir(), 'semba-small-'));
  try {
    run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  } catch (error) {
    rmdirSync(path);
    return `no file system can be mounted here: ${(error as Error).message}`;
  }
  return {
    path,
    remount: (option) => run('mount', ['-o', `remount,${option}`, path]),
    release: () => {
      run('umount', [path]);
      rmdirSync(path);
    },
  };
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}
