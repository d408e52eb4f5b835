//! Golden events: what receivers parse stays as it is, byte for byte. `golden/` has one file per event.

use std::collections::BTreeMap;

use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::{Error, Failure, codes};
use sealpost_core::transfer::{ItemEvent, ItemOutcome, TransferFailure};

use super::*;

fn settings() -> TransferSettings {
    TransferSettings { region: "eu-central-1".to_owned(), account: "123456789012".to_owned(), ..Default::default() }
}

pub(crate) fn connector() -> TransferConnector {
    let settings = sealpost_core::connector::ConnectorSettings::new("sftp.acme.example", 22, "acme");
    TransferConnector {
        id: "c-0123456789abcdef0".parse().expect("an id"),
        url: "sftp://sftp.acme.example".to_owned(),
        access_role: "arn:aws:iam::123456789012:role/any".to_owned(),
        logging_role: None,
        ip_address_type: None,
        user_secret_id: None,
        tags: Vec::new(),
        settings,
        landed: Default::default(),
        after_retrieve: Default::default(),
        partner: None,
        created_at: at(0),
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_341_600_000 + millis).expect("a time")
}

fn transfer(kind: TransferKind) -> Transfer {
    Transfer {
        id: "0199a000-0000-7000-8000-000000000001".parse().expect("an id"),
        connector: connector().id,
        kind,
        caller: "SPAKABCDEFGHIJKLMNOP".parse().expect("an id"),
        metadata: BTreeMap::from([("order".to_owned(), "4711".to_owned())]),
        items: 2,
        open: 0,
        announced: true,
        created_at: at(0),
        finished_at: Some(at(2_500)),
    }
}

fn begun(action: Action) -> TransferItem {
    let mut item = TransferItem::queued(&transfer(action.kind()), 0, action);
    item.id = "0199a000-0000-7000-8000-0000000000aa".parse().expect("an id");
    item.apply(&ItemEvent::started(1), at(1_250)).expect("legal")
}

fn completed(action: Action, outcome: ItemOutcome) -> TransferItem {
    begun(action).apply(&ItemEvent::Completed { outcome }, at(2_500)).expect("legal")
}

fn path(text: &str) -> ObjectPath {
    text.parse().expect("a path")
}

fn send() -> Action {
    Action::Send { local: path("/sealpost/out/a.csv"), remote_directory: Some("/in".to_owned()) }
}

pub(crate) fn sent() -> TransferItem {
    let outcome = ItemOutcome { path: Some("/in/a.csv".to_owned()), bytes: 514, ..Default::default() };
    completed(send(), outcome)
}

pub(crate) fn failed() -> TransferItem {
    let error = Error::new(&codes::deliver::TIMEOUT, "sftp://sftp.acme.example:22, 60 s");
    let failure = TransferFailure::new(TransferKind::Send, &error);
    begun(send()).apply(&ItemEvent::Failed { failure }, at(2_500)).expect("legal")
}

fn retrieve() -> Action {
    Action::Retrieve { remote: "/out/b.csv".to_owned(), local_directory: path("/sealpost/in") }
}

fn retrieved() -> ItemOutcome {
    ItemOutcome { path: Some("/sealpost/in/b.csv".to_owned()), bytes: 7, ..Default::default() }
}

fn items() -> Vec<(&'static str, TransferItem)> {
    let list = Action::List {
        remote_directory: "/out".to_owned(),
        max_items: 1000,
        output_directory: path("/sealpost/lists"),
    };
    let listed = ItemOutcome {
        path: Some("/sealpost/lists/c-0123456789abcdef0-0199a000-0000-7000-8000-000000000001.json".to_owned()),
        bytes: 99,
        item_count: Some(1000),
        truncated: Some(true),
        ..Default::default()
    };
    let error = Error::new(&codes::deliver::PERMISSION, "/out/b.csv");
    let stored_only = begun(retrieve()).apply(&ItemEvent::Stored { outcome: retrieved() }, at(2_000)).expect("legal");
    let failure = TransferFailure::new(TransferKind::Delete, &error);
    let stored_only = stored_only.apply(&ItemEvent::Failed { failure }, at(2_500)).expect("legal");
    let moved = Action::Move { source: "/out/c".to_owned(), target: "/done/c".to_owned() };
    vec![
        ("send-completed", sent()),
        ("send-failed", failed()),
        ("retrieve-completed", completed(retrieve(), retrieved())),
        ("retrieve-stored-failed", stored_only),
        ("list-completed", completed(list, listed)),
        ("delete-completed", completed(Action::Delete { path: "/out/c".to_owned() }, ItemOutcome::default())),
        ("move-completed", completed(moved, ItemOutcome::default())),
    ]
}

