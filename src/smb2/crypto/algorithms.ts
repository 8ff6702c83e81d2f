/** [MS-SMB2] 2.2.3.1.2 SMB2_ENCRYPTION_CAPABILITIES, Ciphers. */
export const SMB2_ENCRYPTION_AES128_CCM = 0x0001;
export const SMB2_ENCRYPTION_AES128_GCM = 0x0002;
export const SMB2_ENCRYPTION_AES256_CCM = 0x0003;
export const SMB2_ENCRYPTION_AES256_GCM = 0x0004;

/** A cipher id this package can do; 0 (no common cipher) is none. */
export type CipherId = 0x0001 | 0x0002 | 0x0003 | 0x0004;

/** [MS-SMB2] 2.2.3.1.7 SMB2_SIGNING_CAPABILITIES, SigningAlgorithms. */
export const SIGNING_HMAC_SHA256 = 0x0000;
export const SIGNING_AES_CMAC = 0x0001;
export const SIGNING_AES_GMAC = 0x0002;

export type SigningAlgorithmId = 0x0000 | 0x0001 | 0x0002;

/**
 * One SMB2 message as it lies in memory: whole, or as chunks in order. The first chunk holds at
 * least the 64 bytes of the SMB2 header.
 */
export type MessageBytes = Uint8Array | readonly Uint8Array[];

export function isCipherId(id: number): id is CipherId {
  return id >= SMB2_ENCRYPTION_AES128_CCM && id <= SMB2_ENCRYPTION_AES256_GCM;
}

export function isSigningAlgorithmId(id: number): id is SigningAlgorithmId {
  return id >= SIGNING_HMAC_SHA256 && id <= SIGNING_AES_GMAC;
}

/** Bytes of the key that the cipher takes: 16 or 32. */
export function cipherKeySize(cipherId: CipherId): 16 | 32 {
  return cipherId >= SMB2_ENCRYPTION_AES256_CCM ? 32 : 16;
}

/** Bytes of the Nonce field in use ([MS-SMB2] 2.2.41): 11 for AES-CCM, 12 for AES-GCM. */
export function cipherNonceSize(cipherId: CipherId): 11 | 12 {
  return isCcm(cipherId) ? 11 : 12;
}

export function isCcm(cipherId: CipherId): boolean {
  return cipherId === SMB2_ENCRYPTION_AES128_CCM || cipherId === SMB2_ENCRYPTION_AES256_CCM;
}
