//! Transfers: what callers of the transfer API ask of a connector, file by file.
//!
//! The words are those of AWS Transfer Family: a *transfer* is one call of `StartFileTransfer` (or of one of the remote
//! operations), an *item* is one file of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccessKeyId, ConnectorId, TransferId};
use crate::object::ObjectPath;

mod connector;
mod failure;
mod item;

pub use connector::{AfterRetrieve, Landed, TransferConnector, TransferTag};
pub use failure::{FailureCode, TransferFailure};
pub use item::{ItemEvent, ItemOutcome, ItemStatus, TransferItem};

/// How long results are kept, in days.
pub const RESULTS_KEPT_DAYS: i64 = 7;
/// Most items of all connectors together that may be open at once: waiting, under way, or to be tried again.
pub const MOST_QUEUED: u32 = 1_000;
/// Files of one transfer, unless configured.
pub const MOST_FILES: u32 = 10;

/// One call that started something on a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its id: also the listing, delete or move id.
    pub id: TransferId,
    /// The connector.
    pub connector: ConnectorId,
    /// What was started.
    pub kind: TransferKind,
    /// Who started it.
    pub caller: AccessKeyId,
    /// The caller's own words, echoed in results and events; at most 2,048 bytes in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How many items it has.
    pub items: u32,
    /// How many of them are not finished.
    pub open: u32,
    /// Whether its results are announced as events.
    pub announced: bool,
    /// When it was started.
    pub created_at: Timestamp,
    /// When the last item finished.
    pub finished_at: Option<Timestamp>,
}

/// What a transfer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Stored files to the remote server.
    Send,
    /// Remote files to the store.
    Retrieve,
    /// A list of a remote directory, written to the store.
    List,
    /// Removes a remote file or directory.
    Delete,
    /// Moves or renames a remote file or directory.
    Move,
}

impl TransferKind {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Retrieve => "retrieve",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Move => "move",
        }
    }
}

/// What one item does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A stored file to the server.
    Send {
        /// The stored file.
        local: ObjectPath,
        /// The directory on the server; the login's home directory when absent.
        remote_directory: Option<String>,
    },
    /// A remote file to the store.
    Retrieve {
        /// The file on the server.
        remote: String,
        /// The folder in the store.
        local_directory: ObjectPath,
    },
    /// The entries of a remote directory to the store.
    List {
        /// The directory on the server.
        remote_directory: String,
        /// Most entries.
        max_items: u32,
        /// The folder in the store.
        output_directory: ObjectPath,
    },
    /// Removes.
    Delete {
        /// What.
        path: String,
    },
    /// Moves.
    Move {
        /// From.
        source: String,
        /// To.
        target: String,
    },
}

impl Action {
    /// The kind of transfer that it belongs to.
    #[must_use]
    pub fn kind(&self) -> TransferKind {
        match self {
            Self::Send { .. } => TransferKind::Send,
            Self::Retrieve { .. } => TransferKind::Retrieve,
            Self::List { .. } => TransferKind::List,
            Self::Delete { .. } => TransferKind::Delete,
            Self::Move { .. } => TransferKind::Move,
        }
    }

    /// The path that results name it by: the local one of a send, else the remote one.
    #[must_use]
    pub fn file_path(&self) -> String {
        match self {
            Self::Send { local, .. } => local.to_string(),
            Self::Retrieve { remote, .. } => remote.clone(),
            Self::List { remote_directory, .. } => remote_directory.clone(),
            Self::Delete { path } => path.clone(),
            Self::Move { source, .. } => source.clone(),
        }
    }
}

/// A transfer to be started: all of it, or nothing.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    /// The transfer; `items` and `open` are the number of actions.
    pub transfer: Transfer,
    /// Its items, by their index.
    pub actions: Vec<Action>,
    /// The caller's idempotency token with the SHA-256 of the request. Kept for 24 hours at least.
    pub idempotency: Option<(String, String)>,
    /// Most items that may be open at once.
    pub queue_limit: u32,
    /// Most connections of the connector at once, over all processes, where nothing is known of it. Where its record is kept, that
    /// decides: what a start has read of it may be from before an edit.
    pub connections: u32,
}

impl NewTransfer {
    /// The items, not begun.
    #[must_use]
    pub fn items(&self) -> Vec<TransferItem> {
        let number = (0_u32..).zip(&self.actions);
        number.map(|(index, action)| TransferItem::queued(&self.transfer, index, action.clone())).collect()
    }
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq)]
pub enum StartedTransfer {
    /// A new transfer.
    New(Transfer),
    /// The transfer that the same token and request started before.
    Replayed(Transfer),
}

impl StartedTransfer {
    /// The transfer, either way.
    #[must_use]
    pub fn transfer(&self) -> &Transfer {
        match self {
            Self::New(transfer) | Self::Replayed(transfer) => transfer,
        }
    }
}
