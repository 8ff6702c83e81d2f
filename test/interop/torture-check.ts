/**
 * smbtorture against a fresh server, test by test, compared with expected-failures.txt.
 *
 * - A test that fails and is not listed fails the run, and so does one that did not get to run.
 * - A test that is listed and passes is reported: take it off the list, which may only shrink.
 * - What a test skips by its own word ("not supported") counts as skipped.
 *
 * `--workers N`: the server has so many processes. smbtorture's connections have ClientGuids of
 * their own, so that they meet in different ones.
 *
 * Each test runs in a smbtorture of its own: its counters are global, and a hang costs one test.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const DHV2_REPLAYS = [
  ...['oplock1', 'oplock2', 'oplock3', 'oplock-lease'],
  ...['lease1', 'lease2', 'lease3', 'lease-oplock'],
];
/** 'suite' or 'suite@share'; without a share it is SHARES' or `share`. */
const SUITES = [
  ...['connect', 'tcon', 'read', 'rw', 'mkdir', 'dir', 'create', 'getinfo', 'setinfo', 'compound'],
  ...['compound_find', 'compound_async', 'credits', 'charset', 'fileid', 'session', 'session-id'],
  ...['sharemode', 'deny', 'delete-on-close-perms', 'maxfid', 'openattr', 'winattr', 'winattr2'],
  ...['secleak', 'sdread', 'maximum_allowed', 'timestamps', 'rename', 'ea', 'ioctl', 'lock'],
  ...['oplock', 'lease', 'dirlease', 'streams', 'notify', 'notify-inotify', 'acls'],
  ...['name-mangling', 'ioctl-on-stream', 'mkdir-long-name', 'stream-inherit-perms'],
  ...['async_dosmode', 'dosmode', 'acls_non_canonical', 'create_no_streams', 'durable-open'],
  ...['durable-v2-open', 'durable-v2-delay', 'durable-open-disconnect', 'replay'],
  ...['multichannel.generic', 'multichannel.leases.test3'],
  // What it means that handles are persistent.
  ...['durable-open@share_ca', 'durable-v2-open@share_ca', 'durable-open-disconnect@share_ca'],
  ...['replay.channel-sequence@share_ca', 'replay.replay-commands@share_ca'],
  ...['replay.replay-regular@share_ca', 'replay.replay5@share_ca', 'lock@share_ca'],
  ...DHV2_REPLAYS.map((name) => `replay.replay-dhv2-${name}@share_ca`),
].map((name) => `smb2.${name}`);
const APPLE_SUITES = ['vfs.fruit', 'vfs.fruit_file_id', 'vfs.fruit_timemachine'];

/** Where a suite does not run in `share`. */
const SHARES: ReadonlyMap<string, string> = new Map([
  ['smb2.dosmode', 'share_samba'],
  ['smb2.acls_non_canonical', 'share_samba'],
  ['smb2.create_no_streams', 'share_nostreams'],
  ['vfs.fruit', 'share_apple'],
  ['vfs.fruit_file_id', 'share_apple'],
  ['vfs.fruit_timemachine', 'share_time_machine'],
]);

/** Those whose tests wait for time-outs. */
const LONG = /^smb2\.(lease|oplock|dirlease|notify|durable|replay|timestamps)/;
/**
 * Benchmarks, tests that need Samba's own options, and the arms that want the order of pending
 * replays that a server option brings.
 */
const LEFT_OUT = /^smb2\.(create\.bench|maximum_allowed\.bench|replay\..*-windows$)/;
const OPTIONS = [
  'progress=no',
  'user2name=torture2',
  'user2password=torture2pw',
  'share2=share_apple_plain',
  'acl_xattr_name=NTACL',
] as const;
const TEST_TIME_MS = 150_000;
const SECONDS_DEFAULT = 600;
/** Suites run beside each other, each against a server of its own: most of their time they wait. */
const LANES = 4;

const RESULTS = { success: 'pass', failure: 'fail', error: 'fail', skip: 'skip' } as const;

type Result = 'pass' | 'fail' | 'skip' | 'timeout' | 'notrun';
interface Outcome {
  readonly result: Result;
  readonly reason: string;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    port: { type: 'string' },
    workers: { type: 'string', default: '1' },
  },
});
const endMs = performance.now() + Number(values.seconds ?? SECONDS_DEFAULT) * 1000;
process.exitCode = await main();

async function main(): Promise<number> {
  const tests = chosen(positionals.length > 0 ? positionals : [...SUITES, ...APPLE_SUITES]);
  const expected = expectedFailures();
  const suites = bySuite(tests);
  const outcomes = new Map<string, Outcome>();
  const lanes = values.port === undefined ? LANES : 1;
  await Promise.all(Array.from({ length: lanes }, () => runLane(suites, outcomes)));
  return report(outcomes, expected);
}

/** The tests of each suite, in order; those of suites that take long come first. */
function bySuite(tests: readonly string[]): (readonly string[])[] {
  const suites = new Map<string, string[]>();
  for (const test of tests) {
    const name = suiteOf(test);
    suites.set(name, [...(suites.get(name) ?? []), test]);
  }
  const isLong = ([test]: readonly string[]): number => (LONG.test(test ?? '') ? 0 : 1);
  return [...suites.values()].sort((a, b) => isLong(a) - isLong(b));
}

