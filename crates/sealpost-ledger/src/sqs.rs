//! Bells on Amazon SQS: workers of other processes are told that there is work.
//!
//! The queue itself is the ledger: tasks, leases, lanes. A message says only of which kind there is work now:
//! `{"ring":"deliver"}`. Whoever receives it claims what is next of that kind, whatever it is. So a message that is lost,
//! comes twice, late or out of order does no harm: the ledger gives each task to one worker, and the sweep rings again for
//! what has waited for a minute.

use jiff::Timestamp;
use schemars::JsonSchema;
use sealpost_core::error::codes;
use sealpost_core::task::WorkKind;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

mod client;
mod held;
mod queue;

pub(crate) use client::Sqs;
pub(crate) use queue::SqsQueue;

/// The longest that SQS keeps a message back.
const LONGEST_DELAY_S: i64 = 900;

/// Where the bells are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqsSettings {
    /// The queue's URL: `https://sqs.eu-central-1.amazonaws.com/123456789012/sealpost-work`.
    pub url: String,
    /// The region; when not given the URL's, else `AWS_REGION`'s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The address at which SQS is asked; when not given the URL's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    ring: WorkKind,
}

/// The text of a message.
fn body_of(kind: WorkKind) -> Result<String> {
    serde_json::to_string(&Message { ring: kind }).map_err(|error| unreadable(&error.to_string()))
}

/// For which kind of work a message rings.
///
/// # Errors
/// `SP-LEDGER-006` for a text that is no bell.
pub fn ring_of(body: &str) -> Result<WorkKind> {
    let message: Message = serde_json::from_str(body)
        .map_err(|error| unreadable(&format!("line {}, column {}", error.line(), error.column())))?;
    Ok(message.ring)
}

fn unreadable(detail: &str) -> Error {
    Error::new(&codes::ledger::CORRUPT, format!("a message of the queue is no bell: {detail}"))
}

/// How long a message has to wait; `None` where that is longer than SQS keeps one back, and left to the sweep.
fn delay(at: Timestamp, now: Timestamp) -> Option<i64> {
    // Rounded up: a bell that comes before its task leads to nothing.
    let wait = at.duration_since(now);
    let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    (seconds <= LONGEST_DELAY_S).then_some(seconds.max(0))
}

#[cfg(test)]
mod tests;
