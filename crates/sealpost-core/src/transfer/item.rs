//! One file of a transfer, and its state machine.
//!
//! ```text
//!   queued ──Started──▶ in_progress ──Completed──▶ completed
//!                        │  ▲   ╲
//!           AttemptFailed▼  │    ╲──Failed──▶ failed
//!                        └──┘ (in progress until its last attempt)
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Transfer, TransferFailure};
use crate::delivery::Intent;
use crate::error::{Error, Result, codes};
use crate::id::{ConnectorId, TransferId, TransferItemId};
use crate::outage::is_waited_for;

/// The status that `ListFileTransferResults` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ItemStatus {
    /// No worker has begun with it.
    Queued,
    /// A worker is at it, or it waits for its next attempt.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

impl ItemStatus {
    /// The text of the transfer API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// One file of a transfer, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferItem {
    /// Its id: the `file-transfer-id` of log lines and events.
    pub id: TransferItemId,
    /// The transfer it belongs to.
    pub transfer: TransferId,
    /// Its place in the call's list, from 0.
    pub index: u32,
    /// The connector.
    pub connector: ConnectorId,
    /// What it does.
    pub action: Action,
    /// Where it stands.
    pub status: ItemStatus,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that failed and were recorded so.
    pub failed_attempts: u32,
    /// Those of them that found the secret store away: they use up no attempt.
    #[serde(default)]
    pub waits: u32,
    /// Whether one of those, if there are any, may have done something on the server before it failed. Records of earlier versions
    /// don't say: then it may.
    #[serde(default = "unknown")]
    pub may_have_acted: bool,
    /// The recorded intent of the present or an interrupted attempt to send.
    pub intent: Option<Intent>,
    /// What the hidden names of attempts to send it are told apart by: one for each version of the object that an attempt began
    /// with, the newest last. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<String>,
    /// The connector's address at the newest attempt: what is said of the item later is not to change with the connector. Records
    /// of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether a retrieved file is in the store already, and only the remote file is left to be seen to.
    #[serde(default)]
    pub stored: bool,
    /// The file's size, once it is known.
    pub size: Option<u64>,
    /// Bytes that have come over so far.
    pub bytes: u64,
    /// What it came to, once completed.
    pub outcome: Option<ItemOutcome>,
    /// Why it failed, or why the last attempt did.
    pub failure: Option<TransferFailure>,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When the first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal status.
    pub finished_at: Option<Timestamp>,
}

/// What a completed item came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcome {
    /// The file's path: on the server for a send, `/bucket/key` for what was stored.
    pub path: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// Entries of a listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_count: Option<u64>,
    /// Whether a listing was cut at its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// SHA-256 of the stored or sent file, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The approved host key that the server showed, as `SHA256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// The retrieved file's own time on the server, where it says one: tells whether the file there is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_modified: Option<Timestamp>,
}

/// What happens to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ItemEvent {
    /// A worker began an attempt.
    Started {
        /// Which attempt, from 1.
        attempt: u32,
        /// What its hidden names are told apart by, where it sends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
        /// The connector's address, as it is for this attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// A hidden file is complete and verified; the rename is next.
    Intended {
        /// The rename.
        intent: Intent,
    },
    /// The server refused the rename, so it certainly did not happen.
    IntentWithdrawn,
    /// The retrieved file is in the store; the remote file is next.
    Stored {
        /// What it came to.
        outcome: ItemOutcome,
    },
    /// Done.
    Completed {
        /// What it came to.
        outcome: ItemOutcome,
    },
    /// The attempt failed and will be repeated.
    AttemptFailed {
        /// Why.
        failure: TransferFailure,
        /// Whether it may have done something on the server before.
        may_have_acted: bool,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: TransferFailure,
    },
}

/// Versions of an object whose hidden names are remembered: an object is not replaced more often between two attempts.
const MOST_TRACES: usize = 8;

/// What is not known may be so.
fn unknown() -> bool {
    true
}

impl ItemEvent {
    /// An attempt that leaves nothing on the server to be found again.
    #[must_use]
    pub const fn started(attempt: u32) -> Self {
        Self::Started { attempt, trace: None, url: None }
    }

