//! Connectors of the transfer API, and access keys.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::access_key::{AccessKey, AccessRole};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::{AccessKeyId, ConnectorId};
use sealpost_core::transfer::{AfterRetrieve, Landed, TransferConnector, TransferTag};

use super::{Ports, partner, refused};

/// A connector with something in every field.
#[must_use]
pub fn sample_transfer_connector() -> TransferConnector {
    TransferConnector {
        id: ConnectorId::fresh(),
        url: "sftp://sftp.partner.example:2222".to_owned(),
        access_role: "arn:aws:iam::123456789012:role/transfer".to_owned(),
        logging_role: Some("arn:aws:iam::123456789012:role/log".to_owned()),
        ip_address_type: Some("IPV4".to_owned()),
        user_secret_id: Some("arn:aws:secretsmanager:eu-central-1:123456789012:secret:sftp".to_owned()),
        tags: vec![TransferTag { key: "team".to_owned(), value: "Räder".to_owned() }],
        settings: ConnectorSettings::new("sftp.partner.example", 2222, "reports"),
        landed: Landed::Sealed,
        after_retrieve: AfterRetrieve::Move("/done".to_owned()),
        partner: None,
        created_at: Timestamp::now(),
    }
}

/// What is made is found and listed by id, page by page; an edit is kept; what is removed is gone.
pub async fn transfer_connectors_are_kept(ports: Ports) {
    let transfers = &ports.transfers;
    let mut made = Vec::new();
    for _ in 0..5 {
        let connector = sample_transfer_connector();
        transfers.create_transfer_connector(&connector, 5).await.unwrap();
        made.push(connector);
    }
    refused(transfers.create_transfer_connector(&sample_transfer_connector(), 5).await, &codes::request::TOO_MANY);
    made.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(transfers.transfer_connector(&made[3].id).await.unwrap().as_ref(), made.get(3));
    assert_eq!(transfers.transfer_connector(&ConnectorId::fresh()).await.unwrap(), None);
    assert_eq!(transfers.transfer_connectors(None, 100).await.unwrap(), made);
    assert_eq!(transfers.transfer_connectors(None, 2).await.unwrap(), made[..2]);
    assert_eq!(transfers.transfer_connectors(Some(&made[1].id), 2).await.unwrap(), made[2..4]);
    assert_eq!(transfers.transfer_connectors(Some(&made[4].id), 2).await.unwrap(), []);

    let retag = |one: TransferConnector| {
        let created_at = one.created_at + SignedDuration::from_hours(1);
        Ok(TransferConnector { id: ConnectorId::fresh(), url: "sftp://new".to_owned(), created_at, ..one })
    };
    let edited = transfers.edit_transfer_connector(&made[0].id, &retag).await.unwrap();
    // It stays the one that it is.
    let expected = TransferConnector { url: "sftp://new".to_owned(), ..made[0].clone() };
    assert_eq!(edited.as_ref(), Some(&expected));
    let no = |_| Err(Error::new(&codes::request::CHANGED_MEANWHILE, "the suite's no"));
    refused(transfers.edit_transfer_connector(&made[0].id, &no).await, &codes::request::CHANGED_MEANWHILE);
    assert_eq!(transfers.transfer_connector(&made[0].id).await.unwrap(), Some(expected));
    assert_eq!(transfers.edit_transfer_connector(&ConnectorId::fresh(), &Ok).await.unwrap(), None);

    assert!(transfers.remove_transfer_connector(&made[0].id).await.unwrap());
    assert!(!transfers.remove_transfer_connector(&made[0].id).await.unwrap());
    assert_eq!(transfers.transfer_connectors(None, 100).await.unwrap(), made[1..]);
    transfers.create_transfer_connector(&sample_transfer_connector(), 5).await.unwrap();
    // Partners' connectors are another matter.
    assert_eq!(ports.records.connectors(None).await.unwrap(), []);
    assert_eq!(ports.records.partner(&partner("transfer")).await.unwrap(), None);
}

/// Exactly as many as allowed, however many ask at once; edits at once are all kept.
pub async fn the_number_of_transfer_connectors_is_exact(ports: Ports) {
    let asked = (0..12).map(|_| {
        let transfers = ports.transfers.clone();
        tokio::spawn(async move { transfers.create_transfer_connector(&sample_transfer_connector(), 5).await })
    });
    let made = join_all(asked).await.into_iter().filter(|one| one.as_ref().unwrap().is_ok()).count();
    let there = ports.transfers.transfer_connectors(None, 100).await.unwrap();
    assert_eq!((made, there.len()), (5, 5));

    let edits = (0..20).map(|number| {
        let (transfers, id) = (ports.transfers.clone(), there[0].id.clone());
        tokio::spawn(async move {
            let tag = move |mut one: TransferConnector| {
                one.tags.push(TransferTag { key: number.to_string(), value: String::new() });
                Ok(one)
            };
            transfers.edit_transfer_connector(&id, &tag).await.unwrap().expect("the connector");
        })
    });
    for edit in join_all(edits).await {
        edit.unwrap();
    }
    let after = ports.transfers.transfer_connector(&there[0].id).await.unwrap().expect("the connector");
    assert_eq!(after.tags.len(), 21);
}

fn key(created_at: Timestamp) -> AccessKey {
    AccessKey {
        id: AccessKeyId::fresh(),
        role: AccessRole::Operator,
        label: "nightly".to_owned(),
        salt: "0f".repeat(16),
        created_at,
        expires_at: Some(created_at + SignedDuration::from_hours(24)),
        revoked_at: None,
    }
}

/// What is made is found and listed, newest first; a key is never replaced; a revocation is kept, and an edit can't make
/// another key of it.
pub async fn access_keys_are_kept(ports: Ports) {
    let transfers = &ports.transfers;
    let now = Timestamp::now();
    let mut made = Vec::new();
    for ago in [2, 3, 1] {
        let key = key(now - SignedDuration::from_secs(ago));
        transfers.create_access_key(&key).await.unwrap();
        made.push(key);
    }
    made.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    assert_eq!(transfers.access_keys().await.unwrap(), made);
    assert_eq!(transfers.access_key(&made[1].id).await.unwrap().as_ref(), made.get(1));
    assert_eq!(transfers.access_key(&AccessKeyId::fresh()).await.unwrap(), None);
    transfers.create_access_key(&AccessKey { role: AccessRole::Admin, ..made[0].clone() }).await.unwrap_err();
    assert_eq!(transfers.access_key(&made[0].id).await.unwrap().as_ref(), made.first());

    let revoke = move |one: AccessKey| {
        Ok(AccessKey { revoked_at: Some(now), salt: String::new(), id: AccessKeyId::fresh(), ..one })
    };
    let revoked = transfers.edit_access_key(&made[0].id, &revoke).await.unwrap().expect("the key");
    assert_eq!(revoked, AccessKey { revoked_at: Some(now), ..made[0].clone() });
    let once = |one: AccessKey| match one.revoked_at {
        Some(_) => Err(Error::new(&codes::request::NOT_IN_THIS_STATE, "revoked")),
        None => Ok(one),
    };
    refused(transfers.edit_access_key(&revoked.id, &once).await, &codes::request::NOT_IN_THIS_STATE);
    assert_eq!(transfers.access_key(&revoked.id).await.unwrap(), Some(revoked));
    assert_eq!(transfers.edit_access_key(&AccessKeyId::fresh(), &once).await.unwrap(), None);
}
