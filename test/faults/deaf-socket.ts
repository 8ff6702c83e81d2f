import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import koffi from 'koffi';

/** Of asm-generic/socket.h and linux/filter.h. */
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const BPF_RET_K = 0x06;
const AF_INET = 2;
const SOCK_STREAM = 1;

/**
 * From now on the kernel drops what arrives for the socket: the other side sends, and gets no
 * acknowledgement, as if the cable were cut. Linux only.
 */
export function makeDeaf(socket: Socket): void {
  const { _handle } = socket as Socket & { readonly _handle: { readonly fd: number } };
  const errno = attachFilter(_handle.fd);
  assert.equal(errno, 0, `SO_ATTACH_FILTER: errno ${errno}`);
}

/** For tests that need `makeDeaf`: some systems let only root filter. */
export function needsDeafness(): { readonly skip?: string } {
  const libc = koffi.load(null);
  const fd: number = libc.func('int socket(int domain, int type, int protocol)')(
    AF_INET,
    SOCK_STREAM,
    0,
  );
  const errno = attachFilter(fd);
  libc.func('int close(int fd)')(fd);
  return errno === 0 ? {} : { skip: `this system refuses SO_ATTACH_FILTER: errno ${errno}` };
}

/** An errno, or 0. */
function attachFilter(fd: number): number {
  const setsockopt = koffi
    .load(null)
    .func('int setsockopt(int fd, int level, int name, void *value, int size)');
  // struct sock_filter { u16 code; u8 jt, jf; u32 k }: keep 0 bytes of each packet.
  const filter = new Uint8Array(8);
  new DataView(filter.buffer).setUint16(0, BPF_RET_K, true);
  // struct sock_fprog { u16 len; struct sock_filter *filter }.
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, 1, true);
  view.setBigUint64(8, koffi.address(filter), true);
  const result: number = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length);
  return result === 0 ? 0 : koffi.errno();
}
