//! What attempts that failed may have done on the partner's server all the same.

use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Failure, codes};

/// Whether attempts may have left a hidden file, the last of which failed so: not where none came further than the login.
pub(crate) fn may_have_written(attempts: u32, error: &Error) -> bool {
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
    ];
    let wrote_nothing = attempts == 1 && before_login.iter().any(|code| error.is(code));
    attempts > 0 && !wrote_nothing
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
