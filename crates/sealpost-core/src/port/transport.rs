//! Sealed files to the outside.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::connector::Connector;
use crate::delivery::{Delivery, Intent};
use crate::error::{Failure, Result};
use crate::receipt::Receipt;
use crate::secret::Secret;

/// Carries one sealed file to one connector; safe to repeat: hidden temporary name, verify, rename. It accepts nothing
/// but sealed files.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends the shipment. A repeated call resumes or recognises what an earlier attempt did.
    ///
    /// # Errors
    /// `SP-DELIVER-…`. Dropping the future at any time leaves at most a hidden temporary file, which a later attempt
    /// resumes or removes.
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt>;

    /// Removes temporary files that attempts of a delivery left, after it failed for good.
    ///
    /// # Errors
    /// `SP-DELIVER-…`; the caller only logs it.
    async fn discard(&self, connector: &Connector, delivery: &Delivery) -> Result<()>;

    /// Does the same operations as `send` with a few bytes, step by step: resolve, connect, key exchange, host key,
    /// login, directory, write, rename, remove. Stops at the first failed step.
    async fn check(&self, connector: &Connector) -> Vec<CheckStep>;

    /// Makes a key pair to log in with: the private key as OpenSSH writes it, and its public key as one line for the
    /// server's `authorized_keys`.
    ///
    /// # Errors
    /// `SP-DELIVER-015` where no random numbers can be had.
    fn login_key(&self, comment: &str) -> Result<(Secret, String)>;
}

/// One attempt's task.
pub struct Shipment<'a> {
    /// Where it goes.
    pub connector: &'a Connector,
    /// The delivery as the ledger has it, after `Started`: attempt number, intent of an interrupted attempt, file.
    pub delivery: &'a Delivery,
    /// The file's bytes.
    pub file: &'a dyn SealedReader,
    /// Where the attempt records what it is about to do.
    pub journal: &'a dyn Journal,
}

/// Reads a sealed file; the same bytes at every call.
#[async_trait]
pub trait SealedReader: Send + Sync {
    /// The file's size in bytes.
    fn size(&self) -> u64;

    /// `len` bytes from `offset`, all of them.
    ///
    /// # Errors
    /// `SP-STORE-…`; `SP-STORE-006` when the object is shorter than the ledger says.
    async fn read(&self, offset: u64, len: usize) -> Result<Bytes>;
}

/// The ledger as an attempt sees it. An error means that the attempt must stop: another worker has taken over.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records the rename that comes next.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    async fn intend(&self, intent: Intent) -> Result<()>;

    /// Withdraws it: the server refused the rename.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    async fn withdraw(&self) -> Result<()>;

    /// Notes how many bytes the server has confirmed. Cheap; may be called often.
    fn progress(&self, bytes_sent: u64);
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStep {
    /// The step: `resolve`, `connect`, `key_exchange`, `host_key`, `login`, `directory`, `write`, `rename`, `remove`.
    pub step: String,
    /// What was found: addresses, algorithms, the fingerprint that the server showed.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// The public key that the server showed, as OpenSSH writes it; with the step `host_key` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}
