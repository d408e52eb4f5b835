//! One line per finished transfer, with the field names of AWS Transfer Family's SFTP connector logs, so that
//! existing log queries and dashboards read ours too.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::error::{Error, codes};
use sealpost_core::port::Shipment;
use sealpost_core::receipt::Receipt;

/// A transfer that has begun.
pub(crate) struct Line {
    connector: String,
    transfer: String,
    file_transfer: String,
    url: String,
    file_path: String,
    remote_directory: String,
    bytes: u64,
    start: Timestamp,
}

impl Line {
    /// Notes what is sent where.
    pub(crate) fn begin(shipment: &Shipment<'_>) -> Self {
        let (delivery, settings) = (shipment.delivery, &shipment.connector.settings);
        let key = &delivery.file.key;
        Self {
            connector: shipment.connector.id.to_string(),
            transfer: delivery.job.to_string(),
            file_transfer: format!("{}/{}", delivery.job, delivery.id),
            url: format!("sftp://{}:{}", settings.host, settings.port),
            file_path: format!("/{}/{}", key.partner, key.file_name),
            remote_directory: settings.directory.clone(),
            bytes: delivery.file.size,
            start: Timestamp::now(),
        }
    }

    /// Writes the line. A dropped attempt writes none: the one that takes over does.
    pub(crate) fn end(self, result: &Result<Receipt>) {
        match result {
            Ok(_) => tracing::info!(
                target: "sealpost::connector",
                { "operation" = "SEND",
                "connector-id" = %self.connector,
                "transfer-id" = %self.transfer,
                "file-transfer-id" = %self.file_transfer,
                "url" = %self.url,
                "file-path" = %self.file_path,
                "remote-directory-path" = %self.remote_directory,
                "status-code" = "COMPLETED",
                "start-time" = %self.start,
                "end-time" = %Timestamp::now(),
                "bytes" = self.bytes },
                "transfer completed"
            ),
            Err(error) => tracing::warn!(
                target: "sealpost::connector",
                { "operation" = "SEND",
                "connector-id" = %self.connector,
                "transfer-id" = %self.transfer,
                "file-transfer-id" = %self.file_transfer,
                "url" = %self.url,
                "file-path" = %self.file_path,
                "remote-directory-path" = %self.remote_directory,
                "status-code" = "FAILED",
                "failure-code" = failure_code(error),
                "failure-message" = %error },
                "transfer failed"
            ),
        }
    }
}

/// The failure code of Transfer Family that comes nearest.
fn failure_code(error: &Error) -> &'static str {
    use codes::deliver;
    let table = [
        ("CONNECTION_ERROR", &[&deliver::UNKNOWN_HOST, &deliver::UNREACHABLE, &deliver::BROKEN][..]),
        ("CONNECTION_ERROR", &[&deliver::HOST_KEY_MISMATCH, &deliver::NO_HOST_KEY, &deliver::NEGOTIATION]),
        ("CONNECTION_ERROR", &[&deliver::AUTHENTICATION, &deliver::CREDENTIAL, &deliver::PROTOCOL]),
        ("TIMEOUT_ERROR", &[&deliver::TIMEOUT, &deliver::DEADLINE]),
        ("DIRECTORY_NOT_FOUND", &[&deliver::DIRECTORY]),
        ("WRITE_FILE_ERROR", &[&deliver::PERMISSION, &deliver::FULL, &deliver::SIZE_MISMATCH, &deliver::REFUSED]),
        ("RENAME_ERROR", &[&deliver::EXISTS]),
    ];
    table
        .into_iter()
        .find(|(_, ours)| ours.iter().any(|code| error.is(code)))
        .map_or("UNKNOWN_ERROR", |(theirs, _)| theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_the_codes_that_log_queries_know() {
        let code = |code| failure_code(&Error::new(code, "x"));
        assert_eq!(code(&codes::deliver::HOST_KEY_MISMATCH), "CONNECTION_ERROR");
        assert_eq!(code(&codes::deliver::TIMEOUT), "TIMEOUT_ERROR");
        assert_eq!(code(&codes::store::UNREACHABLE), "UNKNOWN_ERROR");
    }
}
