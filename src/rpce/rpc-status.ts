/** C706 appendix E Common Status Codes: those that a PDU carries. */
export const NCA_OP_RNG_ERROR = 0x1c01_0002;
export const NCA_UNK_IF = 0x1c01_0003;
export const NCA_PROTO_ERROR = 0x1c01_000b;
export const NCA_FAULT_CONTEXT_MISMATCH = 0x1c00_001a;
/** [MS-ERREF] 2.2 RPC_X_BAD_STUB_DATA: the arguments could not be unmarshalled. */
export const RPC_X_BAD_STUB_DATA = 0x0000_06f7;
export const RPC_S_CALL_FAILED = 0x0000_06be;

/** [MS-ERREF] 2.2 Win32 Error Codes that services answer with. */
export type Win32Error = number;
export const ERROR_SUCCESS: Win32Error = 0;
export const ERROR_ACCESS_DENIED: Win32Error = 5;
export const ERROR_NOT_SUPPORTED: Win32Error = 50;
export const ERROR_INVALID_PARAMETER: Win32Error = 87;
export const ERROR_INVALID_LEVEL: Win32Error = 124;
export const ERROR_MORE_DATA: Win32Error = 234;
export const NERR_NetNameNotFound: Win32Error = 2310;
export const NERR_DeviceNotShared: Win32Error = 2311;
