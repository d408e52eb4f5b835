//! Changes that partners ask for.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::change::{Change, ChangeAction, ChangeStatus, Decision, MOST_PENDING};
use sealpost_core::error::codes;
use sealpost_core::id::ChangeId;
use sealpost_core::port::ChangeFilter;

use super::records::sample_partner;
use super::{Ports, partner, refused};

/// A pending change of the partner: it wants to seal to this certificate.
#[must_use]
pub fn sample_change(of: &str, fingerprint: &str) -> Change {
    Change {
        id: ChangeId::fresh(),
        partner: partner(of),
        action: ChangeAction::AddCertificate {
            fingerprint: fingerprint.to_owned(),
            certificate: "-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned(),
            replaces: None,
            cut_over: None,
        },
        status: ChangeStatus::Pending,
        asked_by: Actor::new(ActorKind::ApiKey, "aaaaaaaaaaaa"),
        asked_at: Timestamp::now(),
        decided_by: None,
        decided_at: None,
        reason: String::new(),
    }
}

fn decision(status: ChangeStatus) -> Decision {
    Decision { status, actor: Actor::new(ActorKind::Operator, "ops"), reason: "by telephone".to_owned() }
}

/// One pending change for each subject of a partner; decided ones are kept and stand in nobody's way.
pub async fn one_change_of_a_thing_waits(ports: Ports) {
    for of in ["acme", "other"] {
        ports.records.put_partner(&sample_partner(of)).await.unwrap();
    }
    let changes = &ports.changes;
    let first = sample_change("acme", "AA");
    changes.create_change(&first).await.unwrap();
    let error = changes.create_change(&sample_change("acme", "AA")).await.unwrap_err();
    assert!(error.is(&codes::request::CHANGE_PENDING) && error.detail().contains(first.id.as_str()), "{error}");
    // One that needs no approval must not overtake the one that waits.
    let hasty = Change { status: ChangeStatus::Applied, ..sample_change("acme", "AA") };
    refused(changes.create_change(&hasty).await, &codes::request::CHANGE_PENDING);
    changes.create_change(&sample_change("acme", "BB")).await.unwrap();
    changes.create_change(&sample_change("other", "AA")).await.unwrap();
    refused(changes.create_change(&sample_change("ghost", "AA")).await, &codes::request::NOT_FOUND);

    let mut decided = Vec::new();
    let mut waiting = first;
    for status in [ChangeStatus::Rejected, ChangeStatus::Withdrawn, ChangeStatus::Applied] {
        let now = Timestamp::now();
        let change = changes.decide(&waiting.id, &decision(status), now).await.unwrap();
        let expected = Change {
            status,
            decided_by: Some(Actor::new(ActorKind::Operator, "ops")),
            decided_at: Some(now),
            reason: "by telephone".to_owned(),
            ..waiting
        };
        assert_eq!(change, expected.settled());
        assert!(
            matches!(&change.action, ChangeAction::AddCertificate { certificate, .. } if certificate.is_empty()),
            "what is decided needs no certificate"
        );
        decided.push(change);
        waiting = sample_change("acme", "AA");
        changes.create_change(&waiting).await.unwrap();
    }
    for change in decided {
        refused(
            changes.decide(&change.id, &decision(ChangeStatus::Applied), Timestamp::now()).await,
            &codes::request::NOT_IN_THIS_STATE,
        );
        assert_eq!(changes.change(&change.id).await.unwrap(), Some(change));
    }
    let pending = changes.decide(&waiting.id, &decision(ChangeStatus::Pending), Timestamp::now()).await;
    refused(pending, &codes::request::NOT_IN_THIS_STATE);
    let nobody = ChangeId::fresh();
    let outcome = changes.decide(&nobody, &decision(ChangeStatus::Applied), Timestamp::now()).await;
    refused(outcome, &codes::request::NOT_FOUND);
    assert_eq!(changes.change(&nobody).await.unwrap(), None);
}

