//! The proof of a delivery.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How sure we are that the partner has the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The server confirmed size and rename.
    Verified,
    /// A crash fell between the intent and the server's answer; afterwards the temporary name was gone, so the rename
    /// had happened.
    Recovered,
}

/// What was delivered where, and what the server showed of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// How sure we are.
    pub certainty: Certainty,
    /// The server's address as `sftp://host:port`.
    pub url: String,
    /// The path of the visible file.
    pub remote_path: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the ciphertext, lower-case hexadecimal: the stored file's, which is what was sent.
    pub sha256: String,
    /// The approved host key that the server showed, as `SHA256:…`.
    pub host_key: String,
    /// Algorithms agreed for this connection, for example `curve25519-sha256, aes128-gcm@openssh.com`.
    pub algorithms: String,
    /// Bytes that this attempt sent; fewer than `size` when it resumed.
    pub bytes_sent: u64,
    /// When the attempt that delivered it began.
    pub started_at: Timestamp,
    /// When the server confirmed the rename.
    pub delivered_at: Timestamp,
}
