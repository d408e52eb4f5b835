//! What Vault said, as our codes.

use std::fmt;

use sealpost_core::Error;
use sealpost_core::error::{Code, codes};

/// A failed request, after its last attempt. No text of it contains a secret.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// It answered, and refused.
    Refused { status: u16, words: String },
    /// It can't be reached, or did not answer in time.
    Unreachable(String),
    /// Its answer is not what the API says.
    Answer(String),
}

impl Fault {
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Answer(_) => None,
        }
    }

    /// Whether it refused us, or what we asked: another try gives the same.
    pub(super) fn is_refusal(&self) -> bool {
        self.status().is_some_and(|status| (400..500).contains(&status) && !is_passing(status))
    }

    fn code(&self) -> &'static Code {
        match self {
            Self::Refused { status: 503, words } if words.contains("sealed") => &codes::secrets::SEALED,
            Self::Refused { status: 401 | 403, .. } => &codes::secrets::DENIED,
            Self::Refused { status: 404, .. } => &codes::secrets::MISSING,
            Self::Refused { status: 400 | 405, .. } => &codes::secrets::REFERENCE,
            _ => &codes::secrets::UNREACHABLE,
        }
    }

    /// A read that failed.
    pub(super) fn of_read(&self) -> Error {
        Error::new(self.code(), format!("Vault: {self}"))
    }

    /// A write or removal that failed. Where nothing takes it, the path leads nowhere: what is written has not been there.
    pub(super) fn of_write(&self) -> Error {
        let code = if self.status() == Some(404) { &codes::secrets::REFERENCE } else { self.code() };
        Error::new(code, format!("Vault: {self}"))
    }

    /// A login that failed. What is wrong with a request, or not there, is wrong with the login's settings.
    pub(super) fn of_login(&self) -> Error {
        let code = if self.is_refusal() { &codes::secrets::DENIED } else { self.code() };
        Error::new(code, format!("login to Vault: {self}"))
    }
}

/// Statuses that a later try may not get: a state that has not arrived yet, too many requests, standbys of replication.
/// <https://developer.hashicorp.com/vault/api-docs#http-status-codes>
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 412 | 429 | 472 | 473 | 500..)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, words } if words.is_empty() => write!(f, "status {status}"),
            Self::Refused { status, words } => write!(f, "status {status}: {words}"),
            Self::Unreachable(words) | Self::Answer(words) => f.write_str(words),
        }
    }
}
