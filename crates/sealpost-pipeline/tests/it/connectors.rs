//! Connectors of both kinds, as callers see them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sealpost_core::connector::LegacyAlgorithm;
use sealpost_core::transfer::TransferConnector;
use sealpost_pipeline::audit::Author;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use serde_json::json;

use crate::rig::{Rig, Wish, failure};

#[tokio::test(flavor = "multi_thread")]
async fn partners_connectors_are_listed_and_used_but_not_changed() {
    let rig = Rig::working().await;
    for _ in 0..3 {
        rig.connector(|_| {}).await;
    }
    let settings = rig.settings();
    let connector = |port: u16| json!({"host": settings.host, "port": port, "user": settings.user, "login": settings.login, "host_keys": settings.host_keys});
    let document = json!({
        "name": "Acme", "scope": "1",
        "connectors": {"main": connector(settings.port), "second": connector(1)},
    });
    let acme = "acme".parse().unwrap();
    rig.pipeline.apply(&acme, &serde_json::from_value(document.clone()).unwrap()).await.unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (page, more) = rig.pipeline.transfer_connectors(after.as_ref(), 2).await.unwrap();
        after = page.last().map(|connector| connector.id.clone());
        all.extend(page);
        if !more {
            break;
        }
    }
    assert!(all.is_sorted_by(|one, other| one.id < other.id));
    assert_eq!((all.len(), all.iter().filter(|connector| connector.partner.is_some()).count()), (5, 2));
    let id = all
        .into_iter()
        .find(|connector| connector.url.ends_with(&settings.port.to_string()) && connector.partner.is_some())
        .unwrap()
        .id;
    let edit = |connector: TransferConnector| Ok(TransferConnector { url: "sftp://elsewhere".to_owned(), ..connector });
    let error = rig.pipeline.edit_transfer_connector(&id, &edit).await.unwrap_err();
    assert_eq!(error.code().id, "SP-LEDGER-008");
    let error = rig.pipeline.remove_transfer_connector(&id).await.unwrap_err();
    assert_eq!(error.code().id, "SP-LEDGER-008");
    assert!(!rig.pipeline.remove_transfer_connector(&sealpost_core::id::ConnectorId::fresh()).await.unwrap());

    rig.put("a.txt", b"hello");
    let send = || sealpost_core::transfer::Action::Send { local: crate::rig::object("a.txt"), remote_directory: None };
    crate::rig::assert_completed(&rig.run_one(&id, send()).await);
    let mut disabled = document;
    disabled["enabled"] = false.into();
    rig.pipeline.apply(&acme, &serde_json::from_value(disabled).unwrap()).await.unwrap();
    assert_eq!(failure(&rig.run_one(&id, send()).await).1, "SP-REQUEST-012");
}

/// It ends by itself, without a change by anybody.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_that_has_ended_does_not_keep_a_partner_from_being_changed() {
    let rig = Rig::idle(Wish::default()).await;
    let acme = "acme".parse().unwrap();
    let yesterday = Timestamp::now().to_zoned(TimeZone::UTC).date().yesterday().unwrap();
    let mut settings = rig.settings();
    let document = json!({"name": "Acme", "scope": "1", "connectors": {"main": settings}});
    rig.pipeline.apply(&acme, &serde_json::from_value(document).unwrap()).await.unwrap();
    let records = &rig.pipeline.parts().records;
    let mut connector = records.connectors(Some(&acme)).await.unwrap().remove(0);
    settings.ssh.legacy = vec![LegacyAlgorithm { name: "ssh-rsa".to_owned(), until: yesterday }];
    connector.settings = settings.clone();
    records.put_connector(&connector).await.unwrap();

    let mut document = rig.pipeline.partner_document(&acme).await.unwrap();
    document.enabled = false;
    document.connectors.as_mut().unwrap().get_mut("main").unwrap().directory = "elsewhere".to_owned();
    rig.pipeline.plan(&acme, &document).await.unwrap();

    // What is new is judged as ever, beside it and in its place.
    document.connectors.as_mut().unwrap().insert("second".to_owned(), settings);
    let first = document.connectors.as_mut().unwrap().get_mut("main").unwrap();
    first.ssh.legacy[0].name = "hmac-sha1".to_owned();
    let error = rig.pipeline.plan(&acme, &document).await.unwrap_err();
    let pointers: Vec<&str> = error.fields().iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/connectors/main/ssh/legacy/0/until", "/connectors/second/ssh/legacy/0/until"], "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_keeps_nothing_of_a_connector_that_is_removed() {
    let rig = Rig::idle(Wish::default()).await;
    let id = rig.connector(|_| {}).await;
    let nobody = sealpost_core::id::ConnectorId::fresh();
    assert!(!rig.pipeline.remove_transfer_connector(&nobody).await.unwrap());
    assert!(rig.pipeline.remove_transfer_connector(&id).await.unwrap());
    assert_eq!(*rig.retired.lock().unwrap(), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_keeps_nothing_of_a_partner_that_is_removed_everywhere() {
    let rig = Rig::idle(Wish::default()).await;
    let records = &rig.pipeline.parts().records;
    for partner in ["acme", "globex"] {
        records.put_partner(&sample_partner(partner)).await.unwrap();
        records.put_connector(&sample_connector(partner, "main")).await.unwrap();
    }
    let (author, connector) = (Author::sealpost(), sample_connector("acme", "main"));
    let remove = || rig.pipeline.remove_partner_everywhere(&author, &connector.partner);
    assert!(remove().await.unwrap());
    assert!(!remove().await.unwrap(), "it is gone");
    assert_eq!(*rig.retired.lock().unwrap(), std::slice::from_ref(&connector.id));
    assert_eq!(records.partners().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_shows_the_host_key_that_nobody_has_approved_yet() {
    let rig = Rig::idle(Wish::default()).await;
    let id = rig.connector(|connector| connector.settings.host_keys = Vec::new()).await;
    let connector = rig.pipeline.transfer_connector(&id).await.unwrap().unwrap();
    let steps = rig.pipeline.probe_transfer_connector(&connector).await.unwrap();
    let shown: Vec<&String> = steps.iter().filter_map(|step| step.host_key.as_ref()).collect();
    assert_eq!(shown.len(), 1, "{steps:#?}");
    assert!(steps.last().unwrap().failure.is_some() && steps.iter().all(|step| step.step != "login"), "{steps:#?}");
    let id = rig.connector(|_| {}).await;
    let connector = rig.pipeline.transfer_connector(&id).await.unwrap().unwrap();
    let steps = rig.pipeline.probe_transfer_connector(&connector).await.unwrap();
    assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:#?}");
    assert!(rig.remote_names("").is_empty(), "nothing is written");
}
