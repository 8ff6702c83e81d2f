/** Clients that watch directories in which local processes work. Real files, real inotify. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
} from '../../src/fscc/create-parameters.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
} from '../../src/fscc/notify-filter.ts';
import { decodeNotifyInformation } from '../../src/fscc/notify-information.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_WATCH_TREE } from '../../src/smb2/wire/constants.ts';
import { type LocalServer, serveShares } from './local-server.ts';
import { logOnAt, opened } from './peer.ts';

const SHARE_ALL = 7;
const NAMES = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
const ACTIONS = ['', 'added', 'removed', 'modified', 'old name', 'new name'];

describe('Changes by local processes', () => {
  const root = mkdtempSync(join(tmpdir(), 'semba-local-notify-'));
  let server: LocalServer;
  let tree: ClientTree;

  before(async () => {
    server = await serveShares([{ name: 'share', path: root }], {
      limits: { asyncRequestsMax: 2048, creditsMax: 8192 },
    });
    ({ tree } = await logOnAt(server.target));
  });
  after(async () => {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  /** Watches a folder of its own; answers the changes until one is of `last`. */
  async function watch(name: string, filter: number, flags: number): Promise<Watched> {
    const folder = await opened(tree, {
      name,
      desiredAccess: FILE_ALL_ACCESS,
      shareAccess: SHARE_ALL,
      createDisposition: FILE_OPEN_IF,
      createOptions: FILE_DIRECTORY_FILE,
    });
    let call: ReturnType<ClientOpen['notify']> | undefined;
    call = folder.notify({ completionFilter: filter, flags });
    await call.interim;
    const until = async (last: string): Promise<readonly string[]> => {
      const seen: string[] = [];
      for (;;) {
        call ??= folder.notify({ completionFilter: filter, flags });
        const { response } = await call;
        call = undefined;
        assert.ok(response !== undefined);
        const { buffer } = response;
        const changes = decodeNotifyInformation(viewOf(buffer), 0, buffer.length);
        assert.ok(changes !== undefined);
        for (const change of changes) seen.push(`${ACTIONS[change.action]} ${change.name}`);
        if (changes.some((change) => change.name === last)) return seen;
      }
    };
    return { folder, until };
  }

  it('are told: files made, written, changed, renamed and removed', async () => {
    const { folder, until } = await watch('a', NAMES | FILE_NOTIFY_CHANGE_LAST_WRITE, 0);
    const at = (name: string): string => join(root, 'a', name);
    writeFileSync(at('one'), 'x');
    mkdirSync(at('dir'));
    renameSync(at('one'), at('two'));
    appendFileSync(at('two'), 'y');
    rmSync(at('two'));
    writeFileSync(at('end'), '');
    assert.deepEqual(await until('end'), [
      'added one',
      'modified one',
      'added dir',
      'old name one',
      'new name two',
      'modified two',
      'removed two',
      'added end',
    ]);
    await folder.close();
  });

  it('are told of attributes to who asks for those', async () => {
    writeFileSync(join(root, 'plain'), '');
    const { folder, until } = await watch('', FILE_NOTIFY_CHANGE_ATTRIBUTES, 0);
    chmodSync(join(root, 'plain'), 0o600);
    assert.deepEqual(await until('plain'), ['modified plain']);
    await folder.close();
  });

  it('are told of whole trees, of folders too that came later', async () => {
    mkdirSync(join(root, 'tree/old/deep'), { recursive: true });
    const { folder, until } = await watch('tree', NAMES, SMB2_WATCH_TREE);
    writeFileSync(join(root, 'tree/old/deep/f'), '');
    mkdirSync(join(root, 'tree/new/sub'), { recursive: true });
    writeFileSync(join(root, 'tree/new/sub/g'), '');
    assert.deepEqual(await until('new\\sub\\g'), [
      'added old\\deep\\f',
      'added new',
      'added new\\sub',
      'added new\\sub\\g',
    ]);
    renameSync(join(root, 'tree/new'), join(root, 'tree/moved'));
    assert.deepEqual(await until('moved'), ['old name new', 'new name moved']);
    writeFileSync(join(root, 'tree/moved/sub/h'), '');
    assert.deepEqual(await until('moved\\sub\\h'), ['added moved\\sub\\h']);
    await folder.close();
  });

  it('are told beside those of clients, and no change of a client twice', async () => {
    const filter = NAMES | FILE_NOTIFY_CHANGE_LAST_WRITE;
    const { folder, until } = await watch('b', filter, SMB2_WATCH_TREE);
    const made = {
      desiredAccess: FILE_ALL_ACCESS,
      shareAccess: SHARE_ALL,
      createDisposition: FILE_CREATE,
    };
    const options = { createOptions: FILE_DIRECTORY_FILE };
    await (await opened(tree, { name: 'b\\d', ...made, ...options })).close();
    const file = await opened(tree, { name: 'b\\d\\f', ...made });
    await file.write({ offset: 0, data: new Uint8Array(10) });
    await file.close();
    writeFileSync(join(root, 'b/d/end'), '');
    assert.deepEqual(await until('d\\end'), [
      'added d',
      'added d\\f',
      'modified d\\f',
      'added d\\end',
    ]);
    await folder.close();
  });

  it('are told below a folder that was renamed locally', async () => {
    const { folder, until } = await watch('before', NAMES, 0);
    renameSync(join(root, 'before'), join(root, 'after'));
    writeFileSync(join(root, 'after/late'), '');
    assert.deepEqual(await until('late'), ['added late']);
    await folder.close();
  });

  it('are told to thousands of watchers', async () => {
    const folders = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => watch(`many${i}`, NAMES, 0)),
    );
    for (let i = 0; i < folders.length; i++) writeFileSync(join(root, `many${i}`, 'x'), '');
    const seen = await Promise.all(folders.map(({ until }) => until('x')));
    assert.deepEqual(
      seen.filter((changes) => changes.join() !== 'added x'),
      [],
    );
    for (const { folder } of folders) await folder.close();
  });
});

interface Watched {
  readonly folder: ClientOpen;
  until(last: string): Promise<readonly string[]>;
}
