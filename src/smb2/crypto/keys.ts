import { assert } from '../../base/assert.ts';
import { type CipherId, cipherKeySize } from './algorithms.ts';
import { deriveKey } from './kdf.ts';
import { PREAUTH_HASH_SIZE } from './preauth.ts';

export interface KeyParameters {
  readonly role: 'server' | 'client';
  /** 0x0202, 0x0210, 0x0300, 0x0302 or 0x0311. */
  readonly dialect: number;
  /** Connection.CipherId; undefined when none was agreed on. */
  readonly cipherId?: CipherId | undefined;
  /** The whole cryptographic key of the authentication context, of any length. */
  readonly fullSessionKey: Uint8Array;
  /** Session.PreauthIntegrityHashValue, 64 bytes; needed for 3.1.1 only. */
  readonly preauthHash?: Uint8Array | undefined;
}

export interface SessionKeys {
  /** 16 bytes. In 2.x this is the session key itself, for HMAC-SHA256. */
  readonly signingKey: Uint8Array;
  /** For what this role sends; 16 or 32 bytes; empty in 2.x. */
  readonly encryptionKey: Uint8Array;
  /** For what this role receives; as long as encryptionKey. */
  readonly decryptionKey: Uint8Array;
  /** What applications (RPC) take as the session's key. */
  readonly applicationKey: Uint8Array;
}

const SESSION_KEY_SIZE = 16;
const NO_KEY = new Uint8Array(0);

/**
 * The keys of a session (or of a channel, of which only signingKey counts), by dialect:
 * [MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication and 3.2.5.3.1 Handling a New Authentication;
 * a bound channel: 3.3.5.5.2 and 3.2.5.3.3. Cipher keys for AES-256 are 32 bytes long and derived
 * from the whole session key; everything else is 16 bytes and derived from its first 16.
 */
export function deriveKeys(parameters: KeyParameters): SessionKeys {
  const { role, dialect, cipherId, fullSessionKey } = parameters;
  const sessionKey = toSessionKey(fullSessionKey);
  if (dialect < 0x0300) {
    return {
      signingKey: sessionKey,
      encryptionKey: NO_KEY,
      decryptionKey: NO_KEY,
      applicationKey: sessionKey,
    };
  }

  const inputs = dialect === 0x0311 ? inputs311(parameters.preauthHash) : INPUTS_300;
  const size = cipherId === undefined ? 16 : cipherKeySize(cipherId);
  const cipherBase = size === 32 ? fullSessionKey : sessionKey;
  const toClient = deriveKey({ key: cipherBase, ...inputs.toClient, size });
  const toServer = deriveKey({ key: cipherBase, ...inputs.toServer, size });
  return {
    signingKey: deriveKey({ key: sessionKey, ...inputs.signing, size: 16 }),
    encryptionKey: role === 'server' ? toClient : toServer,
    decryptionKey: role === 'server' ? toServer : toClient,
    applicationKey: deriveKey({ key: sessionKey, ...inputs.application, size: 16 }),
  };
}

/** [MS-SMB2] 3.3.1.8 Session.SessionKey: the first 16 bytes, padded with zeros on the right. */
function toSessionKey(fullSessionKey: Uint8Array): Uint8Array {
  const sessionKey = new Uint8Array(SESSION_KEY_SIZE);
  sessionKey.set(fullSessionKey.subarray(0, SESSION_KEY_SIZE));
  return sessionKey;
}

interface LabelAndContext {
  readonly label: Uint8Array;
  readonly context: Uint8Array;
}

interface KeyInputs {
  readonly signing: LabelAndContext;
  readonly toClient: LabelAndContext;
  readonly toServer: LabelAndContext;
  readonly application: LabelAndContext;
}

/** Dialects 3.0 and 3.0.2. The blank in "ServerIn " is the spec's. */
const INPUTS_300: KeyInputs = {
  signing: { label: text('SMB2AESCMAC'), context: text('SmbSign') },
  toClient: { label: text('SMB2AESCCM'), context: text('ServerOut') },
  toServer: { label: text('SMB2AESCCM'), context: text('ServerIn ') },
  application: { label: text('SMB2APP'), context: text('SmbRpc') },
};

const LABELS_311 = {
  signing: text('SMBSigningKey'),
  toClient: text('SMBS2CCipherKey'),
  toServer: text('SMBC2SCipherKey'),
  application: text('SMBAppKey'),
};

/** Dialect 3.1.1: the context ties every key to the messages before it. */
function inputs311(context: Uint8Array | undefined): KeyInputs {
  assert(context?.length === PREAUTH_HASH_SIZE, 'dialect 3.1.1 needs the preauth hash');
  return {
    signing: { label: LABELS_311.signing, context },
    toClient: { label: LABELS_311.toClient, context },
    toServer: { label: LABELS_311.toServer, context },
    application: { label: LABELS_311.application, context },
  };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}
