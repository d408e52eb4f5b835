//! Files between the store and the outside: sent, retrieved, listed, renamed, removed.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connector::{Connector, ConnectorSettings};
use crate::delivery::{Delivery, Intent};
use crate::error::{Failure, Result};
use crate::receipt::Receipt;
use crate::secret::Secret;

/// How an engine begins to name the settings that it can't do; without their values, since partners, who may have chosen them, read
/// it too.
pub const CAN_NOT_DO: &str = "AWS Transfer Family can't do it: ";

/// Carries files to and from one connector's server; safe to repeat: hidden temporary name, verify, rename.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends the shipment. A repeated call resumes or recognises what an earlier attempt did.
    ///
    /// # Errors
    /// `SP-DELIVER-…`. Dropping the future at any time leaves at most a hidden temporary file, which a later attempt
    /// resumes or removes.
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt>;

    /// Removes temporary files that attempts left, after they failed for good.
    ///
    /// # Errors
    /// `SP-DELIVER-…`; the caller only logs it.
    async fn discard(&self, connector: &Connector, traces: Traces<'_>) -> Result<()>;

    /// Whether a service that sends for it announces this end itself, so that an event of ours would be a second one. `intent` is
    /// what the last attempt recorded or found, also where it was withdrawn since: such a service tells of what it has begun, and of
    /// nothing else.
    fn announces(&self, _intent: Option<&Intent>) -> bool {
        false
    }

    /// Brings one remote file to its landing: in order, without a gap, exactly the bytes that the server had when it
    /// began. A connection that breaks is made again and continued where the landing stands, as long as the file is
    /// still the same by size and time.
    ///
    /// # Errors
    /// `SP-DELIVER-…`: `-023` where there is no such file, `-024` where it changed meanwhile, or is longer than the server
    /// says. Then the landing holds anything, and must not be finished.
    async fn retrieve(&self, retrieval: Retrieval<'_>) -> Result<Retrieved>;

    /// The entries of one remote directory, one level deep, without `.` and `..`, in the server's order, each handed over as
    /// it comes; memory does not grow with their number. Stops after `most` entries.
    ///
    /// # Errors
    /// `SP-DELIVER-008` where there is no such directory; what `entries` says.
    async fn list(
        &self,
        connector: &Connector,
        directory: &str,
        most: u64,
        entries: &mut dyn EntrySink,
    ) -> Result<Listed>;

    /// What a path names now, links followed; `None` where there is nothing.
    ///
    /// # Errors
    /// `SP-DELIVER-…`.
    async fn look(&self, connector: &Connector, path: &str) -> Result<Option<RemoteEntry>>;

    /// Renames a file or directory on the server. It never replaces what is there. Safe to repeat: where `from` is gone
    /// and `to` is there, and `repeated` says that an earlier attempt may have done it, it is done.
    ///
    /// # Errors
    /// `SP-DELIVER-023` where there is no `from`, `-010` where `to` is taken.
    async fn rename(&self, connector: &Connector, from: &str, to: &str, repeated: bool) -> Result<()>;

    /// Removes a file, or an empty directory. Safe to repeat: what is gone is removed, where `repeated` says that an
    /// earlier attempt may have done it.
    ///
    /// # Errors
    /// `SP-DELIVER-023` where there is nothing of the name.
    async fn remove(&self, connector: &Connector, path: &str, repeated: bool) -> Result<()>;

    /// Refuses settings that the engine can't do as they stand, before anything is kept for them. Nobody is asked for it; an engine
    /// that can do all of them, which is the usual case, says nothing.
    ///
    /// # Errors
    /// `SP-DELIVER-021`, with everything that is in the way.
    fn accepts(&self, _settings: &ConnectorSettings) -> Result<()> {
        Ok(())
    }

    /// Makes what the engine keeps of a connector elsewhere equal to it, as it does itself before the first delivery;
    /// `None` where it keeps nothing, which is the usual case. Safe to repeat.
    ///
    /// # Errors
    /// `SP-DELIVER-…`.
    async fn establish(&self, _connector: &Connector) -> Result<Option<Established>> {
        Ok(None)
    }

    /// Removes what the engine keeps of a connector elsewhere; what that was, where there was anything.
    ///
    /// # Errors
    /// `SP-DELIVER-…`.
    async fn retire(&self, _connector: &Connector) -> Result<Option<String>> {
        Ok(None)
    }

    /// Does the same operations as `send` with a few bytes, step by step: resolve, connect, key exchange, host key,
    /// login, directory, write, rename, remove. Stops at the first failed step.
    async fn check(&self, connector: &Connector) -> Vec<CheckStep>;

    /// The first steps of [`check`](Self::check), up to the login: nothing is written on the server.
    async fn probe(&self, connector: &Connector) -> Vec<CheckStep>;

    /// Makes a key pair to log in with: the private key as OpenSSH writes it, and its public key as one line for the
    /// server's `authorized_keys`.
    ///
    /// # Errors
    /// `SP-DELIVER-015` where no random numbers can be had.
    fn login_key(&self, comment: &str) -> Result<(Secret, String)>;
}

/// What an engine keeps of a connector elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// What it is called there: an ARN, for example.
    pub name: String,
    /// What was done for it.
    pub outcome: Establishing,
}

