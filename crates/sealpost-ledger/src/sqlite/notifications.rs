//! Notifications as rows.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{NotificationId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent};
use sealpost_core::port::{NotificationFilter, NotificationPage};
use sealpost_core::task::{Lease, NewTask};
use sealpost_core::webhook::{EventKind, Webhook};
use sealpost_core::{Error, Result};

use super::pages::{self, Asked, List};
use super::statement::{query, query_scalar};
use super::value::{decode, encode, nanos};
use super::{Connection, fault, tasks, webhooks};

/// How long a notification is kept after it has ended.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Old ones removed with each announcement: more than it makes, so that they run out; few, so that no event waits for
/// them.
const PURGED_AT_ONCE: i64 = 20;

/// Among how many that are pending a ping is looked for: so many events allow another one, and a long line to a server
/// that is down costs no more.
const PINGED_WITHIN: i64 = 100;

pub(super) static LIST: List = List { table: "notifications", time: "created_at", what: "a notification" };

/// Makes a notification with its task for each webhook of the partner that wants it; whether there was one. A partner
/// without webhooks costs one look into an index.
pub(super) fn announce(connection: &Connection, announcement: &Announcement) -> Result<bool> {
    let mut any = false;
    for webhook in webhooks::of_partner(connection, &announcement.partner)? {
        if webhook.wants(announcement.event) {
            insert(connection, &webhook, announcement)?;
            any = true;
        }
    }
    if any {
        forget_old(connection, announcement.at)?;
    }
    Ok(any)
}

/// Makes a notification with its task for this one webhook; of pings, one at a time.
pub(super) fn notify(
    connection: &Connection,
    webhook: &WebhookId,
    announcement: &Announcement,
) -> Result<Notification> {
    // What is announced to one partner never goes to another's address.
    let webhook = webhooks::find(connection, Some(&announcement.partner), webhook)?
        .ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no webhook {webhook}")))?;
    if announcement.event == EventKind::Ping
        && let Some(ping) = pending_ping(connection, &webhook.id)?
    {
        let detail = format!("the ping {ping} to webhook {} is still on its way", webhook.id);
        return Err(Error::new(&codes::request::NOT_IN_THIS_STATE, detail));
    }
    let notification = insert(connection, &webhook, announcement)?;
    forget_old(connection, announcement.at)?;
    Ok(notification)
}

/// A ping that is on its way, if one is among the newest notifications to this webhook that are.
fn pending_ping(connection: &Connection, webhook: &WebhookId) -> Result<Option<String>> {
    query_scalar(
        "SELECT id FROM (SELECT id, record FROM notifications WHERE webhook = ? AND status = 'pending'
                         ORDER BY created_at DESC, id DESC LIMIT ?)
         WHERE record ->> '$.event' = ? LIMIT 1",
    )
    .bind(webhook.as_str())
    .bind(PINGED_WITHIN)
    .bind(EventKind::Ping.as_str())
    .fetch_optional(connection)
    .map_err(fault::read)
}

fn insert(connection: &Connection, webhook: &Webhook, announcement: &Announcement) -> Result<Notification> {
    let (notification, task) = Notification::pending(webhook, announcement);
    query("INSERT INTO notifications (id, webhook, partner, status, created_at, record) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(notification.id.as_str())
        .bind(notification.webhook.as_str())
        .bind(notification.partner.as_str())
        .bind(notification.status.as_str())
        .bind(nanos(notification.created_at))
        .bind(encode("a notification", &notification)?)
        .execute(connection)
        .map_err(fault::write)?;
    tasks::enqueue(connection, &[task])?;
    Ok(notification)
}

fn forget_old(connection: &Connection, now: Timestamp) -> Result<()> {
    query(
        "DELETE FROM notifications WHERE id IN
         (SELECT id FROM notifications WHERE finished_at <= ? ORDER BY finished_at LIMIT ?)",
    )
    .bind(nanos(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)))
    .bind(PURGED_AT_ONCE)
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: &NotificationId) -> Result<Option<Notification>> {
    let record: Option<String> = query_scalar("SELECT record FROM notifications WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("notification {id}"), &record)).transpose()
}

pub(super) fn page(connection: &Connection, filter: &NotificationFilter) -> Result<NotificationPage> {
    let asked = Asked {
        owners: &[
            ("partner", filter.partner.as_ref().map(AsRef::as_ref)),
            ("webhook", filter.webhook.as_ref().map(AsRef::as_ref)),
        ],
        status: filter.status.map(|status| status.as_str()),
        after: filter.after.as_ref().map(|after| after.id.as_str()),
        after_at: filter.after.as_ref().and_then(|after| after.created_at).map(nanos),
        limit: filter.limit,
    };
    let (notifications, more) = pages::page(connection, &LIST, &asked)?;
    Ok(NotificationPage { notifications, more })
}

/// Loads, moves by [`Notification::apply`] and stores, with the task that follows.
pub(super) fn apply(
    connection: &Connection,
    id: &NotificationId,
    event: &NotificationEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(Notification, Option<NewTask>)> {
    tasks::fence(connection, lease, now)?;
    let before = find(connection, id)?
        .ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no notification {id}")))?;
    let (after, task) = before.apply(event, now)?;
    query("UPDATE notifications SET status = ?, finished_at = ?, record = ? WHERE id = ?")
        .bind(after.status.as_str())
        .bind(after.finished_at.map(nanos))
        .bind(encode("a notification", &after)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    tasks::enqueue(connection, task.as_slice())?;
    Ok((after, task))
}
