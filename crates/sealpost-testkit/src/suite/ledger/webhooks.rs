//! Webhooks: a partner's own, no more than allowed.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::WebhookId;
use sealpost_core::notification::Announcement;
use sealpost_core::webhook::{EventKind, Webhook};

use super::records::sample_partner;
use super::{Ports, partner, refused};

/// A webhook of the partner, made now, that is told of these events; of everything when there are none.
#[must_use]
pub fn sample_webhook(of: &str, events: &[EventKind]) -> Webhook {
    Webhook {
        id: WebhookId::fresh(),
        partner: partner(of),
        url: "https://hooks.partner.example/in".to_owned(),
        events: events.to_vec(),
        label: "production".to_owned(),
        enabled: true,
        secret_version: 1,
        previous_until: None,
        created_at: Timestamp::now(),
    }
}

/// Puts the partner, if it isn't there, and gives it a webhook.
pub async fn hooked(ports: &Ports, of: &str, events: &[EventKind]) -> Webhook {
    if ports.records.partner(&partner(of)).await.unwrap().is_none() {
        ports.records.put_partner(&sample_partner(of)).await.unwrap();
    }
    let webhook = sample_webhook(of, events);
    ports.outbox.create_webhook(&webhook, 100).await.unwrap();
    webhook
}

/// What is made is found, oldest first, by its partner only.
pub async fn a_webhook_is_its_partners_own(ports: Ports) {
    let now = Timestamp::now();
    let orphan = sample_webhook("ghost", &[]);
    refused(ports.outbox.create_webhook(&orphan, 10).await, &codes::request::NOT_FOUND);
    for of in ["acme", "other"] {
        ports.records.put_partner(&sample_partner(of)).await.unwrap();
    }
    let mut mine = Vec::new();
    for ago in [2, 3, 1] {
        let created_at = now - SignedDuration::from_secs(ago);
        let webhook = Webhook { created_at, ..sample_webhook("acme", &[EventKind::ReportFailed]) };
        ports.outbox.create_webhook(&webhook, 10).await.unwrap();
        mine.push(webhook);
    }
    mine.sort_by_key(|webhook| webhook.created_at);
    let theirs = sample_webhook("other", &[]);
    ports.outbox.create_webhook(&theirs, 1).await.unwrap();
    let (acme, other) = (partner("acme"), partner("other"));
    assert_eq!(ports.outbox.webhooks(&acme).await.unwrap(), mine);
    assert_eq!(ports.outbox.webhooks(&other).await.unwrap(), std::slice::from_ref(&theirs));
    assert_eq!(ports.outbox.webhook(&acme, &mine[0].id).await.unwrap().as_ref(), mine.first());

    // By no method does a partner get at another's.
    assert_eq!(ports.outbox.webhook(&acme, &theirs.id).await.unwrap(), None);
    let disable = |webhook| Ok(Webhook { enabled: false, ..webhook });
    assert_eq!(ports.outbox.edit_webhook(&acme, &theirs.id, &disable).await.unwrap(), None);
    assert!(!ports.outbox.remove_webhook(&acme, &theirs.id).await.unwrap());
    let ping = Announcement { partner: acme.clone(), ..Announcement::ping(&theirs, now) };
    refused(ports.outbox.notify(&theirs.id, &ping).await, &codes::request::NOT_FOUND);
    assert_eq!(ports.outbox.webhook(&other, &theirs.id).await.unwrap(), Some(theirs));

    assert!(ports.outbox.remove_webhook(&acme, &mine[0].id).await.unwrap());
    assert!(!ports.outbox.remove_webhook(&acme, &mine[0].id).await.unwrap());
    assert_eq!(ports.outbox.webhooks(&acme).await.unwrap(), mine[1..]);
}

/// Rotations at once are all counted; a webhook stays the one it is; an edit that says no changes nothing.
pub async fn concurrent_edits_of_a_webhook_are_all_kept(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    let (acme, id) = (webhook.partner.clone(), webhook.id.clone());
    let rotations = (0..20).map(|_| {
        let (outbox, acme, id) = (ports.outbox.clone(), acme.clone(), id.clone());
        tokio::spawn(async move {
            let rotate = |one: Webhook| {
                let secret_version = one.secret_version + 1;
                Ok(Webhook { secret_version, partner: partner("other"), id: WebhookId::fresh(), ..one })
            };
            outbox.edit_webhook(&acme, &id, &rotate).await.unwrap().expect("the webhook")
        })
    });
    let mut versions: Vec<u32> = Vec::new();
    for rotation in join_all(rotations).await {
        versions.push(rotation.unwrap().secret_version);
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=21).collect::<Vec<u32>>());
    let no = |_| Err(sealpost_core::Error::new(&codes::request::CHANGED_MEANWHILE, "the suite's no"));
    refused(ports.outbox.edit_webhook(&acme, &id, &no).await, &codes::request::CHANGED_MEANWHILE);
    let expected = Webhook { secret_version: 21, ..webhook };
    assert_eq!(ports.outbox.webhooks(&acme).await.unwrap(), [expected]);
}

/// Exactly as many as allowed, however many ask at once; one that is removed makes room.
pub async fn the_number_of_webhooks_is_exact_under_concurrency(ports: Ports) {
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    hooked(&ports, "other", &[]).await;
    let asked = (0..12).map(|_| {
        let outbox = ports.outbox.clone();
        tokio::spawn(async move { outbox.create_webhook(&sample_webhook("acme", &[]), 5).await })
    });
    let mut made = 0;
    for one in join_all(asked).await {
        match one.unwrap() {
            Ok(()) => made += 1,
            Err(error) => assert!(error.is(&codes::request::TOO_MANY), "{error}"),
        }
    }
    let there = ports.outbox.webhooks(&partner("acme")).await.unwrap();
    assert_eq!((made, there.len()), (5, 5));
    assert!(ports.outbox.remove_webhook(&partner("acme"), &there[0].id).await.unwrap());
    ports.outbox.create_webhook(&sample_webhook("acme", &[]), 5).await.unwrap();
    refused(ports.outbox.create_webhook(&sample_webhook("acme", &[]), 5).await, &codes::request::TOO_MANY);
}