/// What was done to establish a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Establishing {
    /// It was made.
    Made,
    /// It differed, and was changed.
    Changed,
    /// It is as it should be.
    Kept,
}

/// One attempt's task.
#[derive(Clone, Copy)]
pub struct Shipment<'a> {
    /// Where it goes; `settings.directory` is the remote directory.
    pub connector: &'a Connector,
    /// What attempts are told apart by, and what they leave on the server.
    pub traces: Traces<'a>,
    /// SHA-256 of the file, lower-case hexadecimal, where it is known: for the receipt and the file beside it.
    pub sha256: Option<&'a str>,
    /// Whether the file is sealed: then no other of its size ends as it does.
    pub sealed: bool,
    /// Where the file lies in the store, as `/bucket/key`, for an engine that reads it there itself.
    pub object: &'a str,
    /// The file's bytes.
    pub file: &'a dyn SealedReader,
    /// Where the attempt records what it is about to do.
    pub journal: &'a dyn Journal,
}

/// What attempts to send one file may have left on the server; all hidden names follow from it.
#[derive(Debug, Clone, Copy)]
pub struct Traces<'a> {
    /// The delivery's or transfer item's id: at most 40 characters of `a-z 0-9 _ -`.
    pub id: &'a str,
    /// The name that the file gets.
    pub file_name: &'a str,
    /// Attempts begun so far, the present one included.
    pub attempts: u32,
    /// Attempts that failed and were recorded so; one that a crash cut short is not among them.
    pub failed_attempts: u32,
    /// The recorded intent of an interrupted attempt.
    pub intent: Option<&'a Intent>,
}

impl<'a> From<&'a Delivery> for Traces<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            id: delivery.id.as_str(),
            file_name: delivery.file.key.file_name.as_str(),
            attempts: delivery.attempts,
            failed_attempts: delivery.failed_attempts,
            intent: delivery.intent.as_ref(),
        }
    }
}

/// Reads a stored file; the same bytes at every call.
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

/// One file to be retrieved.
pub struct Retrieval<'a> {
    /// Where it comes from.
    pub connector: &'a Connector,
    /// The file's path on the server.
    pub path: &'a str,
    /// Where its bytes go.
    pub landing: &'a mut dyn Landing,
}

/// Takes the bytes of a retrieved file.
#[async_trait]
pub trait Landing: Send {
    /// Told once, before the first byte: how long the file is.
    ///
    /// # Errors
    /// Where it is too long, for example.
    async fn expect(&mut self, size: u64) -> Result<()>;

    /// Takes the next bytes. It waits while the landing is slower than the server.
    ///
    /// # Errors
    /// `SP-STORE-…`, `SP-SEAL-…`.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;
}

/// What was retrieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieved {
    /// The server's address as `sftp://host:port`.
    pub url: String,
    /// Bytes.
    pub size: u64,
    /// The file's own time on the server, where it says one.
    pub modified: Option<Timestamp>,
    /// The approved host key that the server showed, as `SHA256:…`.
    pub host_key: String,
    /// Algorithms agreed for the connection.
    pub algorithms: String,
}

/// Takes entries of a remote directory.
#[async_trait]
pub trait EntrySink: Send {
    /// Takes the next entry.
    ///
    /// # Errors
    /// `SP-STORE-…`.
    async fn entry(&mut self, entry: RemoteEntry) -> Result<()>;
}

/// An entry of a remote directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteEntry {
    /// Its absolute path, or as the directory was named.
    pub path: String,
    /// Whether it is a directory. What is neither file nor directory counts as a file.
    pub is_directory: bool,
    /// Bytes, where the server says so.
    pub size: Option<u64>,
    /// When it was last changed, where the server says so.
    pub modified: Option<Timestamp>,
}

/// What a listing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Entries handed over.
    pub entries: u64,
    /// Whether there were more.
    pub truncated: bool,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStep {
    /// The step: `resolve`, `connect`, `key_exchange`, `host_key`, `login`, `directory`, `write`, `rename`, `remove`; after the
    /// login, `announced_key` for each further host key that the server has proven to have and nobody has approved.
    pub step: String,
    /// What was found: addresses, algorithms, the fingerprint that the server showed.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// The public key that the server showed, as OpenSSH writes it; with the steps `host_key` and `announced_key` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}
