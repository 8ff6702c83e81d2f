import type { ListedFile } from '../../fscc/directory-information.ts';
import { FILE_ATTRIBUTE_DIRECTORY } from '../../fscc/file-attributes.ts';
import type { NetworkOpenInformation } from '../../fscc/file-information.ts';
import type { CreateResponse } from '../wire/create.ts';

/** What a server tells about a file or folder. Times are milliseconds since 1970, UTC. */
export interface FileStat {
  /** The last component of its path. */
  readonly name: string;
  readonly isDirectory: boolean;
  /** Bytes. */
  readonly size: number;
  /** Bytes taken on the server's disk. */
  readonly allocationSize: number;
  /** FILE_ATTRIBUTE_* of [MS-FSCC] 2.6. */
  readonly attributes: number;
  readonly createdMs: number;
  readonly accessedMs: number;
  readonly modifiedMs: number;
  /** When anything about the file, its attributes included, changed. */
  readonly changedMs: number;
}

/** An entry of a listing. */
export interface ListEntry extends FileStat {
  /** Unique in the volume; 0 when the server has none. */
  readonly fileId: bigint;
}

export function statOfResponse(name: string, response: CreateResponse): FileStat {
  const { fileAttributes: attributes, endOfFile, allocationSize } = response;
  return { name, size: endOfFile, allocationSize, ...flagsOf(attributes), ...timesOf(response) };
}

export function statOfInformation(name: string, information: NetworkOpenInformation): FileStat {
  const { attributes, endOfFile, allocationSize } = information;
  const sizes = { size: endOfFile, allocationSize };
  return { name, ...sizes, ...flagsOf(attributes), ...timesOf(information) };
}

export function entryOfListed(file: ListedFile): ListEntry {
  const { name, attributes, endOfFile, allocationSize, fileId } = file;
  const sizes = { size: endOfFile, allocationSize };
  return { name, ...sizes, ...flagsOf(attributes), ...timesOf(file), fileId };
}

function flagsOf(attributes: number): Pick<FileStat, 'attributes' | 'isDirectory'> {
  return { attributes, isDirectory: (attributes & FILE_ATTRIBUTE_DIRECTORY) !== 0 };
}

interface FileTimes {
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
}

function timesOf(
  times: FileTimes,
): Pick<FileStat, 'createdMs' | 'accessedMs' | 'modifiedMs' | 'changedMs'> {
  return {
    createdMs: toUnixMs(times.creationTime),
    accessedMs: toUnixMs(times.lastAccessTime),
    modifiedMs: toUnixMs(times.lastWriteTime),
    changedMs: toUnixMs(times.changeTime),
  };
}

/** FILETIME of 1970-01-01 UTC ([MS-DTYP] 2.3.3). */
const FILETIME_UNIX_EPOCH = 116_444_736_000_000_000n;
const FILETIME_UNITS_PER_MS = 10_000;

function toUnixMs(fileTime: bigint): number {
  return Number(fileTime - FILETIME_UNIX_EPOCH) / FILETIME_UNITS_PER_MS;
}
