//! The event of a delivery that has ended: a report's file, in the words of a file that a caller of the transfer API sends. The
//! transfer is the report.

use sealpost_core::connector::Connector;
use sealpost_core::delivery::{Delivery, DeliveryStatus};
use sealpost_core::object::ObjectPath;
use sealpost_core::port::TransferEvent;
use sealpost_core::transfer::{TransferFailure, TransferKind};
use serde_json::{Map, Value as Json};

use super::{EGRESS, TransferSettings, envelope, iso, location, operation};

/// `object` is where the file lies in the store, as `/bucket/key`. Of a delivery that failed, the server's address and directory are
/// the connector's as it is now: there is no receipt that says where it was.
pub(crate) fn of_delivery(
    settings: &TransferSettings,
    delivery: &Delivery,
    object: &str,
    connector: Option<&Connector>,
) -> TransferEvent {
    let is_completed = delivery.status == DeliveryStatus::Delivered;
    let receipt = delivery.receipt.as_ref().filter(|_| is_completed);
    let (url, directory) = match (receipt, connector) {
        (Some(receipt), _) => (Some(receipt.url.clone()), directory_of(&receipt.remote_path)),
        (None, Some(connector)) => {
            (Some(format!("sftp://{}", connector.settings.server())), Some(connector.settings.directory.as_str()))
        }
        (None, None) => (None, None),
    };
    let mut detail = Map::new();
    let mut put = |name: &str, value: Json| drop(detail.insert(name.to_owned(), value));
    put("operation", operation(TransferKind::Send).into());
    put("connector-id", delivery.connector.as_str().into());
    put("transfer-id", delivery.job.as_str().into());
    put("file-transfer-id", format!("{}/{}", delivery.job, delivery.id).into());
    if let Some(url) = url {
        put("url", url.into());
    }
    put("file-path", object.into());
    if let Some(directory) = directory.filter(|directory| !directory.is_empty()) {
        put("remote-directory-path", directory.into());
    }
    put("status-code", if is_completed { "COMPLETED" } else { "FAILED" }.into());
    if let Some(failure) = delivery.failure.as_ref().filter(|_| !is_completed) {
        let failure = TransferFailure::of(TransferKind::Send, failure);
        put("failure-code", failure.code.as_str().into());
        put("failure-message", failure.message().into());
    }
    if let Some(at) = delivery.started_at {
        put("start-timestamp", iso(at).into());
    }
    if let Some(at) = delivery.finished_at {
        put("end-timestamp", iso(at).into());
    }
    put("bytes", receipt.map_or(0, |receipt| receipt.size).into());
    put("egress-type", EGRESS.into());
    if let Ok(path) = object.parse::<ObjectPath>() {
        put("local-file-location", location(&path));
    }
    let at = delivery.finished_at.unwrap_or(delivery.created_at);
    let name = format!("delivery/{}", delivery.id);
    envelope(settings, &delivery.connector, &name, "File Send", is_completed, at, detail)
}

/// The directory of a path on the server; none where the path is a name alone.
fn directory_of(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (directory, _) => Some(directory),
    }
}
