//! The one error type of every port.
//!
//! An error says what happened and to what (`detail`), whose side it is on, whether it is retried and what to do
//! (its [`Code`]). Adapters convert their private errors once, at the port. The codes stand in [`codes`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub mod codes;

/// Shorthand for results of ports.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The part of the flow in which an error arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The caller's request, before any work.
    Request,
    /// Reading rows.
    Source,
    /// Writing the file format.
    Format,
    /// Encrypting and signing.
    Seal,
    /// The object store.
    Store,
    /// The way to the partner's server.
    Deliver,
    /// A notification to the partner's webhook.
    Notify,
    /// Job state and queue.
    Ledger,
    /// Resolving a secret reference.
    Secrets,
    /// Configuration, catalogue and partner files.
    Config,
}

impl Stage {
    /// The stage's stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Source => "source",
            Self::Format => "format",
            Self::Seal => "seal",
            Self::Store => "store",
            Self::Deliver => "deliver",
            Self::Notify => "notify",
            Self::Ledger => "ledger",
            Self::Secrets => "secrets",
            Self::Config => "config",
        }
    }
}

/// What kind of failure it is: a closed list that each wire (HTTP, exit code) maps once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is malformed or out of range.
    InvalidRequest,
    /// No or wrong credentials.
    Unauthorized,
    /// Known caller, not allowed.
    Forbidden,
    /// No such thing, or not the caller's.
    NotFound,
    /// It contradicts the present state.
    Conflict,
    /// Too many requests or jobs.
    Throttled,
    /// The other side can't be reached or is overloaded.
    Unavailable,
    /// The other side did not answer in time.
    Timeout,
    /// The other side answered and refused.
    Rejected,
    /// Data is not what it must be: digest, length, host key, tenant.
    Integrity,
    /// Our configuration, catalogue or partner record is wrong.
    Config,
    /// A defect of ours.
    Internal,
}

/// Whose side has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who called the API or command.
    Caller,
    /// The partner: its server, its certificate.
    Partner,
    /// Whoever runs Sealpost: database, store, configuration.
    Operator,
    /// Sealpost itself: report it.
    Sealpost,
}

/// Whether the same operation may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It will fail the same way until someone changes something.
    Never,
    /// Try again with growing pauses.
    Backoff,
    /// Try again, not before this time has passed.
    After(Duration),
}

/// One row of the table of error codes: stable, documented, and the same on every wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable identifier, for example `SP-DELIVER-003`.
    pub id: &'static str,
    /// Where it arises.
    pub stage: Stage,
    /// What kind it is.
    pub kind: Kind,
    /// Whose side has to act.
    pub side: Side,
    /// Whether it is retried by default.
    pub retry: bool,
    /// What happened, in a few words; the same for every occurrence.
    pub title: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// One thing wrong in a structured input, addressed by JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where, for example `/parameters/from`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl FieldError {
    /// A field error at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

struct Inner {
    code: &'static Code,
    detail: String,
    retry: Retry,
    fields: Vec<FieldError>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// A failure at a port. Cheap to move, cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

impl Error {
    /// An error of this code. `detail` says what happened to what, without secrets, row values or credentials.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        let retry = if code.retry { Retry::Backoff } else { Retry::Never };
        Self(Arc::new(Inner { code, detail: detail.into(), retry, fields: Vec::new(), source: None }))
    }

    fn edit(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            code: shared.code,
            detail: shared.detail.clone(),
            retry: shared.retry,
            fields: shared.fields.clone(),
            source: shared.source.clone(),
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = Arc::from(source.into());
        self.edit(|inner| inner.source = Some(source))
    }

    /// Overrides whether and when to try again.
    #[must_use]
    pub fn retried(self, retry: Retry) -> Self {
        self.edit(|inner| inner.retry = retry)
    }

    /// Adds the list of fields that are wrong.
    #[must_use]
    pub fn with_fields(self, fields: Vec<FieldError>) -> Self {
        self.edit(|inner| inner.fields = fields)
    }

