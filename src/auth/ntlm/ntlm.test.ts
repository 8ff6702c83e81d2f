import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../../test/vectors/hex.ts';
import { LOGON_KEYS, LOGON_MESSAGES } from '../../../test/vectors/smb311-logon.ts';
import { concat } from '../../base/bytes.ts';
import { decodeNegTokenInit, decodeNegTokenResp } from '../spnego.ts';
import {
  avFlags,
  avText,
  decodeAvPairs,
  encodeAvPairs,
  findAvPair,
  MSV_AV_NB_COMPUTER_NAME,
  MSV_AV_NB_DOMAIN_NAME,
  MSV_AV_TIMESTAMP,
} from './av-pairs.ts';
import {
  hmacMd5,
  messageIntegrityCode,
  ntOwfV2,
  ntProof,
  rc4,
  sessionBaseKey,
  toUpper,
} from './crypto.ts';
import {
  decodeAuthenticate,
  decodeChallenge,
  decodeNegotiate,
  decodeNtlmV2Response,
  encodeAuthenticate,
  encodeChallenge,
  encodeClientChallenge,
  encodeNegotiate,
} from './messages.ts';
import { ntHash } from './nt-hash.ts';
import { Rc4 } from './rc4.ts';
import { createIntegrity, sealKey, signKey } from './session-security.ts';

const FLAGS = 0xe28a_8233;
const serverChallenge = hex('0123456789abcdef');
const clientChallenge = hex('aaaaaaaaaaaaaaaa');
const avPairs = encodeAvPairs([
  avText(MSV_AV_NB_DOMAIN_NAME, 'Domain'),
  avText(MSV_AV_NB_COMPUTER_NAME, 'Server'),
]);
const challengeBytes = hex(`
  4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024002400
  44000000060070170000000f530065007200760065007200
  02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000`);

describe('[MS-NLMP] 4.2.4 NTLMv2 Authentication', () => {
  const responseKey = ntOwfV2(ntHash('Password'), 'User', 'Domain');
  const temp = encodeClientChallenge({ fileTime: 0n, clientChallenge, avPairs });
  const proof = ntProof(responseKey, serverChallenge, temp);
  const baseKey = sessionBaseKey(responseKey, proof);

  it('4.2.2.1.2: gives NTOWFv1', () => {
    assert.deepEqual(ntHash('Password'), hex('a4f49c406510bdcab6824ee7c30fd852'));
  });

  it('4.2.4.1.1: gives NTOWFv2', () => {
    assert.deepEqual(responseKey, hex('0c868a403bfd7a93a3001ef22ef02e3f'));
  });

  it('4.2.4.1.3: gives temp', () => {
    const expected = hex(`
      01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00
      01000c005300650072007600650072000000000000000000`);
    assert.deepEqual(temp, expected);
  });

  it('4.2.4.2: gives the responses and keys', () => {
    assert.deepEqual(proof, hex('68cd0ab851e51c96aabc927bebef6a1c'));
    const lm = hmacMd5(responseKey, serverChallenge, clientChallenge);
    assert.deepEqual(lm, hex('86c35097ac9cec102554764a57cccc19'));
    assert.deepEqual(baseKey, hex('8de40ccadbc14a82f15cb0ad0de95ca3'));
    const encrypted = rc4(baseKey, new Uint8Array(16).fill(0x55));
    assert.deepEqual(encrypted, hex('c5dad2544fc9799094ce1ce90bc9d03e'));
  });

  it('4.2.4.3: reads and writes the CHALLENGE_MESSAGE', () => {
    const message = decodeChallenge(challengeBytes)!;
    assert.equal(message.flags, FLAGS);
    assert.equal(message.targetName, 'Server');
    assert.deepEqual(message.serverChallenge, serverChallenge);
    assert.deepEqual(message.targetInfo, avPairs);
    const again = encodeChallenge(message);
    assert.deepEqual(again.fill(0, 48, 56), Uint8Array.from(challengeBytes).fill(0, 48, 56));
  });

  it('4.2.4.3: reads the AUTHENTICATE_MESSAGE, which has no MIC', () => {
    const bytes = concat(
      hex(`4e544c4d535350000300000018001800 6c000000 54005400 84000000 0c000c00 48000000
           08000800 54000000 10001000 5c000000 10001000 d8000000 358288e2 0501280a0000000f
           44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
           86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa`),
      proof,
      temp,
      hex('c5dad2544fc9799094ce1ce90bc9d03e'),
    );
    const message = decodeAuthenticate(bytes)!;
    assert.equal(message.userName, 'User');
    assert.equal(message.domainName, 'Domain');
    assert.equal(message.workstation, 'COMPUTER');
    assert.equal(message.flags, 0xe288_8235);
    assert.deepEqual(message.ntResponse, concat(proof, temp));
    assert.deepEqual(message.encryptedSessionKey, hex('c5dad2544fc9799094ce1ce90bc9d03e'));
  });

  it('4.2.4.4: gives SIGNKEY, SEALKEY, the sealed text and its signature', () => {
    const exportedSessionKey = new Uint8Array(16).fill(0x55);
    const sign = signKey(exportedSessionKey, 'client-to-server');
    const seal = sealKey({ flags: FLAGS, exportedSessionKey }, 'client-to-server');
    assert.deepEqual(sign, hex('4788dc861b4782f35d43fd98fe1a2d39'));
    assert.deepEqual(seal, hex('59f600973cc4960a25480a7c196e4c58'));
    const plaintext = hex('50006c00610069006e007400650078007400');
    const stream = new Rc4(seal);
    assert.deepEqual(stream.apply(plaintext), hex('54e50165bf1936dc996020c1811b0f06fb5f'));
    const checksum = hmacMd5(sign, new Uint8Array(4), plaintext).subarray(0, 8);
    assert.deepEqual(stream.apply(checksum), hex('7fb38ec5c55d4976'));
  });
});

