/**
 * `import { LocalVfs, MemoryVfs, … } from 'semba/vfs'`: what it takes to share something else than
 * a folder. Implement `Vfs` (its calls may answer at once or with a promise, and fail with an
 * `Errno` as their value), or start from one of the two that are here.
 */
export { makeNodeClock } from '../env/node/node-clock.ts';
export * from '../vfs/errno.ts';
export { type LocalVfs, openLocalVfs } from '../vfs/local/local-vfs.ts';
export { SnapshotFolder } from '../vfs/local/snapshot-folder.ts';
export { MemoryVfs } from '../vfs/memory/memory-vfs.ts';
export type * from '../vfs/snapshots.ts';
export type * from '../vfs/vfs.ts';
