/**
 * The configuration file: TOML, checked whole before anything is done with it. Every error names
 * file, line, key and what was expected.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import type { LogLevel } from '../env/node/node-log.ts';
import { type ConfigData, configSchema, keysAt, type ShareSection } from './config-schema.ts';
import { nearest } from './nearest.ts';
import { checkShareName, DIALECTS, type ShareOptions, type SmbServerOptions } from './options.ts';
import { lineOf } from './toml-lines.ts';

export interface Config {
  readonly server: Omit<SmbServerOptions, 'log'>;
  readonly logLevel: LogLevel | undefined;
  readonly shares: readonly ShareOptions[];
}

/** Everything that is wrong with the file, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads and checks the file at `path`; throws `ConfigError`. */
export function readConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return parseConfig(text, path);
}

/** `path` names the file in errors, and relative paths in it start at its folder. */
export function parseConfig(text: string, path: string): Config {
  const parsed = configSchema.safeParse(parseToml(text, path));
  const problems = parsed.success ? crossChecks(parsed.data) : explain(parsed.error.issues);
  if (!parsed.success || problems.length > 0) throw new ConfigError(report(problems, text, path));
  return toConfig(parsed.data, dirname(resolve(path)));
}

function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '');
    throw new ConfigError(`${path}:${error.line}: this is not TOML: ${reason}`);
  }
}

interface Problem {
  readonly key: readonly PropertyKey[];
  readonly message: string;
}

function explain(issues: readonly z.core.$ZodIssue[]): readonly Problem[] {
  return issues.flatMap((issue): readonly Problem[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknown(issue.path, key));
    return [{ key: issue.path, message: issue.message }];
  });
}

function unknown(section: readonly PropertyKey[], key: string): Problem {
  const known = keysAt(section);
  const hint = nearest(key, known);
  const message = hint
    ? `is unknown; did you mean '${hint}'?`
    : `is unknown; known: ${known.join(', ')}`;
  return { key: [...section, key], message };
}

/** One line a key, in the order of the file. */
function report(problems: readonly Problem[], text: string, path: string): string {
  const lines = new Map<string, { readonly line: number; readonly message: string }>();
  for (const { key, message } of problems) {
    const name = key.join('.');
    if (!lines.has(name)) lines.set(name, { line: lineOf(text, key.map(String)), message });
  }
  return [...lines]
    .toSorted(([, a], [, b]) => a.line - b.line)
    .map(([name, { line, message }]) => `${path}:${line}: ${name}: ${message}`)
    .join('\n');
}

/** What no single key shows: order of the dialects, names that differ in case only. */
function crossChecks(data: ConfigData): readonly Problem[] {
  const problems: Problem[] = [];
  const { dialect_min: min = '2.0.2', dialect_max: max = '3.1.1' } = data.server ?? {};
  if (DIALECTS[min] > DIALECTS[max]) {
    const message = `expected a dialect of at most dialect_max (${max})`;
    problems.push({ key: ['server', 'dialect_min'], message });
  }
  const seen = new Map<string, string>();
  for (const name of Object.keys(data.shares ?? {})) {
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    const message = shareNameProblem(name, twin);
    if (message !== undefined) problems.push({ key: ['shares', name], message });
  }
  return problems;
}

function shareNameProblem(name: string, twin: string | undefined): string | undefined {
  if (twin !== undefined) return `expected another name: clients cannot tell it from '${twin}'`;
  try {
    checkShareName(name);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function toConfig(data: ConfigData, folder: string): Config {
  const { listen, state, log, dialect_min, dialect_max, ...rest } = data.server ?? {};
  const { replay_order, oplock_break_channels, posix_users, ...server } = rest;
  return {
    server: defined({
      ...server,
      listen: typeof listen === 'string' ? [listen] : listen,
      stateFolder: state === undefined ? undefined : resolve(folder, state),
      dialectMin: dialect_min,
      dialectMax: dialect_max,
      replayOrder: replay_order,
      oplockBreakChannels: oplock_break_channels,
      posixUsers: posix_users,
      limits: data.limits,
    }),
    logLevel: log,
    shares: Object.entries(data.shares ?? {}).map(([name, share]) => toShare(name, share, folder)),
  };
}

function toShare(name: string, share: ShareSection, folder: string): ShareOptions {
  return defined({
    name,
    path: resolve(folder, share.path),
    readOnly: share.read_only,
    comment: share.comment,
    encryption: share.encryption,
    compression: share.compression,
    sendFile: share.sendfile,
    allowedUsers: share.users,
    administrators: share.administrators,
    hidden: share.hidden,
    access: share.access,
    accessBasedEnumeration: share.access_based_enumeration,
    createMask: share.create_mask,
    directoryMask: share.directory_mask,
    forceCreateMode: share.force_create_mode,
    forceDirectoryMode: share.force_directory_mode,
    forceUser: share.force_user,
    forceGroup: share.force_group,
    hideDotFiles: share.hide_dot_files,
    hideFiles: share.hide_files,
    aclOrder: share.acl_order,
    aclAutoInherited: share.acl_auto_inherited,
    snapshots: share.snapshots && defined(share.snapshots),
    shortNames: share.short_names,
    symlinks: share.symlinks,
    strictSync: share.strict_sync,
    kernelOplocks: share.kernel_oplocks,
    posixLocks: share.posix_locks,
    streams: share.streams,
    streamsFolder: share.streams_folder,
    directoryLeases: share.directory_leases,
    continuousAvailability: share.continuous_availability,
    posix: share.posix,
    apple: share.apple,
    appleModel: share.apple_model,
    timeMachine: share.time_machine,
    timeMachineSizeMax: share.time_machine_size_max,
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out what is undefined, as `exactOptionalPropertyTypes` asks. */
function defined<T extends object>(value: T): Partial<Defined<T>> & DefinedPart<T> {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries) as Partial<Defined<T>> & DefinedPart<T>;
}

type DefinedPart<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};
