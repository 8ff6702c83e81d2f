import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../base/bytes.ts';
import { civilTime } from '../base/civil-time.ts';
import { DEFAULT_LIMITS } from '../base/limits.ts';
import { fileTimeOfMs } from '../dtyp/file-time.ts';
import { NdrReader, NdrWriter } from '../rpce/ndr.ts';
import type { Pipe } from '../rpce/pipe.ts';
import { PipeMemory } from '../rpce/pipe-memory.ts';
import { RpcClient, type RpcTransport } from '../rpce/rpc-client.ts';
import {
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  NCA_OP_RNG_ERROR,
  NERR_NetNameNotFound,
  RPC_X_BAD_STUB_DATA,
} from '../rpce/rpc-status.ts';
import { listShares, SRVSVC_UUID, SRVSVC_VERSION, STYPE_IPC, STYPE_SPECIAL } from '../rpce/srvs.ts';
import { createPipeOpener } from './pipes.ts';
import type { ServiceHost, ShareDescription } from './service-host.ts';

const CLIENT = {
  userName: 'alice',
  domainName: 'WORKGROUP',
  serverName: 'SERVER',
  sessionKey: new Uint8Array(16),
};
const PIPES = {
  ...DEFAULT_LIMITS,
  memory: new PipeMemory({ allows: () => true, fell() {} }),
};

const SHARES: readonly ShareDescription[] = [
  {
    name: 'data',
    type: 0,
    comment: 'Files',
    path: 'C:\\data',
    maxUses: 0xffff_ffff,
    currentUses: 2,
  },
  {
    name: 'IPC$',
    type: STYPE_IPC | STYPE_SPECIAL,
    comment: '',
    maxUses: 0xffff_ffff,
    currentUses: 1,
  },
];
const ALICE = 'S-1-5-21-1-2-3-1000';
const WKSSVC = { uuid: '6bffd098-a112-3610-9833-46c3f87e345a', version: 1 };
const LSARPC = { uuid: '12345778-1234-abcd-ef00-0123456789ab', version: 0 };
const SRVSVC = { uuid: SRVSVC_UUID, version: SRVSVC_VERSION };

describe('[MS-SRVS] 3.1.4.8 NetrShareEnum', () => {
  it('lists the shares to our client', async () => {
    const outcome = await listShares(await bind('srvsvc', SRVSVC), 'SERVER');
    assert.deepEqual(outcome, {
      error: 0,
      shares: SHARES.map(({ name, type, comment }) => ({ name, type: type >>> 0, comment })),
    });
  });
  it('goes on from the resume handle when the preferred length is short', async () => {
    const client = await bind('srvsvc', SRVSVC);
    const first = await enumerate(client, { level: 0, lengthMax: 1, resume: 0 });
    assert.deepEqual(first, { names: ['data'], total: 2, resume: 1, error: 234 });
    const second = await enumerate(client, { level: 0, lengthMax: 1, resume: 1 });
    assert.deepEqual(second, { names: ['IPC$'], total: 1, resume: 0, error: 0 });
  });
  it('lists many shares over several fragments', async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ ...SHARES[0]!, name: `share-${i}` }));
    const outcome = await listShares(await bind('srvsvc', SRVSVC, { listShares: () => many }), 'S');
    assert.equal(outcome.shares?.length, 300);
    assert.equal(outcome.shares?.[299]?.name, 'share-299');
  });
  it('refuses level 502 to everybody and unknown levels', async () => {
    const client = await bind('srvsvc', SRVSVC);
    for (const [level, error] of [
      [502, ERROR_ACCESS_DENIED],
      [7, ERROR_INVALID_LEVEL],
    ] as const) {
      const answer = await enumerate(client, { level, lengthMax: 0xffff_ffff, resume: 0 });
      assert.equal(answer.error, error);
    }
  });
  it('faults on a truncated stub', async () => {
    const client = await bind('srvsvc', SRVSVC);
    const stub = enumRequest({ level: 1, lengthMax: 1, resume: 0 });
    for (let end = 0; end < stub.length; end++) {
      const outcome = await client.call(15, stub.subarray(0, end));
      assert.equal(outcome.fault, RPC_X_BAD_STUB_DATA, `${end}`);
    }
  });
});

