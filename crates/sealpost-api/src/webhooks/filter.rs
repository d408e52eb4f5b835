//! Which notifications to list: filters and the cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealpost_core::error::Result;
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::notification::NotificationStatus;
use sealpost_core::port::{NotificationFilter, NotificationPlace};

use crate::query::Query;

const DEFAULT_LIMIT: u32 = 20;
const MOST: u32 = 100;
const KNOWN: [&str; 3] = ["status", "limit", "cursor"];
const STATUSES: [NotificationStatus; 3] =
    [NotificationStatus::Pending, NotificationStatus::Delivered, NotificationStatus::Failed];

/// The filter that a partner's query string asks for.
pub(crate) fn of_partner(query: &Query, partner: PartnerId, webhook: WebhookId) -> Result<NotificationFilter> {
    Ok(NotificationFilter { partner: Some(partner), webhook: Some(webhook), ..read(query, &KNOWN)? })
}

/// The filter that an operator's query string asks for: also by partner and webhook.
pub(crate) fn of_operator(query: &Query) -> Result<NotificationFilter> {
    read(query, &[&KNOWN[..], &["partner", "webhook"]].concat())
}

fn read(query: &Query, known: &[&str]) -> Result<NotificationFilter> {
    let mut reader = query.read(known);
    let words = |error: sealpost_core::Error| error.detail().to_owned();
    let is_operator = known.contains(&"partner");
    let (mut partner, mut webhook) = (None, None);
    if is_operator {
        partner = reader.one("partner", |text| text.parse().map_err(words));
        webhook = reader.one("webhook", |text| text.parse().map_err(words));
    }
    let filter = NotificationFilter {
        partner,
        webhook,
        status: reader.one("status", status),
        after: reader.one("cursor", |text| from_cursor(text).ok_or_else(|| "not a cursor of this list".to_owned())),
        limit: reader.one("limit", limit).unwrap_or(DEFAULT_LIMIT),
    };
    reader.end()?;
    Ok(filter)
}

fn status(text: &str) -> Result<NotificationStatus, String> {
    let known = STATUSES.map(NotificationStatus::as_str).join(", ");
    STATUSES.into_iter().find(|status| status.as_str() == text).ok_or_else(|| format!("expected one of {known}"))
}

fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("expected 1 to {MOST}"))
}

/// Opaque on purpose: what it holds may change. With the time, for the notification may be forgotten before the next page.
pub(crate) fn to_cursor(last: &NotificationPlace) -> String {
    let at = last.created_at.map(|at| format!("@{at}")).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{}{at}", last.id))
}

fn from_cursor(text: &str) -> Option<NotificationPlace> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (id, created_at) = match text.split_once('@') {
        Some((id, at)) => (id, Some(at.parse().ok()?)),
        None => (text.as_str(), None),
    };
    Some(NotificationPlace { id: id.parse().ok()?, created_at })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sealpost_core::id::NotificationId;

    use super::*;

    #[test]
    fn a_cursor_comes_back_and_nothing_else_is_one() {
        let at: Timestamp = "2026-02-28T23:59:59.123456789Z".parse().unwrap();
        let id = NotificationId::fresh();
        for created_at in [Some(at), None] {
            let place = NotificationPlace { id: id.clone(), created_at };
            assert_eq!(from_cursor(&to_cursor(&place)), Some(place));
        }
        // Those of earlier versions are the id alone.
        let known = NotificationPlace { id: id.clone(), created_at: None };
        assert_eq!(from_cursor(&URL_SAFE_NO_PAD.encode(id.as_str())), Some(known));
        let half = URL_SAFE_NO_PAD.encode(format!("{id}@"));
        for bad in ["", "msg_1", "%%", "AAAA", &half] {
            assert_eq!(from_cursor(bad), None, "{bad}");
        }
    }
}
