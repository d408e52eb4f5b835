//! Who hangs up while an entry of the audit trail is written has changed nothing: there is no change without its entry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::audit::{Actor, AuditEntry};
use sealpost_core::change::{Challenge, Change, ChangeAction, ChangeStatus, Claim, Decision};
use sealpost_core::connector::{Connector, HostKeyCandidate};
use sealpost_core::error::{Result, codes};
use sealpost_core::id::{ChangeId, PartnerId, WebhookId};
use sealpost_core::identity::Scope;
use sealpost_core::notification::{Announcement, NotificationEvent};
use sealpost_core::partner::{AwaitedProof, Partner, RecipientCertificate};
use sealpost_core::port::{AuditFilter, ChangeFilter, Changes, EntryPage};
use sealpost_core::webhook::MOST_WEBHOOKS;
use sealpost_pipeline::audit::Author;
use sealpost_pipeline::webhooks::WebhookWish;
use sealpost_seal::{KeyKind, KeyRequest};
use sealpost_testkit::suite::ledger::changes::sample_change;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_key, sample_partner};
use sealpost_testkit::suite::ledger::webhooks::sample_webhook;
use sealpost_testkit::suite::ledger::{failure, refused};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::rig::{Rig, Wish};

/// A trail that keeps whoever writes to it waiting.
struct Trail {
    /// How many have begun to write.
    begun: Semaphore,
    /// So many entries are written.
    written: Semaphore,
}

impl Trail {
    /// Asks, lets so many entries be written, and hangs up while the next one is.
    async fn hung_up<T>(&self, written: u32, asked: impl Future<Output = Result<T>>) {
        self.written.add_permits(written as usize);
        tokio::select! {
            outcome = asked => panic!("it ended: {:?}", outcome.map(drop)),
            begun = self.begun.acquire_many(written + 1) => begun.unwrap().forget(),
        }
    }

    /// Asks for something that is not there.
    async fn not_found<T>(&self, asked: impl Future<Output = Result<T>>) {
        tokio::select! {
            outcome = asked => refused(outcome.map(drop), &codes::request::NOT_FOUND),
            _ = self.begun.acquire() => panic!("it was noted"),
        }
    }
}

struct Reluctant {
    changes: Arc<dyn Changes>,
    trail: Arc<Trail>,
}

#[async_trait]
impl Changes for Reluctant {
    async fn note(&self, entry: &AuditEntry) -> Result<()> {
        self.trail.begun.add_permits(1);
        self.trail.written.acquire().await.unwrap().forget();
        self.changes.note(entry).await
    }

    async fn create_change(&self, change: &Change) -> Result<()> {
        self.changes.create_change(change).await
    }

    async fn change(&self, id: &ChangeId) -> Result<Option<Change>> {
        self.changes.change(id).await
    }

    async fn changes(&self, filter: &ChangeFilter) -> Result<EntryPage<Change>> {
        self.changes.changes(filter).await
    }

    async fn begin(&self, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim> {
        self.changes.begin(id, actor, now).await
    }

    async fn unbegin(&self, claim: &Claim) -> Result<bool> {
        self.changes.unbegin(claim).await
    }

    async fn decide(&self, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
        self.changes.decide(id, decision, now).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
        self.changes.audit(filter).await
    }

    async fn open_challenge(&self, challenge: &Challenge) -> Result<()> {
        self.changes.open_challenge(challenge).await
    }

    async fn take_challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
        self.changes.take_challenge(partner, fingerprint).await
    }
}

/// A flow with this partner, where nothing is written to the trail.
async fn silent(partner: &Partner) -> (Rig, Arc<Trail>) {
    let trail = Arc::new(Trail { begun: Semaphore::new(0), written: Semaphore::new(0) });
    let between = {
        let trail = trail.clone();
        Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
            set.changes = Arc::new(Reluctant { changes: set.changes.clone(), trail });
        })
    };
    let rig = Rig::idle(Wish { between, ..Wish::default() }).await;
    rig.pipeline.parts().records.put_partner(partner).await.unwrap();
    (rig, trail)
}

