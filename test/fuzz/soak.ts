/**
 * Mutated traffic against a running server: `node dist/test/fuzz/soak.js --minutes 60 --seed 1`.
 *
 *   --minutes N | --seconds N   how long                (default: 1 minute)
 *   --seed S                    what is sent            (default: from the clock)
 *   --from CASE --cases N       replays cases of a seed (default: from 0, until time is up)
 *   --rate N                    messages a second       (default: 2000)
 *   --parallel N                cases at a time         (default: 8)
 *
 * Three processes: the server (soak-server.ts), a well-behaved client whose work is checked
 * (soak-client.ts), and this one, which sends (soak-cases.ts, soak-run.ts). It fails when the
 * server ends, hangs, logs a bug, disturbs the client, or keeps connections, sessions, opens,
 * descriptors or memory. Traffic stays on loopback. Exit status 0: all is well.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { mountSmall } from '../faults/small-file-system.ts';
import { Soak, SoakFailure, type SoakOptions } from './soak-run.ts';

const DISK_SIZE = 128 * 1024 * 1024;

const options = readOptions();
const line = `seed=${options.seed} commit=${currentCommit()}`;
console.log(`${line} for ${options.durationMs / 1000} s, ${options.rate} messages/s`);
const disk = mountSmall(DISK_SIZE);
if (typeof disk === 'string') console.log(`no share on a real file system: ${disk}`);
const soak = new Soak(options, typeof disk === 'string' ? '' : disk.path);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => soak.interrupt(`interrupted by ${signal}`));
}
try {
  await soak.run();
  console.log(`passed: ${line}`);
} catch (error) {
  process.exitCode = 1;
  console.error(error instanceof SoakFailure ? `FAILED: ${error.message}` : error);
  console.error(`${line} replay: node dist/test/fuzz/soak.js ${soak.replayArguments()}`);
} finally {
  await soak.end();
  if (typeof disk !== 'string') disk.release();
}

function readOptions(): SoakOptions {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string', default: '0' },
      cases: { type: 'string' },
      rate: { type: 'string', default: '2000' },
      parallel: { type: 'string', default: '8' },
    },
  });
  const seconds = values.seconds ?? String(60 * Number(values.minutes ?? '1'));
  return {
    durationMs: 1000 * Number(seconds),
    seed: Number(values.seed ?? Date.now() % 1_000_000_007),
    from: Number(values.from),
    cases: Number(values.cases ?? Number.POSITIVE_INFINITY),
    rate: Number(values.rate),
    parallel: Number(values.parallel),
  };
}

function currentCommit(): string {
  try {
    const args = ['rev-parse', '--short', 'HEAD'];
    const cwd = import.meta.dirname;
    return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}
