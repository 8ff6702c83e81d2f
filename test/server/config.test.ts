import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { ConfigError, parseConfig, readConfig } from '../../src/server/config.ts';

/** The error's text for a configuration called /etc/semba.toml. */
function errorOf(text: string): string {
  try {
    parseConfig(text, '/etc/semba.toml');
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: 'the configuration was accepted' });
}

describe('configuration file: accepted', () => {
  it('takes an empty file', () => {
    const config = parseConfig('', '/etc/semba.toml');
    assert.deepEqual(config, { server: {}, logLevel: undefined, shares: [] });
  });

  it('turns every key into the option it names', () => {
    const text = `
[server]
listen = "127.0.0.1"
port = 4450
name = "FILES"
workgroup = "HOME"
signing = "enabled"
encryption = "desired"
dialect_min = "3.0"
dialect_max = "3.1.1"
state = "state"
log = "debug"
interfaces = ["eth*;capability=RSS"]
oplock_break_channels = "windows"

[shares.docs]
path = "../srv/docs"
read_only = true
comment = "Documents"
encryption = "required"
compression = "asked"
users = ["anna", "ben"]
hidden = true
create_mask = 0o640
directory_mask = 0o750
hide_dot_files = false
hide_files = ["desktop.ini", "*.bak"]
sendfile = true
acl_order = "canonical"
acl_auto_inherited = "kept"
strict_sync = false
directory_leases = false
access = "posix"
access_based_enumeration = true
administrators = ["anna"]

[limits]
creditsMax = 512
`;
    assert.deepEqual(parseConfig(text, '/etc/semba.toml'), {
      server: {
        listen: ['127.0.0.1'],
        port: 4450,
        name: 'FILES',
        interfaces: ['eth*;capability=RSS'],
        oplockBreakChannels: 'windows',
        workgroup: 'HOME',
        signing: 'enabled',
        encryption: 'desired',
        stateFolder: '/etc/state',
        dialectMin: '3.0',
        dialectMax: '3.1.1',
        limits: { creditsMax: 512 },
      },
      logLevel: 'debug',
      shares: [
        {
          name: 'docs',
          path: '/srv/docs',
          readOnly: true,
          comment: 'Documents',
          encryption: 'required',
          compression: 'asked',
          allowedUsers: ['anna', 'ben'],
          hidden: true,
          createMask: 0o640,
          directoryMask: 0o750,
          hideDotFiles: false,
          hideFiles: ['desktop.ini', '*.bak'],
          sendFile: true,
          aclOrder: 'canonical',
          aclAutoInherited: 'kept',
          strictSync: false,
          directoryLeases: false,
          access: 'posix',
          accessBasedEnumeration: true,
          administrators: ['anna'],
        },
      ],
    });
  });

  it('takes every limit by the name it has in base/limits.ts', () => {
    const lines = Object.entries(DEFAULT_LIMITS).map(([name, value]) => `${name} = ${value}`);
    const { server } = parseConfig(`[limits]\n${lines.join('\n')}`, 'semba.toml');
    assert.deepEqual(server.limits, DEFAULT_LIMITS);
  });
});

const REFUSED: readonly (readonly [what: string, text: string, error: string])[] = [
  ['text that is no TOML', '[server]\nport = \n', '/etc/semba.toml:2: this is not TOML: '],
  [
    'an unknown section',
    '[serwer]\nport = 1\n',
    "/etc/semba.toml:1: serwer: is unknown; did you mean 'server'?",
  ],
  [
    'an unknown key, with the nearest that is known',
    '# head\n[server]\nname = "A"\nprot = 445\n',
    "/etc/semba.toml:4: server.prot: is unknown; did you mean 'port'?",
  ],
  [
    'a limit in another spelling',
    '[limits]\ncredits_max = 3\n',
    "/etc/semba.toml:2: limits.credits_max: is unknown; did you mean 'creditsMax'?",
  ],
  [
    'a key that nothing is near to',
    '[shares.a]\npath = "/a"\nsnapshots_of_yesterday = 1\n',
    '/etc/semba.toml:3: shares.a.snapshots_of_yesterday: is unknown; known: path, read_only',
  ],
  [
    'a port out of range',
    '[server]\nport = 70000\n',
    '/etc/semba.toml:2: server.port: expected a port, 1 to 65535',
  ],
  [
    'too many workers',
    '[server]\nworkers = 65\n',
    '/etc/semba.toml:2: server.workers: expected "auto", or a number from 1 to 64',
  ],
  [
    'a word that is none of the choices',
    '[server]\nsigning = "maybe"\n',
    '/etc/semba.toml:2: server.signing: expected "enabled" or "required"',
  ],
  [
    'an interface with a setting that there is not',
    '[server]\ninterfaces = ["eth0;speed=fast"]\n',
    '/etc/semba.toml:2: server.interfaces.0: expected speed=BITS, capability=RSS or none',
  ],
  [
    'a share without a path',
    '[shares.a]\npath = "/a"\n\n[shares."b c"]\ncomment = "no path"\n',
    '/etc/semba.toml:4: shares.b c.path: expected the folder to share, in quotes',
  ],
  ['a share name with a slash', '[shares."a/b"]\npath = "/a"\n', '/etc/semba.toml:1: shares.a/b: '],
  [
    'the name of the pipe share',
    '[shares."ipc$"]\npath = "/a"\n',
    "/etc/semba.toml:1: shares.ipc$: 'ipc$' cannot be a share's name: it is reserved",
  ],
  [
    'two shares whose names differ in case only',
    '[shares.Docs]\npath = "/a"\n[shares.docs]\npath = "/b"\n',
    "/etc/semba.toml:3: shares.docs: expected another name: clients cannot tell it from 'Docs'",
  ],
  [
    'dialects in the wrong order',
    '[server]\ndialect_max = "3.0"\ndialect_min = "3.1.1"\n',
    '/etc/semba.toml:3: server.dialect_min: expected a dialect of at most dialect_max (3.0)',
  ],
  [
    'permission bits that are too large',
    '[shares.a]\npath = "/a"\ncreate_mask = 0o7777\n',
    '/etc/semba.toml:3: shares.a.create_mask: expected permission bits up to 0o777',
  ],
  [
    'a limit of nothing',
    '[limits]\ncreditsMax = 0\n',
    '/etc/semba.toml:2: limits.creditsMax: expected a number of 1 or more',
  ],
  [
    'a transfer size between the steps',
    '[limits]\ntransactSizeMax = 100000\n',
    '/etc/semba.toml:2: limits.transactSizeMax: expected a multiple of 65536',
  ],
  [
    'a share in an inline table',
    'shares = { a = { path = 5 } }\n',
    '/etc/semba.toml:1: shares.a.path: expected the folder to share, in quotes',
  ],
];

describe('configuration file: refused with file, line, key and what was expected', () => {
  for (const [what, text, error] of REFUSED) {
    it(what, () => {
      const message = errorOf(text);
      assert(message.startsWith(error), `got: ${message}`);
    });
  }

  it('tells all that is wrong, in the order of the file', () => {
    const lines = errorOf('[server]\nport = "x"\nname = 5\n[limits]\nx = 1\n').split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(':')[1]),
      ['2', '3', '5'],
    );
  });

  it('names a file that is not there', () => {
    assert.throws(() => readConfig('/nowhere/semba.toml'), {
      message: '/nowhere/semba.toml: cannot be read (ENOENT)',
    });
  });
});
