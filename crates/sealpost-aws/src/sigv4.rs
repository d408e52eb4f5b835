//! Signature Version 4 in the `Authorization` header, as the protocol AWS JSON 1.1 uses it.
//!
//! ```text
//!   request ─▶ canonical request ─▶ string to sign ─┐
//!   secret ─▶ day ─▶ region ─▶ service ─▶ key ──────┴─▶ HMAC-SHA256 ─▶ signature
//! ```
//!
//! [`sign()`] adds the headers to a request; [`parse`] reads them, so that the caller can look the key up; [`verify()`] holds a
//! request against the key's secret. All of it is calculation: no I/O, no clock of its own.
//!
//! The words of the specification: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use jiff::Timestamp;

mod authorization;
mod canonical;
mod key;
mod refusal;
mod sign;
mod verify;

pub use authorization::{Credential, parse};
pub use refusal::Refusal;
pub use sign::{SigningKeys, sign};
pub use verify::{Verified, verify};

/// The one algorithm: HMAC-SHA256.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The end of every scope.
const TERMINATOR: &str = "aws4_request";
/// When the request was signed.
const DATE: &str = "x-amz-date";
/// The body's digest, where a client says it.
const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// The token of temporary credentials.
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// Where a signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The region: `eu-central-1`.
    pub region: String,
    /// The service's signing name: `transfer`.
    pub service: String,
}

impl Scope {
    /// The scope of a service in a region.
    #[must_use]
    pub fn new(region: impl Into<String>, service: impl Into<String>) -> Self {
        Self { region: region.into(), service: service.into() }
    }

    /// `20150830/us-east-1/transfer/aws4_request`, for a day.
    fn on(&self, day: &str) -> String {
        format!("{day}/{}/{}/{TERMINATOR}", self.region, self.service)
    }
}

/// `20150830T123600Z`, the basic form of ISO 8601.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The instant that a text of exactly that form names.
fn read_instant(text: &str) -> Option<Timestamp> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    // The parser takes shorter numbers as well.
    (instant(at) == text).then_some(at)
}
