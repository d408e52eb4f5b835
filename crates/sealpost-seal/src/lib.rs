//! Bytes to an OpenPGP message for a partner (RFC 9580, and what GnuPG 2.2 reads of RFC 4880).
//!
//! | module | what lives there |
//! | --- | --- |
//! | `certificate` | armored or binary packets into a certificate; parsing verifies nothing |
//! | `policy` | which keys of a certificate may be used at a time, and why not the others |
//! | `seal` | the [`Sealer`](sealpost_core::port::Sealer): session keys, container, literal data, signature |
//! | `session` | the session key, and the packets that carry it to each recipient |
//! | `message` | the packets written while bytes stream through: partial lengths, `SEIPDv1`, `SEIPDv2`, armor |
//! | `signer` | our own signing key |
//! | `decrypt` | reading messages, for the demo and for tests |
//! | `generate` | new keys, for the demo and for `sealpost key generate` |
//!
//! The recipient policy is ours: `rPGP` encrypts to expired, revoked and spliced keys without a word.

pub mod decrypt;
pub mod generate;

mod algorithm;
mod certificate;
mod message;
mod policy;
mod seal;
mod session;
mod signer;

pub use decrypt::{Decrypted, MessageSignature, decrypt, decrypt_verified};
pub use generate::{GeneratedKey, KeyKind, KeyRequest, generate};
pub use seal::OpenPgp;