    /// The event's stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Intended { .. } => "intended",
            Self::IntentWithdrawn => "intent_withdrawn",
            Self::Stored { .. } => "stored",
            Self::Completed { .. } => "completed",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Failed { .. } => "failed",
        }
    }
}

impl TransferItem {
    /// An item that nobody has begun with.
    #[must_use]
    pub fn queued(transfer: &Transfer, index: u32, action: Action) -> Self {
        Self {
            id: TransferItemId::fresh(),
            transfer: transfer.id.clone(),
            index,
            connector: transfer.connector.clone(),
            action,
            status: ItemStatus::Queued,
            attempts: 0,
            failed_attempts: 0,
            waits: 0,
            may_have_acted: false,
            intent: None,
            traces: Vec::new(),
            url: None,
            stored: false,
            size: None,
            bytes: 0,
            outcome: None,
            failure: None,
            queued_at: transfer.created_at,
            started_at: None,
            finished_at: None,
        }
    }

    /// The failed attempts that count against the most that there may be.
    #[must_use]
    pub fn used_attempts(&self) -> u32 {
        self.failed_attempts.saturating_sub(self.waits)
    }

    /// The item after `event`: the one place where an item changes.
    ///
    /// # Errors
    /// `SP-LEDGER-003` where the event does not fit the present status.
    pub fn apply(&self, event: &ItemEvent, now: Timestamp) -> Result<Self> {
        use ItemStatus::{Completed, Failed, InProgress, Queued};

        let mut item = self.clone();
        match (self.status, event) {
            (Queued | InProgress, ItemEvent::Started { attempt, trace, url }) if *attempt > self.attempts => {
                item.status = InProgress;
                item.attempts = *attempt;
                item.started_at.get_or_insert(now);
                item.remember(trace.as_deref());
                item.url = url.clone().or(item.url);
            }
            (InProgress, ItemEvent::Intended { intent }) => item.intent = Some(intent.clone()),
            (InProgress, ItemEvent::IntentWithdrawn) => item.intent = None,
            (InProgress, ItemEvent::Stored { outcome }) => {
                item.stored = true;
                item.bytes = outcome.bytes;
                item.outcome = Some(outcome.clone());
            }
            (InProgress, ItemEvent::Completed { outcome }) => {
                item.status = Completed;
                item.bytes = outcome.bytes;
                item.size = Some(outcome.bytes);
                item.outcome = Some(outcome.clone());
                item.failure = None;
                item.finished_at = Some(now);
            }
            (InProgress, ItemEvent::AttemptFailed { failure, may_have_acted }) => {
                item.failed_attempts += 1;
                item.waits += u32::from(is_waited_for(&failure.failure.code, self.queued_at, now));
                item.may_have_acted |= may_have_acted;
                item.failure = Some(failure.clone());
            }
            (Queued | InProgress, ItemEvent::Failed { failure }) => {
                item.status = Failed;
                item.failure = Some(failure.clone());
                item.finished_at = Some(now);
            }
            (status, event) => {
                return Err(Error::new(
                    &codes::ledger::ILLEGAL_MOVE,
                    format!("transfer item {} is {}, which `{}` does not fit", self.id, status.as_str(), event.name()),
                ));
            }
        }
        Ok(item)
    }
}

