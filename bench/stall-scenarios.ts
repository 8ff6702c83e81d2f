/** What one client may do that is much at once, for bench/stalls.ts. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { viewOf } from '../src/base/bytes.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../src/dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE, ACL_REVISION } from '../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  securityDescriptorBytes,
} from '../src/dtyp/security-descriptor.ts';
import { parseSid } from '../src/dtyp/sid.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../src/fscc/create-parameters.ts';
import {
  type ExtendedAttribute,
  encodeFullEaList,
  encodeGetEaList,
  fullEaListSize,
} from '../src/fscc/ea.ts';
import {
  FSCTL_OFFLOAD_READ,
  FSCTL_OFFLOAD_WRITE,
  FSCTL_SET_SPARSE,
  FSCTL_SET_ZERO_DATA,
  FSCTL_SRV_COPYCHUNK_WRITE,
  FSCTL_SRV_REQUEST_RESUME_KEY,
} from '../src/fscc/fsctl.ts';
import {
  copyChunkCopySize,
  encodeCopyChunkCopy,
  RESUME_KEY_SIZE,
} from '../src/fscc/fsctl-copychunk.ts';
import { encodeOffloadRead, OFFLOAD_TOKEN_SIZE } from '../src/fscc/fsctl-offload.ts';
import {
  FileBothDirectoryInformation,
  FileFullEaInformation,
  FileRenameInformation,
} from '../src/fscc/info-classes.ts';
import { encodeNewName, newNameSize } from '../src/fscc/set-information.ts';
import { ClientOpen } from '../src/smb2/client/open.ts';
import {
  type CreateParameters,
  closeRequest,
  createRequest,
  echoRequest,
} from '../src/smb2/client/requests.ts';
import { ClientSession } from '../src/smb2/client/session.ts';
import { ClientTree } from '../src/smb2/client/tree.ts';
import {
  SMB2_0_INFO_SECURITY,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
} from '../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../src/smb2/wire/file-id.ts';
import {
  initiatorFor,
  type LogOnOptions,
  logOnAt,
  negotiated,
  opened,
  type Target,
} from '../test/conformance/peer.ts';

export interface Stage {
  readonly target: Target;
  /** The share's folder. */
  readonly folder: string;
}

export interface Scenario {
  readonly name: string;
  /** What need not be measured; what it answers comes to `play`. */
  prepare(stage: Stage): Promise<unknown>;
  play(stage: Stage, prepared: unknown): Promise<void>;
}

/** Types what `prepare` hands to `play`. */
function scenario<T>(
  name: string,
  prepare: (stage: Stage) => Promise<T>,
  play: (stage: Stage, prepared: T) => Promise<void>,
): Scenario {
  return { name, prepare, play: (stage, prepared) => play(stage, prepared as T) };
}

const MANY: LogOnOptions = { connection: { creditsTarget: 8192, timeoutMs: 0 } };
const FILTER_ALL = 0x17f;
const WATCH_TREE = 1;
const MIB = 1024 * 1024;

async function treeAt(stage: Stage): Promise<ClientTree> {
  const { tree, connection } = await logOnAt(stage.target, MANY);
  // Credits come with answers.
  while (connection.creditsAvailable < 4000) await Promise.all(times(64, () => connection.echo()));
  return tree;
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

const everything = (name: string, rest: Partial<CreateParameters> = {}): CreateParameters => ({
  name,
  desiredAccess: FILE_ALL_ACCESS,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
  ...rest,
});

const directory = { createOptions: FILE_DIRECTORY_FILE };

async function openMany(tree: ClientTree, count: number, prefix: string): Promise<ClientOpen[]> {
  const results = await Promise.all(
    times(count, (i) => ClientOpen.create(tree, everything(`${prefix}${i}`))),
  );
  return results.map(({ open }) => open!);
}

function makeFiles(folder: string, count: number, name: (index: number) => string): void {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(folder, name(i)), '');
}