/** With the share, where the test names one: each lane takes one suite in one share. */
function suiteOf(test: string): string {
  const [name = '', share] = test.split('@');
  const suite = name.split('.', 2).join('.');
  return share === undefined ? suite : `${suite}@${share}`;
}

/** Takes one suite after the other until there is none left. */
async function runLane(
  suites: (readonly string[])[],
  outcomes: Map<string, Outcome>,
): Promise<void> {
  const server = values.port === undefined ? await startServer() : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'semba-torture-'));
  try {
    const port = values.port ?? server?.port ?? '';
    for (let tests = suites.shift(); tests !== undefined; tests = suites.shift()) {
      await runAll(tests, { port, folder, outcomes });
    }
  } finally {
    server?.child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every test by its full name, and '@share'; smbtorture's list names the last part twice. */
function chosen(wanted: readonly string[]): readonly string[] {
  const listed = spawnSync('smbtorture', ['--list'], { encoding: 'utf8' });
  if (listed.status !== 0) throw new Error('smbtorture is missing: package samba-testsuite');
  const all = listed.stdout.split('\n').map((line) => line.replace(/\.([^.]+)\.\1$/, '.$1'));
  const known = [...new Set(all)].filter((test) => !LEFT_OUT.test(test));
  const under = (test: string, name: string) => test === name || test.startsWith(`${name}.`);
  const tests = wanted.flatMap((name) => {
    const [suite = '', share] = name.split('@');
    const below = known.filter((test) => under(test, suite));
    return share === undefined ? below : below.map((test) => `${test}@${share}`);
  });
  return [...new Set(tests)];
}

/** Lines of `test.name  # reason`. */
function expectedFailures(): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, 'test', 'interop', 'expected-failures.txt'), 'utf8');
  const expected = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^((?:smb2|vfs)\..*?)\s+#\s*(\S.*)$/.exec(line);
    if (match?.[1] !== undefined) expected.set(match[1], match[2] ?? '');
    else if (line.trim() !== '' && !line.startsWith('#')) {
      throw new Error(`expected-failures.txt: no reason in '${line}'`);
    }
  }
  return expected;
}

async function runAll(
  tests: readonly string[],
  to: { readonly port: string; readonly folder: string; readonly outcomes: Map<string, Outcome> },
): Promise<void> {
  const { port, folder, outcomes } = to;
  for (const test of tests) {
    const timeMs = Math.floor(Math.min(TEST_TIME_MS, endMs - performance.now()));
    const late: Outcome = { result: 'notrun', reason: "the run's time was up" };
    const outcome = timeMs > 0 ? await runOne(test, { port, folder, timeMs }) : late;
    outcomes.set(test, outcome);
    if (outcome.result !== 'pass') console.log(`${outcome.result} ${test}: ${outcome.reason}`);
  }
}

function runOne(
  test: string,
  { port, folder, timeMs }: { port: string; folder: string; timeMs: number },
): Promise<Outcome> {
  const [name = '', given] = test.split('@');
  const share = given ?? SHARES.get(suiteOf(name)) ?? 'share';
  const args = [`//127.0.0.1/${share}`, '-p', port, '-U', 'torture1%torture1pw'];
  args.push('--format=subunit', '--fullname', '--target=other', `--basedir=${folder}`);
  for (const option of OPTIONS) args.push(`--option=torture:${option}`);
  const child = spawn('smbtorture', [...args, name], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: timeMs,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(outcomeOf(output, `${signal ?? `exit ${code}`}`)));
  });
}

function outcomeOf(output: string, end: string): Outcome {
  const match = /^(success|failure|error|skip): .*?(?: \[\n([\s\S]*?)\n\])?$/m.exec(output);
  if (match?.[1] === undefined) {
    if (end === 'SIGKILL') return { result: 'timeout', reason: 'no end in time' };
    return { result: 'fail', reason: `smbtorture itself ended: ${end}` };
  }
  const reason = (match[2] ?? '').replace(/(\.\.\/)+[\w/.-]*\//g, '').replace(/\s+/g, ' ');
  return { result: RESULTS[match[1] as keyof typeof RESULTS], reason: reason.trim() };
}

function report(
  outcomes: ReadonlyMap<string, Outcome>,
  expected: ReadonlyMap<string, string>,
): number {
  const counts = { passed: 0, failed: 0, expected: 0, skipped: 0 };
  for (const [test, { result }] of outcomes) {
    if (result === 'pass') {
      counts.passed++;
      if (expected.has(test)) console.log(`passes now, take it off the list: ${test}`);
    } else if (result === 'skip') counts.skipped++;
    else if (expected.has(test)) counts.expected++;
    else {
      counts.failed++;
      console.log(`REGRESSION ${test}: ${result}`);
    }
  }
  console.log(`${counts.expected} failed as expected, ${counts.skipped} skipped themselves`);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

async function startServer(): Promise<{ readonly child: ChildProcess; readonly port: string }> {
  const port = String(await freePort());
  const child = spawn(join(root, 'test', 'interop', 'serve'), [port, values.workers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGTERM'));
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === 'ready') return { child, port };
  }
  throw new Error('the server did not come up');
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