fn compare(name: &str, event: &TransferEvent) {
    let envelope: Json = serde_json::from_str(&event.envelope).expect("JSON");
    assert_eq!(envelope["detail"].to_string(), event.detail);
    assert_eq!((envelope["id"].as_str(), event.envelope.contains('\n')), (Some(event.id.as_str()), false));
    let found = serde_json::to_string_pretty(&envelope).expect("JSON") + "\n";
    let golden = format!("{}/src/transfer/event/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(found == expected, "{golden} should be\n{found}");
}

#[test]
fn events_of_items_are_as_they_were() {
    for (name, item) in items() {
        let transfer = transfer(item.action.kind());
        let event = of_item(&settings(), &transfer, &item, Some(&connector()));
        compare(name, &event);
        assert_eq!(event, of_item(&settings(), &transfer, &item, Some(&connector())), "the same at each attempt");
    }
}

/// A delivery that has begun, and its connector.
fn delivering() -> (Delivery, Connector) {
    let mut settings = ConnectorSettings::new("sftp.acme.example", 22, "acme");
    settings.directory = "in".to_owned();
    let partner = "acme".parse().expect("an id");
    let main = Connector { id: connector().id, partner, name: "main".to_owned(), settings, candidates: Vec::new() };
    let job = "rep_01m822jqh8ph1mtgdk1e1871vk";
    let key = json!({"partner": "acme", "job": job, "attempt": 1, "file_name": "contracts.v1_000001.csv.pgp"});
    let pending = json!({
        "id": "dlv_01m822jqmp2jm7jpf3rewn04mb", "job": job, "partner": "acme", "connector": main.id,
        "file": {"key": key, "size": 4711, "sha256": "00"}, "status": "pending", "attempts": 0, "bytes_sent": 0,
        "intent": null, "receipt": null, "failure": null, "retry_at": null,
        "created_at": at(0), "started_at": null, "finished_at": null, "version": 1,
    });
    let pending: Delivery = serde_json::from_value(pending).expect("a delivery");
    let started = DeliveryEvent::Started { attempt: 1, worker: "w".to_owned() };
    (pending.apply(&started, at(1_250)).expect("legal"), main)
}

#[test]
fn events_of_deliveries_are_those_of_files_that_are_sent() {
    let (begun, main) = delivering();
    let object = "/sealpost/acme/rep_01m822jqh8ph1mtgdk1e1871vk-1/contracts.v1_000001.csv.pgp";
    let receipt = json!({
        "certainty": "verified", "url": "sftp://sftp.acme.example:22", "remote_path": "in/contracts.v1_000001.csv.pgp",
        "size": 4711, "sha256": "00", "host_key": "SHA256:", "algorithms": "", "bytes_sent": 4711,
        "started_at": at(1_250), "delivered_at": at(2_400),
    });
    let delivered = DeliveryEvent::Delivered { receipt: serde_json::from_value(receipt).expect("a receipt") };
    let delivered = begun.apply(&delivered, at(2_500)).expect("legal");
    let event = of_delivery(&settings(), &delivered, object, Some(&main));
    compare("delivery-completed", &event);
    assert_eq!(event, of_delivery(&settings(), &delivered, object, None), "whatever becomes of the connector");
    let error = Error::new(&codes::deliver::HOST_KEY_MISMATCH, "sftp.acme.example:22");
    let failed = DeliveryEvent::Failed { failure: Failure::from(&error) };
    let failed = begun.apply(&failed, at(2_500)).expect("legal");
    compare("delivery-failed", &of_delivery(&settings(), &failed, object, Some(&main)));
    let without = of_delivery(&settings(), &failed, object, None);
    assert!(without.id == event.id && !without.detail.contains("\"url\""), "{}", without.envelope);
}

#[test]
fn the_event_of_a_transfer_counts_its_items() {
    let mut tally = Tally::default();
    [sent(), failed()].iter().for_each(|item| tally.add(item));
    let event = of_transfer(&settings(), &transfer(TransferKind::Send), &tally, Some(&connector()));
    compare("transfer-failed", &event);
    let mut tally = Tally::default();
    [sent(), sent()].iter().for_each(|item| tally.add(item));
    let event = of_transfer(&settings(), &transfer(TransferKind::Send), &tally, None);
    assert_eq!(event.detail_type, "SFTP Connector Transfer Completed");
    assert!(event.detail.contains("\"bytes\":1028") && !event.detail.contains("url"));
}

#[test]
fn ids_of_events_are_uuids_of_their_own() {
    let one = of_item(&settings(), &transfer(TransferKind::Send), &sent(), None).id;
    let other = of_transfer(&settings(), &transfer(TransferKind::Send), &Tally::default(), None).id;
    assert!(one != other && one.parse::<sealpost_core::id::TransferId>().is_ok());
    assert_eq!(one.as_bytes().get(14), Some(&b'8'), "version 8");
}
