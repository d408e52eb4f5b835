//! What a failure of the file system or of S3 means for the job, decided once.

use std::io;

use object_store::client::{HttpError, HttpErrorKind};
use sealpost_core::error::{Code, Error, codes};

/// An I/O failure of the local store, while doing `what`.
pub(crate) fn of_io(error: io::Error, what: &str) -> Error {
    use io::ErrorKind as K;
    let code = match error.kind() {
        // A limit on the size of one file (EFBIG) stops the job exactly as a full disk does.
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => &codes::store::FULL,
        K::PermissionDenied | K::ReadOnlyFilesystem => &codes::store::DENIED,
        K::AlreadyExists => &codes::store::EXISTS,
        K::NotADirectory | K::InvalidFilename => &codes::store::CONFIG,
        _ => &codes::store::UNREACHABLE,
    };
    Error::new(code, format!("{what}: {error}")).caused_by(error)
}

/// A task that did not come to its end: the runtime is shutting down, or it panicked.
pub(crate) fn of_join(error: tokio::task::JoinError, what: &str) -> Error {
    Error::new(&codes::store::ABORTED, format!("{what}: {error}")).caused_by(error)
}

/// Whether the request concerned an object that must exist, or one being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// 404 means that the object is gone.
    Read,
    /// 404 means that the bucket does not exist.
    Write,
}

/// A failure of `object_store`, while doing `what`.
pub(crate) fn of_store(error: object_store::Error, what: &str, intent: Intent) -> Error {
    use object_store::Error as E;

    // The credentials are secrets, and their store said no.
    if let Some(secret) = cause::<Error>(&error) {
        return secret.clone().context(what);
    }
    if let Some(io) = cause::<io::Error>(&error)
        && io.kind() != io::ErrorKind::Other
        && cause::<HttpError>(&error).is_none()
    {
        let code = if io.kind() == io::ErrorKind::NotFound {
            &codes::store::MISSING
        } else {
            of_io(io::Error::from(io.kind()), what).code()
        };
        return Error::new(code, format!("{what}: {io}")).caused_by(error);
    }
    let passing = passing(&error);
    let code: &'static Code = match &error {
        E::NotFound { .. } if intent == Intent::Read => &codes::store::MISSING,
        _ if passing.is_some() => &codes::store::UNREACHABLE,
        E::NotFound { .. } | E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } => &codes::store::CONFIG,
        E::AlreadyExists { .. } => &codes::store::EXISTS,
        E::Precondition { .. } | E::NotModified { .. } if intent == Intent::Read => &codes::store::CHANGED,
        E::Precondition { .. } | E::NotModified { .. } => &codes::store::EXISTS,
        _ if says_changed(&error) => &codes::store::CREDENTIALS,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => &codes::store::DENIED,
        E::NotSupported { .. } | E::NotImplemented { .. } => &codes::store::CONFIG,
        _ if says_full(&error) => &codes::store::FULL,
        _ => &codes::store::UNREACHABLE,
    };
    let detail = match (&error, intent, passing) {
        (E::NotFound { .. }, Intent::Read, _) => format!("{what}: not found"),
        (_, _, Some(answer)) => {
            format!("{what}: another request for it is under way, or has ended its upload: {}", short(answer))
        }
        (E::NotFound { .. }, Intent::Write, _) => format!("{what}: the bucket does not exist"),
        (E::AlreadyExists { .. } | E::Precondition { .. }, Intent::Write, _) => format!("{what}: it exists already"),
        _ if timed_out(&error) => format!("{what}: no answer in time"),
        _ => format!("{what}: {}", short(&error)),
    };
    Error::new(code, detail).caused_by(error)
}

/// The first cause of this type.
fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref::<T>())
}

/// The answer of S3, where it says nothing about what is there, and the whole may go well when it is begun anew: a concurrent
/// request (409 `ConditionalRequestConflict`, `OperationAborted`), or an upload that another request or a lifecycle rule has
/// ended (404 `NoSuchUpload`). <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn passing(error: &object_store::Error) -> Option<&(dyn std::error::Error + 'static)> {
    use object_store::Error as E;
    let answer = match error {
        // Made of a 409; and of a condition that failed (412), which is the source then.
        E::AlreadyExists { source, .. } if !source.is::<E>() => source,
        E::NotFound { source, .. } if answer(error).contains("NoSuchUpload") => source,
        _ => return None,
    };
    Some(&**answer)
}

fn timed_out(error: &object_store::Error) -> bool {
    cause::<HttpError>(error).is_some_and(|error| error.kind() == HttpErrorKind::Timeout)
}

/// What the server said, status and body. What stands around it has the address, its port and the path in it, whose digits and
/// words say nothing about the failure.
fn answer(error: &object_store::Error) -> String {
    let causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// S3 itself is never full; compatible stores say so with status 507 or one of these codes.
fn says_full(error: &object_store::Error) -> bool {
    let answer = answer(error);
    answer.contains("status code: 507")
        || ["InsufficientStorage", "XMinioStorageFull", "QuotaExceeded"].iter().any(|code| answer.contains(code))
}

/// S3's words for credentials that it does not know, or not any more: they may have been changed a moment ago.
fn says_changed(error: &object_store::Error) -> bool {
    let answer = answer(error);
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"]
        .iter()
        .any(|code| answer.contains(code))
}

/// At most 400 characters in one line: S3's answers are pages of XML.
fn short(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |error| error.source()) {
        let text = error.to_string();
        if !causes.iter().any(|seen| seen.contains(&text)) {
            causes.push(text);
        }
    }
    let text = causes.join(": ");
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_refusal() {
        assert!(of_io(io::ErrorKind::StorageFull.into(), "write").is(&codes::store::FULL));
        assert!(of_io(io::ErrorKind::QuotaExceeded.into(), "write").is(&codes::store::FULL));
        assert!(of_io(io::ErrorKind::PermissionDenied.into(), "write").is(&codes::store::DENIED));
        assert!(of_io(io::ErrorKind::ReadOnlyFilesystem.into(), "write").is(&codes::store::DENIED));
        assert!(of_io(io::ErrorKind::HostUnreachable.into(), "write").is(&codes::store::UNREACHABLE));
    }

    #[test]
    fn a_404_means_the_object_when_reading_and_the_bucket_when_writing() {
        let gone = || object_store::Error::NotFound { path: "a/b".into(), source: "404".into() };
        assert!(of_store(gone(), "read", Intent::Read).is(&codes::store::MISSING));
        assert!(of_store(gone(), "write", Intent::Write).is(&codes::store::CONFIG));
        let ended = || object_store::Error::NotFound { path: "a/b".into(), source: "404: NoSuchUpload".into() };
        assert!(of_store(ended(), "read", Intent::Read).is(&codes::store::MISSING));
        assert!(of_store(ended(), "write", Intent::Write).is(&codes::store::UNREACHABLE));
    }

    #[test]
    fn a_name_that_is_taken_is_told_from_a_conflict_with_another_request() {
        use object_store::Error as E;
        let failed = || E::Precondition { path: "a/b".into(), source: "412".into() };
        let taken = E::AlreadyExists { path: "a/b".into(), source: failed().into() };
        for error in [failed(), taken] {
            assert!(of_store(error, "write", Intent::Write).is(&codes::store::EXISTS));
        }
        let conflict = || E::AlreadyExists { path: "a/b".into(), source: "409: OperationAborted".into() };
        for intent in [Intent::Write, Intent::Read] {
            let error = of_store(conflict(), "write", intent);
            assert!(error.is(&codes::store::UNREACHABLE) && error.detail().contains("OperationAborted"), "{error}");
        }
    }
}