describe('[MS-SRVS] 3.1.4.10 NetrShareGetInfo', () => {
  const request = (name: string, level: number): Uint8Array => {
    const out = new NdrWriter();
    out.parameter(() => out.string('\\\\SERVER'));
    out.string(name);
    out.u32(level);
    return out.take();
  };
  it('finds a share in any case', async () => {
    const { stub } = await (await bind('srvsvc', SRVSVC)).call(16, request('DATA', 2));
    const answer = new NdrReader(stub!);
    const fixed = Array.from({ length: 10 }, () => answer.u32());
    assert.deepEqual([fixed[0], fixed[3], fixed[5], fixed[6], fixed[7]], [2, 0, 0, 0xffff_ffff, 2]);
    const texts = [answer.string(), answer.string(), answer.string()];
    assert.deepEqual(texts, ['data', 'Files', 'C:\\data']);
    assert.equal(answer.u32(), 0);
    assert.ok(answer.ok);
  });
  it('fails with NERR_NetNameNotFound when there is none', async () => {
    const { stub } = await (await bind('srvsvc', SRVSVC)).call(16, request('nothing', 1));
    assert.equal(lastU32(stub!), NERR_NetNameNotFound);
  });
});

describe('[MS-SRVS] 3.1.4 other operations', () => {
  const serverOnly = (level?: number): Uint8Array => {
    const out = new NdrWriter();
    out.parameter(() => out.string('\\\\SERVER'));
    if (level !== undefined) out.u32(level);
    return out.take();
  };
  it('tells about the server at levels 100 to 102', async () => {
    const client = await bind('srvsvc', SRVSVC);
    for (const level of [100, 101, 102]) {
      const { stub } = await client.call(21, serverOnly(level));
      const answer = new NdrReader(stub!);
      const [switched, , platform] = [answer.u32(), answer.u32(), answer.u32()];
      assert.deepEqual([switched, platform], [level, 500]);
      assert.equal(lastU32(stub!), 0);
    }
    const { stub } = await client.call(21, serverOnly(599));
    assert.equal(lastU32(stub!), ERROR_ACCESS_DENIED);
  });
  it('tells the time', async () => {
    const { stub } = await (await bind('srvsvc', SRVSVC)).call(28, serverOnly());
    const answer = new NdrReader(stub!);
    answer.u32();
    const [elapsed, , hours, minutes, seconds] = Array.from({ length: 12 }, () => answer.u32());
    assert.deepEqual([elapsed, hours, minutes, seconds], [1_700_000_000, 22, 13, 20]);
  });
  it('denies sessions to be listed', async () => {
    const out = new NdrWriter();
    for (let i = 0; i < 3; i++) out.u32(0);
    out.u32(10);
    out.u32(10);
    out.u32(0);
    out.u32(0xffff_ffff);
    out.u32(0);
    const { stub } = await (await bind('srvsvc', SRVSVC)).call(12, out.take());
    assert.equal(lastU32(stub!), ERROR_ACCESS_DENIED);
  });
  it('faults with nca_op_rng_error on an unknown opnum', async () => {
    const outcome = await (await bind('srvsvc', SRVSVC)).call(200, new Uint8Array(0));
    assert.equal(outcome.fault, NCA_OP_RNG_ERROR);
  });
});

describe('[MS-WKST] 3.2.4.1 NetrWkstaGetInfo', () => {
  it('tells name and domain', async () => {
    const out = new NdrWriter();
    out.u32(0);
    out.u32(100);
    const { stub } = await (await bind('wkssvc', WKSSVC)).call(0, out.take());
    const answer = new NdrReader(stub!);
    for (let i = 0; i < 7; i++) answer.u32();
    assert.deepEqual([answer.string(), answer.string(), answer.u32()], ['SERVER', 'WORKGROUP', 0]);
  });
});

describe('[MS-LSAT] look-ups', () => {
  it('names SIDs and gives SIDs to names', async () => {
    const client = await bind('lsarpc', LSARPC);
    const handle = await openPolicy(client);
    const sids = new NdrWriter();
    sids.put(handle);
    writeSids(sids);
    const bySid = await client.call(57, sids.take());
    assert.equal(lastU32(bySid.stub!), 0x107);
    const text = Buffer.from(bySid.stub!).toString('utf16le');
    for (const name of ['alice', 'BUILTIN', 'Administrators']) assert.ok(text.includes(name), name);

    const names = new NdrWriter();
    names.put(handle);
    names.u32(1);
    names.u32(1);
    names.u16(10);
    names.u16(10);
    names.pointer(() => names.string('alice'));
    names.flush();
    const byName = await client.call(14, names.take());
    assert.equal(lastU32(byName.stub!), 0);
  });
  it('refuses a handle that is not open', async () => {
    const client = await bind('lsarpc', LSARPC);
    const handle = await openPolicy(client);
    const closed = await client.call(0, handle);
    assert.equal(lastU32(closed.stub!), 0);
    const again = await client.call(0, handle);
    assert.equal(lastU32(again.stub!), 0xc000_0008);
  });
  it('tells the account domain', async () => {
    const client = await bind('lsarpc', LSARPC);
    const out = new NdrWriter();
    out.put(await openPolicy(client));
    out.u16(5);
    const { stub } = await client.call(7, out.take());
    assert.equal(lastU32(stub!), 0);
    assert.ok(Buffer.from(stub!).toString('utf16le').includes('SERVER'));
  });
});

