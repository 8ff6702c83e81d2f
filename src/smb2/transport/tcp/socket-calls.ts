import { createRequire } from 'node:module';

/**
 * What Node's sockets do not offer: calls on a socket's descriptor, through koffi, on Linux.
 * Without them a connection works all the same; a dead peer is noticed later.
 */
export interface SocketCalls {
  /** Bytes that the kernel holds for the peer: not sent, or not acknowledged by it (SIOCOUTQ). */
  unacknowledgedBytes(fd: number): number;
  /** Ends the connection when sent bytes stay unacknowledged for so long (TCP_USER_TIMEOUT). */
  setUserTimeout(fd: number, timeoutMs: number): void;
  /** Sends bytes without waiting; how many the kernel took, or less than 0. */
  send(fd: number, bytes: Uint8Array): number;
  /** Sends bytes, more of the same message to follow; how many the kernel took, or less than 0. */
  sendMore(fd: number, bytes: Uint8Array): number;
  /** Sends bytes of a file without reading them (sendfile(2)); as `sendMore`. */
  sendFile(
    fd: number,
    file: { readonly fd: number; readonly offset: number },
    size: number,
  ): number;
  /** Closing the socket drops what waits for the peer, and resets the connection (SO_LINGER). */
  resetAtClose(fd: number): void;
}

/** Of linux/sockios.h, asm-generic/socket.h, netinet/in.h and linux/tcp.h. */
const SIOCOUTQ = 0x5411;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;

let loaded: { readonly calls: SocketCalls | undefined } | undefined;

/** Undefined elsewhere than on Linux, and where koffi cannot be loaded. */
export function socketCalls(): SocketCalls | undefined {
  loaded ??= { calls: process.platform === 'linux' ? load() : undefined };
  return loaded.calls;
}

function load(): SocketCalls | undefined {
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch {
    return undefined; // koffi has no binary for this processor
  }
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)');
  const setsockopt = libc.func(
    'int setsockopt(int fd, int level, int name, void *value, int size)',
  );
  const send = libc.func('int64_t send(int fd, void *bytes, size_t size, int flags)');
  const sendfile = libc.func('int64_t sendfile(int fd, int file, void *offset, size_t size)');
  const word = new Int32Array(1);
  const position = new BigInt64Array(1);
  const lingerNot = new Int32Array([1, 0]);
  return {
    unacknowledgedBytes(fd) {
      return ioctl(fd, SIOCOUTQ, word) === 0 ? word[0]! : 0;
    },
    send(fd, bytes) {
      return Number(send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    },
    sendMore(fd, bytes) {
      return Number(send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
    },
    sendFile(fd, file, size) {
      position[0] = BigInt(file.offset);
      return Number(sendfile(fd, file.fd, position, size));
    },
    setUserTimeout(fd, timeoutMs) {
      word[0] = timeoutMs;
      setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, word, word.byteLength);
    },
    resetAtClose(fd) {
      setsockopt(fd, SOL_SOCKET, SO_LINGER, lingerNot, lingerNot.byteLength);
    },
  };
}
