/**
 * What a POSIX symbolic link says to a Windows client, and the other way round.
 *
 * A relative target keeps its components. An absolute target of Windows' ('\??\C:\x') stands on
 * disk as '/??/C:/x', which leads nowhere on this machine and comes back as it was. A target that
 * ends in '/' is a directory's, as for every POSIX program.
 */
import type { SymlinkReparseData } from '../fscc/reparse-data.ts';
import { ELOOP, ENOENT, ENOTDIR, type Errno, EXDEV } from '../vfs/errno.ts';
import { nameFromDisk, nameToDisk } from './names.ts';

const NT_PREFIX = '\\??\\';
const NT_PREFIX_ON_DISK = '/??/';
const UNC = 'UNC\\';
/** Bytes of a link's text on disk, without its NUL: PATH_MAX. */
const TARGET_SIZE_MAX = 4095;

/** Whether names in a link are written as Windows can have them, or as they are on disk. */
export type LinkNames = 'windows' | 'posix';

/** A link's text as the data of a reparse point. */
export function linkDataOf(target: string, names: LinkNames = 'windows'): SymlinkReparseData {
  if (names === 'posix') {
    const name = target.replaceAll('/', '\\');
    return { substituteName: name, printName: name, isRelative: !target.startsWith('/') };
  }
  const text = target.length > 1 && target.endsWith('/') ? target.slice(0, -1) : target;
  if (text.startsWith(NT_PREFIX_ON_DISK)) {
    const rest = text.slice(NT_PREFIX_ON_DISK.length).replaceAll('/', '\\');
    const printName = rest.startsWith(UNC) ? `\\\\${rest.slice(UNC.length)}` : rest;
    return { substituteName: NT_PREFIX + rest, printName, isRelative: false };
  }
  const name = text.split('/').map(componentFromDisk).join('\\');
  return { substituteName: name, printName: name, isRelative: !text.startsWith('/') };
}

/** Whether a link's text names a directory whatever is there. */
export function isDirectoryTarget(target: string): boolean {
  return target.endsWith('/');
}

/** Why the server does not follow a link: it leads to nothing, in circles, or out of the share. */
export function isUnfollowed(errno: Errno): boolean {
  return errno === ENOENT || errno === ENOTDIR || errno === ELOOP || errno === EXDEV;
}

/**
 * The text of a link on disk that means the same and comes back the same; undefined where there is
 * none, or where it would lead out of the share by what is written in it: that data is kept beside
 * the file, so that a client plants no link that leads other programs of this machine astray.
 *
 * `parent` is the link's directory, from the share's root.
 */
export function targetOfLinkData(
  link: SymlinkReparseData,
  place: {
    readonly parent: string;
    readonly isDirectory: boolean;
    readonly names?: LinkNames;
  },
): string | undefined {
  const { parent, names = 'windows' } = place;
  const text = link.isRelative
    ? relativeTarget(link.substituteName, parent, names)
    : ntTarget(link);
  if (text === undefined) return undefined;
  const target = place.isDirectory && names === 'windows' ? `${text}/` : text;
  if (Buffer.byteLength(target) > TARGET_SIZE_MAX) return undefined;
  const back = linkDataOf(target, names);
  const isSame =
    back.substituteName === link.substituteName &&
    back.isRelative === link.isRelative &&
    back.printName === link.printName;
  return isSame ? target : undefined;
}

function relativeTarget(name: string, parent: string, names: LinkNames): string | undefined {
  let depth = parent === '' ? 0 : parent.split('/').length;
  const components: string[] = [];
  for (const component of name.split('\\')) {
    if (component === '..') depth--;
    else if (component !== '.' && component !== '') depth++;
    if (depth < 0 || component.includes('\0')) return undefined;
    const onDisk = names === 'posix' ? component : componentToDisk(component);
    if (onDisk === undefined) return undefined;
    components.push(onDisk);
  }
  return components.join('/');
}

function ntTarget({ substituteName }: SymlinkReparseData): string | undefined {
  if (!substituteName.startsWith(NT_PREFIX)) return undefined;
  const components = substituteName.slice(NT_PREFIX.length).split('\\');
  if (components.some((name) => !isEntry(name))) return undefined;
  return NT_PREFIX_ON_DISK + components.join('/');
}

function componentFromDisk(name: string): string {
  return name === '..' || name === '.' ? name : nameFromDisk(name);
}

function componentToDisk(name: string): string | undefined {
  if (name === '..' || name === '.') return name;
  const onDisk = nameToDisk(name);
  return isEntry(onDisk) ? onDisk : undefined;
}

function isEntry(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false;
  return !name.includes('/') && !name.includes('\0');
}
