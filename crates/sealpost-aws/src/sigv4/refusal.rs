//! Why a request is not believed, in the words that AWS clients know.

use std::fmt;

/// A refusal, with a message for the caller. No message contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no signature of the kind we take.
    MissingAuthenticationToken(String),
    /// The signature can't be read, or leaves out what has to be in it.
    IncompleteSignature(String),
    /// It is for another region, service or day, or another secret or request than this one.
    InvalidSignature(String),
    /// Nobody has this access key, or it is of a kind that we issue none of.
    InvalidClientTokenId(String),
    /// It was signed too long ago, or in the future.
    RequestExpired(String),
}

impl Refusal {
    /// For an access key that nobody has, or that is revoked or expired: the same words, so that nothing is learnt.
    #[must_use]
    pub fn unknown_key() -> Self {
        Self::InvalidClientTokenId("The security token included in the request is invalid.".to_owned())
    }

    /// The error's name: the `__type` of the answer.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken(_) => "MissingAuthenticationToken",
            Self::IncompleteSignature(_) => "IncompleteSignature",
            Self::InvalidSignature(_) => "InvalidSignatureException",
            Self::InvalidClientTokenId(_) => "InvalidClientTokenId",
            Self::RequestExpired(_) => "RequestExpired",
        }
    }

    /// The status of the answer: as the list of common errors has it, 400 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::IncompleteSignature(_) | Self::RequestExpired(_) => 400,
            Self::MissingAuthenticationToken(_) | Self::InvalidSignature(_) | Self::InvalidClientTokenId(_) => 403,
        }
    }

    /// What to tell the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::MissingAuthenticationToken(message)
            | Self::IncompleteSignature(message)
            | Self::InvalidSignature(message)
            | Self::InvalidClientTokenId(message)
            | Self::RequestExpired(message) => message,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for Refusal {}
