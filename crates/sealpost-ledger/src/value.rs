//! Values as the ledgers keep them: JSON text, nanoseconds, signed 64-bit counts.

use std::str::FromStr;

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Room for most records, so that their text is not moved while it grows.
const RECORD: usize = 1024;

/// A core type as JSON.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<String> {
    let mut text = Vec::with_capacity(RECORD);
    let written = serde_json::to_writer(&mut text, value);
    written.map_err(|error| corrupt(format!("{what} can't be written as JSON: {error}")))?;
    String::from_utf8(text).map_err(|_| corrupt(format!("{what} is written as JSON that is not UTF-8")))
}

/// A core type from JSON. The error says where in the text, never what stands there.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        corrupt(format!("{what}: not the JSON expected at line {}, column {}", error.line(), error.column()))
    })
}

/// An identifier from text.
pub(crate) fn id<T: FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| corrupt(format!("{what} is not an identifier")))
}

pub(crate) fn corrupt(detail: impl Into<String>) -> Error {
    Error::new(&codes::ledger::CORRUPT, detail)
}

/// Nanoseconds since 1970; the ends of time (1677, 2262) stand for what lies beyond them.
pub(crate) fn nanos(at: Timestamp) -> i64 {
    let whole = at.as_nanosecond();
    i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
}

/// The instant of nanoseconds since 1970.
pub(crate) fn instant(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

/// `now` and a while, at most the end of time.
pub(crate) fn later(now: Timestamp, by: std::time::Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A count as SQLite keeps it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from SQLite.
pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_nanoseconds() {
        let at: Timestamp = "2026-02-28T23:59:59.123456789Z".parse().unwrap();
        assert_eq!(instant(nanos(at)), at);
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MIN), i64::MIN);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_but_not_shown() {
        let error = decode::<u32>("job rep_1", "\"canary\"").unwrap_err();
        assert!(error.is(&codes::ledger::CORRUPT) && error.detail().contains("rep_1"));
        assert!(!error.to_string().contains("canary"));
    }
}
