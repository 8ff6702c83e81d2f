/** What local programs do to a file while the client is away that has it open. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { STATUS_OBJECT_NAME_NOT_FOUND } from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  durableReconnectV2Context,
  durableRequestContext,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { failed } from '../../src/vfs/errno.ts';
import { openLocalVfs } from '../../src/vfs/local/local-vfs.ts';
import type { VfsFile } from '../../src/vfs/vfs.ts';
import { lose, newGuid, openDurable, reconnect, treeOfClient } from './durable-client.ts';
import {
  giveBack,
  leased,
  leaseStateOf,
  openKept,
  type Restarts,
  withRestarts,
} from './restart-rig.ts';
import { assertStatus, openFile, pattern, type Rig, tryOpen, withRig } from './rig.ts';

const TIMEOUT_MS = 60_000;
const NAME = 'folder\\file';
const CONTENT = Uint8Array.of(0x61, 0x62, 0x63);
const RWH = 7;

type Deed = (path: string) => void;

const STREAM = 'stream';
const STREAM_XATTR = `user.DosStream.${STREAM}:$DATA`;
/** Bytes: an attribute holds it, or a file of the side store. */
const STREAMS: Readonly<Record<string, number>> = { small: 3, large: 100_000 };
/** Of a named stream. */
const STREAM_CHANGED: Readonly<Record<string, Deed>> = {
  'was written over with as much': (path) => changeStream(path, (old) => old.fill(0x7a, 0, 1)),
  'is longer': (path) => changeStream(path, (old) => Uint8Array.of(...old, ...old)),
};
/** Of one in the side store. */
const CONTENT_CHANGED: Readonly<Record<string, Deed>> = {
  'was written to in the side store': (path) => appendFileSync(storedAt(path), 'more'),
  'was removed from the side store': (path) => rmSync(storedAt(path)),
};
const STREAM_SAME: Readonly<Record<string, Deed>> = {
  'was left alone while its file was written to': (path) => appendFileSync(path, 'more'),
  'was written again as it was': (path) => changeStream(path, (old) => old),
};

/** The client's open is of what has the name no more. */
const GONE: Readonly<Record<string, Deed>> = {
  'was renamed': (path) => renameSync(path, `${path}.old`),
  'was replaced': (path) => {
    writeFileSync(`${path}.new`, CONTENT);
    renameSync(`${path}.new`, path);
  },
  'was removed': (path) => rmSync(path),
  'has another name only': (path) => {
    linkSync(path, `${path}.link`);
    rmSync(path);
  },
  'is in a folder that was renamed': (path) => renameSync(dirname(path), `${dirname(path)}.old`),
};
/** What the client knows of its content is not true any more. */
const CHANGED: Readonly<Record<string, Deed>> = {
  'was written to': (path) => appendFileSync(path, 'more'),
  'was written over': (path) => writeFileSync(path, 'xyz'),
  'was cut': (path) => truncateSync(path, 1),
};
const SAME: Readonly<Record<string, Deed>> = {
  'was read': (path) => void readFileSync(path),
  'was accessed, by its time': (path) => touch(path, '-a'),
  'has another extended attribute': setAttribute,
  'has another name besides': (path) => linkSync(path, `${path}.link`),
  'has other permissions': (path) => chmodSync(path, 0o600),
};

function touch(path: string, option: '-a'): void {
  execFileSync('touch', [option, '-d', '2020-01-01', path]);
}

function setAttribute(path: string): void {
  withFile(path, (file) => assert.equal(file.setXattr('user.other', Uint8Array.of(1)), 0));
}

/** As a local program does that knows where streams are: what it writes is in the attribute. */
function changeStream(path: string, change: (old: Uint8Array) => Uint8Array): void {
  withFile(path, (file) => {
    const old = file.getXattr(STREAM_XATTR);
    assert.ok(old instanceof Uint8Array);
    assert.equal(file.setXattr(STREAM_XATTR, change(old)), 0);
  });
}

function storedAt(path: string): string {
  const store = join(dirname(path), '..', '.semba-streams');
  const [name] = readdirSync(store);
  assert.ok(name !== undefined);
  return join(store, name);
}

