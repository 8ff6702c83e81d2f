import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../test/vectors/hex.ts';
import { LOGON_MESSAGES } from '../../test/vectors/smb311-logon.ts';
import {
  ACCEPT_COMPLETED,
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  OID_NTLMSSP,
} from './spnego.ts';

const initBytes = LOGON_MESSAGES.setupRequest1.subarray(88);
const respBytes = LOGON_MESSAGES.setupRequest2.subarray(88);

describe('RFC 4178 4.2.1 negTokenInit', () => {
  it('is read and written as Windows does', () => {
    const init = decodeNegTokenInit(initBytes)!;
    assert.deepEqual(
      init.mechTypes.map((oid) => Uint8Array.from(oid)),
      [OID_NTLMSSP],
    );
    assert.deepEqual(Uint8Array.from(init.mechTypeList), encodeMechTypeList([OID_NTLMSSP]));
    assert.equal(init.mechListMic, undefined);
    const again = encodeNegTokenInit(init.mechTypeList, init.mechToken!);
    assert.deepEqual(again, Uint8Array.from(initBytes));
  });

  it('is read as NegTokenInit2 too ([MS-SPNG] 2.2.1)', () => {
    const hint = decodeNegTokenInit(encodeNegTokenInit2([OID_NTLMSSP]))!;
    assert.deepEqual(
      hint.mechTypes.map((oid) => Uint8Array.from(oid)),
      [OID_NTLMSSP],
    );
    assert.equal(hint.mechToken, undefined);
    assert.equal(hint.mechListMic, undefined);
    assert.notEqual(
      decodeNegTokenInit(LOGON_MESSAGES.negotiateResponse.subarray(128, 448)),
      undefined,
    );
  });

  it('is refused when cut or continued', () => {
    for (let size = 0; size < initBytes.length; size++) {
      assert.equal(decodeNegTokenInit(initBytes.subarray(0, size)), undefined, `${size}`);
    }
    assert.equal(decodeNegTokenInit(hex(`${Buffer.from(initBytes).toString('hex')}00`)), undefined);
  });
});

describe('RFC 4178 4.2.2 negTokenResp', () => {
  it('is read as Windows writes it', () => {
    const response = decodeNegTokenResp(respBytes)!;
    assert.equal(response.negState, 1);
    assert.equal(response.mechListMic?.length, 16);
  });

  it('is written as Windows does', () => {
    const expected = LOGON_MESSAGES.setupResponse2.subarray(72);
    const { mechListMic } = decodeNegTokenResp(expected)!;
    const bytes = encodeNegTokenResp({ negState: ACCEPT_COMPLETED, mechListMic });
    assert.deepEqual(bytes, Uint8Array.from(expected));
  });

  it('is refused when cut', () => {
    for (let size = 0; size < respBytes.length; size++) {
      assert.equal(decodeNegTokenResp(respBytes.subarray(0, size)), undefined, `${size}`);
    }
  });

  it('is refused with fields twice, in disorder or of the wrong type', () => {
    assert.notEqual(decodeNegTokenResp(hex('a1073005a0030a0100')), undefined);
    assert.equal(decodeNegTokenResp(hex('a10c300aa0030a0100a0030a0100')), undefined);
    assert.equal(decodeNegTokenResp(hex('a1073005a003020100')), undefined);
    assert.equal(decodeNegTokenResp(hex('a1073005a0030a0104')), undefined);
  });
});
