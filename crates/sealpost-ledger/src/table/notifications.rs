//! Notifications as items: by id, and in the lists of their webhook and of all.
//!
//! Those of a partner are those of its webhooks, so that they need no list of their own: an event that ten webhooks are
//! told of has to fit into one write.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent, NotificationStatus};
use sealpost_core::task::{Lease, NewTask, Work};
use sealpost_core::webhook::{EventKind, Webhook};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::tasks::lost;
use super::{Key, Step, TableLedger, pages, shards, webhooks};

/// How long a notification is kept after it has ended.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How much longer its record stays, at least: what nobody finds any more can still be replayed by who has just found it. Its
/// places in lists do not: a page would be cut by what is left out of it afterwards.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// The list of all notifications.
pub(super) const ALL: &str = "notifications";

/// What stands in a list: what lists are narrowed by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) id: NotificationId,
    pub(super) status: NotificationStatus,
    created_at: Timestamp,
}

fn record(id: &NotificationId) -> Key {
    Key::new(format!("notification#{id}"), "record")
}

/// The partition of the list of a webhook.
pub(super) fn list_of(webhook: &WebhookId) -> String {
    format!("notifications-to#{webhook}")
}

/// Which ping to a webhook was made last.
fn last_ping(webhook: &WebhookId) -> Key {
    Key::new(format!("webhook#{webhook}"), "ping")
}

fn places(webhook: &WebhookId, id: &NotificationId, created_at: Timestamp) -> [Key; 2] {
    let place = pages::place(created_at, id.as_str());
    [Key::new(list_of(webhook), place.clone()), Key::new(shards::of(ALL, id.as_str()), place)]
}

/// The sort key of a notification in the lists that it is in.
pub(super) fn place(notification: &Notification) -> String {
    pages::place(notification.created_at, notification.id.as_str())
}

/// From when on it is not found any more, once it has ended.
fn forgotten_at(notification: &Notification) -> Option<Timestamp> {
    notification.finished_at.map(|end| end.checked_add(KEPT).unwrap_or(Timestamp::MAX))
}

fn is_kept(notification: &Notification) -> bool {
    forgotten_at(notification).is_none_or(|end| end > Timestamp::now())
}

/// Makes a notification with its task for each webhook of the partner that wants it; whether there was one. A partner
/// without webhooks costs one read.
pub(super) async fn announce(step: &mut Step, announcement: &Announcement) -> Result<bool> {
    let wants = |webhook: &Webhook| webhook.wants(announcement.event);
    if !webhooks::of_partner(step, &announcement.partner).await?.iter().any(wants) {
        return Ok(false);
    }
    // Held, so that nothing is made for one that is being removed.
    let told: Vec<Webhook> = webhooks::held(step, &announcement.partner).await?.into_iter().filter(wants).collect();
    for webhook in &told {
        insert(step, webhook, announcement).await?;
    }
    Ok(!told.is_empty())
}

/// Makes a notification with its task for this one webhook; of pings, one at a time.
pub(super) async fn notify(step: &mut Step, id: &WebhookId, announcement: &Announcement) -> Result<Notification> {
    // What is announced to one partner never goes to another's address.
    let webhooks = webhooks::held(step, &announcement.partner).await?;
    let webhook = webhooks
        .into_iter()
        .find(|webhook| webhook.id == *id)
        .ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no webhook {id}")))?;
    if announcement.event != EventKind::Ping {
        return insert(step, &webhook, announcement).await;
    }
    let last: Option<NotificationId> = step.get(&last_ping(id)).await?;
    if let Some(last) = last
        && let Some(ping) = step.get::<Notification>(&record(&last)).await?
        && ping.status == NotificationStatus::Pending
    {
        let detail = format!("the ping {last} to webhook {id} is still on its way");
        return Err(Error::new(&codes::request::NOT_IN_THIS_STATE, detail));
    }
    let ping = insert(step, &webhook, announcement).await?;
    step.put(&last_ping(id), &ping.id)?;
    Ok(ping)
}

async fn insert(step: &mut Step, webhook: &Webhook, announcement: &Announcement) -> Result<Notification> {
    let (notification, task) = Notification::pending(webhook, announcement);
    store(step, None, &notification)?;
    step.enqueue(&[task]).await?;
    Ok(notification)
}

