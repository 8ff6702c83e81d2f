/**
 * A session whose connection is cut at every message boundary, and the client that comes back:
 * reconnect.txt says for each cut what it gets. SCENARIOS=write writes it anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { Reply } from '../../src/smb2/client/request.ts';
import { type Request, withHeader } from '../../src/smb2/client/request.ts';
import { closeRequest, createRequest, lockRequest } from '../../src/smb2/client/requests.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/wire/constants.ts';
import type { CreateResponse } from '../../src/smb2/wire/create.ts';
import type { CreateContext } from '../../src/smb2/wire/create-context.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import type { FileId } from '../../src/smb2/wire/file-id.ts';
import { CLIENT_GUID } from '../faults/durable-client.ts';
import { type Rig, until, withRig } from '../faults/rig.ts';

const FILE = new URL('../../../test/scenarios/reconnect.txt', import.meta.url);
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const DATA = Buffer.from('written before');

/** A file of the script, and how it is opened. */
interface ScriptFile {
  readonly name: string;
  readonly oplockLevel: number;
  readonly lease: CreateContext | undefined;
  readonly createGuid: string | undefined;
}

const lease = leaseContext({
  version: 2,
  leaseKey: 'e5'.repeat(16),
  leaseState: 7,
  leaseFlags: 0,
  parentLeaseKey: undefined,
  epoch: 1,
});
const BATCH: ScriptFile = {
  name: 'batch',
  oplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
  lease: undefined,
  createGuid: '01'.repeat(16),
};
const LEASED: ScriptFile = {
  name: 'leased',
  oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
  lease,
  createGuid: '02'.repeat(16),
};
const PLAIN: ScriptFile = {
  name: 'plain',
  oplockLevel: 0,
  lease: undefined,
  createGuid: undefined,
};
const FILES = [BATCH, LEASED, PLAIN];

type Ids = Map<ScriptFile, FileId>;

interface Step {
  readonly title: string;
  readonly file: ScriptFile;
  readonly request: (ids: Ids) => Request<unknown>;
}

const on = (
  title: string,
  file: ScriptFile,
  request: (fileId: FileId) => Request<unknown>,
): Step => ({
  title: `${title} ${file.name}`,
  file,
  request: (ids) => request(ids.get(file) ?? { persistent: 0n, volatile: 0n }),
});
const open = (file: ScriptFile): Step => ({
  title: `CREATE ${file.name}`,
  file,
  request: () => create(file, file.createGuid === undefined ? [] : [durable(file.createGuid)]),
});
const lock = (fileId: FileId, index: number, flags: number): Request<unknown> =>
  lockRequest({
    fileId,
    lockSequenceIndex: index,
    lockSequenceNumber: 1,
    locks: [{ offset: 0n, length: 10n, flags }],
  });

const SCRIPT: readonly Step[] = [
  open(BATCH),
  on('WRITE', BATCH, (fileId) => writeRequest({ fileId, offset: 0, data: DATA })),
  on('LOCK', BATCH, (fileId) => lock(fileId, 1, EXCLUSIVE)),
  open(LEASED),
  on('WRITE', LEASED, (fileId) => writeRequest({ fileId, offset: 0, data: DATA })),
  open(PLAIN),
  on('READ', BATCH, (fileId) => readRequest({ fileId, offset: 0, length: 100 })),
  on('UNLOCK', BATCH, (fileId) => lock(fileId, 2, SMB2_LOCKFLAG_UNLOCK)),
  on('CLOSE', BATCH, (fileId) => closeRequest({ fileId, flags: 0 })),
];

describe('[MS-SMB2] 3.3.7.1 Handling Loss of a Connection, at each message', () => {
  const expected = readFileSync(FILE, 'utf8');
  const head = expected.slice(0, expected.indexOf('\n\n') + 2);

  it('gives back what reconnect.txt says', { timeout: 60_000 }, async () => {
    const seen: string[] = [];
    for (let count = 0; count <= SCRIPT.length; count++) {
      if (count > 0) seen.push(await cutAfter(count, 'answer lost'));
      seen.push(await cutAfter(count, 'answered'));
    }
    const text = head + seen.join('\n');
    if (process.env.SCENARIOS === 'write') writeFileSync(FILE, text);
    else assert.equal(text, expected);
  });
});

