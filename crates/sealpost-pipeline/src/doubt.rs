//! What attempts that failed may have done on the partner's server all the same.

use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Failure, Stage, codes};

/// Whether an attempt that failed so may have done something on the server: not where it came no further than the login.
pub(crate) fn may_have_acted(error: &Error) -> bool {
    use codes::deliver;
    let before_login = [
        &deliver::UNKNOWN_HOST,
        &deliver::UNREACHABLE,
        &deliver::HOST_KEY_MISMATCH,
        &deliver::NEGOTIATION,
        &deliver::AUTHENTICATION,
        &deliver::NO_HOST_KEY,
        &deliver::CREDENTIAL,
        &deliver::CONFIG,
        &deliver::LEGACY,
        &deliver::PROXY,
    ];
    let is_before_login = error.code().stage == Stage::Secrets || before_login.iter().any(|code| error.is(code));
    !is_before_login
}

/// Whether attempts, the last of which failed so, may have left a hidden file.
pub(crate) fn may_have_written(attempts: u32, error: &Error) -> bool {
    attempts > 1 || (attempts == 1 && may_have_acted(error))
}

/// Why something is given up. Where a rename was begun and its answer never came, the partner may have the file all the same:
/// whoever sends it again has to know.
pub(crate) fn given_up(error: &Error, intent: Option<&Intent>) -> Failure {
    let mut failure = Failure::from(error);
    if let Some(Intent { final_path, .. }) = intent {
        failure.detail += &format!("; an attempt was about to show the file as `{final_path}`, and it may be there");
        failure.advice =
            format!("Ask the partner whether the file is there before you send it again. {}", failure.advice);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_did_not_get_in_did_nothing() {
        use codes::{deliver, ledger, secrets};
        let acted = |code| may_have_acted(&Error::new(code, ""));
        for code in [&deliver::UNREACHABLE, &deliver::AUTHENTICATION, &deliver::PROXY, &secrets::UNREACHABLE] {
            assert!(!acted(code), "{}", code.id);
            assert!(!may_have_written(1, &Error::new(code, "")), "{}", code.id);
            assert!(may_have_written(2, &Error::new(code, "")), "{}: another attempt may have", code.id);
        }
        // Of silence nobody knows when it began.
        for code in [&deliver::TIMEOUT, &deliver::BROKEN, &deliver::REFUSED, &deliver::DEADLINE, &ledger::UNREACHABLE] {
            assert!(acted(code) && may_have_written(1, &Error::new(code, "")), "{}", code.id);
        }
        assert!(!may_have_written(0, &Error::new(&deliver::CONNECTOR_GONE, "")));
    }

    #[test]
    fn a_rename_without_an_answer_is_told_of() {
        let error = Error::new(&codes::deliver::AUTHENTICATION, "acme@sftp.example");
        let plain = given_up(&error, None);
        assert_eq!(plain, Failure::from(&error));
        let intent = Intent {
            temporary_path: "in/.a.csv.pgp.part".to_owned(),
            final_path: "in/a.csv.pgp".to_owned(),
            account: "acme@sftp.example:22".to_owned(),
        };
        let told = given_up(&error, Some(&intent));
        assert_eq!(told.code, plain.code);
        assert!(told.detail.contains("`in/a.csv.pgp`, and it may be there"), "{told:?}");
        assert!(told.advice.starts_with("Ask the partner") && told.advice.ends_with(&plain.advice), "{told:?}");
    }
}
