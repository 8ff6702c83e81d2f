import type { Env } from '../env/ports.ts';
import type { RecordStore } from '../state/record-store.ts';
import type { Vfs } from '../vfs/vfs.ts';
import type { Volume, VolumeOptions } from './volume.ts';

export interface VolumeParams {
  readonly id: string;
  readonly vfs: Vfs;
  readonly env: Env;
  readonly options: VolumeOptions;
  readonly serverId: string;
  readonly store: RecordStore;
}

export const DEFAULT_VOLUME_OPTIONS: VolumeOptions = {
  readOnly: false,
  label: 'semba',
  serialNumber: 0x5e3ba,
  createMask: 0o644,
  directoryMask: 0o755,
  securityXattr: 'user.NTACL',
  hideDotFiles: true,
  strictSync: true,
  eaSizeMax: 65536,
  locksPerOpenMax: 4096,
  pathDepthMax: 256,
  pathLengthMax: 32760,
};

export function makeVolume(_params: VolumeParams): Volume {
  throw new Error('stub');
}