/// Once begun, a change is not rejected or withdrawn; it can be taken over, and is applied in the end. Whoever began it
/// first can give it back while nobody has taken it over.
pub async fn what_has_begun_is_carried_out(ports: Ports) {
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    let changes = &ports.changes;
    let change = sample_change("acme", "AA");
    changes.create_change(&change).await.unwrap();
    let begin = async |who: &str| {
        changes.begin(&change.id, &Actor::new(ActorKind::Operator, who), Timestamp::now()).await.unwrap()
    };
    let drop = async || {
        for status in [ChangeStatus::Rejected, ChangeStatus::Withdrawn] {
            let outcome = changes.decide(&change.id, &decision(status), Timestamp::now()).await;
            assert!(outcome.as_ref().is_err_and(|error| error.detail().contains("being carried out")), "{outcome:?}");
            refused(outcome, &codes::request::NOT_IN_THIS_STATE);
        }
    };
    let first = begin("one").await;
    assert!(first.is_first && first.change.is_begun());
    assert_eq!(changes.change(&change.id).await.unwrap().as_ref(), Some(&first.change));
    drop().await;
    refused(changes.create_change(&sample_change("acme", "AA")).await, &codes::request::CHANGE_PENDING);
    assert!(changes.unbegin(&first).await.unwrap());
    assert_eq!(changes.change(&change.id).await.unwrap().as_ref(), Some(&change));

    let (first, second) = (begin("one").await, begin("two").await);
    assert!(first.is_first && !second.is_first);
    for claim in [&first, &second] {
        // Of the first nobody knows what it did.
        assert!(!changes.unbegin(claim).await.unwrap());
        drop().await;
    }
    let applied = decision(ChangeStatus::Applied);
    let done = changes.decide(&change.id, &applied, Timestamp::now()).await.unwrap();
    assert_eq!((done.status, &done.decided_by), (ChangeStatus::Applied, &Some(applied.actor.clone())));
    assert!(!changes.unbegin(&first).await.unwrap());
    let now = Timestamp::now();
    refused(changes.begin(&change.id, &applied.actor, now).await, &codes::request::NOT_IN_THIS_STATE);
    refused(changes.begin(&ChangeId::fresh(), &applied.actor, now).await, &codes::request::NOT_FOUND);
    assert_eq!(changes.change(&change.id).await.unwrap(), Some(done));
}

/// So many changes of a partner wait, and no more; another partner's don't count, nor do those decided. What is kept of
/// one done at once is without its certificate.
pub async fn so_many_changes_wait_and_no_more(ports: Ports) {
    for of in ["acme", "other"] {
        ports.records.put_partner(&sample_partner(of)).await.unwrap();
    }
    let changes = &ports.changes;
    let mut last = sample_change("acme", "first");
    changes.create_change(&last).await.unwrap();
    for number in 1..MOST_PENDING {
        last = sample_change("acme", &format!("F{number}"));
        changes.create_change(&last).await.unwrap();
    }
    refused(changes.create_change(&sample_change("acme", "AA")).await, &codes::request::TOO_MANY);
    let done = Change { status: ChangeStatus::Applied, ..sample_change("acme", "AA") };
    changes.create_change(&done).await.unwrap();
    let kept = changes.change(&done.id).await.unwrap().unwrap();
    assert!(kept != done && kept == done.settled());
    changes.create_change(&sample_change("other", "AA")).await.unwrap();
    changes.decide(&last.id, &decision(ChangeStatus::Rejected), Timestamp::now()).await.unwrap();
    changes.create_change(&sample_change("acme", "AA")).await.unwrap();
    refused(changes.create_change(&sample_change("acme", "BB")).await, &codes::request::TOO_MANY);
}

/// See [`decided_once_across`], with one opening.
pub async fn of_two_decisions_one_wins(ports: Ports) {
    decided_once_across(&[ports]).await;
}

