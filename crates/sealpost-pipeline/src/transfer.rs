//! Transfers: what callers of the transfer API start, done by the engine that delivers reports.

use sealpost_core::partner::MessageFormat;
use sealpost_core::secret::SecretRef;
use sealpost_core::transfer::{MOST_FILES, MOST_QUEUED};

mod access_key;
mod after;
mod announce;
mod attempt;
mod connectors;
mod delete;
mod entries;
pub(crate) mod event;
mod landing;
mod list;
mod perform;
mod probe;
mod rename;
mod results;
mod retrieve;
mod sealing;
mod send;
mod start;

pub(crate) use access_key::Master;
pub(crate) use announce::Told;
pub(crate) use attempt::Progress;
pub use start::StartAsk;

/// What an operator sets for the transfer API.
#[derive(Debug, Clone)]
pub struct TransferSettings {
    /// The region in ARNs, and the one that callers sign for; `us-east-1`.
    pub region: String,
    /// The account in ARNs: 12 digits; `000000000000`.
    pub account: String,
    /// What the secret halves of access keys are derived from, at least 32 bytes. Without it there are no access keys.
    pub master_secret: Option<SecretRef>,
    /// Most files of one `StartFileTransfer`; 10.
    pub most_files: u32,
    /// Most items that may be open at once; 1,000.
    pub queue_limit: u32,
    /// Most connectors made through the API; 100.
    pub most_connectors: u32,
    /// Armored certificates that retrieved files are sealed for, where a connector says `sealed`.
    pub seal_for: Vec<String>,
    /// The container for them.
    pub message: MessageFormat,
    /// Largest file that is retrieved, in bytes; 150 GiB.
    pub largest_file: u64,
    /// Whether connectors made through the API lead to public addresses only, and those that partners' destinations may
    /// have beside them.
    pub public_only: bool,
    /// What a `UserSecretId` may begin with, beside ARNs of Secrets Manager: references such as `file:secrets/`.
    pub user_secrets: Vec<String>,
}

impl Default for TransferSettings {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            master_secret: None,
            most_files: MOST_FILES,
            queue_limit: MOST_QUEUED,
            most_connectors: 100,
            seal_for: Vec::new(),
            message: MessageFormat::Auto,
            largest_file: 150 << 30,
            user_secrets: Vec::new(),
            public_only: false,
        }
    }
}
