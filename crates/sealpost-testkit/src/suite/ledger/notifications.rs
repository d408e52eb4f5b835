//! Notifications on their way: leases, retries, replays, lists, age.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::NotificationId;
use sealpost_core::notification::{Announcement, Notification, NotificationEvent, NotificationStatus};
use sealpost_core::port::{NotificationFilter, NotificationPlace};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::webhook::{EventKind, Webhook};

use super::webhooks::hooked;
use super::{HOUR, Ports, failure, partner, refused};

const STARTED: NotificationEvent = NotificationEvent::Started { attempt: 1 };
const DELIVERED: NotificationEvent = NotificationEvent::Delivered { answer: 204 };

/// Any event: of pings there is one at a time.
async fn told(ports: &Ports, webhook: &Webhook, at: Timestamp) -> Notification {
    let announcement = Announcement { event: EventKind::ReportFailed, ..Announcement::ping(webhook, at) };
    ports.outbox.notify(&webhook.id, &announcement).await.unwrap()
}

async fn moved(ports: &Ports, id: &NotificationId, event: &NotificationEvent, at: Timestamp) -> Notification {
    ports.outbox.apply_notification(id, event, None, at).await.unwrap()
}

/// A test goes to the one webhook that it is asked for, even to one that is disabled.
pub async fn a_ping_goes_to_one_webhook(ports: Ports) {
    let (webhook, other) = (hooked(&ports, "acme", &[]).await, hooked(&ports, "acme", &[]).await);
    let disable = |webhook| Ok(Webhook { enabled: false, ..webhook });
    ports.outbox.edit_webhook(&webhook.partner, &webhook.id, &disable).await.unwrap();
    let announced = Announcement::ping(&webhook, Timestamp::now());
    let ping = ports.outbox.notify(&webhook.id, &announced).await.unwrap();
    assert_eq!(ports.claim(&[WorkKind::Notify]).await.work, Work::Notify(ping.id.clone()));
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    let to_other = NotificationFilter { webhook: Some(other.id), limit: 10, ..NotificationFilter::default() };
    assert_eq!(ports.outbox.notifications(&to_other).await.unwrap().notifications, []);
    assert_eq!(ports.outbox.notification(&ping.id).await.unwrap(), Some(ping));
    assert_eq!(ports.outbox.notification(&NotificationId::fresh()).await.unwrap(), None);

    assert!(ports.outbox.remove_webhook(&webhook.partner, &webhook.id).await.unwrap());
    let gone = Announcement::ping(&webhook, Timestamp::now());
    refused(ports.outbox.notify(&webhook.id, &gone).await, &codes::request::NOT_FOUND);
}

/// While a ping is on its way, another one to the same webhook is refused, also behind some other news.
pub async fn of_pings_one_is_on_its_way(ports: Ports) {
    let (webhook, other) = (hooked(&ports, "acme", &[]).await, hooked(&ports, "acme", &[]).await);
    let ping = async |webhook: &Webhook| {
        ports.outbox.notify(&webhook.id, &Announcement::ping(webhook, Timestamp::now())).await
    };
    told(&ports, &webhook, Timestamp::now()).await;
    let first = ping(&webhook).await.unwrap();
    let outcome = ping(&webhook).await;
    assert!(outcome.as_ref().is_err_and(|error| error.detail().contains(first.id.as_str())), "{outcome:?}");
    refused(outcome, &codes::request::NOT_IN_THIS_STATE);
    told(&ports, &webhook, Timestamp::now()).await;
    refused(ping(&webhook).await, &codes::request::NOT_IN_THIS_STATE);
    ping(&other).await.unwrap();
    moved(&ports, &first.id, &STARTED, Timestamp::now()).await;
    moved(&ports, &first.id, &DELIVERED, Timestamp::now()).await;
    ping(&webhook).await.unwrap();
    refused(ping(&webhook).await, &codes::request::NOT_IN_THIS_STATE);
}

