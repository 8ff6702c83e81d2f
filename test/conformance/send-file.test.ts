/** READs that are answered with ranges of files: share option `sendFile`. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_FILE_LOCK_CONFLICT, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { readRequest } from '../../src/smb2/client/transfer-requests.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/wire/constants.ts';
import { type LocalServer, serveShares } from './local-server.ts';
import { LoopbackNetwork } from './loopback-transport.ts';
import {
  closeConnections,
  expectStatus,
  type LogOnOptions,
  logOnAt,
  opened,
  type Target,
} from './peer.ts';

const SIZE = 3_000_000;
const READS = [
  [0, 1],
  [0, 65_536],
  [1, 65_536],
  [4095, 1_048_576],
  [SIZE - 65_536, 65_536],
  [SIZE - 65_536, 65_537],
  [SIZE - 1, 1_000_000],
] as const;

describe('share option sendFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'semba-send-file-'));
  const data = randomBytes(SIZE);
  const network = new LoopbackNetwork({ sendSizeMax: 4 * 1024 * 1024 });
  let server: LocalServer;
  let targets: Readonly<Record<'tcp' | 'memory', Target>>;

  before(async () => {
    writeFileSync(join(folder, 'file'), data);
    server = await serveShares([
      { name: 'share', path: folder, sendFile: true },
      { name: 'copied', path: folder },
      { name: 'read-only', path: folder, readOnly: true, sendFile: true },
    ]);
    network.listen(await server.server.acceptor());
    const { target } = server;
    targets = {
      tcp: target,
      memory: { ...target, transport: (_, listener) => network.connect(listener) },
    };
  });

  after(async () => {
    closeConnections();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  async function file(wire: 'tcp' | 'memory', options: LogOnOptions = {}): Promise<ClientOpen> {
    const { tree } = await logOnAt(targets[wire], options);
    const isReadOnly = options.share === 'read-only';
    return opened(tree, {
      name: 'file',
      desiredAccess: isReadOnly ? FILE_GENERIC_READ : FILE_GENERIC_READ | FILE_GENERIC_WRITE,
      shareAccess: 7,
      createDisposition: FILE_OPEN,
    });
  }

  /** Reads as READS says; how many bytes of it were ranges, where the wire counts them. */
  async function readAll(open: ClientOpen): Promise<number> {
    const { bytesOfFiles } = network.counts;
    for (const [offset, length] of READS) {
      const reply = await open.read({ offset, length });
      expectStatus(reply, STATUS_SUCCESS);
      const expected = data.subarray(offset, offset + length);
      assert.equal(Buffer.compare(reply.response!.data, expected), 0, `${length} at ${offset}`);
    }
    return network.counts.bytesOfFiles - bytesOfFiles;
  }

  const RANGES = 65_536 + 65_536 + 1_048_576 + 65_536;
  for (const [what, wire, options, ranges] of [
    ['over TCP', 'tcp', {}, 0],
    ['over TCP, signed', 'tcp', { signing: 'required' }, 0],
    ['over TCP, encrypted', 'tcp', { encryption: 'required' }, 0],
    ['in messages', 'memory', { dialects: [0x0210] }, RANGES],
    ['beside messages', 'memory', {}, RANGES],
    ['of a read-only share', 'memory', { share: 'read-only' }, RANGES],
    ['signed', 'memory', { signing: 'required' }, 0],
    ['encrypted', 'memory', { encryption: 'required' }, 0],
    ['of a share without it', 'memory', { share: 'copied' }, 0],
  ] as const) {
    it(`reads what is there, ${what}`, async () => {
      assert.equal(await readAll(await file(wire, options)), ranges);
    });
  }

  it('reads several at once over TCP, in order and without a mix-up', async () => {
    const open = await file('tcp');
    const calls = Array.from({ length: 40 }, (_, i) => {
      const offset = (i * 50_000) % (SIZE - 400_000);
      return { offset, call: open.read({ offset, length: 400_000 }) };
    });
    const echoes = calls.map(() => open.tree.session.connection.echo());
    for (const { offset, call } of calls) {
      const { response } = await call;
      const expected = data.subarray(offset, offset + 400_000);
      assert.equal(Buffer.compare(response!.data, expected), 0, `at ${offset}`);
    }
    for (const echo of echoes) expectStatus(await echo, STATUS_SUCCESS);
  });

  it('reads in compounds', async () => {
    const { fileId, tree } = await file('tcp');
    const { bytesOfFiles } = network.counts;
    const calls = tree.compound([
      readRequest({ fileId, offset: 0, length: 70_000 }),
      readRequest({ fileId, offset: 5, length: 70_000 }),
    ]);
    for (const [i, call] of calls.entries()) {
      const expected = data.subarray(5 * i, 5 * i + 70_000);
      assert.equal(Buffer.compare((await call).response!.data, expected), 0);
    }
    assert.equal(network.counts.bytesOfFiles, bytesOfFiles);
  });

  it('minds what another open has locked', async () => {
    const holder = await file('memory');
    const other = await file('memory', { dialects: [0x0210] });
    const lock = { offset: 10n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
    expectStatus(await holder.lock([lock]), STATUS_SUCCESS);
    expectStatus(await other.read({ offset: 0, length: 100_000 }), STATUS_FILE_LOCK_CONFLICT);
    expectStatus(await holder.close(), STATUS_SUCCESS);
    assert.equal(await readAll(other), RANGES);
  });

  it('reads holes as zeroes', async () => {
    writeFileSync(join(folder, 'holes'), '');
    truncateSync(join(folder, 'holes'), 1_000_000);
    const { tree } = await logOnAt(targets.tcp);
    const open = await opened(tree, {
      name: 'holes',
      desiredAccess: FILE_GENERIC_READ,
      shareAccess: 7,
      createDisposition: FILE_OPEN,
    });
    const { response } = await open.read({ offset: 0, length: 1_000_000 });
    assert.equal(response!.data.length, 1_000_000);
    assert.ok(response!.data.every((byte) => byte === 0));
  });
});