function withFile(path: string, body: (file: VfsFile) => void): void {
  const vfs = openLocalVfs(dirname(path));
  assert.ok(!failed(vfs));
  const credentials = { uid: 0, gid: 0, groups: [] };
  const file = vfs.open(credentials, 'file', { access: 'metadata' });
  assert.ok(!failed(file) && !(file instanceof Promise));
  body(file);
  file.close();
  vfs.close();
}

/** A folder to share, in which the file is at `path`. */
async function inFolder(body: (share: string, path: string) => Promise<void>): Promise<void> {
  const share = mkdtempSync(join(tmpdir(), 'semba-beside-'));
  mkdirSync(join(share, 'folder'));
  try {
    await body(share, join(share, 'folder', 'file'));
  } finally {
    rmSync(share, { recursive: true, force: true });
  }
}

for (const version of [1, 2] as const) {
  describe(`a file of a durable handle, version ${version}`, { timeout: TIMEOUT_MS }, () => {
    const contexts = version === 1 ? { contexts: [durableRequestContext()] } : {};

    async function away(body: (rig: Rig, path: string, lost: ClientOpen) => Promise<void>) {
      await inFolder(async (share, path) => {
        await withRig({ shares: [{ name: 'share', path: share }] }, async (rig) => {
          const tree = await treeOfClient(rig);
          const lost = await openDurable(tree, NAME, contexts);
          assertStatus((await lost.write({ offset: 0, data: CONTENT })).status, 0);
          await lose(rig, tree);
          await body(rig, path, lost);
        });
      });
    }

    for (const [what, deed] of Object.entries({ ...GONE, ...CHANGED })) {
      it(`is not given back when it ${what}, and the log says so`, async () => {
        await away(async (rig, path, lost) => {
          deed(path);
          const { status } = await reconnect(await treeOfClient(rig), lost, { version });
          assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
          assert.equal(rig.engine.counts().opens, 0);
          assert.ok(rig.logged.some((line) => line.startsWith('not given back')));
        });
      });
    }
    for (const [what, deed] of Object.entries(SAME)) {
      it(`is given back when it ${what}`, async () => {
        await away(async (rig, path, lost) => {
          deed(path);
          const { status, open } = await reconnect(await treeOfClient(rig), lost, { version });
          assertStatus(status, 0);
          assert.deepEqual((await open!.read({ offset: 0, length: 9 })).response?.data, CONTENT);
          assertStatus((await open!.close()).status, 0);
        });
      });
    }
  });
}

describe('a file that its own client changed', { timeout: TIMEOUT_MS }, () => {
  it('through one open is given back for the other one of the lease', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const lost = [];
      for (let i = 0; i < 2; i++) {
        const createGuid = newGuid();
        const durable = durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid });
        const open = await openFile(tree, { name: 'file', ...leased([durable], RWH) });
        lost.push({ createGuid, open });
      }
      await lose(rig, tree);
      const again = await treeOfClient(rig);
      const opens = [];
      for (const { createGuid, open } of lost) {
        const { fileId } = open;
        const durable = durableReconnectV2Context({ fileId, createGuid, flags: 0 });
        const back = await tryOpen(again, { name: 'file', ...leased([durable], RWH) });
        assertStatus(back.status, 0);
        assert.equal(leaseStateOf(back.open!), RWH);
        assertStatus((await back.open!.write({ offset: 0, data: CONTENT })).status, 0);
        opens.push(back.open!);
      }
      for (const open of opens) assertStatus((await open.close()).status, 0);
    });
  });
});

/** How the deed comes between a client and its persistent open. */
const ENDS: Readonly<Record<string, (restarts: Restarts, deed: () => void) => Promise<void>>> = {
  'while its client was away': async (_, deed) => deed(),
  'while the server did not run': (restarts, deed) => restarts.restart(deed),
  'after the server began anew': async (restarts, deed) => {
    await restarts.crash();
    deed();
  },
};