/** Plays the first `count` steps, cuts the connection, comes back and tells what there is. */
async function cutAfter(count: number, how: 'answered' | 'answer lost'): Promise<string> {
  const last = SCRIPT[count - 1];
  const lines = [`## ${last === undefined ? 'TREE_CONNECT' : last.title}, ${how}`];
  await withRig({}, async (rig) => {
    const { tree, sessionId } = await comeAgain(rig, 0n);
    const ids: Ids = new Map();
    for (const step of SCRIPT.slice(0, count)) {
      const reply = await tree.call(step.request(ids));
      assert.equal(statusName(reply.status), 'STATUS_SUCCESS', step.title);
      // What the client never read, it does not know.
      if (step === last && how === 'answer lost') break;
      note(ids, step, reply);
    }
    tree.session.connection.close();
    await until(() => rig.engine.connections.size === 0);
    const { tree: back } = await comeAgain(rig, sessionId);
    for (const file of FILES) lines.push(...(await lookFor(back, file, ids)));
    if (last !== undefined && how === 'answer lost') {
      const again = withHeader(last.request(ids), { flags: SMB2_FLAGS_REPLAY_OPERATION });
      const reply = await back.call(again);
      lines.push(`sent again: ${statusName(reply.status)}`);
      note(ids, last, reply);
    }
    lines.push(`lock: ${await whoLocks(back, ids)}`);
    back.session.connection.close();
    await until(() => rig.engine.connections.size === 0);
    rig.time.advance(rig.limits.durableTimeoutMaxMs);
  });
  return `${lines.join('\n')}\n`;
}

async function comeAgain(
  rig: Rig,
  previousSessionId: bigint,
): Promise<{ readonly tree: ClientTree; readonly sessionId: bigint }> {
  const connection = await rig.connect({ clientGuid: CLIENT_GUID });
  const session = await rig.logOn(connection, { previousSessionId });
  return { tree: await rig.tree(session), sessionId: session.sessionId };
}

function note(ids: Ids, step: Step, { status, response }: Reply<unknown>): void {
  if (status !== 0) return;
  if (step.title.startsWith('CREATE')) ids.set(step.file, (response as CreateResponse).fileId);
  if (step.title.startsWith('CLOSE')) ids.delete(step.file);
}

function durable(createGuid: string): CreateContext {
  return durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid });
}

function create(file: ScriptFile, contexts: readonly CreateContext[]): Request<CreateResponse> {
  return createRequest({
    name: file.name,
    desiredAccess: FILE_ALL_ACCESS,
    createDisposition: FILE_OPEN_IF,
    requestedOplockLevel: file.oplockLevel,
    contexts: file.lease === undefined ? contexts : [...contexts, file.lease],
  });
}

/** Asks for a file that the client had open when it lost its connection. */
async function lookFor(tree: ClientTree, file: ScriptFile, ids: Ids): Promise<readonly string[]> {
  const fileId = ids.get(file);
  if (fileId === undefined) return [];
  if (file.createGuid === undefined) {
    const { status } = await tree.call(readRequest({ fileId, offset: 0, length: 100 }));
    return [`${file.name}: ${statusName(status)}`];
  }
  const { createGuid } = file;
  const context = durableReconnectV2Context({ fileId, createGuid, flags: 0 });
  const { status, response } = await tree.call(create(file, [context]));
  if (status !== 0 || response === undefined) return [`${file.name}: ${statusName(status)}`];
  ids.set(file, response.fileId);
  const read = await tree.call(readRequest({ fileId: response.fileId, offset: 0, length: 100 }));
  const data = read.status === 0 ? Buffer.from(read.response!.data).toString() : '';
  return [`${file.name}: back, oplock level ${response.oplockLevel}, '${data}'`];
}

/** Whether the client still has its lock: then it may give it up. */
async function whoLocks(tree: ClientTree, ids: Ids): Promise<string> {
  const fileId = ids.get(BATCH);
  if (fileId === undefined) return 'no open';
  const { status } = await tree.call(lock(fileId, 3, SMB2_LOCKFLAG_UNLOCK));
  return status === 0 ? 'held' : statusName(status);
}