impl TransferItem {
    fn remember(&mut self, trace: Option<&str>) {
        let Some(trace) = trace else { return };
        self.traces.retain(|known| known != trace);
        self.traces.push(trace.to_owned());
        let more = self.traces.len().saturating_sub(MOST_TRACES);
        self.traces.drain(..more);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::transfer::TransferKind;

    fn item() -> TransferItem {
        let transfer = Transfer {
            id: TransferId::fresh(),
            connector: ConnectorId::fresh(),
            kind: TransferKind::Delete,
            caller: "SPAKABCDEFGHIJKLMNOP".parse().expect("an id"),
            metadata: Default::default(),
            items: 1,
            open: 1,
            announced: false,
            created_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
        };
        TransferItem::queued(&transfer, 0, Action::Delete { path: "/in/a".to_owned() })
    }

    #[test]
    fn what_an_attempt_may_have_done_is_not_forgotten_over_the_next() {
        let now = Timestamp::UNIX_EPOCH;
        let failed = |may_have_acted| {
            let failure = TransferFailure::new(TransferKind::Delete, &Error::new(&codes::deliver::BROKEN, "h"));
            ItemEvent::AttemptFailed { failure, may_have_acted }
        };
        let mut item = item();
        for (attempt, may_have_acted, is_known) in [(1, false, false), (2, true, true), (3, false, true)] {
            item = item.apply(&ItemEvent::started(attempt), now).expect("legal");
            item = item.apply(&failed(may_have_acted), now).expect("legal");
            assert_eq!((item.failed_attempts, item.may_have_acted), (attempt, is_known));
        }
        // A record of before says nothing of it.
        let mut record = serde_json::to_value(&item).expect("JSON");
        record.as_object_mut().expect("an object").remove("may_have_acted");
        let earlier: TransferItem = serde_json::from_value(record).expect("an item");
        assert!(earlier.may_have_acted, "nobody knows");
    }

    #[test]
    fn to_wait_for_a_secret_store_uses_up_no_attempt_for_half_a_day() {
        let queued = item();
        let (soon, late) = (SignedDuration::from_hours(11), SignedDuration::from_hours(13));
        for (code, after, used) in [
            (&codes::secrets::SEALED, soon, 0),
            (&codes::secrets::UNREACHABLE, soon, 0),
            (&codes::secrets::UNREACHABLE, late, 1),
            (&codes::secrets::DENIED, soon, 1),
        ] {
            let now = queued.queued_at + after;
            let failure = TransferFailure::new(TransferKind::Delete, &Error::new(code, "h"));
            let begun = queued.apply(&ItemEvent::started(1), now).expect("legal");
            let failed = begun.apply(&ItemEvent::AttemptFailed { failure, may_have_acted: false }, now).expect("legal");
            assert_eq!((failed.failed_attempts, failed.used_attempts()), (1, used), "{}", code.id);
        }
        // A record of before says nothing of it.
        let mut record = serde_json::to_value(&queued).expect("JSON");
        record.as_object_mut().expect("an object").remove("waits");
        assert_eq!(serde_json::from_value::<TransferItem>(record).expect("an item"), queued);
    }

    #[test]
    fn what_attempts_may_have_left_is_remembered_once_and_bounded() {
        let now = Timestamp::UNIX_EPOCH;
        let mut item = item();
        let mut begin = |trace: Option<&str>| {
            let attempt = item.attempts + 1;
            let started = ItemEvent::Started { attempt, trace: trace.map(str::to_owned), url: None };
            item = item.apply(&started, now).expect("legal");
            item.traces.clone()
        };
        begin(Some("a"));
        begin(Some("b"));
        assert_eq!(begin(None), ["a", "b"], "an attempt that found no object leaves nothing");
        assert_eq!(begin(Some("a")), ["b", "a"]);
        for number in 0..100 {
            assert!(begin(Some(&number.to_string())).len() <= MOST_TRACES);
        }
        assert_eq!(begin(None).last().map(String::as_str), Some("99"));
    }

    #[test]
    fn an_item_ends_once_and_stays_so() {
        let now = Timestamp::UNIX_EPOCH;
        let item = item();
        let completed = ItemEvent::Completed { outcome: ItemOutcome::default() };
        assert!(item.apply(&completed, now).is_err(), "nothing completes that has not begun");
        let begun = item.apply(&ItemEvent::started(1), now).expect("legal");
        assert!(begun.apply(&ItemEvent::started(1), now).is_err(), "an attempt begins once");
        let again = begun.apply(&ItemEvent::started(2), now).expect("the worker died");
        let done = again.apply(&completed, now).expect("legal");
        assert_eq!(done.status, ItemStatus::Completed);
        for event in [completed, ItemEvent::started(3)] {
            assert!(done.apply(&event, now).is_err(), "{}", event.name());
        }
    }
}
