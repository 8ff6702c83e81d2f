import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDirectoryTarget, linkDataOf, targetOfLinkData } from './link-target.ts';

const relative = (name: string) => ({
  substituteName: name,
  printName: name,
  isRelative: true,
});
const at = (parent: string, isDirectory = false) => ({ parent, isDirectory });

describe('A POSIX link as a reparse point of Windows', () => {
  it('keeps a relative target, with the names as clients see them', () => {
    assert.deepEqual(linkDataOf('../a/b:c'), relative('..\\a\\b\uf022c'));
    assert.deepEqual(linkDataOf('./x'), relative('.\\x'));
  });

  it('takes the slash of a directory away', () => {
    assert.deepEqual(linkDataOf('folder/'), relative('folder'));
    assert.equal(isDirectoryTarget('folder/'), true);
    assert.equal(isDirectoryTarget('folder'), false);
  });

  it("tells an absolute target of Windows' as it was given", () => {
    assert.deepEqual(linkDataOf('/??/C:/x'), {
      substituteName: '\\??\\C:\\x',
      printName: 'C:\\x',
      isRelative: false,
    });
    assert.equal(linkDataOf('/??/UNC/server/share').printName, '\\\\server\\share');
  });

  it('tells an absolute target of this machine as absolute', () => {
    assert.deepEqual(linkDataOf('/etc/passwd'), {
      substituteName: '\\etc\\passwd',
      printName: '\\etc\\passwd',
      isRelative: false,
    });
    assert.equal(linkDataOf('/').isRelative, false);
  });
});

describe('A reparse point of Windows as a POSIX link', () => {
  it('stands for a relative target that stays in the share', () => {
    assert.equal(targetOfLinkData(relative('x\\y'), at('')), 'x/y');
    assert.equal(targetOfLinkData(relative('..\\x'), at('a')), '../x');
    assert.equal(targetOfLinkData(relative('b\uf022c'), at('')), 'b:c');
    assert.equal(targetOfLinkData(relative('x'), at('', true)), 'x/');
  });

  it('stands for an absolute target of Windows', () => {
    const link = { substituteName: '\\??\\C:\\x', printName: 'C:\\x', isRelative: false };
    assert.equal(targetOfLinkData(link, at('')), '/??/C:/x');
  });

  for (const [why, name] of [
    ['leads out of the share', '..\\x'],
    ['leads out of the share further on', 'a\\..\\..\\x'],
    ['has an empty component', 'a\\\\b'],
    ['has a slash in a name', 'a/../../b'],
    ['is empty', ''],
    ['hides dots in private characters', '\uf029'],
    ['is too long', `x\\${'y'.repeat(4096)}`],
  ] as const) {
    it(`does not stand for one that ${why}`, () => {
      assert.equal(targetOfLinkData(relative(name), at('')), undefined);
    });
  }

  for (const name of [
    '\\etc\\passwd',
    '\\??\\..\\x',
    '\\??\\C:\\..\\x',
    '\\??\\',
    'x',
    '\\??\\a/b',
  ]) {
    it(`does not stand for the absolute '${name}'`, () => {
      const link = { substituteName: name, printName: name, isRelative: false };
      assert.equal(targetOfLinkData(link, at('')), undefined);
    });
  }

  it('does not stand for one whose print name would be lost', () => {
    const link = { ...relative('x'), printName: 'something else' };
    assert.equal(targetOfLinkData(link, at('')), undefined);
  });
});
