import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { LocalHub } from '../../src/messaging/local/local-bus.ts';
import type { MessageBus } from '../../src/messaging/message-bus.ts';
import { ProcessBus } from '../../src/messaging/process/process-bus.ts';
import { type BusRig, describeMessageBus } from './message-bus-suite.ts';

const log = makeNodeLog('silent');

describeMessageBus('local', () => {
  const ends: MessageBus[] = [];
  let hub: LocalHub | undefined;
  return {
    join: async (serverId, queueSizeMax) => {
      hub ??= new LocalHub(queueSizeMax === undefined ? {} : { queueSizeMax });
      const end = hub.join(serverId, log);
      ends.push(end);
      await Promise.resolve();
      return end;
    },
    done: async () => {
      for (const end of ends) await end.close();
    },
  };
});

function processRig(): BusRig & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-bus-'));
  const ends: ProcessBus[] = [];
  return {
    folder,
    join: async (serverId, queueSizeMax) => {
      const limit = queueSizeMax === undefined ? {} : { queueSizeMax };
      const end = await ProcessBus.open({ folder, serverId, log, ...limit });
      const met = ends.map(
        (other) =>
          new Promise<void>((resolve) => other.watchPeers({ joined: () => resolve(), left() {} })),
      );
      for (const other of ends) assert.equal(await end.connect(other.serverId), true);
      await Promise.all(met);
      ends.push(end);
      return end;
    },
    done: async () => {
      for (const end of ends) await end.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describeMessageBus('process', processRig);

describe('message bus between processes', () => {
  it('notices at once that a process was killed', async () => {
    const rig = processRig();
    const end = await rig.join('parent');
    const path = join(rig.folder, 'parent.sock');
    const hello = Buffer.from('[\\"#hello\\",\\"child\\"]'.replaceAll('\\', ''));
    const head = `Buffer.from([${hello.length},0,0,0])`;
    const code = `const s=require('net').connect(${JSON.stringify(path)});s.write(${head});
      s.write(${JSON.stringify(hello.toString())});setInterval(()=>{},1000)`;
    const left = new Promise<string>((resolve) => {
      end.watchPeers({ joined: () => child.kill('SIGKILL'), left: resolve });
    });
    const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
    assert.equal(await left, 'child');
    await rig.done();
  });

  it('ends a connection that says no name, one that is taken, or no sense', async () => {
    const rig = processRig();
    await rig.join('one');
    const two = await rig.join('two');
    for (const text of ['["wake",{"topic":""}]', '["#hello","one"]', '["#hello",1]', '{}', '[']) {
      const socket = connect(join(rig.folder, 'two.sock'));
      const head = Buffer.alloc(4);
      head.writeUInt32LE(text.length);
      socket.write(head);
      socket.write(text);
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    }
    const long = connect(join(rig.folder, 'two.sock'));
    long.write(Buffer.from([0, 0, 0, 0xff]));
    await new Promise<void>((resolve) => long.once('close', () => resolve()));
    assert.deepEqual(two.peers(), ['one']);
    await rig.done();
  });

  it('cannot reach who does not listen', async () => {
    const rig = processRig();
    const end = (await rig.join('one')) as ProcessBus;
    assert.equal(await end.connect('nobody'), false);
    await rig.done();
  });
});