describe('civil time', () => {
  it('agrees with the Gregorian calendar', () => {
    for (const ms of [0, 951_782_400_000, 1_709_164_800_000, 4_102_444_799_999, -1]) {
      const date = new Date(ms);
      const time = civilTime(ms);
      assert.deepEqual(
        [time.year, time.month, time.day, time.weekday, time.hours, time.milliseconds],
        [
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
          date.getUTCDay(),
          date.getUTCHours(),
          date.getUTCMilliseconds(),
        ],
      );
    }
  });
});

function host(changes: Partial<ServiceHost>): ServiceHost {
  const alice = { sid: ALICE, domainName: 'SERVER', name: 'alice', use: 'user' } as const;
  return {
    serverName: 'SERVER',
    domainName: 'WORKGROUP',
    comment: 'a server',
    osVersion: { major: 10, minor: 0 },
    clock: { fileTime: () => fileTimeOfMs(1_700_000_000_000), monotonicMs: () => 5 },
    accountDomainSid: 'S-1-5-21-1-2-3',
    listShares: () => SHARES,
    findSid: (sid) => (sid === ALICE ? alice : undefined),
    findName: (name) => (name === 'alice' ? alice : undefined),
    ...changes,
  };
}

async function bind(
  name: string,
  target: { uuid: string; version: number },
  changes: Partial<ServiceHost> = {},
): Promise<RpcClient> {
  const pipe = createPipeOpener(host(changes), PIPES)(name, CLIENT);
  const client = await RpcClient.bind(transportTo(pipe!), target);
  return client!;
}

/** Reads in small pieces, as a client with a small buffer does. */
function transportTo(pipe: Pipe): RpcTransport {
  return {
    write: async (message) => {
      assert.equal(await pipe.write(message), true);
    },
    read: async () => pipe.read(100)!.bytes,
  };
}

interface EnumParams {
  readonly level: number;
  readonly lengthMax: number;
  readonly resume: number;
}

function enumRequest(params: EnumParams): Uint8Array {
  const out = new NdrWriter();
  out.u32(0);
  out.u32(params.level);
  out.u32(params.level);
  out.parameter(() => {
    out.u32(0);
    out.u32(0);
  });
  out.u32(params.lengthMax);
  out.parameter(() => out.u32(params.resume));
  return out.take();
}

async function enumerate(
  client: RpcClient,
  params: EnumParams,
): Promise<{ names: string[]; total: number; resume: number; error: number }> {
  const { stub } = await client.call(15, enumRequest(params));
  const answer = new NdrReader(stub!);
  assert.deepEqual([answer.u32(), answer.u32()], [params.level, params.level]);
  const names: string[] = [];
  if (answer.pointer()) {
    const count = answer.u32();
    answer.u32();
    answer.u32();
    for (let i = 0; i < count; i++) answer.u32();
    for (let i = 0; i < count; i++) names.push(answer.string());
  }
  const total = answer.u32();
  const resume = answer.pointer() ? answer.u32() : 0;
  return { names, total, resume, error: answer.u32() };
}

async function openPolicy(client: RpcClient): Promise<Uint8Array> {
  const { stub } = await client.call(44, new Uint8Array(0));
  assert.equal(lastU32(stub!), 0);
  return stub!.slice(0, 20);
}

/** alice, BUILTIN\Administrators and one that nobody knows. */
function writeSids(out: NdrWriter): void {
  const sids = [
    [5, 21, 1, 2, 3, 1000],
    [5, 32, 544],
    [5, 21, 9, 9, 9, 9],
  ];
  out.u32(sids.length);
  out.parameter(() => {
    out.u32(sids.length);
    for (const [authority, ...subs] of sids) {
      out.pointer(() => {
        out.u32(subs.length);
        out.put(Uint8Array.of(1, subs.length, 0, 0, 0, 0, 0, authority!));
        for (const sub of subs) out.u32(sub);
      });
    }
  });
}

function lastU32(stub: Uint8Array): number {
  return viewOf(stub).getUint32(stub.length - 4, true);
}
