import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import koffi from 'koffi';
import type { ProcessCalls, SharedMemory } from '../shared-memory.ts';
import { SEGMENT_SIZE } from '../shared-memory.ts';
import { isRunning } from './processes.ts';

/** The file is as long as this at once, and takes room as it is used. */
const SEGMENTS_MAX = 64;
const MODE = 0o600;
/** Of sys/mman.h. */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const libc = koffi.load(null);
const mmap = libc.func('void *mmap(void*, size_t, int, int, int, int64_t)');
const munmap = libc.func('int munmap(void*, size_t)');
const fallocate = libc.func('int posix_fallocate(int, int64_t, int64_t)');
const usleep = libc.func('int usleep(uint32_t)');

/** Maps a file, on a tmpfs best; made when there is none. Throws the system's error. */
export function openSharedMemory(file: string): SharedMemory {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, MODE);
  const size = SEGMENT_SIZE * SEGMENTS_MAX;
  if (fstatSync(fd).size < size) ftruncateSync(fd, size);
  const mapped = new Map<number, { readonly address: unknown; readonly bytes: ArrayBuffer }>();
  return {
    segmentsMax: SEGMENTS_MAX,
    segment(index) {
      const known = mapped.get(index);
      if (known !== undefined) return known.bytes;
      const offset = index * SEGMENT_SIZE;
      const address = mmap(null, SEGMENT_SIZE, PROT_READ_WRITE, MAP_SHARED, fd, offset);
      if (koffi.address(address) === MAP_FAILED) throw new Error(`${file} cannot be mapped`);
      const bytes = koffi.view(address, SEGMENT_SIZE);
      mapped.set(index, { address, bytes });
      return bytes;
    },
    reserve: (start, end) => fallocate(fd, start, end - start) === 0,
    close() {
      for (const { address } of mapped.values()) munmap(address, SEGMENT_SIZE);
      mapped.clear();
      closeSync(fd);
    },
  };
}

export const processCalls: ProcessCalls = {
  pid: process.pid,
  isAlive: (pid) => isRunning(`${pid}`),
  sleep: (microseconds) => void usleep(microseconds),
  kill(pid) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  },
};
