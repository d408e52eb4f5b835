//! Events of transfers in the shape of Amazon EventBridge: what AWS Transfer Family says of its SFTP connectors, with
//! the members and values that it documents, and one of our own when all files of a transfer have ended.
//!
//! Pure: the same item gives the same event, byte for byte, at each attempt to announce it, whatever becomes of
//! the connector. Beside AWS's members there is `metadata`, the caller's own words. Deliveries of reports have events in the same
//! words.

use jiff::Timestamp;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::TransferEvent;
use sealpost_core::transfer::{Action, ItemStatus, Transfer, TransferConnector, TransferItem, TransferKind};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::TransferSettings;

mod delivery;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use delivery::of_delivery;

/// The service's name for the way out: connections start here, not in a caller's network.
pub(crate) const EGRESS: &str = "SERVICE_MANAGED";

/// What the items of a transfer came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) completed: u32,
    pub(crate) failed: u32,
    pub(crate) bytes: u64,
    pub(crate) started_at: Option<Timestamp>,
    /// The connector's address, as the first of them that was begun had it.
    pub(crate) url: Option<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, item: &TransferItem) {
        match item.status {
            ItemStatus::Completed => {
                self.completed += 1;
                self.bytes += item.outcome.as_ref().map_or(0, |outcome| outcome.bytes);
            }
            _ => self.failed += 1,
        }
        if self.url.is_none() {
            self.url.clone_from(&item.url);
        }
        self.started_at = [self.started_at, item.started_at].into_iter().flatten().min();
    }
}

/// The ARN of a connector.
pub(crate) fn arn(settings: &TransferSettings, connector: &sealpost_core::id::ConnectorId) -> String {
    format!("arn:aws:transfer:{}:{}:connector/{connector}", settings.region, settings.account)
}

/// The operation's name in log lines and events.
pub(crate) fn operation(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Send => "SEND",
        TransferKind::Retrieve => "RETRIEVE",
        TransferKind::List => "LIST",
        TransferKind::Delete => "DELETE",
        TransferKind::Move => "MOVE",
    }
}