/// A notification moves under its newest lease only, by legal moves only, to its end; and again after a replay.
pub async fn a_notification_is_followed_and_replayed(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    let ping = told(&ports, &webhook, Timestamp::now()).await;
    let stale = ports.queue.claim(&[WorkKind::Notify], Duration::ZERO).await.unwrap().unwrap();
    let lease = ports.claim(&[WorkKind::Notify]).await;
    let apply = async |event: &NotificationEvent, lease| {
        ports.outbox.apply_notification(&ping.id, event, lease, Timestamp::now()).await
    };
    refused(apply(&STARTED, Some(&stale)).await, &codes::ledger::LEASE_LOST);
    refused(apply(&NotificationEvent::Replayed, None).await, &codes::ledger::ILLEGAL_MOVE);
    let nobody = NotificationId::fresh();
    let outcome = ports.outbox.apply_notification(&nobody, &STARTED, None, Timestamp::now()).await;
    refused(outcome, &codes::request::NOT_FOUND);
    assert_eq!(ports.outbox.notification(&ping.id).await.unwrap(), Some(ping.clone()));

    apply(&STARTED, Some(&lease)).await.unwrap();
    let retried =
        NotificationEvent::AttemptFailed { failure: failure(), answer: Some(500), retry_at: Timestamp::now() };
    let waiting = apply(&retried, Some(&lease)).await.unwrap();
    assert_eq!((waiting.status, waiting.answer, waiting.attempts), (NotificationStatus::Pending, Some(500), 1));
    ports.queue.release(&lease, Duration::ZERO).await.unwrap();
    let lease = ports.claim(&[WorkKind::Notify]).await;
    let failed = NotificationEvent::Failed { failure: failure(), answer: None };
    let given_up = apply(&failed, Some(&lease)).await.unwrap();
    assert_eq!(given_up.status, NotificationStatus::Failed);
    ports.queue.bury(&lease, "the suite").await.unwrap();
    assert_eq!(ports.queue.dead(1).await.unwrap()[0].work, Work::Notify(ping.id.clone()));

    let again = apply(&NotificationEvent::Replayed, None).await.unwrap();
    assert_eq!((again.status, again.attempts, &again.payload), (NotificationStatus::Pending, 0, &ping.payload));
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 1, dead: 1, ..QueueDepth::default() });
    let lease = ports.claim(&[WorkKind::Notify]).await;
    assert_eq!(lease.work, Work::Notify(ping.id.clone()));
    apply(&STARTED, Some(&lease)).await.unwrap();
    let done = apply(&DELIVERED, Some(&lease)).await.unwrap();
    assert_eq!((done.status, done.answer), (NotificationStatus::Delivered, Some(204)));
    refused(apply(&DELIVERED, Some(&lease)).await, &codes::ledger::ILLEGAL_MOVE);
    assert_eq!(ports.outbox.notification(&ping.id).await.unwrap(), Some(done));
    // Someone who revives the dead task too posts the same once more; the receiver knows it by its id.
    assert!(ports.queue.revive(&ports.queue.dead(1).await.unwrap()[0].task).await.unwrap());
}

/// Someone who pages through while more happens sees each once, newest first; status, webhook and partner narrow the
/// list; a cursor of another list is refused.
pub async fn notifications_are_paged_and_filtered(ports: Ports) {
    let (one, two) = (hooked(&ports, "acme", &[]).await, hooked(&ports, "acme", &[]).await);
    let foreign = hooked(&ports, "other", &[]).await;
    let start = Timestamp::now();
    let mut expected = Vec::new();
    for number in 0..25 {
        // Groups of five at the same instant: the order must be total all the same.
        let webhook = if number % 5 == 0 { &two } else { &one };
        expected.push(told(&ports, webhook, start + SignedDuration::from_millis(number / 5)).await);
    }
    let theirs = told(&ports, &foreign, start).await;
    expected.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));

    let acme = NotificationFilter { partner: Some(partner("acme")), limit: 10, ..NotificationFilter::default() };
    let mut filter = acme.clone();
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    loop {
        let page = ports.outbox.notifications(&filter).await.unwrap();
        pages.push(page.notifications.len());
        filter.after = page.notifications.last().map(NotificationPlace::from);
        seen.extend(page.notifications);
        if !page.more {
            break;
        }
        for later in 1..4 {
            told(&ports, &one, start + SignedDuration::from_secs(later)).await;
        }
    }
    assert_eq!(pages, [10, 10, 5]);
    assert_eq!(seen, expected);

    let count = async |filter: NotificationFilter| {
        let page = ports.outbox.notifications(&NotificationFilter { limit: 100, ..filter }).await.unwrap();
        page.notifications.len()
    };
    let any = NotificationFilter::default;
    assert_eq!(count(any()).await, 32);
    assert_eq!(count(acme.clone()).await, 31);
    let to_two = NotificationFilter { webhook: Some(two.id.clone()), ..any() };
    assert_eq!(count(to_two.clone()).await, 5);
    // Another partner's webhook shows nothing.
    assert_eq!(count(NotificationFilter { partner: Some(partner("other")), ..to_two }).await, 0);
    moved(&ports, &expected[3].id, &STARTED, start).await;
    moved(&ports, &expected[3].id, &DELIVERED, start).await;
    let delivered = NotificationFilter { status: Some(NotificationStatus::Delivered), ..acme.clone() };
    assert_eq!(count(delivered).await, 1);
    // The cursor has left this list's status, but not the list.
    let rest = NotificationFilter { status: Some(NotificationStatus::Pending), ..acme.clone() };
    let after = |id: &NotificationId| Some(NotificationPlace { id: id.clone(), created_at: None });
    assert_eq!(count(NotificationFilter { after: after(&expected[3].id), ..rest }).await, 21);
    for id in [theirs.id, NotificationId::fresh()] {
        let filter = NotificationFilter { after: after(&id), ..acme.clone() };
        refused(ports.outbox.notifications(&filter).await, &codes::request::INVALID);
    }
}

