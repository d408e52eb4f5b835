//! Lines about transfers: our own, and those of AWS Transfer Family's SFTP connector log.

use std::time::Duration;

use sealpost_core::access_key::AccessKey;
use sealpost_core::error::{Error, Failure};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::TransferEvent;
use sealpost_core::transfer::{Action, ItemStatus, Transfer, TransferConnector, TransferItem};
use serde_json::{Map, Value as Json};
use tracing::{error, info, warn};

use super::CONNECTOR_LOG;
use crate::telemetry::Stopwatch;
use crate::transfer::{TransferSettings, event};

/// Fields that every line about an item has.
macro_rules! about_item {
    ($level:ident, $item:expr, $($rest:tt)+) => {
        $level!(
            transfer.id = %$item.transfer, item.id = %$item.id, connector.id = %$item.connector,
            action = $item.action.kind().as_str(), attempt = $item.attempts, $($rest)+
        )
    };
}

pub(crate) fn started(transfer: &Transfer) {
    info!(
        transfer.id = %transfer.id, connector.id = %transfer.connector, action = transfer.kind.as_str(),
        item_count = transfer.items, caller = %transfer.caller, "transfer started"
    );
}

pub(crate) fn item_completed(
    settings: &TransferSettings,
    item: &TransferItem,
    connector: &TransferConnector,
    stopwatch: Stopwatch,
) {
    let elapsed_ms = stopwatch.elapsed_ms();
    about_item!(info, item, size_bytes = item.bytes, elapsed_ms, "transfer item completed");
    connector_line(settings, item, Some(connector));
}

pub(crate) fn item_attempt_failed(item: &TransferItem, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    about_item!(warn, item, error.code = error.code().id, pause_ms, cause = ?error, "transfer item failed, it is tried again");
}

pub(crate) fn item_failed(
    settings: &TransferSettings,
    item: &TransferItem,
    connector: Option<&TransferConnector>,
    error: &Error,
) {
    about_item!(
        warn, item, error.code = error.code().id, error.side = ?error.code().side, advice = error.code().advice,
        cause = ?error, "transfer item failed"
    );
    connector_line(settings, item, connector);
}

pub(crate) fn item_leftover(item: &TransferItem, error: &Error) {
    about_item!(warn, item, error.code = error.code().id, cause = ?error, "a hidden partial file may be left on the server");
}

/// With all that is known: the caller of the test was not told what our own secrets said.
pub(crate) fn test_failed(connector: &TransferConnector, step: &str, failure: &Failure) {
    warn!(
        connector.id = %connector.id, step, error.code = failure.code.as_str(), cause = %failure.detail,
        "a connector's test failed"
    );
}

pub(crate) fn connector_leftover(connector: &ConnectorId, error: &Error) {
    warn!(
        connector.id = %connector, error.code = error.code().id, cause = ?error,
        "a connector was removed; what the engine keeps of it elsewhere may be left"
    );
}

pub(crate) fn not_the_same_file(item: &TransferItem, path: &str) {
    about_item!(
        warn,
        item,
        remote.path = path,
        "the remote file is no longer the one that was retrieved; it was left alone"
    );
}

pub(crate) fn event_waits(event: &TransferEvent, sink: &str, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    warn!(event.id = %event.id, sink, error.code = error.code().id, pause_ms, cause = ?error, "a transfer event was not taken, it comes again");
}

pub(crate) fn event_given_up(event: &TransferEvent, sink: &str, error: &Error) {
    error!(event.id = %event.id, sink, error.code = error.code().id, cause = ?error, event = %event.envelope, "a transfer event was not taken for a day and is given up");
}

pub(crate) fn access_key_issued(key: &AccessKey) {
    info!(access_key.id = %key.id, role = key.role.as_str(), "access key issued");
}

pub(crate) fn access_key_revoked(key: &AccessKey) {
    info!(access_key.id = %key.id, "access key revoked");
}

/// One line per ended item, with the keys of the connector log in its order.
fn connector_line(settings: &TransferSettings, item: &TransferItem, connector: Option<&TransferConnector>) {
    let line = line(settings, item, connector);
    match item.status {
        ItemStatus::Completed => info!(target: CONNECTOR_LOG, line = %line),
        _ => warn!(target: CONNECTOR_LOG, line = %line),
    }
}

fn line(settings: &TransferSettings, item: &TransferItem, connector: Option<&TransferConnector>) -> Json {
    let mut line = Map::new();
    let mut put = |name: &str, value: Json| drop(line.insert(name.to_owned(), value));
    put("operation", event::operation(item.action.kind()).into());
    put("timestamp", event::iso(item.finished_at.unwrap_or(item.queued_at)).into());
    put("connector-id", item.connector.as_str().into());
    put("transfer-id", item.transfer.as_str().into());
    put("file-transfer-id", format!("{}/{}", item.transfer, item.id).into());
    if let Some(connector) = connector {
        put("url", connector.url.as_str().into());
    }
    put("file-path", item.action.file_path().into());
    put("status-code", item.status.as_str().into());
    match (item.status, &item.failure) {
        (ItemStatus::Completed, _) | (_, None) => {
            let times = [("start-time", item.started_at), ("end-time", item.finished_at)];
            times.into_iter().filter_map(|(name, at)| Some((name, at?))).for_each(|(name, at)| {
                put(name, event::iso(at).into());
            });
        }
        (_, Some(failure)) => {
            put("failure-code", failure.code.as_str().into());
            put("failure-message", failure.full_message().into());
        }
    }
    put("account-id", settings.account.as_str().into());
    put("connector-arn", event::arn(settings, &item.connector).into());
    match &item.action {
        Action::Send { remote_directory: Some(directory), .. } => {
            put("remote-directory-path", directory.as_str().into())
        }
        Action::Retrieve { local_directory, .. } => put("local-directory-path", local_directory.to_string().into()),
        Action::List { output_directory, .. } => put("output-directory-path", output_directory.to_string().into()),
        Action::Move { target, .. } => put("target-path", target.as_str().into()),
        Action::Send { .. } | Action::Delete { .. } => {}
    }
    if item.status == ItemStatus::Completed && matches!(item.action, Action::Send { .. } | Action::Retrieve { .. }) {
        put("bytes", item.bytes.into());
    }
    put("egress-type", event::EGRESS.into());
    Json::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::event::tests::{connector, failed, sent};

    fn keys(line: &Json) -> Vec<&str> {
        line.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    /// The keys and their order are those of the service's documentation.
    #[test]
    fn a_line_has_the_keys_of_transfer_family_in_its_order() {
        let settings = TransferSettings::default();
        let item = sent();
        let ok = line(&settings, &item, Some(&connector()));
        assert_eq!(
            keys(&ok),
            [
                "operation",
                "timestamp",
                "connector-id",
                "transfer-id",
                "file-transfer-id",
                "url",
                "file-path",
                "status-code",
                "start-time",
                "end-time",
                "account-id",
                "connector-arn",
                "remote-directory-path",
                "bytes",
                "egress-type"
            ]
        );
        assert_eq!(ok["file-transfer-id"], format!("{}/{}", item.transfer, item.id));
        assert_eq!(ok["timestamp"], "2026-11-22T10:00:02.500000Z");
        let line = line(&settings, &failed(), Some(&connector()));
        assert_eq!(
            keys(&line)[7..],
            [
                "status-code",
                "failure-code",
                "failure-message",
                "account-id",
                "connector-arn",
                "remote-directory-path",
                "egress-type"
            ]
        );
        assert_eq!((&line["failure-code"], &line["status-code"]), (&"TIMEOUT_ERROR".into(), &"FAILED".into()));
    }
}
