//! Why a call failed.

use std::fmt;

use sealpost_core::error::Code;

/// A failed call, after its last attempt. No text of it contains a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The service answered, and refused.
    Refused(Refused),
    /// The service can't be reached: name, network, TLS.
    Unreachable(String),
    /// The service took too long, or the connection broke after the request had begun: it may have been carried out.
    Lost(String),
    /// The answer is not what the protocol says, or too long.
    Answer(String),
    /// There are no credentials, or the provider does not give any.
    Credentials(String),
    /// A secret of the credentials could not be had, with the code of its store: one that is away is waited for.
    Secret(&'static Code, String),
    /// The settings don't make a request: address, region.
    Settings(String),
}

/// What a service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status of its answer.
    pub status: u16,
    /// The error's name, without a namespace: `ResourceNotFoundException`; empty where the answer has none.
    pub kind: String,
    /// What it says about it; may be empty.
    pub message: String,
    /// The id that the service's operators find the call by.
    pub request_id: Option<String>,
    /// Of a DynamoDB transaction, for each of its parts in their order, why it did not hold.
    pub reasons: Vec<Reason>,
}

/// Why a part of a DynamoDB transaction did not hold: `CancellationReasons`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reason {
    /// The reason's name: `ConditionalCheckFailed`; `None` where this part would have held.
    #[serde(default)]
    pub code: String,
    /// The item as it was, where it was asked for.
    #[serde(default)]
    pub item: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Names that services give to "slow down".
const THROTTLING: [&str; 11] = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    // DynamoDB still works on the same request, sent before.
    "TransactionInProgressException",
];

fn is_throttling(kind: &str) -> bool {
    THROTTLING.contains(&kind) || matches!(kind, "ThrottlingError" | "ProvisionedThroughputExceeded")
}

impl Refused {
    /// Whether it was refused only because there are too many calls.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == 429 || is_throttling(&self.kind) || self.reasons.iter().any(|reason| is_throttling(&reason.code))
    }

    /// Whether it is about who we are and what we may do.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let names = [
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "NotAuthorized",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ];
        matches!(self.status, 401 | 403) || names.contains(&self.kind.as_str())
    }
}

impl Fault {
    /// What the service said, where it said something.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// Whether the service gave this error name.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.refused().is_some_and(|refused| refused.kind == kind)
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.status >= 500 || refused.is_throttled(),
            Self::Unreachable(_) | Self::Lost(_) | Self::Answer(_) | Self::Credentials(_) | Self::Secret(..) => true,
            Self::Settings(_) => false,
        }
    }

    /// Whether the service has certainly done nothing.
    #[must_use]
    pub fn is_without_effect(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.status < 500,
            Self::Unreachable(_) | Self::Credentials(_) | Self::Secret(..) | Self::Settings(_) => true,
            Self::Lost(_) | Self::Answer(_) => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Unreachable(words)
            | Self::Lost(words)
            | Self::Answer(words)
            | Self::Credentials(words)
            | Self::Secret(_, words)
            | Self::Settings(words) => f.write_str(words),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.as_str() {
            "" => write!(f, "status {}", self.status)?,
            kind => f.write_str(kind)?,
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
