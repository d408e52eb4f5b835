//! Access tokens verified: OIDC issuers, their keys, and whom a token stands for.
//!
//! [`Issuers`] is the adapter of [`TokenVerifier`](sealpost_core::port::TokenVerifier). It takes JWT access tokens (RFC 9068 and
//! the older forms of the issuers in [`PROFILES`]) and never opaque ones, for which the issuer would have to be asked each time.
//!
//! # What is checked, in this order
//!
//! Each step costs more than the one before, and nothing is believed before the signature is checked.
//!
//! | step | what | by |
//! | --- | --- | --- |
//! | 1 | at most 16 KiB, three parts of canonical base64url, JSON objects without a member twice, at most 16 levels deep | RFC 7515 §7.1, RFC 7519 §4, §7.2 |
//! | 2 | header: no `jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64`, `enc`, `zip`; `typ`, where it is given, is `JWT` or `at+jwt`; `alg` is one of [`Algorithm`] (so neither `none` nor HMAC); `kid` at most 256 bytes | RFC 7515 §4, RFC 8725 §2.1, §3.1, §3.10, §3.11, RFC 9068 §2.1 |
//! | 3 | `iss` is a configured issuer, character by character, and `alg` is one that its block accepts | RFC 7519 §4.1.1, RFC 8725 §3.8 |
//! | 4 | the key: from the issuer's own key set only, named by `kid` (or the only one that fits), of the kind that `alg` needs, for that `alg` where the key says so, for signatures (`use`, `key_ops`), RSA with at least 2048 bits | RFC 7517 §4, RFC 7518 §3.3, RFC 8725 §3.1, §3.5 |
//! | 5 | the signature | RFC 7515 §5.2 |
//! | 6 | `exp` (required), `nbf`, `iat`, with 60 s for clocks that differ | RFC 7519 §4.1.4 to §4.1.6 |
//! | 7 | it is an access token: marks of the profile, and none of ID tokens, events or tokens that are bound to a key | RFC 8725 §3.11, §3.12, RFC 7800 |
//! | 8 | `aud` has one of `audiences`; without `aud` the client is one of `client_ids`, and with it too where they are given | RFC 8725 §3.9, RFC 9068 §4 |
//! | 9 | scopes from `scope`, `scp`, `permissions` (Entra: `roles`), and the caller's identity | RFC 8693 §4.2, RFC 9068 §2.2 |
//!
//! # Keys
//!
//! Keys come from the issuer's discovery document, or from an address in the configuration: by TLS, without redirects to
//! other hosts, at most 3 s and 64 KiB (document) or 150,000 bytes and 100 keys (key set). They are fresh for as long as
//! `Cache-Control` says, between 5 minutes and 24 hours (1 hour when it says nothing), and renewed before they are stale.
//! A removed key stops working with the next renewal.
//!
//! An unknown `kid` makes us ask the issuer, at most every 30 s, and not again for the same `kid` within 2 minutes. So does
//! a token without `kid` that no key fits, or whose signature is wrong: the key may be new. However
//! many verifications wait, there is one fetch. A token with a known key needs no I/O and waits for nobody, whatever
//! state its or another issuer is in. While the issuer does not answer, the keys that are here are used for 24 hours after
//! they are stale, then tokens are refused with `SP-REQUEST-031` until it answers.
//!
//! Errors repeat what a token says, shortened, but never the token.

mod algorithm;
mod cache;
mod claims;
mod discovery;
mod fetch;
mod header;
mod issuers;
mod json;
mod keys;
mod lifetime;
mod profile;
mod refusal;
mod scopes;
mod settings;
mod timing;
mod token;
mod unknown;

pub use algorithm::Algorithm;
pub use issuers::Issuers;
pub use profile::{EVERY_ACCESS_TOKEN, Mark, PROFILES, Profile, ProfileEntry};
pub use settings::IssuerSettings;
pub use timing::Timing;
