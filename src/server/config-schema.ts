/** What a configuration file may say; docs/operating/configuration.md tells it to people. */
import { z } from 'zod';
import { DEFAULT_LIMITS, type Limits } from '../base/limits.ts';
import { LOG_LEVELS, type LogLevel } from '../env/node/node-log.ts';
import type { OplockBreakChannels } from '../smb2/server/break-delivery.ts';
import type { CompressionPolicy, EncryptionPolicy, ReplayOrder } from '../smb2/server/options.ts';
import {
  compileSnapshotPattern,
  type SnapshotFolderOptions,
} from '../vfs/local/snapshot-folder.ts';
import { parseInterfaceRule } from './interface-rules.ts';
import { DIALECTS, type DialectName } from './options.ts';
import { WORKERS_MAX } from './workers/worker-options.ts';

export interface ServerSection {
  readonly listen?: string | readonly string[] | undefined;
  readonly port?: number | undefined;
  readonly name?: string | undefined;
  readonly workgroup?: string | undefined;
  readonly signing?: 'enabled' | 'required' | undefined;
  readonly replay_order?: ReplayOrder | undefined;
  readonly interfaces?: readonly string[] | undefined;
  readonly oplock_break_channels?: OplockBreakChannels | undefined;
  readonly encryption?: EncryptionPolicy | undefined;
  readonly dialect_min?: DialectName | undefined;
  readonly dialect_max?: DialectName | undefined;
  readonly posix?: boolean | undefined;
  readonly posix_users?: 'accounts' | 'nss' | undefined;
  readonly state?: string | undefined;
  readonly workers?: number | 'auto' | undefined;
  readonly log?: LogLevel | undefined;
}

export interface ShareSection {
  readonly path: string;
  readonly read_only?: boolean | undefined;
  readonly comment?: string | undefined;
  readonly encryption?: EncryptionPolicy | undefined;
  readonly compression?: CompressionPolicy | undefined;
  readonly sendfile?: boolean | undefined;
  readonly users?: readonly string[] | undefined;
  readonly administrators?: readonly string[] | undefined;
  readonly hidden?: boolean | undefined;
  readonly access?: 'acl' | 'acl-only' | 'posix' | undefined;
  readonly access_based_enumeration?: boolean | undefined;
  readonly create_mask?: number | undefined;
  readonly directory_mask?: number | undefined;
  readonly force_create_mode?: number | undefined;
  readonly force_directory_mode?: number | undefined;
  readonly force_user?: string | undefined;
  readonly force_group?: string | undefined;
  readonly hide_dot_files?: boolean | undefined;
  readonly hide_files?: readonly string[] | undefined;
  readonly acl_order?: 'any' | 'canonical' | undefined;
  readonly acl_auto_inherited?: 'asked' | 'kept' | undefined;
  readonly snapshots?: SnapshotFolderOptions | undefined;
  readonly short_names?: boolean | undefined;
  readonly symlinks?: 'follow' | 'client' | undefined;
  readonly strict_sync?: boolean | undefined;
  readonly kernel_oplocks?: boolean | undefined;
  readonly posix_locks?: boolean | undefined;
  readonly streams?: boolean | undefined;
  readonly streams_folder?: string | undefined;
  readonly directory_leases?: boolean | undefined;
  readonly continuous_availability?: boolean | undefined;
  readonly posix?: boolean | undefined;
  readonly apple?: boolean | undefined;
  readonly apple_model?: string | undefined;
  readonly time_machine?: boolean | undefined;
  readonly time_machine_size_max?: number | undefined;
}

export interface ConfigData {
  readonly server?: ServerSection | undefined;
  readonly shares?: Readonly<Record<string, ShareSection>> | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

const PORT_MAX = 65_535;
const MODE_MAX = 0o777;
/** With the set-group-id bit, which new entries take their group by, and the sticky bit. */
const FOLDER_MODE_MAX = 0o3777;
const NETBIOS_NAME_MAX = 15;
/** A path from the root, or one name. */
const STREAMS_FOLDER = /^\/.|^(?!\.{1,2}$)[^/\\:\0]{1,255}$/;

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `expected ${listOf(values)}` });
const bool = z.boolean({ error: 'expected true or false' });
const text = z.string({ error: 'expected a text in quotes' });
const filled = text.min(1, 'expected a text that is not empty');
const texts = z.array(filled, { error: 'expected a list of texts: ["…", "…"]' });
const fileMode = z
  .int({ error: 'expected permission bits, such as 0o644' })
  .min(0, 'expected permission bits, such as 0o644')
  .max(MODE_MAX, 'expected permission bits up to 0o777');
const netbiosName = filled
  .max(NETBIOS_NAME_MAX, `expected at most ${NETBIOS_NAME_MAX} characters`)
  .regex(/^[A-Za-z0-9-]+$/, 'expected letters, digits and hyphens only');
const encryption = oneOf(['off', 'desired', 'required']);
const dialect = oneOf(Object.keys(DIALECTS) as [DialectName, ...DialectName[]]);

const interfaceRule = filled.superRefine((rule, context) => {
  const parsed = parseInterfaceRule(rule);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
});

const WORKERS = `expected "auto", or a number from 1 to ${WORKERS_MAX}`;

function isWorkerCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= WORKERS_MAX;
}