/// Writes it; its places in the lists only where they say something new.
fn store(step: &mut Step, before: Option<&Notification>, after: &Notification) -> Result<()> {
    let Notification { id, status, created_at, .. } = after;
    let end = forgotten_at(after);
    let kept = end.map(|end| end.max(Timestamp::now()).checked_add(SLACK).unwrap_or(Timestamp::MAX));
    put(step, &record(id), after, kept)?;
    if before.is_none_or(|before| before.status != *status) {
        let listed = Listed { id: id.clone(), status: *status, created_at: *created_at };
        for key in places(&after.webhook, id, *created_at) {
            put(step, &key, &listed, end)?;
        }
    }
    Ok(())
}

fn put<T: Serialize>(step: &mut Step, key: &Key, item: &T, end: Option<Timestamp>) -> Result<()> {
    match end {
        Some(end) => step.put_until(key, item, end.as_second()),
        None => step.put(key, item),
    }
}

/// A notification, as long as its webhook is there and its time is not over.
pub(super) async fn find(step: &mut Step, id: &NotificationId) -> Result<Option<Notification>> {
    let found = step.peek::<Notification>(&record(id)).await?.filter(is_kept);
    let Some(found) = found else { return Ok(None) };
    Ok(webhooks::find(step, &found.partner, &found.webhook).await?.map(|_| found))
}

/// Those of a page. What went in between is left out.
pub(super) async fn shown(ledger: &TableLedger, listed: &[Listed]) -> Result<Vec<Notification>> {
    let keys: Vec<Key> = listed.iter().map(|listed| record(&listed.id)).collect();
    let mut found: Vec<Notification> = ledger.read_all(&keys).await?.into_iter().flatten().collect();
    let owners: BTreeSet<&PartnerId> = found.iter().map(|notification| &notification.partner).collect();
    let keys: Vec<Key> = owners.into_iter().map(webhooks::key).collect();
    let webhooks: Vec<Option<Vec<Webhook>>> = ledger.read_all(&keys).await?;
    let there: BTreeSet<WebhookId> = webhooks.into_iter().flatten().flatten().map(|webhook| webhook.id).collect();
    found.retain(|notification| is_kept(notification) && there.contains(&notification.webhook));
    Ok(found)
}

/// Loads, moves by [`Notification::apply`] and stores, with the task that follows.
pub(super) async fn apply(
    step: &mut Step,
    id: &NotificationId,
    event: &NotificationEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<Notification> {
    step.fence(lease, now).await?;
    let before = step.get::<Notification>(&record(id)).await?;
    // The webhook goes first, what is under way to it and its task some steps later: they are the removal's already.
    let missing = || match lease {
        Some(lease) => lost(lease),
        None => Error::new(&codes::request::NOT_FOUND, format!("there is no notification {id}")),
    };
    let before = before.ok_or_else(missing)?;
    if webhooks::find(step, &before.partner, &before.webhook).await?.is_none() {
        return Err(missing());
    }
    let (after, task): (Notification, Option<NewTask>) = before.apply(event, now)?;
    store(step, Some(&before), &after)?;
    if let Some(task) = task {
        // On its way again: a removal of the webhook must not miss it, and it is the ping that others wait for.
        webhooks::held(step, &after.partner).await?;
        if after.event == EventKind::Ping {
            step.put(&last_ping(&after.webhook), &after.id)?;
        }
        step.enqueue(&[task]).await?;
    }
    Ok(after)
}

/// Removes one of a webhook that is gone, with its tasks.
pub(super) async fn remove(step: &mut Step, webhook: &WebhookId, listed: &Listed) -> Result<()> {
    // Held, so that no task of it is made meanwhile.
    step.get::<Notification>(&record(&listed.id)).await?;
    step.delete(&record(&listed.id));
    for key in places(webhook, &listed.id, listed.created_at) {
        step.delete(&key);
    }
    step.drop_tasks_of(&Work::Notify(listed.id.clone())).await
}

/// Forgets which ping was the last.
pub(super) fn forget_pings(step: &mut Step, webhook: &WebhookId) {
    step.delete(&last_ping(webhook));
}
