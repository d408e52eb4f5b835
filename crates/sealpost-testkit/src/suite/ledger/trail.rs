//! The audit trail, challenges, and what goes with a partner.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::audit::{Actor, ActorKind, AuditEntry};
use sealpost_core::change::{Challenge, Change, ChangeStatus};
use sealpost_core::error::codes;
use sealpost_core::id::AuditId;
use sealpost_core::notification::Announcement;
use sealpost_core::port::{AuditFilter, ChangeFilter};
use sealpost_core::task::QueueDepth;

use super::changes::sample_change;
use super::records::sample_partner;
use super::usage::today;
use super::webhooks::hooked;
use super::{Ports, partner, refused};

fn entry(of: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        id: AuditId::fresh(),
        at,
        partner: partner(of),
        actor: Actor::new(ActorKind::Token, "client of okta"),
        action: "certificate.add".to_owned(),
        subject: "AA".to_owned(),
        detail: "expires 2027-01-01".to_owned(),
        request_id: Some("req-1".to_owned()),
    }
}

/// Everything noted is read back, newest first, by pages that further notes don't move.
pub async fn the_audit_trail_is_kept_and_paged(ports: Ports) {
    let start = Timestamp::now();
    let mut expected = Vec::new();
    for second in [0, 1, 1, 1, 2, 3, 3] {
        let entry = entry("acme", start + SignedDuration::from_secs(second));
        ports.changes.note(&entry).await.unwrap();
        expected.push(entry);
    }
    // The trail needs no partner's record: it outlives them.
    let theirs = entry("ghost", start);
    ports.changes.note(&theirs).await.unwrap();
    expected.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
    let acme = AuditFilter { partner: Some(partner("acme")), limit: 3, ..AuditFilter::default() };
    let mut filter = acme.clone();
    let mut seen = Vec::new();
    loop {
        let page = ports.changes.audit(&filter).await.unwrap();
        filter.after = page.entries.last().map(|last| last.id.clone());
        seen.extend(page.entries);
        if !page.more {
            break;
        }
        ports.changes.note(&entry("acme", start + SignedDuration::from_secs(9))).await.unwrap();
    }
    assert_eq!(seen, expected);
    let all = AuditFilter { limit: 100, ..AuditFilter::default() };
    assert_eq!(ports.changes.audit(&all).await.unwrap().entries.len(), 10);
    for after in [theirs.id, AuditId::fresh()] {
        let filter = AuditFilter { after: Some(after), ..acme.clone() };
        refused(ports.changes.audit(&filter).await, &codes::request::INVALID);
    }
}

fn challenge(of: &str, sha256: &str) -> Challenge {
    let (fingerprint, expires_at) = ("AA".to_owned(), Timestamp::UNIX_EPOCH);
    Challenge { partner: partner(of), fingerprint, sha256: sha256.to_owned(), expires_at }
}

/// The newest challenge for a certificate counts, it is taken once whoever asks, and only by its partner.
pub async fn a_challenge_is_taken_once(ports: Ports) {
    let changes = &ports.changes;
    refused(changes.open_challenge(&challenge("ghost", "00")).await, &codes::request::NOT_FOUND);
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    changes.open_challenge(&challenge("acme", "00")).await.unwrap();
    changes.open_challenge(&challenge("acme", "11")).await.unwrap();
    assert_eq!(changes.take_challenge(&partner("other"), "AA").await.unwrap(), None);
    assert_eq!(changes.take_challenge(&partner("acme"), "BB").await.unwrap(), None);
    let takers = (0..8).map(|_| {
        let changes = changes.clone();
        tokio::spawn(async move { changes.take_challenge(&partner("acme"), "AA").await.unwrap() })
    });
    let taken: Vec<_> = join_all(takers).await.into_iter().filter_map(Result::unwrap).collect();
    // Past its time, too: it is the caller who looks at the clock.
    assert_eq!(taken, [challenge("acme", "11")]);
    assert_eq!(changes.take_challenge(&partner("acme"), "AA").await.unwrap(), None);
}

/// With a partner go its webhooks, notifications and their tasks, what waits for approval, challenges and counters;
/// what was decided, and the trail, stay. Another partner's are untouched.
pub async fn a_partner_goes_with_its_edge(ports: Ports) {
    let now = Timestamp::now();
    let mut pings = Vec::new();
    for of in ["acme", "other"] {
        let webhook = hooked(&ports, of, &[]).await;
        pings.push(ports.outbox.notify(&webhook.id, &Announcement::ping(&webhook, now)).await.unwrap());
        ports.changes.create_change(&sample_change(of, "AA")).await.unwrap();
        let done = Change { status: ChangeStatus::Applied, ..sample_change(of, "BB") };
        ports.changes.create_change(&done).await.unwrap();
        ports.changes.open_challenge(&challenge(of, "00")).await.unwrap();
        ports.changes.note(&entry(of, now)).await.unwrap();
        ports.usage.reserve(&partner(of), &today(), 5, 100).await.unwrap();
    }
    assert!(ports.records.remove_partner(&partner("acme")).await.unwrap());
    // The next of its name starts with nothing.
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    for (of, ping, left) in [("acme", &pings[0], 0), ("other", &pings[1], 1)] {
        let of = partner(of);
        assert_eq!(ports.outbox.webhooks(&of).await.unwrap().len(), left);
        assert_eq!(ports.outbox.notification(&ping.id).await.unwrap().is_some(), left == 1);
        assert_eq!(ports.usage.reserved(&of, &today()).await.unwrap(), 5 * left as u64);
        assert_eq!(ports.changes.take_challenge(&of, "AA").await.unwrap().is_some(), left == 1);
        let filter = ChangeFilter { partner: Some(of.clone()), limit: 10, ..ChangeFilter::default() };
        let kept = ports.changes.changes(&filter).await.unwrap().entries;
        assert_eq!(kept.iter().filter(|change| change.status == ChangeStatus::Pending).count(), left);
        assert_eq!(kept.iter().filter(|change| change.status == ChangeStatus::Applied).count(), 1);
        let filter = AuditFilter { partner: Some(of), limit: 10, ..AuditFilter::default() };
        assert_eq!(ports.changes.audit(&filter).await.unwrap().entries.len(), 1);
    }
    ports.swept(QueueDepth { ready: 1, ..QueueDepth::default() }).await;
}