for (const [when, pass] of Object.entries(ENDS)) {
  describe(`a file of a persistent handle that ${when}`, { timeout: TIMEOUT_MS }, () => {
    /** What the client gets back after `deed`. */
    async function after(deed: Deed) {
      let outcome: Awaited<ReturnType<typeof giveBack>> & { readonly logged: readonly string[] };
      await inFolder((share, path) =>
        withRestarts(
          async (restarts) => {
            const tree = await treeOfClient(restarts.rig);
            const kept = await openKept(tree, { name: NAME, leaseState: RWH });
            assertStatus((await kept.open.write({ offset: 0, data: CONTENT })).status, 0);
            if (when === 'while its client was away') await lose(restarts.rig, tree);
            await pass(restarts, () => deed(path));
            const back = await giveBack(restarts.rig, kept, RWH);
            outcome = { ...back, logged: restarts.rig.logged };
          },
          { path: share },
        ),
      );
      return outcome!;
    }

    for (const [what, deed] of Object.entries(GONE)) {
      it(`${what} is not given back, and the log says so`, async () => {
        const { status, logged } = await after(deed);
        assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
        assert.ok(logged.some((line) => /^(not given back|an open is not restored)/.test(line)));
      });
    }
    for (const [what, deed] of Object.entries(CHANGED)) {
      it(`${what} is given back without its lease, and the log says so`, async () => {
        const { status, open, logged } = await after(deed);
        assertStatus(status, 0);
        assert.equal(leaseStateOf(open!), 0);
        assert.ok(logged.some((line) => line.startsWith('given back without')));
      });
    }
    for (const [what, deed] of Object.entries(SAME)) {
      it(`${what} is given back with it`, async () => {
        const { status, open, logged } = await after(deed);
        assertStatus(status, 0);
        assert.equal(leaseStateOf(open!), RWH);
        assert.ok(!logged.some((line) => line.startsWith('given back without')));
      });
    }
  });
}

for (const [size, bytes] of Object.entries(STREAMS)) {
  const changes = size === 'small' ? STREAM_CHANGED : { ...STREAM_CHANGED, ...CONTENT_CHANGED };
  const name = `${NAME}:${STREAM}`;

  describe(`a ${size} named stream of a durable handle`, { timeout: TIMEOUT_MS }, () => {
    async function after(deed: Deed) {
      let status = -1;
      await inFolder(async (share, path) => {
        await withRig({ shares: [{ name: 'share', path: share }] }, async (rig) => {
          const tree = await treeOfClient(rig);
          const lost = await openDurable(tree, name);
          assertStatus((await lost.write({ offset: 0, data: pattern(bytes) })).status, 0);
          await lose(rig, tree);
          deed(path);
          const back = await reconnect(await treeOfClient(rig), lost);
          status = back.status;
          await back.open?.close();
        });
      });
      return status;
    }

    for (const [what, deed] of Object.entries(changes)) {
      it(`is not given back when it ${what}`, async () => {
        assertStatus(await after(deed), STATUS_OBJECT_NAME_NOT_FOUND);
      });
    }
    for (const [what, deed] of Object.entries(STREAM_SAME)) {
      it(`is given back when it ${what}`, async () => assertStatus(await after(deed), 0));
    }
  });

  for (const [when, pass] of Object.entries(ENDS)) {
    const where = `a ${size} named stream of a persistent handle that ${when}`;
    describe(where, { timeout: TIMEOUT_MS }, () => {
      /** What the client's lease is after `deed`; undefined: the open is not given back. */
      async function after(deed: Deed) {
        let leaseState: number | undefined;
        await inFolder((share, path) =>
          withRestarts(
            async (restarts) => {
              const tree = await treeOfClient(restarts.rig);
              const kept = await openKept(tree, { name, leaseState: RWH });
              assertStatus((await kept.open.write({ offset: 0, data: pattern(bytes) })).status, 0);
              if (when === 'while its client was away') await lose(restarts.rig, tree);
              await pass(restarts, () => deed(path));
              const { open } = await giveBack(restarts.rig, kept, RWH);
              leaseState = open && leaseStateOf(open);
            },
            { path: share },
          ),
        );
        return leaseState;
      }

      for (const [what, deed] of Object.entries(STREAM_CHANGED)) {
        it(`${what} is given back without its lease`, async () => {
          assert.equal(await after(deed), 0);
        });
      }
      for (const [what, deed] of Object.entries(STREAM_SAME)) {
        it(`${what} is given back with it`, async () => assert.equal(await after(deed), RWH));
      }
    });
  }
}