    /// Puts words before the detail, for example the file that was being read.
    #[must_use]
    pub fn context(self, before: impl fmt::Display) -> Self {
        self.edit(|inner| inner.detail = format!("{before}: {}", inner.detail))
    }

    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// The kind of this error's code.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.code.kind
    }

    /// What happened to what.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Whether the same operation may succeed later.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether it makes sense to try again at all.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        self.0.retry != Retry::Never
    }

    /// The fields that are wrong, for structured input.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Whether this error has the given code.
    #[must_use]
    pub fn is(&self, code: &Code) -> bool {
        self.0.code.id == code.id
    }

    /// Wraps the error so that it can travel through [`std::io::Write`].
    #[must_use]
    pub fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }

    /// Takes an error back out of [`std::io::Error`], or says with `code` what the I/O failure means here.
    #[must_use]
    pub fn from_io(error: std::io::Error, code: &'static Code) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) => Self::new(code, error.to_string()).caused_by(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.0.code.id, self.0.code.title, self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "; because {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// An error as the ledger keeps it and the API shows it: plain data, no cause chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code, see [`codes`].
    pub code: String,
    /// Where it arose.
    pub stage: Stage,
    /// What kind it is.
    pub kind: Kind,
    /// Whose side has to act.
    pub side: Side,
    /// What happened, the same for every occurrence.
    pub title: String,
    /// What happened to what, this time.
    pub detail: String,
    /// What to do.
    pub advice: String,
}

impl Failure {
    /// Whether its detail is what our own store, secrets, ledger or configuration said. That is about our network and our accounts:
    /// callers from outside are not told.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        matches!(self.stage, Stage::Store | Stage::Secrets | Stage::Ledger | Stage::Config)
            && matches!(self.side, Side::Operator | Side::Sealpost)
    }
}

/// An error with its causes, each once. Of many libraries the outermost says only that something failed.
#[must_use]
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}

/// What a record keeps of a detail, at most: a stranger's server may have had a word in it.
const LONGEST_DETAIL: usize = 2_000;

fn shortened(detail: &str) -> String {
    match detail.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", detail.get(..end).unwrap_or_default()),
        None => detail.to_owned(),
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let code = error.code();
        Self {
            code: code.id.to_owned(),
            stage: code.stage,
            kind: code.kind,
            side: code.side,
            title: code.title.to_owned(),
            detail: shortened(error.detail()),
            advice: code.advice.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_no_flood_of_words() {
        let failure = Failure::from(&Error::new(&codes::deliver::NEGOTIATION, "ä".repeat(100_000)));
        assert_eq!(failure.detail.chars().count(), LONGEST_DETAIL + 1);
        assert_eq!(Failure::from(&Error::new(&codes::deliver::NEGOTIATION, "short")).detail, "short");
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let error = Error::new(&codes::store::UNREACHABLE, "bucket reports");
        let back = Error::from_io(error.into_io(), &codes::source::BROKEN);
        assert!(back.is(&codes::store::UNREACHABLE));
        assert_eq!(back.detail(), "bucket reports");
    }

    #[test]
    fn foreign_io_errors_get_the_code_of_the_place() {
        let error = std::io::Error::other("disk on fire");
        assert!(Error::from_io(error, &codes::store::UNREACHABLE).is(&codes::store::UNREACHABLE));
    }

    #[test]
    fn codes_are_unique_and_named_after_their_stage() {
        let mut seen = std::collections::BTreeSet::new();
        for code in codes::all() {
            assert!(seen.insert(code.id), "{} twice", code.id);
            let prefix = format!("SP-{}-", code.stage.as_str().to_uppercase());
            assert!(code.id.starts_with(&prefix), "{} should start with {prefix}", code.id);
            assert!(!code.advice.is_empty() && !code.title.is_empty());
        }
    }
}