describe('a published logon (Microsoft Open Specifications blog)', () => {
  const init = decodeNegTokenInit(LOGON_MESSAGES.setupRequest1.subarray(88))!;
  const negotiate = init.mechToken!;
  const challenge = decodeNegTokenResp(LOGON_MESSAGES.setupResponse1.subarray(72))!.responseToken!;
  const last = decodeNegTokenResp(LOGON_MESSAGES.setupRequest2.subarray(88))!;
  const authenticate = last.responseToken!;
  const completed = decodeNegTokenResp(LOGON_MESSAGES.setupResponse2.subarray(72))!;
  const message = decodeAuthenticate(authenticate)!;

  it('has the messages that its SPNEGO tokens say', () => {
    assert.equal(decodeNegotiate(negotiate)?.flags, 0xe208_8297);
    assert.equal(decodeChallenge(challenge)?.targetName, 'SUT311');
    assert.equal(message.userName, 'administrator');
    const pairs = decodeAvPairs(decodeNtlmV2Response(message.ntResponse)!.avPairs)!;
    assert.equal(avFlags(pairs), 2);
    assert.equal(findAvPair(pairs, MSV_AV_TIMESTAMP)?.length, 8);
  });

  it('has the MIC that we compute', () => {
    const zeroed = Uint8Array.from(authenticate).fill(0, 72, 88);
    const mic = messageIntegrityCode(LOGON_KEYS.sessionKey, negotiate, challenge, zeroed);
    assert.deepEqual(mic, Uint8Array.from(authenticate.subarray(72, 88)));
  });

  it('has the mechListMICs that we compute, both ways', () => {
    const security = { flags: message.flags, exportedSessionKey: LOGON_KEYS.sessionKey };
    const client = createIntegrity({ role: 'client', micExpected: true, ...security });
    const server = createIntegrity({ role: 'server', micExpected: true, ...security });
    assert.deepEqual(client.getMic(init.mechTypeList), Uint8Array.from(last.mechListMic!));
    assert.deepEqual(server.getMic(init.mechTypeList), Uint8Array.from(completed.mechListMic!));
    assert.equal(server.verifyMic(init.mechTypeList, last.mechListMic!), true);
    assert.equal(client.verifyMic(init.mechTypeList, last.mechListMic!), false);
  });
});

describe('[MS-NLMP] 2.2.1 NTLM messages', () => {
  const authenticate = encodeAuthenticate({
    flags: FLAGS,
    lmResponse: new Uint8Array(24),
    ntResponse: new Uint8Array(60).fill(1),
    domainName: 'D',
    userName: 'Üser',
    workstation: '',
    encryptedSessionKey: new Uint8Array(16).fill(2),
  });

  it('come back as they went', () => {
    const message = decodeAuthenticate(authenticate)!;
    assert.deepEqual(encodeAuthenticate(message), authenticate);
    assert.equal(decodeNegotiate(encodeNegotiate({ flags: FLAGS }))?.flags, FLAGS);
  });

  it('are refused when cut anywhere', () => {
    for (let size = 0; size < authenticate.length; size++) {
      assert.equal(decodeAuthenticate(authenticate.subarray(0, size)), undefined, `${size}`);
    }
    for (let size = 0; size < challengeBytes.length; size++) {
      assert.equal(decodeChallenge(challengeBytes.subarray(0, size)), undefined, `${size}`);
    }
    for (let size = 0; size < 16; size++) {
      const bytes = encodeNegotiate({ flags: FLAGS }).subarray(0, size);
      assert.equal(decodeNegotiate(bytes), undefined, `${size}`);
    }
    for (let size = 0; size < avPairs.length; size++) {
      assert.equal(decodeAvPairs(avPairs.subarray(0, size)), undefined, `${size}`);
    }
    for (let size = 0; size < 48; size++) {
      assert.equal(decodeNtlmV2Response(new Uint8Array(size).fill(1)), undefined, `${size}`);
    }
  });

  it('are refused with a field beyond the end or an odd name', () => {
    const outside = Uint8Array.from(authenticate);
    outside.set(hex('ffffffff'), 24);
    assert.equal(decodeAuthenticate(outside), undefined);
    const odd = Uint8Array.from(authenticate);
    odd[36] = 7;
    assert.equal(decodeAuthenticate(odd), undefined);
  });
});

describe('upper case of user names', () => {
  it('is taken a code unit at a time, and stays where it would be several', () => {
    assert.equal(toUpper('straße ünï'), 'STRAßE ÜNÏ');
  });
});
