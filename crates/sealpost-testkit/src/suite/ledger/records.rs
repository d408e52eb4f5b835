//! Records that operators keep.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, Login};
use sealpost_core::delivery::DeliveryEvent;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::{ApiKeyId, ConnectorId};
use sealpost_core::identity::{Identity, Scope};
use sealpost_core::partner::{ApiKey, FileSettings, Grant, Partner, PartnerLimits, SealSettings};
use sealpost_core::usage::{Period, Quota};

use super::{Ports, admission, connector_id, failure, partner, refused};

/// A partner with something in every field.
#[must_use]
pub fn sample_partner(id: &str) -> Partner {
    Partner {
        id: partner(id),
        name: format!("{id} Räder GmbH"),
        scope: "42".to_owned(),
        enabled: true,
        grants: vec![Grant { report: "contracts.v1".parse().expect("an id"), formats: vec!["csv".to_owned()] }],
        identities: vec![identity("okta", id)],
        certificates: vec!["-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned().into()],
        seal: SealSettings { armor: true, ..SealSettings::default() },
        files: FileSettings::default(),
        deliver_to: vec![connector_id(id, "main")],
        limits: PartnerLimits {
            active_reports: 3,
            quota: Some(Quota { limit: 10_000, period: Period::Month }),
            ..PartnerLimits::default()
        },
    }
}

/// A connector of the partner.
#[must_use]
pub fn sample_connector(of: &str, name: &str) -> Connector {
    Connector {
        id: connector_id(of, name),
        partner: partner(of),
        name: name.to_owned(),
        settings: ConnectorSettings {
            host: "sftp.partner.example".to_owned(),
            port: 2222,
            public_only: true,
            user: "reports".to_owned(),
            login: vec![Login::Password { password: "env:PARTNER_PASSWORD".parse().expect("a reference") }],
            host_keys: vec!["SHA256:abc".to_owned()],
            directory: "in".to_owned(),
            create_directories: true,
            existing_file: ExistingFile::KeepBoth,
            checksum_file: true,
            done_file: false,
            ..ConnectorSettings::new("", 22, "")
        },
        candidates: Vec::new(),
    }
}

/// A caller.
#[must_use]
pub fn identity(issuer: &str, subject: &str) -> Identity {
    Identity { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

/// An API key of the partner.
#[must_use]
pub fn sample_key(of: &str, id: &str, created_at: Timestamp) -> ApiKey {
    ApiKey {
        id: key_id(id),
        partner: partner(of),
        sha256: "0f".repeat(32),
        label: "nightly".to_owned(),
        scopes: vec![Scope::ReportsRead],
        created_at,
        expires_at: Some(created_at + SignedDuration::from_hours(24)),
        revoked_at: None,
    }
}

fn key_id(id: &str) -> ApiKeyId {
    id.parse().expect("an API key id")
}

/// What is put is found as it was, in the order promised; putting it again replaces it.
pub async fn what_is_put_is_found(ports: Ports) {
    let records = &ports.records;
    let (acme, other) = (sample_partner("acme"), sample_partner("other"));
    records.put_partner(&other).await.unwrap();
    records.put_partner(&acme).await.unwrap();
    assert_eq!(records.partners().await.unwrap(), [acme.clone(), other]);
    let changed = Partner { enabled: false, ..acme };
    records.put_partner(&changed).await.unwrap();
    assert_eq!(records.partner(&changed.id).await.unwrap(), Some(changed.clone()));
    assert_eq!(records.partner(&partner("nobody")).await.unwrap(), None);

    let connectors =
        [sample_connector("acme", "backup"), sample_connector("acme", "main"), sample_connector("other", "a")];
    for connector in connectors.iter().rev() {
        records.put_connector(connector).await.unwrap();
    }
    assert_eq!(records.connectors(None).await.unwrap(), connectors);
    assert_eq!(records.connectors(Some(&changed.id)).await.unwrap(), connectors[..2]);
    let mut moved = connectors[0].clone();
    moved.settings.host = "new.example".to_owned();
    records.put_connector(&moved).await.unwrap();
    assert_eq!(records.connector(&moved.id).await.unwrap(), Some(moved.clone()));
    assert!(records.remove_connector(&moved.id).await.unwrap());
    assert!(!records.remove_connector(&moved.id).await.unwrap());
    assert_eq!(records.connector(&moved.id).await.unwrap(), None::<Connector>);

    let now = Timestamp::now();
    let old = sample_key("acme", "aaaaaaaaaaaa", now - SignedDuration::from_hours(1));
    let new = sample_key("acme", "bbbbbbbbbbbb", now);
    for key in [&new, &old] {
        records.put_api_key(key).await.unwrap();
    }
    assert_eq!(records.api_keys(&changed.id).await.unwrap(), [new.clone(), old]);
    let revoked = ApiKey { revoked_at: Some(now), ..new };
    records.put_api_key(&revoked).await.unwrap();
    assert_eq!(records.api_key(&revoked.id).await.unwrap(), Some(revoked.clone()));
    assert_eq!(records.api_key(&key_id("cccccccccccc")).await.unwrap(), None);

    // An edit sees what is there now, and changes nothing where it refuses.
    let extend = |key: ApiKey| match key.revoked_at {
        Some(_) => Err(Error::new(&codes::request::NOT_IN_THIS_STATE, "revoked")),
        None => Ok(ApiKey { label: "extended".to_owned(), ..key }),
    };
    refused(records.edit_api_key(&revoked.id, &extend).await, &codes::request::NOT_IN_THIS_STATE);
    assert_eq!(records.api_key(&revoked.id).await.unwrap(), Some(revoked));
    let edited = records.edit_api_key(&key_id("aaaaaaaaaaaa"), &extend).await.unwrap().expect("the key");
    assert_eq!(edited.label, "extended");
    assert_eq!(records.api_key(&edited.id).await.unwrap(), Some(edited));
    assert_eq!(records.edit_api_key(&key_id("cccccccccccc"), &extend).await.unwrap(), None);
}

/// Exactly as many as allowed, however many are made at once; one that is removed makes room, one that is there is left as it is,
/// and what others have counts for nothing.
pub async fn the_number_of_connectors_is_exact_under_concurrency(ports: Ports) {
    let records = &ports.records;
    for of in ["acme", "other"] {
        records.put_partner(&sample_partner(of)).await.unwrap();
    }
    records.put_connector(&sample_connector("other", "main")).await.unwrap();
    let asked = (0..12).map(|number| {
        let records = ports.records.clone();
        tokio::spawn(async move { records.create_connector(&sample_connector("acme", &format!("c{number}")), 5).await })
    });
    let mut made = 0;
    for one in join_all(asked).await {
        match one.unwrap() {
            Ok(()) => made += 1,
            Err(error) => assert!(error.is(&codes::request::TOO_MANY), "{error}"),
        }
    }
    let there = records.connectors(Some(&partner("acme"))).await.unwrap();
    assert_eq!((made, there.len()), (5, 5));

    let mut moved = there[0].clone();
    moved.settings.host = "new.example".to_owned();
    refused(records.create_connector(&moved, 100).await, &codes::request::NAME_TAKEN);
    assert_eq!(records.connector(&moved.id).await.unwrap().as_ref(), there.first());
    assert!(records.remove_connector(&moved.id).await.unwrap());
    records.create_connector(&moved, 5).await.unwrap();
    assert_eq!(records.connector(&moved.id).await.unwrap(), Some(moved));
    let next = sample_connector("acme", "next");
    refused(records.create_connector(&next, 5).await, &codes::request::TOO_MANY);
    records.put_connector(&next).await.unwrap();
    assert_eq!(records.connectors(Some(&partner("acme"))).await.unwrap().len(), 6);
    refused(records.create_connector(&sample_connector("nobody", "main"), 5).await, &codes::request::NOT_FOUND);
}

/// Removing a partner removes its connectors and keys, and nobody else's.
pub async fn a_partner_goes_with_all_that_is_its_own(ports: Ports) {
    let records = &ports.records;
    let now = Timestamp::now();
    for (id, key) in [("acme", "aaaaaaaaaaaa"), ("other", "bbbbbbbbbbbb")] {
        records.put_partner(&sample_partner(id)).await.unwrap();
        records.put_connector(&sample_connector(id, "main")).await.unwrap();
        records.put_api_key(&sample_key(id, key, now)).await.unwrap();
    }
    // A replaced partner keeps what is its own.
    records.put_partner(&sample_partner("acme")).await.unwrap();
    assert_eq!(records.connectors(None).await.unwrap().len(), 2);

    assert!(records.remove_partner(&partner("acme")).await.unwrap());
    assert!(!records.remove_partner(&partner("acme")).await.unwrap());
    assert_eq!(records.partner(&partner("acme")).await.unwrap(), None);
    let left: Vec<ConnectorId> = records.connectors(None).await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(left, [connector_id("other", "main")]);
    assert_eq!(records.api_key(&key_id("aaaaaaaaaaaa")).await.unwrap(), None);
    assert!(records.api_key(&key_id("bbbbbbbbbbbb")).await.unwrap().is_some());
}

/// A partner with reports queued or running, or deliveries under way, can't be removed; afterwards it can.
pub async fn a_busy_partner_stays(ports: Ports) {
    let records = &ports.records;
    records.put_partner(&sample_partner("acme")).await.unwrap();
    let in_use = &codes::ledger::IN_USE;
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector_id("acme", "main")];
    let job = ports.admit(asked).await;
    refused(records.remove_partner(&partner("acme")).await, in_use);
    let job = ports.succeed(&job).await;
    refused(records.remove_partner(&partner("acme")).await, in_use);
    let delivery = ports.ledger.deliveries(&job.id).await.unwrap().remove(0);
    let failed = DeliveryEvent::Failed { failure: failure() };
    ports.ledger.apply_delivery(&delivery.id, &failed, None, Timestamp::now()).await.unwrap();
    assert!(records.remove_partner(&partner("acme")).await.unwrap());
    // What it did stays on record.
    assert!(ports.ledger.job_of_any_partner(&job.id).await.unwrap().is_some());
}

/// The doctor's check does what a job does.
pub async fn the_check_passes(ports: Ports) {
    ports.ledger.check().await.unwrap();
    ports.ledger.check().await.unwrap();
}