/// Asked for and decided many times at once, through any of these openings: one change is made, one decision holds.
pub async fn decided_once_across(openings: &[Ports]) {
    openings[0].records.put_partner(&sample_partner("acme")).await.unwrap();
    for round in 0..5 {
        let asked = openings.iter().cycle().take(6).map(|ports| {
            let (changes, change) = (ports.changes.clone(), sample_change("acme", &format!("R{round}")));
            tokio::spawn(async move { changes.create_change(&change).await.map(|()| change.id) })
        });
        let mut made = Vec::new();
        for one in join_all(asked).await {
            match one.unwrap() {
                Ok(id) => made.push(id),
                Err(error) => assert!(error.is(&codes::request::CHANGE_PENDING), "{error}"),
            }
        }
        assert_eq!(made.len(), 1);
        let ways = [ChangeStatus::Applied, ChangeStatus::Rejected, ChangeStatus::Withdrawn];
        let decided = openings.iter().cycle().zip(ways.into_iter().cycle()).take(6).map(|(ports, status)| {
            let (changes, id) = (ports.changes.clone(), made[0].clone());
            tokio::spawn(async move { changes.decide(&id, &decision(status), Timestamp::now()).await })
        });
        let mut winners = Vec::new();
        for one in join_all(decided).await {
            match one.unwrap() {
                Ok(change) => winners.push(change),
                Err(error) => assert!(error.is(&codes::request::NOT_IN_THIS_STATE), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(openings[0].changes.change(&made[0]).await.unwrap(), winners.pop());
    }
}

/// Newest first, stable while more are asked for; partner and status narrow the list.
pub async fn changes_are_paged_and_filtered(ports: Ports) {
    for of in ["acme", "other"] {
        ports.records.put_partner(&sample_partner(of)).await.unwrap();
    }
    let start = Timestamp::now();
    let mut number = 0;
    let mut ask = async |of: &str, seconds: i64| {
        number += 1;
        let asked_at = start + SignedDuration::from_secs(seconds);
        let change = Change { asked_at, ..sample_change(of, &format!("F{number}")) };
        ports.changes.create_change(&change).await.unwrap();
        change
    };
    let mut expected = Vec::new();
    for second in [0, 0, 1, 2, 2, 2, 3] {
        expected.push(ask("acme", second).await);
    }
    let theirs = ask("other", 1).await;
    expected.sort_by(|one, other| (other.asked_at, &other.id).cmp(&(one.asked_at, &one.id)));
    let acme = ChangeFilter { partner: Some(partner("acme")), limit: 3, ..ChangeFilter::default() };
    let mut filter = acme.clone();
    let mut seen = Vec::new();
    loop {
        let page = ports.changes.changes(&filter).await.unwrap();
        filter.after = page.entries.last().map(|last| last.id.clone());
        seen.extend(page.entries);
        if !page.more {
            break;
        }
        ask("acme", 9).await;
    }
    assert_eq!(seen, expected);

    let rejected = ports.changes.decide(&expected[2].id, &decision(ChangeStatus::Rejected), start).await.unwrap();
    let filter = ChangeFilter { status: Some(ChangeStatus::Rejected), ..acme.clone() };
    assert_eq!(ports.changes.changes(&filter).await.unwrap().entries, [rejected]);
    let after = Some(expected[2].id.clone());
    let filter = ChangeFilter { status: Some(ChangeStatus::Pending), after, limit: 100, ..acme.clone() };
    assert_eq!(ports.changes.changes(&filter).await.unwrap().entries, expected[3..]);
    let all = ChangeFilter { limit: 100, ..ChangeFilter::default() };
    assert_eq!(ports.changes.changes(&all).await.unwrap().entries.len(), 10);
    for after in [theirs.id, ChangeId::fresh()] {
        let filter = ChangeFilter { after: Some(after), ..acme.clone() };
        refused(ports.changes.changes(&filter).await, &codes::request::INVALID);
    }
}
