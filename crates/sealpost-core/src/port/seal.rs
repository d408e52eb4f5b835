//! Bytes to an OpenPGP message.

use jiff::Timestamp;

use crate::certificate::{CertificateInfo, IdentifiedCertificate};
use crate::error::Result;
use crate::partner::MessageFormat;
use crate::secret::Secret;
use crate::sink::ByteSink;

/// Encrypts what is written to it for named recipients, optionally signed; an aborted input never yields a message
/// that verifies. The only place where plaintext meets keys.
pub trait Sealer: Send + Sync {
    /// Reads an armored or binary certificate without judging it: which one is it?
    ///
    /// # Errors
    /// `SP-SEAL-001`, `-002`, `-006` where it can't be read or holds a private key.
    fn identify(&self, certificate: &[u8]) -> Result<IdentifiedCertificate>;

    /// Applies the recipient policy to an armored or binary certificate at a time.
    ///
    /// # Errors
    /// `SP-SEAL-001` to `-007`, `-012`, with the reason.
    fn inspect(&self, certificate: &[u8], now: Timestamp) -> Result<CertificateInfo>;

    /// Begins a message into `out`. The policy is applied again.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect), for any of the recipients: one bad recipient refuses the whole message.
    fn seal(&self, plan: &SealPlan<'_>, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>>;
}

/// What a message is to be.
pub struct SealPlan<'a> {
    /// Certificates of the recipients, at least one.
    pub recipients: &'a [String],
    /// The container.
    pub message: MessageFormat,
    /// ASCII armor instead of binary.
    pub armor: bool,
    /// The armored private key to sign with, and its passphrase.
    pub signer: Option<(&'a Secret, Option<&'a Secret>)>,
    /// The name in the literal data packet.
    pub file_name: &'a str,
    /// The time at which policy is applied, and the message's own time.
    pub now: Timestamp,
}
