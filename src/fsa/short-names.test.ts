import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualTime } from '../../test/faults/virtual-env.ts';
import { TUNNEL_ENTRIES_MAX } from '../base/limits.ts';
import { alternateNameOf, hasShortNameShape, isEightDotThree, shortNameOf } from './short-names.ts';
import { TunnelCache } from './tunnel-cache.ts';

describe('[MS-FSCC] 2.1.5.2.1 8.3 Filename', () => {
  for (const name of ['A', 'readme.txt', 'AUTOEXEC.BAT', 'a-b~1.c', '12345678']) {
    it(`leaves '${name}' as it is`, () => {
      assert.equal(shortNameOf(name), '');
      assert.equal(alternateNameOf(name, false), name);
    });
  }

  const long = [
    'verylongfilename',
    '.profile',
    'a.b.c',
    'two words',
    'a.html',
    'é',
    'x\uf03ay',
    '+',
  ];
  for (const name of long) {
    it(`makes one of '${name}', always the same, in any case`, () => {
      const short = shortNameOf(name);
      assert.ok(isEightDotThree(short), short);
      assert.ok(hasShortNameShape(short), short);
      assert.ok(hasShortNameShape(short.toLowerCase()), short);
      assert.equal(shortNameOf(name.toUpperCase()), short);
      assert.equal(alternateNameOf(name, true), short);
      assert.equal(alternateNameOf(name, false), '');
    });
  }

  it('keeps the first character and the extension', () => {
    assert.match(shortNameOf('Quarterly report.xlsx'), /^Q[0-9A-Z]{5}~[0-9A-Z]\.XLS$/);
    assert.match(shortNameOf('.gitignore'), /^G[0-9A-Z]{5}~[0-9A-Z]$/);
  });

  it('seldom gives two names one', () => {
    const made = new Set(
      Array.from({ length: 5000 }, (_, i) => shortNameOf(`a long name ${i}.text`)),
    );
    assert.equal(made.size, 5000);
  });
});

describe('[MS-FSA] 2.1.1.1 Volume.TunnelCacheList', () => {
  const time = new VirtualTime();
  const short = shortNameOf('a long name');

  it('tells the long name of what went a moment ago, in its directory', () => {
    const tunnel = new TunnelCache(time);
    tunnel.remember('folder/a long name');
    assert.equal(tunnel.take(`folder/${short.toLowerCase()}`), 'folder/a long name');
    assert.equal(tunnel.take(`folder/${short}`), undefined);
    tunnel.remember('folder/a long name');
    assert.equal(tunnel.take(`other/${short}`), undefined);
    assert.equal(tunnel.take('folder/other'), undefined);
  });

  it('forgets after 15 seconds, and the oldest of too many', () => {
    const tunnel = new TunnelCache(time);
    tunnel.remember('a long name');
    time.advance(15_001);
    assert.equal(tunnel.take(short), undefined);
    tunnel.remember('a long name');
    for (let i = 0; i < TUNNEL_ENTRIES_MAX; i++) tunnel.remember(`another long name ${i}`);
    assert.equal(tunnel.take(short), undefined);
  });
});
