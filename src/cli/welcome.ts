import { networkInterfaces } from 'node:os';
import type { ShareOptions } from '../server/options.ts';

const SMB_PORT = 445;

export interface WelcomeParams {
  readonly version: string;
  readonly listen: readonly string[] | undefined;
  readonly port: number;
  readonly shares: readonly ShareOptions[];
  readonly users: readonly string[];
  /** Of the account that was made just now; shown this once. */
  readonly password: string | undefined;
  readonly stateFolder: string;
  /** Whether that is where every command looks. */
  readonly isDefaultState: boolean;
}

/** What `semba serve` prints when it listens: all that a person needs to connect. */
export function welcome(params: WelcomeParams): string {
  const { port, shares, users, password } = params;
  const host = reachableAddress(params.listen);
  const share = shares[0]?.name ?? 'SHARE';
  const user = users[0] ?? 'USER';
  const lines = [
    `semba ${params.version} is serving on ${host}, port ${port}. Stop it with Ctrl-C.`,
    '',
    ...shares.map(
      (one) => `  share     ${one.name}${one.readOnly ? ' (read-only)' : ''}  ${one.path}`,
    ),
    `  user      ${users.join(', ') || 'none yet: semba user add NAME'}`,
    ...(password === undefined
      ? []
      : [`  password  ${password}   (shown only now; change it: ${passwordCommand(params)})`]),
    `  accounts  ${params.stateFolder}`,
    '',
    'Connect from',
    ...linux(host, port, share, user),
    ...macos(host, port, share, user),
    ...windows(host, port, share, user),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function passwordCommand({ users, stateFolder, isDefaultState }: WelcomeParams): string {
  const place = isDefaultState ? '' : ` --state ${quoted(stateFolder)}`;
  return `semba user passwd ${quoted(users[0]!)}${place}`;
}

function linux(host: string, port: number, share: string, user: string): readonly string[] {
  const name = quoted(`//${host}/${share}`);
  const option = port === SMB_PORT ? '' : ` -p ${port}`;
  const mountPort = port === SMB_PORT ? '' : `,port=${port}`;
  return [
    `  Linux     smbclient${option} -U ${quoted(user)} ${name}`,
    `            sudo mount -t cifs -o ${quoted(`username=${user}${mountPort}`)} ${name} /mnt`,
  ];
}

function macos(host: string, port: number, share: string, user: string): readonly string[] {
  const at = port === SMB_PORT ? host : `${host}:${port}`;
  const url = `smb://${encodeURIComponent(user)}@${at}/${encodeURIComponent(share)}`;
  return [`  macOS     open ${quoted(url)}`];
}

function windows(host: string, port: number, share: string, user: string): readonly string[] {
  const unc = `\\\\${windowsHost(host)}\\${share}`;
  const command = `net use Z: ${spaced(unc)} /user:${spaced(user)}`;
  if (port === SMB_PORT) return [`  Windows   ${command}`];
  return [
    `  Windows   ${command} /tcpport:${port}   (Windows 11 24H2 or newer; others need port 445)`,
  ];
}

/** As Windows' command line takes it. */
function spaced(text: string): string {
  return text.includes(' ') ? `"${text}"` : text;
}

/** An IPv6 address in a UNC path is written as a name ([MS-DTYP] 2.2.57 UNC). */
function windowsHost(host: string): string {
  return host.includes(':') ? `${host.replaceAll(':', '-')}.ipv6-literal.net` : host;
}

function quoted(text: string): string {
  return /[^\w@%+=:,./-]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : text;
}

/** The address that other machines use: what was asked for, or the first that is not loopback. */
function reachableAddress(listen: readonly string[] | undefined): string {
  const asked = listen?.find((address) => address !== '0.0.0.0' && address !== '::');
  if (asked !== undefined) return asked;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.find((one) => one.family === 'IPv4' && !one.internal);
  return outside?.address ?? '127.0.0.1';
}
