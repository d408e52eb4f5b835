//! Golden events: what receivers parse stays as it is, byte for byte. `golden/` has one file per event.

use std::collections::BTreeMap;

use sealpost_core::error::{Error, codes};
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