/// What is in the trail, oldest first.
async fn noted(rig: &Rig) -> Vec<String> {
    let filter = AuditFilter { limit: 100, ..AuditFilter::default() };
    let page = rig.pipeline.parts().changes.audit(&filter).await.unwrap();
    page.entries.into_iter().rev().map(|entry| entry.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_webhook_is_made_changed_or_removed_without_a_trace() {
    let (rig, trail) = silent(&sample_partner("acme")).await;
    let (pipeline, outbox, author) = (&rig.pipeline, &rig.pipeline.parts().outbox, Author::sealpost());
    let webhook = sample_webhook("acme", &[]);
    outbox.create_webhook(&webhook, MOST_WEBHOOKS).await.unwrap();
    let (acme, id) = (&webhook.partner, &webhook.id);
    let wish = WebhookWish { url: Some("https://elsewhere.example/".to_owned()), ..WebhookWish::default() };
    trail.hung_up(0, pipeline.create_webhook(acme, wish.clone(), &author)).await;
    trail.hung_up(0, pipeline.change_webhook(acme, id, wish.clone(), &author)).await;
    trail.hung_up(0, pipeline.rotate_webhook_secret(acme, id, 24, &author)).await;
    trail.hung_up(0, pipeline.remove_webhook(acme, id, &author)).await;
    assert_eq!(outbox.webhooks(acme).await.unwrap(), std::slice::from_ref(&webhook));

    // Of what is not there, nothing is said either.
    let nobody = WebhookId::fresh();
    trail.not_found(pipeline.change_webhook(acme, &nobody, wish, &author)).await;
    trail.not_found(pipeline.rotate_webhook_secret(acme, &nobody, 24, &author)).await;
    trail.not_found(pipeline.remove_webhook(acme, &nobody, &author)).await;
    assert!(noted(&rig).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_notification_is_posted_again_without_a_trace() {
    let (rig, trail) = silent(&sample_partner("acme")).await;
    let (pipeline, outbox, author) = (&rig.pipeline, &rig.pipeline.parts().outbox, Author::sealpost());
    let webhook = sample_webhook("acme", &[]);
    outbox.create_webhook(&webhook, MOST_WEBHOOKS).await.unwrap();
    let (acme, hook, now) = (&webhook.partner, &webhook.id, Timestamp::now());
    let id = outbox.notify(hook, &Announcement::ping(&webhook, now)).await.unwrap().id;
    let failed = NotificationEvent::Failed { failure: failure(), answer: None };
    let dead = outbox.apply_notification(&id, &failed, None, now).await.unwrap();
    trail.hung_up(0, pipeline.replay_notification(acme, hook, &id, &author)).await;
    trail.hung_up(0, pipeline.replay_failed(acme, hook, None, &author)).await;
    assert_eq!(outbox.notification(&id).await.unwrap().as_ref(), Some(&dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certificate_is_used_without_a_trace() {
    let request = KeyRequest {
        user_id: "Acme <reports@acme.example>",
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    let key = sealpost_seal::generate(&request).unwrap();
    let mut certificate = RecipientCertificate::from(key.public);
    certificate.awaits_proof = Some(AwaitedProof::default());
    let partner = Partner { certificates: vec![certificate], ..sample_partner("acme") };
    let (rig, trail) = silent(&partner).await;
    let challenge = rig.pipeline.challenge(&partner.id, &key.fingerprint).await.unwrap();
    let mut answer = Vec::new();
    sealpost_seal::decrypt(challenge.message.as_bytes(), &key.secret, None, &mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let author = Author::sealpost();
    trail.hung_up(0, rig.pipeline.prove(&partner.id, &key.fingerprint, &answer, &author)).await;
    assert_eq!(rig.pipeline.parts().records.partner(&partner.id).await.unwrap().as_ref(), Some(&partner));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_changed_without_a_trace() {
    let partner = sample_partner("acme");
    let (rig, trail) = silent(&partner).await;
    let (pipeline, records, author) = (&rig.pipeline, &rig.pipeline.parts().records, Author::sealpost());
    let acme = &partner.id;
    let document = serde_json::from_value(json!({"name": "Another", "scope": "42"})).unwrap();
    trail.hung_up(0, pipeline.apply_by(&author, acme, &document)).await;
    trail.hung_up(0, pipeline.release_identities(&author, acme, &partner.identities)).await;
    assert_eq!(records.partner(acme).await.unwrap().as_ref(), Some(&partner));

    let key = sample_key("acme", "anapikey0000", Timestamp::now());
    records.create_api_key(&key, 1).await.unwrap();
    trail.hung_up(0, pipeline.revoke_key(&author, acme, key.id.as_str())).await;
    // That of the new key is written.
    trail.hung_up(1, pipeline.rotate_key(&author, acme, key.id.as_str(), 0, &Scope::ALL)).await;
    assert_eq!(records.api_key(&key.id).await.unwrap().as_ref(), Some(&key));

    let candidate = HostKeyCandidate {
        public_key: "ssh-ed25519 AAAA".to_owned(),
        fingerprint: "SHA256:shown".to_owned(),
        first_seen: Timestamp::now(),
        last_seen: Timestamp::now(),
    };
    let connector = Connector { candidates: vec![candidate], ..sample_connector("acme", "main") };
    records.put_connector(&connector).await.unwrap();
    for (fingerprint, trusted) in [("SHA256:shown", true), ("SHA256:abc", false)] {
        trail.hung_up(0, pipeline.decide_host_key(&connector, fingerprint, trusted, &author)).await;
    }
    assert_eq!(records.connector(&connector.id).await.unwrap().as_ref(), Some(&connector));
    assert_eq!(noted(&rig).await, ["api_key.create"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_not_decided_without_a_trace() {
    let partner = sample_partner("acme");
    let (rig, trail) = silent(&partner).await;
    let (pipeline, parts, author) = (&rig.pipeline, rig.pipeline.parts(), Author::sealpost());
    let waiting = sample_change("acme", "AA");
    parts.changes.create_change(&waiting).await.unwrap();
    trail.hung_up(0, pipeline.withdraw_change(&partner.id, &waiting.id, &author)).await;
    trail.hung_up(0, pipeline.reject_change(&waiting.id, "", &author)).await;
    assert_eq!(parts.changes.change(&waiting.id).await.unwrap().as_ref(), Some(&waiting));

    // One that is carried out stays begun until it is noted what was done. That goes on though nobody waits for it.
    let connector = sample_connector("acme", "main");
    parts.records.put_connector(&connector).await.unwrap();
    let action = ChangeAction::RemoveDestination { destination: connector.id.clone() };
    let removal = Change { action, ..sample_change("acme", "BB") };
    parts.changes.create_change(&removal).await.unwrap();
    trail.hung_up(1, pipeline.approve_change(&removal.id, "", &author)).await;
    assert_eq!(parts.records.connector(&connector.id).await.unwrap(), None);
    assert!(parts.changes.change(&removal.id).await.unwrap().unwrap().is_begun());
    trail.written.add_permits(1);
    let begun = Instant::now();
    while parts.changes.change(&removal.id).await.unwrap().unwrap().status != ChangeStatus::Applied {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays begun");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(noted(&rig).await, ["change.approve", "destination.remove"]);

    // One whose process died over it is completed.
    let left = Change { id: ChangeId::fresh(), ..removal };
    parts.changes.create_change(&left).await.unwrap();
    parts.changes.begin(&left.id, &author.actor, Timestamp::now()).await.unwrap();
    trail.written.add_permits(2);
    let done = pipeline.approve_change(&left.id, "", &author).await.unwrap();
    assert_eq!(done.status, ChangeStatus::Applied);
    assert_eq!(noted(&rig).await[2..], ["change.approve", "destination.remove"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_noted_though_nobody_waits_for_it() {
    let partner = sample_partner("acme");
    let (rig, trail) = silent(&partner).await;
    let author = Author::sealpost();
    trail.hung_up(0, rig.pipeline.remove_partner(&author, &partner.id)).await;
    assert_eq!(rig.pipeline.parts().records.partner(&partner.id).await.unwrap(), None);
    trail.written.add_permits(1);
    let begun = Instant::now();
    while noted(&rig).await != ["partner.remove"] {
        assert!(begun.elapsed() < Duration::from_secs(60), "the removal is not noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
