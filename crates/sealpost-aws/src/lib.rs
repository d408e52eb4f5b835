//! AWS without its SDK: requests signed and verified by Signature Version 4 ([`sigv4`]).
//!
//! What is here is what Sealpost needs: the protocol AWS JSON 1.1 (`POST /` with `X-Amz-Target`), which Transfer Family,
//! Secrets Manager and EventBridge speak.

pub mod sigv4;
