import type { Acceptor, Authenticator } from './acceptor.ts';
import type { Initiator } from './initiator.ts';
import type { Mechanism } from './mechanism.ts';
import { NegotiateAcceptor } from './negotiate-acceptor.ts';
import { NegotiateInitiator, RawInitiator } from './negotiate-initiator.ts';
import { createNtlmMechanism, type NtlmOptions } from './ntlm/acceptor.ts';
import { createNtlmInitiator, type NtlmInitiatorOptions } from './ntlm/initiator.ts';
import { encodeNegTokenInit2 } from './spnego.ts';

export interface AuthenticatorOptions extends NtlmOptions {
  /** Further mechanisms, offered before NTLM. */
  readonly mechanisms?: readonly Mechanism[];
}

/** What a server authenticates its clients with: SPNEGO over NTLMv2, and raw NTLMSSP. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const mechanisms = [...(options.mechanisms ?? []), createNtlmMechanism(options)];
  return {
    hint: encodeNegTokenInit2(mechanisms.flatMap(({ oids }) => oids)),
    newAcceptor: (): Acceptor => new NegotiateAcceptor(mechanisms),
  };
}

export interface InitiatorOptions extends NtlmInitiatorOptions {
  /** 'raw' leaves SPNEGO away. */
  readonly framing?: 'spnego' | 'raw';
}

/** What a client authenticates with, one per SESSION_SETUP exchange. */
export function createInitiator(options: InitiatorOptions): Initiator {
  const ntlm = createNtlmInitiator(options);
  return options.framing === 'raw' ? new RawInitiator(ntlm) : new NegotiateInitiator([ntlm]);
}
