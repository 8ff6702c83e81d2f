/**
 * Opens in the past: [MS-SMB2] 2.2.13.2.7 SMB2_CREATE_TIMEWARP_TOKEN, and the older way, a
 * component '@GMT-YYYY.MM.DD-HH.MM.SS' anywhere in the path ([MS-SMB] 2.2.1.1.1).
 */
import { civilTime } from '../base/civil-time.ts';
import type { Task } from '../base/task.ts';
import { type FileTime, msOfFileTime } from '../dtyp/file-time.ts';
import { STATUS_OBJECT_NAME_NOT_FOUND } from '../erref/ntstatus.ts';
import { failed } from '../vfs/errno.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import type { OpenParams } from './surface.ts';
import type { Volume } from './volume.ts';

/** An open in a snapshot's volume, by the path there. */
export interface PastOpen {
  readonly volume: Volume;
  readonly params: OpenParams;
}

/**
 * Where an open leads that names a time; undefined for one that names none. The caller knows that
 * the volume has snapshots. STATUS_OBJECT_NAME_NOT_FOUND: there is none of that time.
 */
export function* openInPast(
  volume: Volume,
  params: OpenParams,
): Task<PastOpen | NtError | undefined> {
  const named = splitGmtToken(params.path);
  const { timewarp } = params;
  if (named === undefined && !timewarp) return undefined;
  const seconds = timewarp ? secondsOf(timewarp) : named!.seconds;
  const past = yield* volume.snapshots!.at(seconds);
  if (failedVolume(past)) return STATUS_OBJECT_NAME_NOT_FOUND;
  // Nothing changes there, so nothing needs an oplock.
  const now = { timewarp: undefined, oplock: undefined, path: named?.path ?? params.path };
  return { volume: past, params: { ...params, ...now } };
}

/** The '@GMT-…' of a time in seconds since 1970. */
export function gmtTokenOf(seconds: number): string {
  const { year, month, day, hours, minutes, seconds: second } = civilTime(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${String(year).padStart(4, '0')}.${two(month)}.${two(day)}`;
  return `@GMT-${date}-${two(hours)}.${two(minutes)}.${two(second)}`;
}

/** A path without its first '@GMT-…' component, and that one's time. */
export function splitGmtToken(
  path: string,
): { readonly path: string; readonly seconds: number } | undefined {
  if (!path.includes('@GMT-')) return undefined;
  const components = path.split('\\');
  for (const [i, component] of components.entries()) {
    const match = GMT_TOKEN.exec(component);
    if (match === null) continue;
    const [year, month, day, ...time] = match.slice(1).map(Number) as SixNumbers;
    const seconds = Date.UTC(year, month - 1, day, ...time) / 1000;
    // A date that does not exist names nothing.
    if (gmtTokenOf(seconds) !== component) continue;
    return { path: components.toSpliced(i, 1).join('\\'), seconds };
  }
  return undefined;
}

type SixNumbers = [number, number, number, number, number, number];
const GMT_TOKEN = /^@GMT-(\d{4})\.(\d\d)\.(\d\d)-(\d\d)\.(\d\d)\.(\d\d)$/;

function secondsOf(time: FileTime): number {
  return Math.floor(msOfFileTime(time) / 1000);
}

function failedVolume(volume: Volume | number): volume is number {
  return typeof volume === 'number' && failed(volume);
}
