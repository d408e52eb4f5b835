//! Lines about deliveries in the form of AWS Transfer Family's SFTP connector log: its keys, in its order.

use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::delivery::Delivery;
use sealpost_core::error::Error;
use sealpost_core::error::codes::{deliver, store};
use sealpost_core::receipt::Receipt;
use serde_json::{Map, Value as Json};
use tracing::{info, warn};

use super::CONNECTOR_LOG;
use crate::transfer::{TransferSettings, event};

/// One line per attempt.
pub(super) fn connector_line(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: &Connector,
    outcome: Result<&Receipt, &Error>,
) {
    let line = line(settings, delivery, connector, outcome);
    match outcome {
        Ok(_) => info!(target: CONNECTOR_LOG, line = %line),
        Err(_) => warn!(target: CONNECTOR_LOG, line = %line),
    }
}

fn line(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: &Connector,
    outcome: Result<&Receipt, &Error>,
) -> Json {
    let mut line = Map::new();
    let mut put = |name: &str, value: Json| drop(line.insert(name.to_owned(), value));
    put("operation", "SEND".into());
    put("timestamp", event::iso(Timestamp::now()).into());
    put("connector-id", connector.id.as_str().into());
    put("transfer-id", delivery.job.as_str().into());
    put("file-transfer-id", format!("{}/{}", delivery.job, delivery.id).into());
    put("url", format!("sftp://{}:{}", connector.settings.host, connector.settings.port).into());
    put("file-path", format!("/{}/{}", delivery.partner, delivery.file.key.file_name).into());
    put("status-code", if outcome.is_ok() { "COMPLETED" } else { "FAILED" }.into());
    match outcome {
        Ok(receipt) => {
            put("start-time", event::iso(receipt.started_at).into());
            put("end-time", event::iso(receipt.delivered_at).into());
        }
        Err(error) => {
            put("failure-code", failure_code(error).into());
            put("failure-message", error.to_string().into());
        }
    }
    put("account-id", settings.account.as_str().into());
    put("connector-arn", event::arn(settings, &connector.id).into());
    put("remote-directory-path", connector.settings.directory.as_str().into());
    if let Ok(receipt) = outcome {
        put("bytes", receipt.size.into());
    }
    put("egress-type", event::EGRESS.into());
    Json::Object(line)
}

/// The failure code of Transfer Family that comes nearest.
fn failure_code(error: &Error) -> &'static str {
    let table = [
        ("CONNECTION_ERROR", &[&deliver::UNKNOWN_HOST, &deliver::UNREACHABLE, &deliver::BROKEN][..]),
        ("CONNECTION_ERROR", &[&deliver::HOST_KEY_MISMATCH, &deliver::NO_HOST_KEY, &deliver::NEGOTIATION]),
        ("CONNECTION_ERROR", &[&deliver::AUTHENTICATION, &deliver::CREDENTIAL, &deliver::PROTOCOL, &deliver::CONFIG]),
        ("TIMEOUT_ERROR", &[&deliver::TIMEOUT, &deliver::DEADLINE]),
        ("DIRECTORY_NOT_FOUND", &[&deliver::DIRECTORY]),
        ("WRITE_FILE_ERROR", &[&deliver::PERMISSION, &deliver::FULL, &deliver::SIZE_MISMATCH, &deliver::REFUSED]),
        ("RENAME_ERROR", &[&deliver::EXISTS]),
        ("SEND_FILE_NOT_FOUND", &[&store::MISSING]),
        ("READ_FILE_ERROR", &[&store::UNREACHABLE, &store::DENIED, &store::CHANGED]),
    ];
    let row = table.into_iter().find(|(_, ours)| ours.iter().any(|code| error.is(code)));
    row.map_or("UNKNOWN_ERROR", |(theirs, _)| theirs)
}

#[cfg(test)]
mod tests {
    use sealpost_core::connector::ConnectorSettings;
    use sealpost_core::id::{ConnectorId, DeliveryId, JobId};
    use serde_json::json;

    use super::*;

    fn connector() -> Connector {
        Connector {
            id: ConnectorId::fresh(),
            partner: "acme".parse().expect("an id"),
            name: "main".to_owned(),
            settings: ConnectorSettings::new("h", 22, "u"),
            candidates: Vec::new(),
        }
    }

    fn delivery(connector: &Connector) -> Delivery {
        let job = JobId::fresh();
        let key = json!({"partner": "acme", "job": job, "attempt": 1, "file_name": "f.csv.pgp"});
        let delivery = json!({
            "id": DeliveryId::fresh(), "job": job, "partner": "acme", "connector": connector.id,
            "file": {"key": key, "size": 5, "sha256": "00"}, "status": "sending", "attempts": 1, "bytes_sent": 0,
            "intent": null, "receipt": null, "failure": null, "retry_at": null,
            "created_at": "2026-11-22T10:00:00Z", "started_at": null, "finished_at": null, "version": 1,
        });
        serde_json::from_value(delivery).expect("a delivery")
    }

    fn receipt() -> Receipt {
        let receipt = json!({
            "certainty": "verified", "url": "sftp://h:22", "remote_path": "/in/f", "size": 5, "sha256": "00",
            "host_key": "SHA256:", "algorithms": "", "bytes_sent": 5,
            "started_at": "2026-11-22T10:00:00Z", "delivered_at": "2026-11-22T10:00:01Z",
        });
        serde_json::from_value(receipt).expect("a receipt")
    }

    /// Keys and order of the service's documentation, as lines of transfers have them.
    #[test]
    fn a_line_has_the_keys_of_transfer_family_in_its_order() {
        let settings = TransferSettings { account: "123456789012".to_owned(), ..TransferSettings::default() };
        let connector = connector();
        let delivery = delivery(&connector);
        let keys = |line: &Json| line.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ");
        let receipt = receipt();
        let sent = line(&settings, &delivery, &connector, Ok(&receipt));
        let first = "operation timestamp connector-id transfer-id file-transfer-id url file-path status-code";
        let last = "account-id connector-arn remote-directory-path";
        assert_eq!(keys(&sent), format!("{first} start-time end-time {last} bytes egress-type"));
        assert_eq!(
            sent["connector-arn"],
            format!("arn:aws:transfer:us-east-1:123456789012:connector/{}", connector.id)
        );
        assert_eq!((&sent["account-id"], &sent["egress-type"]), (&"123456789012".into(), &"SERVICE_MANAGED".into()));
        let failed = line(&settings, &delivery, &connector, Err(&Error::new(&deliver::TIMEOUT, "60 s")));
        assert_eq!(keys(&failed), format!("{first} failure-code failure-message {last} egress-type"));
        assert_eq!(failed["failure-code"], "TIMEOUT_ERROR");
    }
}
