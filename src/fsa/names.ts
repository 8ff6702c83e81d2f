/**
 * Names as clients write them and as they stand on disk.
 *
 * A client's path is '\'-separated UTF-16 and may end in ':stream:$TYPE'. On disk a path is
 * '/'-separated; characters that Windows refuses but a disk has show up in the Unicode private use
 * range, as macOS (SFM) and the Linux client ('mapchars') write them, and lead back to the same
 * file.
 */
import {
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../erref/ntstatus.ts';
import { upcase } from '../fscc/upcase.ts';
import type { NtError } from './errno-to-ntstatus.ts';

/** Longest component in UTF-16 code units ([MS-FSCC] 2.1.5.2 Filename). */
const COMPONENT_LENGTH_MAX = 255;

/** [MS-FSA] 2.1.5.1, the parsed PathName. */
export interface ParsedName {
  /** Components as on disk, joined with '/'; '' is the root. */
  readonly path: string;
  /** '' is the unnamed stream. */
  readonly streamName: string;
  /** A trailing '\', or type '$INDEX_ALLOCATION': must be a directory. */
  readonly isDirectory: boolean;
  /** Type '$DATA' was written: must not be a directory, if the stream has no name. */
  readonly isData: boolean;
}

export interface NameLimits {
  readonly pathLengthMax: number;
  readonly pathDepthMax: number;
  /** Name that nothing in the share may have, in whatever case; '' for none. */
  readonly streamsFolder: string;
}

/**
 * [MS-FSA] 2.1.5.1 Server Requests an Open of a File, PathName; [MS-FSCC] 2.1.5 Pathname.
 *
 * STATUS_INVALID_PARAMETER: a leading '\' ([MS-SMB2] 2.2.13). STATUS_OBJECT_PATH_SYNTAX_BAD: '..'
 * out of the root; elsewhere it takes the name before it away (smbtorture smb2.notify.tree).
 * STATUS_OBJECT_NAME_NOT_FOUND: the side store's folder, which nobody sees.
 * STATUS_OBJECT_NAME_INVALID: '.', an empty component, a character, a length or a stream type that
 * cannot be.
 */
export function parseName(name: string, limits: NameLimits): ParsedName | NtError {
  if (name.length === 0) return ROOT;
  if (name.length > limits.pathLengthMax) return STATUS_OBJECT_NAME_INVALID;
  if (name.charCodeAt(0) === BACKSLASH) return STATUS_INVALID_PARAMETER;
  const colon = name.indexOf(':', name.lastIndexOf('\\') + 1);
  const filePart = colon < 0 ? name : name.slice(0, colon);
  const isTrailing = colon < 0 && name.charCodeAt(name.length - 1) === BACKSLASH;
  const path = parsePath(isTrailing ? filePart.slice(0, -1) : filePart, limits);
  if (typeof path === 'number') return path;
  if (colon < 0) return { path, streamName: '', isDirectory: isTrailing, isData: false };
  return parseStream(path, name.slice(colon + 1));
}

/**
 * A name of an open that keeps to POSIX: components between '/', every other character (but NUL) is
 * its own.
 *
 * Samba: '\\' and ':' are letters like others, and several '/' are one.
 */
export function parsePosixName(name: string, limits: NameLimits): ParsedName | NtError {
  if (name.length > limits.pathLengthMax || name.includes('\0')) return STATUS_OBJECT_NAME_INVALID;
  const components = name.split('/').filter((component) => component !== '');
  if (components.length > limits.pathDepthMax) return STATUS_OBJECT_NAME_INVALID;
  if (components.includes('..') && !takeUp(components)) return STATUS_OBJECT_PATH_SYNTAX_BAD;
  for (const component of components) {
    if (component === '.' || component.length > COMPONENT_LENGTH_MAX) {
      return STATUS_OBJECT_NAME_INVALID;
    }
    if (isStreamsFolder(component, limits)) return STATUS_OBJECT_NAME_NOT_FOUND;
  }
  const isDirectory = components.length > 0 && name.endsWith('/');
  return { path: components.join('/'), streamName: '', isDirectory, isData: false };
}

/** A ':name:$DATA' as FileRenameInformation gives it; the name, or undefined when it is none. */
export function parseStreamName(name: string): string | undefined {
  if (!name.startsWith(':')) return undefined;
  // The unnamed stream may be named here as ':' alone.
  if (name === ':') return '';
  const parsed = parseStream('', name.slice(1));
  return typeof parsed === 'number' || parsed.isDirectory ? undefined : parsed.streamName;
}

/** A disk path as a client sees it: '\'-separated. */
export function pathFromDisk(path: string): string {
  if (!DISK_SPECIAL_PATH.test(path)) return path.replaceAll('/', '\\');
  return path.split('/').map(nameFromDisk).join('\\');
}

/** One name on disk as a client sees it. */
export function nameFromDisk(name: string): string {
  if (!DISK_SPECIAL.test(name)) return name;
  let mapped = name.replace(RESERVED, (character) => {
    const code = character.charCodeAt(0);
    return String.fromCharCode(code < 0x20 ? PRIVATE_BASE + code : PRIVATE_OF.get(character)!);
  });
  if (mapped.endsWith(' ')) mapped = mapped.slice(0, -1) + TRAILING_SPACE;
  if (mapped.endsWith('.')) mapped = mapped.slice(0, -1) + TRAILING_DOT;
  return mapped;
}

/** One name of a client as it stands on disk. */
export function nameToDisk(name: string): string {
  if (!PRIVATE.test(name)) return name;
  const mapped = name.replace(PRIVATE_INNER, (character) => {
    const code = character.charCodeAt(0);
    return code < 0xf020 ? String.fromCharCode(code - PRIVATE_BASE) : DISK_OF.get(code)!;
  });
  if (mapped.endsWith(TRAILING_SPACE)) return `${mapped.slice(0, -1)} `;
  if (mapped.endsWith(TRAILING_DOT)) return `${mapped.slice(0, -1)}.`;
  return mapped;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

const ROOT: ParsedName = { path: '', streamName: '', isDirectory: false, isData: false };
const BACKSLASH = 0x5c;
const PRIVATE_BASE = 0xf000;
const TRAILING_SPACE = '\uf028';
const TRAILING_DOT = '\uf029';
const PRIVATE_OF: ReadonlyMap<string, number> = new Map(
  [...'"*:<>?\\|'].map((character, i) => [character, 0xf020 + i]),
);
const DISK_OF: ReadonlyMap<number, string> = new Map(
  [...PRIVATE_OF].map(([character, code]) => [code, character]),
);

// biome-ignore lint/suspicious/noControlCharactersInRegex: names may hold them on disk.
const RESERVED = /[\x01-\x1f"*:<>?\\|]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: names may hold them on disk.
const DISK_SPECIAL = /[\x01-\x1f"*:<>?\\|]|[ .]$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: names may hold them on disk.
const DISK_SPECIAL_PATH = /[\x01-\x1f"*:<>?\\|]|[ .](?:$|\/)/;
const PRIVATE = /[\uf001-\uf029]/;
const PRIVATE_INNER = /[\uf001-\uf027]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a client must not send.
const INVALID_IN_NAME = /[\x00-\x1f"*:<>?|]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a client must not send.
const INVALID_IN_STREAM = /[\x00/\\:]/;

function parsePath(path: string, limits: NameLimits): string | NtError {
  if (path === '') return path;
  if (INVALID_IN_NAME.test(path)) return STATUS_OBJECT_NAME_INVALID;
  // Like Samba we take '/' for a separator (smbtorture smb2.timestamps.test_close_not_attrib).
  const components = path.split(/[\\/]/);
  if (components.length > limits.pathDepthMax) return STATUS_OBJECT_NAME_INVALID;
  if (components.includes('..') && !takeUp(components)) return STATUS_OBJECT_PATH_SYNTAX_BAD;
  const isPrivate = PRIVATE.test(path);
  for (let i = 0; i < components.length; i++) {
    const component = components[i]!;
    if (component === '' || component === '.' || component.length > COMPONENT_LENGTH_MAX) {
      return STATUS_OBJECT_NAME_INVALID;
    }
    if (isStreamsFolder(component, limits)) {
      return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (isPrivate) {
      const name = nameToDisk(component);
      // Mapped dots must not become a way out.
      if (name === '.' || name === '..') return STATUS_OBJECT_NAME_INVALID;
      components[i] = name;
    }
  }
  return components.join('/');
}

/** Whether a name is that of the side store's folder, which nobody may see. */
export function isStreamsFolder(
  name: string,
  { streamsFolder }: Pick<NameLimits, 'streamsFolder'>,
): boolean {
  if (name.length !== streamsFolder.length) return false;
  return name.toLowerCase() === streamsFolder.toLowerCase();
}

/** Follows each '..' in place, by name alone; false when one leads out of the root. */
function takeUp(components: string[]): boolean {
  for (let i = 0; i < components.length; ) {
    if (components[i] !== '..') i++;
    else if (i === 0) return false;
    else components.splice(--i, 2);
  }
  return true;
}

/** [MS-FSCC] 2.1.5.3 Streamname: 'name', 'name:type' or ':type'. */
function parseStream(path: string, text: string): ParsedName | NtError {
  const colon = text.indexOf(':');
  const streamName = colon < 0 ? text : text.slice(0, colon);
  const type = colon < 0 ? undefined : text.slice(colon + 1).toUpperCase();
  if (INVALID_IN_STREAM.test(streamName) || streamName.length > COMPONENT_LENGTH_MAX) {
    return STATUS_OBJECT_NAME_INVALID;
  }
  if (type === undefined) {
    if (streamName === '') return STATUS_OBJECT_NAME_INVALID;
    return { path, streamName, isDirectory: false, isData: true };
  }
  if (type === '$DATA') return { path, streamName, isDirectory: false, isData: true };
  if (type === '$INDEX_ALLOCATION' && (streamName === '' || upcase(streamName) === '$I30')) {
    return { path, streamName: '', isDirectory: true, isData: false };
  }
  return STATUS_OBJECT_NAME_INVALID;
}
