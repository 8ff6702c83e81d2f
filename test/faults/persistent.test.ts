import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { OptionError, SmbServer } from '../../src/server/smb-server.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_OPLOCK_LEVEL_BATCH,
} from '../../src/smb2/wire/constants.ts';
import {
  findCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
} from '../../src/smb2/wire/create-context.ts';
import {
  decodeDurableResponseV2,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import type { JournalRecordStore } from '../../src/state/journal/journal-record-store.ts';
import { closeConnections, logOnAt, opened } from '../conformance/peer.ts';
import { openJournal } from '../conformance/record-stores.ts';
import { newGuid } from './durable-client.ts';
import { turn } from './rig.ts';
import { mountSmall } from './small-file-system.ts';
import { RecordingLog } from './virtual-env.ts';

const TIMEOUT_MS = 180_000;
const LOCK = {
  offset: 0n,
  length: 10n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
};
const STATE_SIZE = 1024 * 1024;

let folder: string;
let state: string;
let files: string;
let server: SmbServer | undefined;
let log: RecordingLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'semba-persistent-'));
  state = join(folder, 'state');
  files = join(folder, 'files');
  mkdirSync(state, { mode: 0o700 });
  mkdirSync(files);
});
afterEach(async () => {
  closeConnections();
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** A server with one share of `files`; what was there before has ended. */
async function start(
  options: { readonly continuousAvailability?: boolean; readonly workers?: number } = {},
): Promise<void> {
  const { continuousAvailability = true, workers = 1 } = options;
  await end();
  log = new RecordingLog();
  server = new SmbServer({ listen: ['127.0.0.1'], port: 0, stateFolder: state, workers, log });
  await server.addUser({ name: 'anna', password: 'secret' });
  await server.addShare({ name: 'vms', path: files, continuousAvailability });
  await server.start();
}

async function end(): Promise<void> {
  const ending = server;
  server = undefined;
  await ending?.stop();
  closeConnections();
}

/** Asks for a persistent handle that is kept for so long. */
async function open(name: string, timeoutMs: number = 0): Promise<ClientOpen> {
  const { tree } = await logOnAt({
    host: '127.0.0.1',
    port: server!.port!,
    user: 'anna',
    password: 'secret',
    share: 'vms',
  });
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  return await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: 0,
    createDisposition: FILE_OPEN_IF,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
    contexts: [durableRequestV2Context({ timeoutMs, flags, createGuid: newGuid() })],
  });
}

/** What a CREATE granted; undefined: nothing that lasts. */
function grantedFlags({ response }: ClientOpen): number | undefined {
  const data = findCreateContext(response.contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
  return data && decodeDurableResponseV2(data)?.flags;
}

function openStore(): JournalRecordStore {
  return openJournal(join(state, 'persistent'));
}

/** Records in the store, once nobody has it. */
async function stored(): Promise<number> {
  const store = openStore();
  const count = [...(await store.table('persistent-file', 1).scan(''))].length;
  await store.close();
  return count;
}

async function openCount(): Promise<number> {
  return (await server!.status()).opens.length;
}

function messages(): readonly string[] {
  return log.entries.map(({ message }) => message);
}

for (const workers of [1, 2]) suiteOf(workers);

function suiteOf(workers: number): void {
  describe(`persistent opens of a server that has ended, ${workers} processes`, {
    timeout: TIMEOUT_MS,
  }, () => {
    it('are there again, and go when their client does not come in time', async () => {
      await start({ workers });
      assert.equal(grantedFlags(await open('kept')), SMB2_DHANDLE_FLAG_PERSISTENT);
      await start({ workers });
      assert.equal(await openCount(), 1);
      await end();
      assert.equal(await stored(), 1);

      await start({ workers });
      assert.equal(grantedFlags(await open('overdue', 1)), SMB2_DHANDLE_FLAG_PERSISTENT);
      await start({ workers });
      while ((await openCount()) > 1) await turn();
      assert.ok(messages().includes('a client did not come back'));
      await end();
      assert.equal(await stored(), 1, 'the one that is kept longer');
    });

    it('go with a file that was removed, or replaced, by somebody else meanwhile', async () => {
      await start({ workers });
      await open('removed');
      await open('replaced');
      await end();
      assert.equal(await stored(), 2);
      unlinkSync(join(files, 'removed'));
      writeFileSync(join(files, 'other'), 'it keeps the inode from being used again');
      unlinkSync(join(files, 'replaced'));
      writeFileSync(join(files, 'replaced'), 'another');
      await start({ workers });
      assert.equal(await openCount(), 0);
      const left = /^an open is not (restored|taken over)$/;
      const count = messages().filter((message) => left.test(message)).length;
      assert.equal(count, 2);
      await end();
      assert.equal(await stored(), 0);
    });

    it('are forgotten when their share promises nothing any more', async () => {
      await start({ workers });
      await open('kept');
      await start({ continuousAvailability: false, workers });
      assert.equal(await openCount(), 0);
      assert.ok(messages().includes('opens of shares that restore none are forgotten'));
      await start({ workers });
      assert.equal(await openCount(), 0);
      await end();
      assert.equal(await stored(), 0);
    });
  });
}

describe('a store of persistent opens', { timeout: TIMEOUT_MS }, () => {
  it('is refused by its name when another version wrote it', async () => {
    const store = openStore();
    const old = store.table<{ readonly count: number }>('persistent-file', 0);
    await old.replace('a', { count: 1 });
    await store.close();
    await assert.rejects(start(), (error: unknown) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, /state\/persistent: table 'persistent-file' has layout 0/);
      return true;
    });
  });

  it('is refused by its name when it is damaged, and shares without need of it are served', async () => {
    await start();
    await open('kept');
    await open('other');
    await end();
    const journal = join(state, 'persistent', 'journal-00000001');
    const bytes = readFileSync(journal);
    bytes[200]! ^= 0x04;
    writeFileSync(journal, bytes);
    await assert.rejects(start(), (error: unknown) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, /state\/persistent\/journal-00000001 is damaged at byte 32/);
      return true;
    });
    await start({ continuousAvailability: false });
    assert.ok(messages().includes('what clients left open there is not looked at'));
  });

  it('grants nothing while its disk is full, says so, and goes on afterwards', async (test) => {
    const mounted = mountSmall(STATE_SIZE);
    if (typeof mounted === 'string') return test.skip(mounted);
    state = mounted.path;
    try {
      await start();
      const before = await open('before');
      const filling = join(state, 'filling');
      fill(filling);
      // The journal has room of its own for some.
      let granted = 1;
      while (grantedFlags(await open(`full${granted}`)) !== 0) granted++;
      assert.ok(granted < 5_000, 'at last durable, and no more');
      const failures = messages().filter((message) => /cannot be stored/.test(message));
      assert.equal(failures.length, 1);
      const refused = await before.lock([LOCK]);
      assert.equal(statusName(refused.status), 'STATUS_INSUFFICIENT_RESOURCES');
      rmSync(filling);
      assert.equal(statusName((await before.lock([LOCK])).status), 'STATUS_SUCCESS');
      const after = await open('after');
      assert.equal(grantedFlags(after), SMB2_DHANDLE_FLAG_PERSISTENT);
      await end();
      assert.equal(await stored(), granted + 1, 'those that were granted');
    } finally {
      await end();
      mounted.release();
    }
  });
});

/** Until not a byte more goes there. */
function fill(path: string): void {
  for (let size = 65_536; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(path, new Uint8Array(size), { flag: 'a' });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC', readdirSync(state).join());
    }
  }
}
