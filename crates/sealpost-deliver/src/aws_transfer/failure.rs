//! What the service says, as our codes.

use sealpost_aws::Fault;
use sealpost_core::error::{Code, Error, Retry, codes};

use super::shapes::FileResult;

/// A call that failed.
pub(super) fn of_fault(fault: &Fault) -> Error {
    let detail = format!("AWS Transfer Family: {fault}");
    if let Fault::Secret(code, _) = fault {
        return Error::new(code, detail);
    }
    match fault.refused().map(|refused| refused.kind.as_str()) {
        Some("InvalidRequestException" | "ResourceNotFoundException" | "ValidationError" | "ValidationException") => {
            Error::new(&codes::deliver::CONFIG, detail)
        }
        _ if matches!(fault, Fault::Settings(_)) => Error::new(&codes::deliver::CONFIG, detail),
        _ => Error::new(&codes::deliver::REMOTE_ENGINE, detail),
    }
}

/// A start that failed. Where only its answer is missing, the file may be under way all the same: whoever sends it again has
/// to know.
pub(super) fn of_start(fault: &Fault) -> Error {
    let error = of_fault(fault);
    if fault.is_without_effect() {
        return error;
    }
    let detail = format!("{}; the transfer may have begun all the same, and the file may be under way", error.detail());
    Error::new(error.code(), detail)
}

/// A file that failed.
pub(super) fn of_result(result: &FileResult) -> Error {
    let failure = result.failure_code.as_deref().unwrap_or("UNKNOWN_ERROR");
    let message = result.failure_message.as_deref().unwrap_or("without a message");
    let detail = format!("AWS Transfer Family: {failure}: {}", plain(message));
    // Our own API says more exactly what it was.
    let said = result.error_code.as_deref().and_then(|said| codes::all().find(|code| code.id == said));
    if let Some(code) = said.filter(|code| code.stage == codes::deliver::REMOTE_ENGINE.stage) {
        return Error::new(code, detail);
    }
    let code = match failure {
        "CONNECTION_ERROR" => of_message(message),
        "TIMEOUT_ERROR" => &codes::deliver::TIMEOUT,
        "WRITE_FILE_ERROR" | "RENAME_ERROR" => &codes::deliver::REFUSED,
        "DIRECTORY_NOT_FOUND" | "PATH_NOT_FOUND" => &codes::deliver::DIRECTORY,
        _ => &codes::deliver::REMOTE_ENGINE,
    };
    let error = Error::new(code, detail);
    match failure {
        // Ours: the role may not read the bucket, or the bucket is another.
        "SEND_FILE_NOT_FOUND" | "UNSUPPORTED_OPERATION_ERROR" => error.retried(Retry::Never),
        _ => error,
    }
}

/// What a message of a failed connection or test is about. The service publishes no full list of them: what none of these words
/// is in counts as unreachable, which is tried again.
pub(super) fn of_message(message: &str) -> &'static Code {
    let message = message.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match () {
        () if about(&["unknown host", "resolve"]) => &codes::deliver::UNKNOWN_HOST,
        () if about(&["key exchange", "algorithm"]) => &codes::deliver::NEGOTIATION,
        () if about(&["host key"]) => &codes::deliver::HOST_KEY_MISMATCH,
        () if about(&["authentic", "login", "credential", "password", "permission denied"]) => {
            &codes::deliver::AUTHENTICATION
        }
        () if about(&["secret", "role", "not available"]) => &codes::deliver::REMOTE_ENGINE,
        // "Private key not found": the service has read the secret, and it is not of the form that it wants.
        () if about(&["private key"]) => &codes::deliver::CREDENTIAL,
        () => &codes::deliver::UNREACHABLE,
    }
}

/// It goes into records and logs.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use sealpost_aws::Refused;

    use super::*;

    fn refused(status: u16, kind: &str) -> Fault {
        let (kind, message) = (kind.to_owned(), String::new());
        Fault::Refused(Refused { status, kind, message, request_id: None, reasons: Vec::new() })
    }

    #[test]
    fn a_start_whose_answer_is_missing_may_have_begun() {
        let words = || "the connection broke".to_owned();
        for (fault, is_said) in [
            (Fault::Lost(words()), true),
            (Fault::Answer(words()), true),
            (refused(500, "InternalServiceError"), true),
            (Fault::Unreachable(words()), false),
            (Fault::Credentials(words()), false),
            (Fault::Secret(&codes::secrets::SEALED, words()), false),
            (Fault::Settings(words()), false),
            (refused(400, "InvalidRequestException"), false),
            (refused(400, "ThrottlingException"), false),
        ] {
            let error = of_start(&fault);
            assert_eq!(error.code(), of_fault(&fault).code(), "{fault}");
            assert_eq!(error.detail().contains("may be under way"), is_said, "{error}");
        }
    }

    fn failed(code: &str, message: &str, own: Option<&str>) -> Error {
        of_result(&FileResult {
            status_code: "FAILED".to_owned(),
            failure_code: Some(code.to_owned()),
            failure_message: Some(message.to_owned()),
            error_code: own.map(str::to_owned),
            bytes: None,
        })
    }

    #[test]
    fn failure_codes_are_retried_where_that_may_help() {
        for (code, message, own, id, retried) in [
            ("CONNECTION_ERROR", "Unknown Host", None, "SP-DELIVER-001", true),
            ("CONNECTION_ERROR", "Connection refused", None, "SP-DELIVER-002", true),
            ("CONNECTION_ERROR", "Authentication failed", None, "SP-DELIVER-005", false),
            ("CONNECTION_ERROR", "Host key verification failed", None, "SP-DELIVER-003", false),
            (
                "CONNECTION_ERROR",
                "Key exchange negotiation failed due to incompatible host key algorithms.",
                None,
                "SP-DELIVER-004",
                false,
            ),
            ("CONNECTION_ERROR", "Private key not found", None, "SP-DELIVER-015", false),
            ("CONNECTION_ERROR", "Unable to access secrets manager", None, "SP-DELIVER-029", true),
            ("TIMEOUT_ERROR", "Transfer request timeout.", None, "SP-DELIVER-006", true),
            ("WRITE_FILE_ERROR", "", None, "SP-DELIVER-013", true),
            ("DIRECTORY_NOT_FOUND", "", None, "SP-DELIVER-008", false),
            ("SEND_FILE_NOT_FOUND", "", None, "SP-DELIVER-029", false),
            ("ASSUME_ROLE_ERROR", "", None, "SP-DELIVER-029", true),
            ("INTERNAL_ERROR", "", None, "SP-DELIVER-029", true),
            ("A_NEW_ONE", "", None, "SP-DELIVER-029", true),
            ("WRITE_FILE_ERROR", "", Some("SP-DELIVER-011"), "SP-DELIVER-011", true),
            ("READ_FILE_ERROR", "", Some("SP-STORE-006"), "SP-DELIVER-029", true),
        ] {
            let error = failed(code, message, own);
            assert_eq!((error.code().id, error.is_retried()), (id, retried), "{code} {message}");
            assert!(error.detail().contains(code), "{error}");
        }
    }
}
