//! Why a signature or key is not used, and the words for times and keys.

use jiff::{SignedDuration, Timestamp};
use pgp::types::KeyDetails;
use sealpost_core::error::{Code, Error};

/// Clocks of partners may be ahead of ours by this much before a key counts as not valid yet.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// A reason with its code, before it is decided whether it refuses the certificate or only warns.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The code if it comes to a refusal.
    pub(crate) code: &'static Code,
    /// What is wrong with what.
    pub(crate) detail: String,
    /// When the self-signature was made that is refused, where it verifies and is in effect: no older one stands in for it.
    pub(crate) made: Option<pgp::types::Timestamp>,
}

impl Finding {
    pub(crate) fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), made: None }
    }
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        Self::new(finding.code, finding.detail)
    }
}

/// Upper-case hexadecimal fingerprint.
pub(crate) fn fingerprint(key: &impl KeyDetails) -> String {
    hex::encode_upper(key.fingerprint().as_bytes())
}

/// OpenPGP's seconds since 1970 (RFC 9580, 3.5) as an instant.
pub(crate) fn instant(time: pgp::types::Timestamp) -> Timestamp {
    Timestamp::from_second(i64::from(time.as_secs())).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// When something that lives for some seconds ends; zero and absent mean never (RFC 9580, 5.2.3.13).
pub(crate) fn end(from: pgp::types::Timestamp, lifetime: Option<pgp::types::Duration>) -> Option<Timestamp> {
    let seconds = lifetime.map(pgp::types::Duration::as_secs).filter(|seconds| *seconds != 0)?;
    Timestamp::from_second(i64::from(from.as_secs()) + i64::from(seconds)).ok()
}

/// Whether a time is further ahead than clocks differ.
pub(crate) fn is_future(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > CLOCK_SKEW
}
