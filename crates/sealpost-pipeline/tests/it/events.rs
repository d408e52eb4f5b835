//! Events: each at least once to every sink, and one when all files of a transfer have ended.

use sealpost_core::transfer::{Action, TransferConnector};

use crate::rig::{Rig, Wish, object};

#[tokio::test(flavor = "multi_thread")]
async fn every_item_and_the_transfer_are_announced_to_every_sink() {
    let rig = Rig::with(Wish { refusals: 1, ..Wish::default() }).await;
    let connector = rig.connector(|_| {}).await;
    rig.put("a.txt", b"hello");
    let send = |key: &str| Action::Send { local: object(key), remote_directory: None };
    let items = rig.run(&connector, vec![send("a.txt"), send("missing.txt")]).await;
    let events = rig.heard.wait(3).await;
    let late = rig.heard_late.wait(3).await;
    let types = |events: &[(_, serde_json::Value)]| {
        let mut types: Vec<String> =
            events.iter().map(|(_, event)| event["detail-type"].as_str().unwrap().to_owned()).collect();
        types.sort();
        types
    };
    let expected =
        ["SFTP Connector File Send Completed", "SFTP Connector File Send Failed", "SFTP Connector Transfer Failed"];
    assert_eq!(
        (types(&events), types(&late)),
        (expected.map(str::to_owned).to_vec(), expected.map(str::to_owned).to_vec())
    );
    for (event, body) in &events {
        assert_eq!(body["detail"]["metadata"]["order"], "4711");
        assert_eq!(body["resources"][0], format!("arn:aws:transfer:us-east-1:000000000000:connector/{connector}"));
        let twin = late.iter().find(|(other, _)| other.id == event.id).unwrap();
        assert_eq!(twin.0.envelope, event.envelope, "the same bytes, whenever they come");
    }
    let batch = events.iter().find(|(event, _)| event.detail_type.contains("Transfer Failed")).unwrap();
    let detail = &batch.1["detail"];
    assert_eq!(
        (&detail["completed-count"], &detail["failed-count"], &detail["bytes"]),
        (&1.into(), &1.into(), &5.into())
    );
    assert_eq!(detail["transfer-id"], items[0].transfer.as_str());
    let sent = events.iter().find(|(event, _)| event.detail_type.ends_with("Send Completed")).unwrap();
    assert_eq!(sent.1["detail"]["file-transfer-id"], format!("{}/{}", items[0].transfer, items[0].id));
    // The sink that took it at once was not told again.
    assert_eq!(rig.heard.events().len(), 3);
}

/// To another address.
fn moved(connector: TransferConnector) -> sealpost_core::Result<TransferConnector> {
    Ok(TransferConnector { url: "sftp://elsewhere.example".to_owned(), ..connector })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_is_the_same_though_the_connector_has_changed() {
    let rig = Rig::with(Wish { refusals: 1, ..Wish::default() }).await;
    let connector = rig.connector(|_| {}).await;
    rig.put("a.txt", b"hello");
    rig.run(&connector, vec![Action::Send { local: object("a.txt"), remote_directory: None }]).await;
    let events = rig.heard.wait(2).await;
    rig.pipeline.edit_transfer_connector(&connector, &moved).await.unwrap().unwrap();
    let late = rig.heard_late.wait(2).await;
    for (event, body) in &events {
        let (twin, _) = late.iter().find(|(other, _)| other.id == event.id).unwrap();
        assert_eq!(twin.envelope, event.envelope);
        assert_ne!(body["detail"]["url"], "sftp://elsewhere.example");
    }
}