export const SCENARIOS: readonly Scenario[] = [
  scenario('4000 CREATEs at once', treeAt, async (_stage, tree) => {
    await openMany(tree, 4000, 'burst');
  }),
  scenario(
    '10,000 opens of a connection that breaks',
    async (stage) => {
      const tree = await treeAt(stage);
      for (let i = 0; i < 5; i++) await openMany(tree, 2000, `lost${i}-`);
      return tree;
    },
    async (_stage, tree) => {
      tree.session.connection.close();
      await new Promise((resolve) => setTimeout(resolve, 1500));
    },
  ),
  scenario('64 READs of 8 MiB at once', largeFile, async (_stage, open) => {
    const reads = times(64, (i) => open.read({ offset: i, length: 8 * MIB - 64 * 1024 }));
    await Promise.all(reads);
  }),
  scenario('64 READs of 4 MiB at once, encrypted', largeFile, async (_stage, open) => {
    const read = (i: number) => open.read({ offset: i, length: 4 * MIB }, { encrypt: true });
    await Promise.all(times(64, read));
  }),
  scenario(
    'patterns over 20,000 long names',
    async (stage) => {
      makeFiles(join(stage.folder, 'names'), 20_000, (i) => `${'a'.repeat(240)}${i}`);
      return await treeAt(stage);
    },
    async (_stage, tree) => {
      const listings = times(8, async () => {
        const open = await opened(tree, everything('names', directory));
        const fileName = `${'*a'.repeat(100)}*b`;
        const fileInformationClass = FileBothDirectoryInformation;
        await open.queryDirectory({ fileInformationClass, fileName });
      });
      await Promise.all(listings);
    },
  ),
  scenario(
    'a listing of 20,000 names, 1 MiB each',
    async (stage) => {
      makeFiles(join(stage.folder, 'listed'), 20_000, (i) => `file ${i}`);
      return await treeAt(stage);
    },
    async (_stage, tree) => {
      const listings = times(4, async () => {
        const open = await opened(tree, everything('listed', directory));
        for (let status = 0; status === 0; ) {
          const asked = { fileInformationClass: FileBothDirectoryInformation };
          ({ status } = await open.queryDirectory({ ...asked, outputBufferLength: MIB }));
        }
      });
      await Promise.all(listings);
    },
  ),
  scenario('ACLs of 64 KiB: set, asked, inherited, checked', treeAt, async (_stage, tree) => {
    const open = await opened(tree, everything('acl', directory));
    const set = (entries: number) =>
      open.setInfo({
        infoType: SMB2_0_INFO_SECURITY,
        fileInfoClass: 0,
        additionalInformation: DACL_SECURITY_INFORMATION,
        buffer: largeDescriptor(entries),
      });
    // Not every file system has room for the largest.
    if ((await set(1600)).status !== 0) await set(90);
    const query = {
      infoType: SMB2_0_INFO_SECURITY,
      fileInfoClass: 0,
      additionalInformation: DACL_SECURITY_INFORMATION,
      outputBufferLength: 65_536,
    };
    await Promise.all(times(200, () => open.queryInfo(query)));
    await openMany(tree, 200, 'acl\\f');
    await openMany(tree, 200, 'acl\\f');
  }),
  scenario('EAs: 3000 set and asked for by name', treeAt, async (_stage, tree) => {
    const open = await opened(tree, everything('eas'));
    const list: ExtendedAttribute[] = times(3000, (i) => ({
      flags: 0,
      name: `E${i}`,
      value: new Uint8Array(1),
    }));
    const buffer = new Uint8Array(fullEaListSize(list));
    encodeFullEaList(viewOf(buffer), 0, buffer.length, list);
    await open.setInfo({ fileInfoClass: FileFullEaInformation, buffer });
    const names = new Uint8Array(16 * list.length);
    const end = encodeGetEaList(
      viewOf(names),
      0,
      list.map(({ name }) => name),
    );
    const query = { fileInfoClass: FileFullEaInformation, outputBufferLength: 65_536 };
    const asked = { ...query, inputBuffer: names.subarray(0, end) };
    await Promise.all(times(16, () => open.queryInfo(asked)));
    await Promise.all(times(16, () => open.queryInfo(query)));
  }),
  scenario(
    '2000 watchers of the whole tree',
    async (stage) => {
      const waiting: PromiseLike<unknown>[] = [];
      for (let c = 0; c < 4; c++) {
        const tree = await treeAt(stage);
        for (let i = 0; i < 500; i++) {
          const open = await opened(tree, everything('', directory));
          waiting.push(open.notify({ completionFilter: FILTER_ALL, flags: WATCH_TREE }));
        }
      }
      return await treeAt(stage);
    },
    async (_stage, tree) => {
      await openMany(tree, 500, 'watched');
    },
  ),
  scenario('32 COPYCHUNKs of 16 MiB', copyRequest, async (_stage, { target, input }) => {
    const asked = { ctlCode: FSCTL_SRV_COPYCHUNK_WRITE, input, maxOutputResponse: 12 };
    await Promise.all(times(32, () => target.ioctl(asked)));
  }),
  scenario(
    'ODX: 32 of 16 MiB',
    async (stage) => {
      const source = await largeFile(stage);
      const input = new Uint8Array(32);
      encodeOffloadRead(viewOf(input), 0, { timeToLiveMs: 0, offset: 0, length: 16 * MIB });
      const asked = { ctlCode: FSCTL_OFFLOAD_READ, input, maxOutputResponse: 528 };
      const { response } = await source.ioctl(asked);
      const token = response!.output.slice(16);
      return { target: await opened(source.tree, everything('odx')), token };
    },
    async (_stage, { target, token }) => {
      const input = new Uint8Array(32 + OFFLOAD_TOKEN_SIZE);
      const view = viewOf(input);
      view.setUint32(0, input.length, true);
      view.setBigUint64(16, BigInt(16 * MIB), true);
      input.set(token, 32);
      const asked = { ctlCode: FSCTL_OFFLOAD_WRITE, input, maxOutputResponse: 16 };
      await Promise.all(times(32, () => target.ioctl(asked)));
    },
  ),
  scenario(
    'SET_ZERO_DATA over 1 GiB, and over 8 TiB sparse',
    async (stage) => {
      writeFileSync(join(stage.folder, 'dense'), '');
      truncateSync(join(stage.folder, 'dense'), 1024 * MIB);
      const tree = await treeAt(stage);
      return [await opened(tree, everything('dense')), await opened(tree, everything('sparse'))];
    },
    async (_stage, [dense, sparse]) => {
      await sparse!.ioctl({ ctlCode: FSCTL_SET_SPARSE });
      const zero = (open: ClientOpen, length: number): PromiseLike<unknown> => {
        const input = new Uint8Array(16);
        viewOf(input).setBigInt64(8, BigInt(length), true);
        return open.ioctl({ ctlCode: FSCTL_SET_ZERO_DATA, input });
      };
      await Promise.all(times(8, () => zero(dense!, 1024 * MIB)));
      await Promise.all(times(8, () => zero(sparse!, 8 * MIB * MIB)));
    },
  ),
  scenario('4096 locks, taken and given up', treeAt, async (_stage, tree) => {
    const open = await opened(tree, everything('locks'));
    const locks = (from: number, flags: number) =>
      times(256, (i) => ({ offset: BigInt(2 * (from + i)), length: 1n, flags }));
    const taken = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
    for (let i = 0; i < 3; i++) {
      await Promise.all(times(16, (n) => open.lock(locks(256 * n, taken))));
      const other = await opened(tree, everything('locks'));
      await Promise.all(times(16, (n) => other.lock(locks(256 * n, taken))));
      await other.close();
      await Promise.all(times(16, (n) => open.lock(locks(256 * n, SMB2_LOCKFLAG_UNLOCK))));
    }
  }),
  scenario('compounds of 255', treeAt, async (_stage, tree) => {
    const { connection } = tree.session;
    const create = createRequest(everything('compound'));
    const close = closeRequest({ flags: 0, fileId: RELATED_FILE_ID });
    const requests = times(254, (i) => (i % 2 === 0 ? create : close));
    const channel = tree.session.channelOn(connection);
    const header = { treeId: tree.treeId };
    const all = times(12, () => connection.compound(requests, { channel, header, related: true }));
    await Promise.all(all.flat());
  }),
  scenario(
    '500 waiting requests, cancelled',
    async (stage) => {
      const tree = await treeAt(stage);
      const open = await opened(tree, everything('', directory));
      return times(500, () => open.notify({ completionFilter: FILTER_ALL }));
    },
    async (_stage, calls) => {
      for (const call of calls) call.cancel();
      await Promise.all(calls);
    },
  ),
  scenario(
    'renames with 10,000 opens below, and elsewhere',
    async (stage) => {
      mkdirSync(join(stage.folder, 'above'), { recursive: true });
      mkdirSync(join(stage.folder, 'empty'), { recursive: true });
      const tree = await treeAt(stage);
      for (let i = 0; i < 5; i++) await openMany(tree, 2000, `above\\${i}-`);
      return tree;
    },
    async (_stage, tree) => {
      for (const name of ['above', 'empty']) {
        const open = await opened(tree, everything(name, directory));
        const rename = (to: string): PromiseLike<unknown> => {
          const buffer = new Uint8Array(newNameSize(to));
          encodeNewName(viewOf(buffer), 0, { name: to, replaceIfExists: false });
          return open.setInfo({ fileInfoClass: FileRenameInformation, buffer });
        };
        await Promise.all(times(20, (i) => rename(`${name} ${i}`)));
      }
    },
  ),
  scenario(
    '1000 sessions on one connection, which breaks',
    async (stage) => await negotiated(stage.target, MANY),
    async (stage, connection) => {
      for (let i = 0; i < 1000; i++) {
        const session = new ClientSession(connection);
        await session.setup(initiatorFor(stage.target));
        if (i % 10 === 0) await ClientTree.connect(session, '\\\\127.0.0.1\\share');
      }
      connection.close();
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
  ),
  scenario('4000 ECHOs at once', treeAt, async (_stage, tree) => {
    const { connection } = tree.session;
    await Promise.all(times(4000, () => connection.call(echoRequest())));
  }),
  scenario(
    'paths of 250 folders, in another case',
    async (stage) => {
      mkdirSync(join(stage.folder, ...times(250, (i) => `Deep${i}`)), { recursive: true });
      return await treeAt(stage);
    },
    async (_stage, tree) => {
      const name = times(250, (i) => `DEEP${i}`).join('\\');
      const asked = { ...everything(name, directory), desiredAccess: FILE_GENERIC_READ };
      await Promise.all(times(300, () => ClientOpen.create(tree, asked)));
    },
  ),
];

async function largeFile(stage: Stage): Promise<ClientOpen> {
  writeFileSync(join(stage.folder, 'large'), Buffer.alloc(16 * MIB, 1));
  return await opened(await treeAt(stage), everything('large'));
}

async function copyRequest(
  stage: Stage,
): Promise<{ readonly target: ClientOpen; readonly input: Uint8Array }> {
  const source = await largeFile(stage);
  const { response } = await source.ioctl({
    ctlCode: FSCTL_SRV_REQUEST_RESUME_KEY,
    maxOutputResponse: 32,
  });
  const sourceKey = response!.output.slice(0, RESUME_KEY_SIZE);
  const chunks = times(16, (i) => ({
    sourceOffset: i * MIB,
    targetOffset: i * MIB,
    length: MIB,
  }));
  const input = new Uint8Array(copyChunkCopySize(chunks.length));
  encodeCopyChunkCopy(viewOf(input), 0, { sourceKey, chunks });
  return { target: await opened(source.tree, everything('copy')), input };
}

/** Entries for users that nobody has heard of. */
function largeDescriptor(entries: number): Uint8Array {
  const everyone = parseSid('S-1-1-0')!;
  const ace = (sid: typeof everyone, mask: number) => ({
    type: ACCESS_ALLOWED_ACE_TYPE,
    flags: 3,
    mask,
    sid,
  });
  const aces = times(entries, (i) => ace(parseSid(`S-1-5-21-1-2-3-${i + 5000}`)!, 1));
  const dacl = { revision: ACL_REVISION, aces: [...aces, ace(everyone, FILE_ALL_ACCESS)] };
  const parts = { control: 0, owner: undefined, group: undefined, sacl: undefined };
  return securityDescriptorBytes({ ...parts, dacl });
}
