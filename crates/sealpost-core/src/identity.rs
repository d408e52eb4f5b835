//! Who a caller is, as an issuer of credentials knows it, and what it may do.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result, codes};

/// The issuer's name of client certificates (mTLS): no configured issuer may have it.
pub const CLIENT_CERTIFICATES: &str = "mtls";

/// A caller as an issuer knows it. Each belongs to at most one partner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The issuer's name in the configuration (not its URL), or [`CLIENT_CERTIFICATES`].
    pub issuer: String,
    /// The issuer's name for the caller: the client id of an access token, mostly; for a client certificate its
    /// SHA-256 fingerprint in lower-case hexadecimal.
    pub subject: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.subject, self.issuer)
    }
}

/// The longest name of a caller in bytes.
pub const LONGEST_SUBJECT: usize = 255;

/// Whether a caller may be called so by an issuer of tokens.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_SUBJECT && text.trim() == text && !text.chars().any(char::is_control)
}

/// An access token that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who it was issued to.
    pub identity: Identity,
    /// The scopes it carries, without the issuer's prefix; unknown ones included.
    pub scopes: Vec<String>,
    /// When it stops being valid, without leeway.
    pub expires_at: Timestamp,
}

/// The cause of a refusal of credentials that are genuine, only too old, or for something else: nobody has guessed.
#[derive(Debug, Clone, Copy)]
pub struct Genuine;

impl Genuine {
    /// Whether an error has this cause.
    #[must_use]
    pub fn is_behind(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(|cause| cause.is::<Self>())
    }
}

impl fmt::Display for Genuine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials are genuine, but not for this")
    }
}

impl std::error::Error for Genuine {}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Scope {
    /// See report types, reports, files, keys, destinations, usage: everything that changes nothing.
    #[serde(rename = "reports:read")]
    ReportsRead,
    /// Ask for reports, cancel, delete and redeliver them.
    #[serde(rename = "reports:write")]
    ReportsWrite,
    /// Change OpenPGP certificates and API keys.
    #[serde(rename = "keys:write")]
    KeysWrite,
    /// Change destinations and webhooks: where something is sent to.
    #[serde(rename = "destinations:write")]
    DestinationsWrite,
    /// Change schedules, of which there are none: no operation needs it, and nobody is given it any more. Keys, tokens and
    /// settings that were made with it go on working.
    #[serde(rename = "schedules:write")]
    SchedulesWrite,
}

impl Scope {
    /// All scopes that operations need: those that there are to be given.
    pub const ALL: [Self; 4] = [Self::ReportsRead, Self::ReportsWrite, Self::KeysWrite, Self::DestinationsWrite];

    /// Whether an operation needs it. Whoever has one that none does can do nothing more by it.
    #[must_use]
    pub fn is_needed(self) -> bool {
        Self::ALL.contains(&self)
    }

    /// The scope as tokens carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReportsRead => "reports:read",
            Self::ReportsWrite => "reports:write",
            Self::KeysWrite => "keys:write",
            Self::DestinationsWrite => "destinations:write",
            Self::SchedulesWrite => "schedules:write",
        }
    }

    /// Every scope that operations need, for credentials that name none.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By [`FromStr`], which names those that there are to be given where it knows none.
impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| serde::de::Error::custom(error.detail()))
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().chain([Self::SchedulesWrite]).find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
            Error::new(&codes::request::INVALID, format!("unknown scope; known are {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_written_the_same_everywhere() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().expect("a scope"), scope);
            assert_eq!(serde_json::to_value(scope).expect("json"), scope.as_str());
        }
        assert!("reports".parse::<Scope>().is_err());
    }

    #[test]
    fn a_scope_that_nothing_needs_is_read_and_not_given() {
        let scope = Scope::SchedulesWrite;
        assert_eq!(scope.as_str().parse::<Scope>().expect("a scope"), scope);
        assert_eq!(serde_json::from_value::<Scope>(scope.as_str().into()).expect("json"), scope);
        assert!(!scope.is_needed() && !Scope::all().contains(&scope));
        let error = serde_json::from_value::<Scope>("reports".into()).expect_err("unknown").to_string();
        assert!(error.contains("reports:read, reports:write") && !error.contains("schedules"), "{error}");
    }
}
