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
pub(super) async fn announce(connection: &mut Connection, announcement: &Announcement) -> Result<bool> {
    let mut any = false;
    for webhook in webhooks::of_partner(connection, &announcement.partner).await? {
        if webhook.wants(announcement.event) {
            insert(connection, &webhook, announcement).await?;
            any = true;
        }
    }
    if any {
        forget_old(connection, announcement.at).await?;
    }
    Ok(any)
}

/// Makes a notification with its task for this one webhook; of pings, one at a time.
pub(super) async fn notify(
    connection: &mut Connection,
    webhook: &WebhookId,
    announcement: &Announcement,
) -> Result<Notification> {
    // What is announced to one partner never goes to another's address.
    let webhook = webhooks::find(connection, Some(&announcement.partner), webhook)
        .await?
        .ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no webhook {webhook}")))?;
    if announcement.event == EventKind::Ping
        && let Some(ping) = pending_ping(connection, &webhook.id).await?
    {
        let detail = format!("the ping {ping} to webhook {} is still on its way", webhook.id);
        return Err(Error::new(&codes::request::NOT_IN_THIS_STATE, detail));
    }
    let notification = insert(connection, &webhook, announcement).await?;
    forget_old(connection, announcement.at).await?;
    Ok(notification)
}

/// A ping that is on its way, if one is among the newest notifications to this webhook that are.
async fn pending_ping(connection: &mut Connection, webhook: &WebhookId) -> Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT id FROM (SELECT id, record FROM notifications WHERE webhook = ? AND status = 'pending'
                         ORDER BY created_at DESC, id DESC LIMIT ?)
         WHERE record ->> '$.event' = ? LIMIT 1",
    )
    .bind(webhook.as_str())
    .bind(PINGED_WITHIN)
    .bind(EventKind::Ping.as_str())
    .fetch_optional(connection)
    .await
    .map_err(fault::read)
}

async fn insert(connection: &mut Connection, webhook: &Webhook, announcement: &Announcement) -> Result<Notification> {
    let (notification, task) = Notification::pending(webhook, announcement);
    sqlx::query(
        "INSERT INTO notifications (id, webhook, partner, status, created_at, record) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(notification.id.as_str())
    .bind(notification.webhook.as_str())
    .bind(notification.partner.as_str())
    .bind(notification.status.as_str())
    .bind(nanos(notification.created_at))
    .bind(encode("a notification", &notification)?)
    .execute(&mut *connection)
    .await
    .map_err(fault::write)?;
    tasks::enqueue(connection, &[task]).await?;
    Ok(notification)
}

async fn forget_old(connection: &mut Connection, now: Timestamp) -> Result<()> {
    sqlx::query(
        "DELETE FROM notifications WHERE id IN
         (SELECT id FROM notifications WHERE finished_at <= ? ORDER BY finished_at LIMIT ?)",
    )
    .bind(nanos(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)))
    .bind(PURGED_AT_ONCE)
    .execute(connection)
    .await
    .map_err(fault::write)?;
    Ok(())
}

pub(super) async fn find(connection: &mut Connection, id: &NotificationId) -> Result<Option<Notification>> {
    let record: Option<String> = sqlx::query_scalar("SELECT record FROM notifications WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("notification {id}"), &record)).transpose()
}

pub(super) async fn page(connection: &mut Connection, filter: &NotificationFilter) -> Result<NotificationPage> {
    let asked = Asked {
        owners: &[
            ("partner", filter.partner.as_ref().map(AsRef::as_ref)),
            ("webhook", filter.webhook.as_ref().map(AsRef::as_ref)),
        ],
        status: filter.status.map(|status| status.as_str()),
        after: filter.after.as_ref().map(AsRef::as_ref),
        limit: filter.limit,
    };
    let (notifications, more) = pages::page(connection, &LIST, &asked).await?;
    Ok(NotificationPage { notifications, more })
}

/// Loads, moves by [`Notification::apply`] and stores, with the task that follows.
pub(super) async fn apply(
    connection: &mut Connection,
    id: &NotificationId,
    event: &NotificationEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(Notification, Option<NewTask>)> {
    tasks::fence(connection, lease, now).await?;
    let before = find(connection, id)
        .await?
        .ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no notification {id}")))?;
    let (after, task) = before.apply(event, now)?;
    sqlx::query("UPDATE notifications SET status = ?, finished_at = ?, record = ? WHERE id = ?")
        .bind(after.status.as_str())
        .bind(after.finished_at.map(nanos))
        .bind(encode("a notification", &after)?)
        .bind(id.as_str())
        .execute(&mut *connection)
        .await
        .map_err(fault::write)?;
    tasks::enqueue(connection, task.as_slice()).await?;
    Ok((after, task))
}
