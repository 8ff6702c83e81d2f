/**
 * What a service manager is told, by the protocol of sd_notify(3): a datagram on the unix socket
 * that $NOTIFY_SOCKET names. Node has no such sockets, so that the calls go through koffi.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';

/** Of bits/socket.h. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const PATH_AT = 2;
/** unix(7): the bytes of `sun_path`. */
const PATH_SIZE = 108;

/** False: there is none, or it could not be told. */
export function tellServiceManager(
  lines: readonly string[],
  name: string | undefined = process.env.NOTIFY_SOCKET,
): boolean {
  const address = name === undefined ? undefined : addressOf(name);
  if (address === undefined || process.platform !== 'linux') return false;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'int64_t sendto(int fd, void *bytes, size_t size, int flags, void *address, uint32_t length)',
  );
  const close = libc.func('int close(int fd)');
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
  if (fd < 0) return false;
  const bytes = Buffer.from(lines.join('\n'));
  const sent = Number(sendto(fd, bytes, bytes.length, 0, address, address.length));
  close(fd);
  return sent === bytes.length;
}

/** unix(7) sockaddr_un; '@' at the start is an address without a file. Undefined: it is none. */
export function addressOf(name: string): Buffer | undefined {
  const path = Buffer.from(name);
  if (!/^[/@]./.test(name) || path.length > PATH_SIZE) return undefined;
  if (path[0] === 0x40) path[0] = 0;
  const address = Buffer.alloc(PATH_AT + path.length);
  if (endianness() === 'LE') address.writeUInt16LE(AF_UNIX);
  else address.writeUInt16BE(AF_UNIX);
  address.set(path, PATH_AT);
  return address;
}