/// A time as Transfer Family writes it, with six decimals.
pub(crate) fn iso(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The event of an item that has ended.
pub(crate) fn of_item(
    settings: &TransferSettings,
    transfer: &Transfer,
    item: &TransferItem,
    connector: Option<&TransferConnector>,
) -> TransferEvent {
    let kind = item.action.kind();
    let mut detail = Map::new();
    let mut put = |name: &str, value: Json| drop(detail.insert(name.to_owned(), value));
    if kind != TransferKind::List {
        put("operation", operation(kind).into());
    }
    put("connector-id", item.connector.as_str().into());
    match &item.action {
        Action::Send { .. } | Action::Retrieve { .. } => {
            put("transfer-id", item.transfer.as_str().into());
            put("file-transfer-id", format!("{}/{}", item.transfer, item.id).into());
        }
        Action::List { .. } => put("listing-id", item.transfer.as_str().into()),
        Action::Delete { .. } => put("delete-id", item.transfer.as_str().into()),
        Action::Move { .. } => put("move-id", item.transfer.as_str().into()),
    }
    if let Some(url) = item.url.as_deref().or(connector.map(|connector| connector.url.as_str())) {
        put("url", url.into());
    }
    match &item.action {
        Action::Send { local, remote_directory } => {
            put("file-path", local.to_string().into());
            if let Some(directory) = remote_directory {
                put("remote-directory-path", directory.as_str().into());
            }
        }
        Action::Retrieve { remote, local_directory } => {
            put("file-path", remote.as_str().into());
            put("local-directory-path", local_directory.to_string().into());
        }
        Action::List { remote_directory, max_items, output_directory } => {
            put("remote-directory-path", remote_directory.as_str().into());
            put("max-items", (*max_items).into());
            put("output-directory-path", output_directory.to_string().into());
        }
        Action::Delete { path } => put("delete-path", path.as_str().into()),
        Action::Move { source, target } => {
            put("move-source-path", source.as_str().into());
            put("move-target-path", target.as_str().into());
        }
    }
    put("status-code", item.status.as_str().into());
    let is_completed = item.status == ItemStatus::Completed;
    if let Some(failure) = item.failure.as_ref().filter(|_| !is_completed) {
        put("failure-code", failure.code.as_str().into());
        put("failure-message", failure.message().into());
    }
    if let Some(at) = item.started_at {
        put("start-timestamp", iso(at).into());
    }
    if let Some(at) = item.finished_at {
        put("end-timestamp", iso(at).into());
    }
    let outcome = item.outcome.as_ref();
    if matches!(kind, TransferKind::Send | TransferKind::Retrieve) {
        put("bytes", outcome.filter(|_| is_completed).map_or(0, |outcome| outcome.bytes).into());
    }
    put("egress-type", EGRESS.into());
    let stored = outcome.and_then(|outcome| outcome.path.as_deref()).and_then(|path| path.parse().ok());
    match (&item.action, stored) {
        (Action::Send { local, .. }, _) => put("local-file-location", location(local)),
        // Also of one that failed afterwards: it is there.
        (Action::Retrieve { .. }, Some(path)) => put("local-file-location", location(&path)),
        (Action::List { .. }, Some(path)) => {
            put("item-count", outcome.and_then(|outcome| outcome.item_count).into());
            put("truncated", outcome.and_then(|outcome| outcome.truncated).into());
            put("output-file-location", location(&path));
        }
        _ => {}
    }
    if !transfer.metadata.is_empty() {
        put("metadata", json!(transfer.metadata));
    }
    let what = match kind {
        TransferKind::Send => "File Send",
        TransferKind::Retrieve => "File Retrieve",
        TransferKind::List => "Directory Listing",
        TransferKind::Delete => "Remote Delete",
        TransferKind::Move => "Remote Move",
    };
    let at = item.finished_at.unwrap_or(item.queued_at);
    envelope(settings, &item.connector, &format!("item/{}", item.id), what, is_completed, at, detail)
}

/// The event of a transfer whose items have all ended: ours, AWS has none.
pub(crate) fn of_transfer(
    settings: &TransferSettings,
    transfer: &Transfer,
    tally: &Tally,
    connector: Option<&TransferConnector>,
) -> TransferEvent {
    let is_completed = tally.failed == 0;
    let at = transfer.finished_at.unwrap_or(transfer.created_at);
    let mut detail = Map::new();
    let mut put = |name: &str, value: Json| drop(detail.insert(name.to_owned(), value));
    put("operation", operation(transfer.kind).into());
    put("connector-id", transfer.connector.as_str().into());
    put("transfer-id", transfer.id.as_str().into());
    if let Some(url) = tally.url.as_deref().or(connector.map(|connector| connector.url.as_str())) {
        put("url", url.into());
    }
    put("status-code", if is_completed { "COMPLETED" } else { "FAILED" }.into());
    put("item-count", transfer.items.into());
    put("completed-count", tally.completed.into());
    put("failed-count", tally.failed.into());
    put("bytes", tally.bytes.into());
    if let Some(started_at) = tally.started_at {
        put("start-timestamp", iso(started_at).into());
    }
    put("end-timestamp", iso(at).into());
    put("egress-type", EGRESS.into());
    if !transfer.metadata.is_empty() {
        put("metadata", json!(transfer.metadata));
    }
    let name = format!("transfer/{}", transfer.id);
    envelope(settings, &transfer.connector, &name, "Transfer", is_completed, at, detail)
}

fn location(path: &ObjectPath) -> Json {
    json!({ "domain": "S3", "bucket": path.bucket(), "key": path.key() })
}

fn envelope(
    settings: &TransferSettings,
    connector: &sealpost_core::id::ConnectorId,
    name: &str,
    what: &str,
    is_completed: bool,
    at: Timestamp,
    detail: Map<String, Json>,
) -> TransferEvent {
    let id = uuid(name);
    let detail_type = format!("SFTP Connector {what} {}", if is_completed { "Completed" } else { "Failed" });
    let resource = arn(settings, connector);
    let detail = Json::Object(detail);
    let envelope = json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": "aws.transfer",
        "account": settings.account,
        "time": format!("{at:.0}"),
        "region": settings.region,
        "resources": [resource],
        "detail": detail,
    });
    TransferEvent { id, detail_type, at, resource, detail: detail.to_string(), envelope: envelope.to_string() }
}

/// A UUID that follows from a name: version 8 (RFC 9562 section 5.8), from SHA-256.
fn uuid(name: &str) -> String {
    let digest = Sha256::digest(format!("sealpost transfer event {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}
