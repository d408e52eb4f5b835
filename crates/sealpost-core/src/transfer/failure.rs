//! Failures in the words of AWS Transfer Family.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Failure, Stage, codes};

use super::TransferKind;

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A failure code, as results, log lines and events have it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FailureCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl FailureCode {
            /// The code's text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

failure_codes! {
    /// The access role can't be used.
    AssumeRoleError = "ASSUME_ROLE_ERROR",
    /// Not offered.
    UnsupportedOperationError = "UNSUPPORTED_OPERATION_ERROR",
    /// No connection: name, network, host key, login, or it broke.
    ConnectionError = "CONNECTION_ERROR",
    /// A file could not be read, here or there.
    ReadFileError = "READ_FILE_ERROR",
    /// A file could not be written, here or there.
    WriteFileError = "WRITE_FILE_ERROR",
    /// The server stopped answering, or it took too long.
    TimeoutError = "TIMEOUT_ERROR",
    /// A directory could not be read.
    ListDirectoryError = "LIST_DIRECTORY_ERROR",
    /// The stored file to send does not exist.
    SendFileNotFound = "SEND_FILE_NOT_FOUND",
    /// The remote file to retrieve does not exist.
    RetrieveFileNotFound = "RETRIEVE_FILE_NOT_FOUND",
    /// The remote directory does not exist.
    DirectoryNotFound = "DIRECTORY_NOT_FOUND",
    /// The remote file does not exist.
    FileNotFound = "FILE_NOT_FOUND",
    /// The remote path does not exist.
    PathNotFound = "PATH_NOT_FOUND",
    /// A rename was refused.
    RenameError = "RENAME_ERROR",
    /// A removal was refused.
    DeleteError = "DELETE_ERROR",
    /// Our side failed.
    InternalError = "INTERNAL_ERROR",
    /// Anything else.
    UnknownError = "UNKNOWN_ERROR",
}

/// Why an item failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferFailure {
    /// The code of the transfer API.
    pub code: FailureCode,
    /// Our own words: code, what happened, whose side, what to do.
    pub failure: Failure,
}

impl TransferFailure {
    /// What an error means for an item of this kind.
    #[must_use]
    pub fn new(kind: TransferKind, error: &Error) -> Self {
        Self { code: code_of(kind, error), failure: Failure::from(error) }
    }

    /// What a failure that was recorded of another flow means for an item of this kind.
    #[must_use]
    pub fn of(kind: TransferKind, failure: &Failure) -> Self {
        let known = codes::all().find(|code| code.id == failure.code);
        let code = known.map_or(FailureCode::UnknownError, |code| code_of(kind, &Error::new(code, "")));
        Self { code, failure: failure.clone() }
    }

    /// It in one sentence for callers: our code, what happened, and to what. What our own store, secrets, ledger and
    /// configuration said is left out: it is about our network, and in the log. A stored file that is not there is named,
    /// for the caller has named it.
    #[must_use]
    pub fn message(&self) -> String {
        let Failure { code, title, .. } = &self.failure;
        if self.failure.is_inside() && self.code != FailureCode::SendFileNotFound {
            return format!("{code}: {title}");
        }
        self.full_message()
    }

    /// The same for operators: with all that is known.
    #[must_use]
    pub fn full_message(&self) -> String {
        let Failure { code, title, detail, .. } = &self.failure;
        format!("{code}: {title}: {detail}")
    }
}

fn code_of(kind: TransferKind, error: &Error) -> FailureCode {
    use codes::{deliver, store};
    let is_one = |codes: &[&'static crate::error::Code]| codes.iter().any(|code| error.is(code));
    if is_one(&[&deliver::TIMEOUT, &deliver::DEADLINE]) {
        return FailureCode::TimeoutError;
    }
    if is_one(&[
        &deliver::UNKNOWN_HOST,
        &deliver::UNREACHABLE,
        &deliver::HOST_KEY_MISMATCH,
        &deliver::NEGOTIATION,
        &deliver::AUTHENTICATION,
        &deliver::BROKEN,
        &deliver::NO_HOST_KEY,
        &deliver::CREDENTIAL,
        &deliver::PROTOCOL,
        &deliver::CONFIG,
        &deliver::HOST_RESTS,
        &deliver::CONNECTOR_GONE,
        &deliver::LEGACY,
        &deliver::PROXY,
    ]) {
        return FailureCode::ConnectionError;
    }
    let is_missing = is_one(&[&deliver::DIRECTORY, &deliver::NO_SUCH_FILE]);
    match (kind, is_missing) {
        (TransferKind::Send, _) if error.is(&store::MISSING) => FailureCode::SendFileNotFound,
        (TransferKind::Send, true) => FailureCode::DirectoryNotFound,
        (TransferKind::Retrieve, true) => FailureCode::RetrieveFileNotFound,
        (TransferKind::List, true) => FailureCode::DirectoryNotFound,
        (TransferKind::Delete, true) => FailureCode::FileNotFound,
        (TransferKind::Move, true) => FailureCode::PathNotFound,
        _ if error.code().stage == Stage::Store => match kind {
            TransferKind::Send => FailureCode::ReadFileError,
            _ => FailureCode::WriteFileError,
        },
        _ if error.code().stage == Stage::Deliver => match kind {
            TransferKind::Send => FailureCode::WriteFileError,
            TransferKind::Retrieve => FailureCode::ReadFileError,
            TransferKind::List => FailureCode::ListDirectoryError,
            TransferKind::Delete => FailureCode::DeleteError,
            TransferKind::Move => FailureCode::RenameError,
        },
        _ if error.code().stage == Stage::Secrets => FailureCode::ConnectionError,
        _ => FailureCode::InternalError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_failure_means_what_its_error_meant() {
        for code in [&codes::deliver::HOST_KEY_MISMATCH, &codes::store::MISSING, &codes::request::PARTNER_DISABLED] {
            let error = Error::new(code, "acme");
            let meant = TransferFailure::new(TransferKind::Send, &error);
            assert_eq!(TransferFailure::of(TransferKind::Send, &Failure::from(&error)), meant);
        }
        let mut failure = Failure::from(&Error::new(&codes::deliver::TIMEOUT, "acme"));
        failure.code = "SP-DELIVER-999".to_owned();
        assert_eq!(TransferFailure::of(TransferKind::Send, &failure).code, FailureCode::UnknownError);
    }

    #[test]
    fn callers_do_not_see_what_lies_behind_us() {
        let message = |kind, code| {
            let failure = TransferFailure::new(kind, &Error::new(code, "s3.internal:9000 /sealpost/out/a.csv"));
            assert!(failure.full_message().ends_with(": s3.internal:9000 /sealpost/out/a.csv"));
            failure.message()
        };
        for code in
            [&codes::store::UNREACHABLE, &codes::secrets::MISSING, &codes::ledger::UNREACHABLE, &codes::config::INVALID]
        {
            assert_eq!(message(TransferKind::Send, code), format!("{}: {}", code.id, code.title));
        }
        assert!(message(TransferKind::Send, &codes::store::MISSING).ends_with("/sealpost/out/a.csv"));
        assert!(message(TransferKind::Send, &codes::deliver::AUTHENTICATION).ends_with("/sealpost/out/a.csv"));
    }
}
