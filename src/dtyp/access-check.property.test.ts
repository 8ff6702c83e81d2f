/** The access check against a reference that follows [MS-DTYP] 2.5.3.2 bit by bit, ACE by ACE. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccessToken, accessCheck, allowedAccess } from './access-check.ts';
import {
  FILE_ALL_ACCESS,
  MAXIMUM_ALLOWED,
  mapGeneric,
  READ_CONTROL,
  WRITE_DAC,
} from './access-mask.ts';
import type { SidAce } from './acl.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { SID_EVERYONE, SID_OWNER_RIGHTS } from './sid.ts';

const ME = 'S-1-5-21-1-2-3-1000';
const GROUP = 'S-1-5-21-1-2-3-513';
const SIDS = [ME, GROUP, SID_EVERYONE, SID_OWNER_RIGHTS, 'S-1-5-21-1-2-3-1001'];
const INHERIT_ONLY = 8;

describe('[MS-DTYP] 2.5.3.2, random lists', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`agrees with the reference (seed=${seed})`, () => {
      const random = generator(seed);
      for (let round = 0; round < 3000; round++) {
        const sd = descriptor(random);
        const token: AccessToken = { sids: new Set([ME, GROUP, SID_EVERYONE]), privileges: NONE };
        const allowed = allowedAccess(sd, token);
        const told = `seed=${seed} round=${round} ${JSON.stringify(sd)}`;
        for (let bit = 0; bit < 21; bit++) {
          const mask = (1 << bit) & FILE_ALL_ACCESS;
          if (mask === 0) continue;
          const expected = mayOne(sd, token, mask);
          assert.equal((allowed & mask) !== 0, expected, `${told} bit=${bit}`);
          assert.equal(accessCheck(sd, token, mask).status === 0, expected, `${told} bit=${bit}`);
        }
        const maximum = accessCheck(sd, token, MAXIMUM_ALLOWED);
        assert.equal(maximum.granted ?? 0, allowed, told);
      }
    });
  }
});

const NONE: ReadonlySet<string> = new Set();

/** Whether one right is granted: the first ACE that applies and names it decides. */
function mayOne(sd: SecurityDescriptor, token: AccessToken, mask: number): boolean {
  const isOwner = sd.owner === ME;
  const aces = (sd.dacl!.aces as SidAce[]).filter((ace) => (ace.flags & INHERIT_ONLY) === 0);
  const limits = aces.some((ace) => ace.sid === SID_OWNER_RIGHTS);
  if (isOwner && !limits && (mask & (READ_CONTROL | WRITE_DAC)) !== 0) return true;
  for (const ace of aces) {
    const applies = ace.sid === SID_OWNER_RIGHTS ? isOwner : token.sids.has(ace.sid);
    if (applies && (mapGeneric(ace.mask) & mask) !== 0) return ace.type === 0;
  }
  return false;
}

function descriptor(random: (below: number) => number): SecurityDescriptor {
  const aces = Array.from({ length: random(6) }, (): SidAce => {
    const generic = random(4) === 0 ? 0x1000_0000 << random(4) : 0;
    return {
      type: random(2),
      flags: random(5) === 0 ? INHERIT_ONLY | 3 : 0,
      mask: ((random(0x200) | (random(0x20) << 16)) & FILE_ALL_ACCESS) | generic,
      sid: SIDS[random(SIDS.length)]!,
    };
  });
  const owner = random(2) === 0 ? ME : 'S-1-5-18';
  return { control: 4, owner, group: undefined, sacl: undefined, dacl: { revision: 2, aces } };
}

/** A linear congruential generator: the seed alone replays a run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}