/// What a page ended with may be forgotten before the next page is read: the list goes on where it stood.
pub async fn a_list_goes_on_after_what_is_forgotten(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    let now = Timestamp::now();
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let mut told_then = Vec::new();
    for ago in [94, 93, 92, 91] {
        told_then.push(told(&ports, &webhook, now - days(ago)).await);
    }
    let all = NotificationFilter {
        partner: Some(webhook.partner.clone()),
        webhook: Some(webhook.id.clone()),
        limit: 2,
        ..NotificationFilter::default()
    };
    let page = ports.outbox.notifications(&all).await.unwrap();
    assert_eq!((page.notifications, page.more), (vec![told_then[3].clone(), told_then[2].clone()], true));

    let last = &told_then[2];
    let ended = now - days(31);
    moved(&ports, &last.id, &STARTED, ended).await;
    moved(&ports, &last.id, &DELIVERED, ended).await;
    // One that is new takes some old ones with it.
    told(&ports, &webhook, now).await;
    assert_eq!(ports.outbox.notification(&last.id).await.unwrap(), None);
    let next = NotificationFilter { after: Some(last.into()), ..all.clone() };
    let page = ports.outbox.notifications(&next).await.unwrap();
    assert_eq!((page.notifications, page.more), (vec![told_then[1].clone(), told_then[0].clone()], false));
    // A cursor that says nothing of the time leads nowhere any more.
    let after = Some(NotificationPlace { id: last.id.clone(), created_at: None });
    refused(ports.outbox.notifications(&NotificationFilter { after, ..all }).await, &codes::request::INVALID);
}

/// A webhook that is removed takes its notifications and their tasks with it: waiting, under way, and dead.
pub async fn a_removed_webhook_leaves_nothing(ports: Ports) {
    let (webhook, other) = (hooked(&ports, "acme", &[]).await, hooked(&ports, "acme", &[]).await);
    let now = Timestamp::now();
    let mut pings = Vec::new();
    for ago in [3, 2, 1] {
        pings.push(told(&ports, &webhook, now - SignedDuration::from_secs(ago)).await);
    }
    let stays = told(&ports, &other, now).await;
    let dead = ports.claim(&[WorkKind::Notify]).await;
    ports.queue.bury(&dead, "the suite").await.unwrap();
    let held = ports.claim(&[WorkKind::Notify]).await;

    assert!(ports.outbox.remove_webhook(&webhook.partner, &webhook.id).await.unwrap());
    for ping in &pings {
        assert_eq!(ports.outbox.notification(&ping.id).await.unwrap(), None);
    }
    let outcome = ports.outbox.apply_notification(&pings[1].id, &STARTED, Some(&held), Timestamp::now()).await;
    refused(outcome, &codes::ledger::LEASE_LOST);
    ports.swept(QueueDepth { ready: 1, ..QueueDepth::default() }).await;
    refused(ports.queue.complete(&held).await, &codes::ledger::LEASE_LOST);
    assert_eq!(ports.claim(&WorkKind::ALL).await.work, Work::Notify(stays.id));
}

/// What has ended is kept for 30 days at least, and goes some time after; what has not ended stays.
pub async fn old_notifications_go(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    let now = Timestamp::now();
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let waiting = told(&ports, &webhook, now - days(90)).await;
    let old = told(&ports, &webhook, now - days(90)).await;
    let recent = told(&ports, &webhook, now - days(90)).await;
    let replayed = told(&ports, &webhook, now - days(90)).await;
    for (id, ended) in [(&old.id, now - days(31)), (&recent.id, now - days(29)), (&replayed.id, now - days(60))] {
        moved(&ports, id, &STARTED, ended).await;
        moved(&ports, id, &DELIVERED, ended).await;
    }
    moved(&ports, &replayed.id, &NotificationEvent::Replayed, now).await;
    // Each new one takes some old ones with it: what is to go has gone long before this many.
    for _ in 0..20 {
        told(&ports, &webhook, now).await;
    }
    assert_eq!(ports.outbox.notification(&old.id).await.unwrap(), None);
    for kept in [&waiting, &recent, &replayed] {
        assert!(ports.outbox.notification(&kept.id).await.unwrap().is_some());
    }
    // Nor is a page cut short by it.
    let delivered = NotificationFilter {
        webhook: Some(webhook.id.clone()),
        status: Some(NotificationStatus::Delivered),
        limit: 1,
        ..NotificationFilter::default()
    };
    let page = ports.outbox.notifications(&delivered).await.unwrap();
    let shown: Vec<&NotificationId> = page.notifications.iter().map(|one| &one.id).collect();
    assert_eq!((shown, page.more), (vec![&recent.id], false));
}
