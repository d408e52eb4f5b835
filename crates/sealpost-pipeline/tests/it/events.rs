//! Events: each at least once to every sink, and one when all files of a transfer have ended; of deliveries those that nobody else
//! tells of.

use jiff::Timestamp;
use sealpost_core::delivery::DeliveryEvent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::DeliveryId;
use sealpost_core::partner::Partner;
use sealpost_core::receipt::Receipt;
use sealpost_core::task::WorkKind;
use sealpost_core::transfer::{Action, TransferConnector};
use sealpost_pipeline::Worked;
use sealpost_testkit::suite::ledger::admission;
use sealpost_testkit::suite::ledger::deliveries::receipt;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use tokio_util::sync::CancellationToken;

use crate::deleted::produced;
use crate::meddler::begun;
use crate::rig::{Rig, Wish, object};
use crate::worker::admitted;

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
fn moved(connector: TransferConnector) -> Result<TransferConnector> {
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

/// A delivery that waits to be made, of a partner's file that is in the store.
async fn pending(rig: &Rig) -> DeliveryId {
    let parts = rig.pipeline.parts();
    parts.records.put_partner(&sample_partner("acme")).await.unwrap();
    let connector = sample_connector("acme", "main");
    parts.records.put_connector(&connector).await.unwrap();
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector.id];
    let job = admitted(rig, asked).await;
    produced(rig, &job).await;
    let delivery = parts.ledger.deliveries(&job.id).await.unwrap().remove(0);
    let path = parts.store.object_path(&delivery.file.key);
    rig.put(path.strip_prefix("/sealpost/").unwrap(), &vec![0; usize::try_from(delivery.file.size).unwrap()]);
    delivery.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_told_by_the_service_that_began_with_it_and_otherwise_by_us() {
    fn completes() -> Result<Receipt> {
        Ok(receipt())
    }
    fn fails() -> Result<Receipt> {
        Err(Error::new(&codes::deliver::DIRECTORY, "on purpose"))
    }
    for (service, has_begun, enabled, told) in [
        (completes as fn() -> Result<Receipt>, false, false, &["SFTP Connector File Send Failed"][..]),
        // An earlier attempt began with it.
        (completes, true, false, &[]),
        (completes, false, true, &[]),
        (fails, false, true, &[]),
    ] {
        let rig = Rig::idle(Wish { service: Some(service), ..Wish::default() }).await;
        let (id, parts, never) = (pending(&rig).await, rig.pipeline.parts(), CancellationToken::new());
        if has_begun {
            let started = DeliveryEvent::Started { attempt: 1, worker: "another".to_owned() };
            for event in [started, DeliveryEvent::Intended { intent: begun() }] {
                parts.ledger.apply_delivery(&id, &event, None, Timestamp::now()).await.unwrap();
            }
        }
        parts.records.put_partner(&Partner { enabled, ..sample_partner("acme") }).await.unwrap();
        assert_eq!(rig.pipeline.work_one(&[WorkKind::Deliver], &never).await.unwrap(), Worked::Task);
        let ended = parts.ledger.delivery(&id).await.unwrap().unwrap();
        assert!(ended.status.is_terminal(), "{ended:#?}");
        while rig.pipeline.work_one(&[WorkKind::AnnounceDelivery], &never).await.unwrap() == Worked::Task {}
        let heard: Vec<String> = rig.heard.events().into_iter().map(|(event, _)| event.detail_type).collect();
        assert_eq!(heard, told, "{ended:#?}");
    }
}