const server = z.strictObject({
  listen: z
    .union([filled, texts.min(1)], { error: 'expected an address or a list of addresses' })
    .optional(),
  port: z
    .int({ error: `expected a port, 1 to ${PORT_MAX}` })
    .min(1, `expected a port, 1 to ${PORT_MAX}`)
    .max(PORT_MAX, `expected a port, 1 to ${PORT_MAX}`)
    .optional(),
  name: netbiosName.optional(),
  workgroup: netbiosName.optional(),
  signing: oneOf(['enabled', 'required']).optional(),
  replay_order: oneOf(['sane', 'windows']).optional(),
  interfaces: z.array(interfaceRule, { error: 'expected a list of texts: ["…", "…"]' }).optional(),
  oplock_break_channels: oneOf(['retry', 'windows']).optional(),
  encryption: encryption.optional(),
  dialect_min: dialect.optional(),
  dialect_max: dialect.optional(),
  posix: bool.optional(),
  posix_users: oneOf(['accounts', 'nss']).optional(),
  state: filled.optional(),
  workers: z
    .union([z.literal('auto'), z.number()], { error: WORKERS })
    .refine((count) => count === 'auto' || isWorkerCount(count), { error: WORKERS })
    .optional(),
  log: oneOf(LOG_LEVELS).optional(),
});

const snapshotPattern = filled.refine(
  (pattern) => compileSnapshotPattern(pattern) !== undefined,
  'expected a name with %Y, %m and %d (and %H, %M, %S), or %s',
);

const share = z.strictObject({
  path: z.string({ error: 'expected the folder to share, in quotes' }).min(1, 'expected a folder'),
  read_only: bool.optional(),
  comment: text.max(255, 'expected at most 255 characters').optional(),
  encryption: encryption.optional(),
  compression: oneOf(['off', 'asked', 'on']).optional(),
  sendfile: bool.optional(),
  users: texts.optional(),
  administrators: texts.optional(),
  hidden: bool.optional(),
  access: oneOf(['acl', 'acl-only', 'posix']).optional(),
  access_based_enumeration: bool.optional(),
  create_mask: fileMode.optional(),
  directory_mask: fileMode.optional(),
  force_create_mode: fileMode.optional(),
  force_directory_mode: z
    .int({ error: 'expected permission bits, such as 0o2775' })
    .min(0, 'expected permission bits, such as 0o2775')
    .max(FOLDER_MODE_MAX, 'expected permission bits up to 0o3777')
    .optional(),
  force_user: filled.optional(),
  force_group: filled.optional(),
  hide_dot_files: bool.optional(),
  hide_files: texts.optional(),
  acl_order: oneOf(['any', 'canonical']).optional(),
  acl_auto_inherited: oneOf(['asked', 'kept']).optional(),
  snapshots: z
    .strictObject(
      { folder: filled, pattern: snapshotPattern.optional(), subfolder: filled.optional() },
      { error: 'expected a section [shares.NAME.snapshots]' },
    )
    .optional(),
  short_names: bool.optional(),
  symlinks: oneOf(['follow', 'client']).optional(),
  strict_sync: bool.optional(),
  kernel_oplocks: bool.optional(),
  posix_locks: bool.optional(),
  streams: bool.optional(),
  streams_folder: text
    .regex(STREAMS_FOLDER, 'expected the name of a folder, or a path from /')
    .optional(),
  directory_leases: bool.optional(),
  continuous_availability: bool.optional(),
  posix: bool.optional(),
  apple: bool.optional(),
  apple_model: filled.max(64, 'expected at most 64 characters').optional(),
  time_machine: bool.optional(),
  time_machine_size_max: z
    .int({ error: 'expected a number of bytes' })
    .min(1, 'expected a number of bytes')
    .optional(),
});

const count = z
  .int({ error: 'expected a whole number' })
  .min(1, 'expected a number of 1 or more')
  .optional();
const limitShape = Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, count]));
/** [MS-SMB2] 3.3.5.4: MaxTransactSize and its like are told in NEGOTIATE. */
const TRANSACT_UNIT = 65_536;
const transactSize = z
  .int({ error: 'expected a whole number' })
  .min(TRANSACT_UNIT, `expected ${TRANSACT_UNIT} or more`)
  .max(8 * 1024 * 1024, 'expected at most 8388608')
  .multipleOf(TRANSACT_UNIT, `expected a multiple of ${TRANSACT_UNIT}`)
  .optional();

const section = (name: string) => ({ error: `expected a section [${name}]` });

export const configSchema: z.ZodType<ConfigData> = z.strictObject({
  server: z.strictObject(server.shape, section('server')).optional(),
  shares: z
    .record(filled, z.strictObject(share.shape, section('shares.NAME')), section('shares.NAME'))
    .optional(),
  limits: z
    .strictObject(
      { ...limitShape, transactSizeMax: transactSize, writeSizeMax: transactSize },
      section('limits'),
    )
    .optional(),
}) as unknown as z.ZodType<ConfigData>;

/** The keys that the section at `path` takes: for hints. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return ['server', 'shares', 'limits'];
  if (path[0] === 'server') return Object.keys(server.shape);
  if (path[0] === 'shares' && path[2] === 'snapshots') return ['folder', 'pattern', 'subfolder'];
  if (path[0] === 'shares') return Object.keys(share.shape);
  return Object.keys(DEFAULT_LIMITS);
}

function listOf(values: readonly string[]): string {
  const quoted = values.map((value) => `"${value}"`);
  return `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
