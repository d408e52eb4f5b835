//! Webhooks as their partner and operators change them. Every change leaves an entry in the audit trail, which is written first:
//! a caller who hangs up in between leaves an entry about nothing, never a change that nobody knows of.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::secret::Secret;
use sealpost_core::webhook::{EventKind, MOST_WEBHOOKS, Webhook};

use crate::Pipeline;
use crate::audit::Author;

mod replay;

pub use replay::Replayed;

/// Longest overlap of two secrets, in hours: a week.
pub const LONGEST_OVERLAP_H: i64 = 168;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 200;

/// What a webhook is to be. What is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookWish {
    /// Where notifications are posted to.
    pub url: Option<String>,
    /// What it is told; everything when empty.
    pub events: Option<Vec<EventKind>>,
    /// For people: what it is used for. At most 200 characters.
    pub label: Option<String>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
}

impl Pipeline {
    /// A webhook of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such webhook.
    pub async fn webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<Webhook> {
        self.parts.outbox.webhook(partner, id).await?.ok_or_else(|| no_webhook(id))
    }

    /// Makes a webhook, and gives its secret: `whsec_…`.
    ///
    /// # Errors
    /// `SP-REQUEST-036` for an address that may not be used, `-001` for what else is wrong, `-037` for one too many,
    /// `-038` where webhooks are not offered; `SP-NOTIFY-009`.
    pub async fn create_webhook(
        &self,
        partner: &PartnerId,
        wish: WebhookWish,
        author: &Author,
    ) -> Result<(Webhook, Secret)> {
        let id = WebhookId::fresh();
        // First of all: one that can't sign is not made.
        let secret = self.webhook_secret(&id, 1).await?;
        self.check_wish(&wish)?;
        let new = Webhook {
            id,
            partner: partner.clone(),
            url: String::new(),
            events: Vec::new(),
            label: String::new(),
            enabled: true,
            secret_version: 1,
            previous_until: None,
            created_at: Timestamp::now(),
        };
        let webhook = changed(new, &wish);
        // Looked at here, so that what is refused leaves no trace. What holds is how many the ledger counts as it stores it.
        let there = self.parts.outbox.webhooks(partner).await?.len();
        if there >= MOST_WEBHOOKS as usize {
            let detail = format!("there are {there} webhooks; {MOST_WEBHOOKS} are allowed");
            return Err(Error::new(&codes::request::TOO_MANY, detail));
        }
        self.note(author, partner, "webhook.create", webhook.id.as_str(), &origin(&webhook.url)).await?;
        self.parts.outbox.create_webhook(&webhook, MOST_WEBHOOKS).await?;
        Ok((webhook, secret))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-036` and `-001` as for [`create_webhook`](Self::create_webhook).
    pub async fn change_webhook(
        &self,
        partner: &PartnerId,
        id: &WebhookId,
        wish: WebhookWish,
        author: &Author,
    ) -> Result<Webhook> {
        self.check_wish(&wish)?;
        self.webhook(partner, id).await?;
        self.note(author, partner, "webhook.change", id.as_str(), &what_changes(&wish)).await?;
        let edit = move |webhook| Ok(changed(webhook, &wish));
        self.edit_webhook(partner, id, Box::new(edit)).await
    }

    /// Removes a webhook with its notifications.
    ///
    /// # Errors
    /// `SP-REQUEST-008`.
    pub async fn remove_webhook(&self, partner: &PartnerId, id: &WebhookId, author: &Author) -> Result<()> {
        if self.parts.outbox.webhook(partner, id).await?.is_some() {
            self.note(author, partner, "webhook.remove", id.as_str(), "").await?;
        }
        // Also where there is none: a removal that was cut short goes on.
        match self.parts.outbox.remove_webhook(partner, id).await? {
            true => Ok(()),
            false => Err(no_webhook(id)),
        }
    }

    /// Gives a webhook a new secret. The one before signs too until `overlap` is over; one that was still overlapping
    /// itself ends now.
    ///
    /// # Errors
    /// `SP-REQUEST-008`, `-038`; `-001` for an overlap that is negative or longer than a week.
    pub async fn rotate_webhook_secret(
        &self,
        partner: &PartnerId,
        id: &WebhookId,
        overlap_h: i64,
        author: &Author,
    ) -> Result<(Webhook, Secret)> {
        if !(0..=LONGEST_OVERLAP_H).contains(&overlap_h) {
            let field = FieldError::new("/overlap_hours", format!("expected 0 to {LONGEST_OVERLAP_H}"));
            return Err(Error::new(&codes::request::INVALID, "the overlap is not valid").with_fields(vec![field]));
        }
        self.check_webhook_secret().await?;
        self.webhook(partner, id).await?;
        let detail = format!("overlap {overlap_h} h");
        self.note(author, partner, "webhook.rotate_secret", id.as_str(), &detail).await?;
        let until = Timestamp::now() + SignedDuration::from_hours(overlap_h);
        let edit = move |webhook: Webhook| {
            let secret_version = webhook.secret_version + 1;
            Ok(Webhook { secret_version, previous_until: (overlap_h > 0).then_some(until), ..webhook })
        };
        let webhook = self.edit_webhook(partner, id, Box::new(edit)).await?;
        let secret = self.webhook_secret(id, webhook.secret_version).await?;
        Ok((webhook, secret))
    }

    async fn edit_webhook(
        &self,
        partner: &PartnerId,
        id: &WebhookId,
        edit: Box<sealpost_core::port::Edit<Webhook>>,
    ) -> Result<Webhook> {
        self.parts.outbox.edit_webhook(partner, id, &*edit).await?.ok_or_else(|| no_webhook(id))
    }

    fn check_wish(&self, wish: &WebhookWish) -> Result<()> {
        let mut problems = Vec::new();
        let mut code = &codes::request::INVALID;
        if let Some(label) = &wish.label
            && (label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control))
        {
            let detail = format!("expected at most {LONGEST_LABEL} characters, none of them control characters");
            problems.push(FieldError::new("/label", detail));
        }
        for (index, _) in wish.events.iter().flatten().enumerate().filter(|(_, event)| **event == EventKind::Ping) {
            problems.push(FieldError::new(format!("/events/{index}"), "a ping is asked for, not subscribed to"));
        }
        if let Some(Err(error)) = wish.url.as_ref().map(|url| self.parts.notifier.admit(url)) {
            if problems.is_empty() {
                code = error.code();
            }
            problems.push(FieldError::new("/url", error.detail()));
        }
        match problems.len() {
            0 => Ok(()),
            1 => Err(Error::new(code, "the webhook can't be like this").with_fields(problems)),
            more => Err(Error::new(code, format!("{more} members of the webhook are wrong")).with_fields(problems)),
        }
    }
}

fn no_webhook(id: &WebhookId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("webhook {id}"))
}

fn changed(webhook: Webhook, wish: &WebhookWish) -> Webhook {
    let mut events = wish.events.clone().unwrap_or(webhook.events);
    events.sort_unstable();
    events.dedup();
    Webhook {
        url: wish.url.clone().unwrap_or(webhook.url),
        events,
        label: wish.label.clone().unwrap_or(webhook.label),
        enabled: wish.enabled.unwrap_or(webhook.enabled),
        ..webhook
    }
}

/// What a wish changes, in words without the address's path and query: those may hold a token.
fn what_changes(wish: &WebhookWish) -> String {
    let mut words = Vec::new();
    words.extend(wish.url.as_ref().map(|url| format!("url {}", origin(url))));
    words.extend(wish.events.as_ref().map(|events| {
        let names: Vec<&str> = events.iter().map(|event| event.as_str()).collect();
        format!("events {}", if names.is_empty() { "all".to_owned() } else { names.join(" ") })
    }));
    words.extend(wish.label.as_ref().map(|_| "label".to_owned()));
    words.extend(wish.enabled.map(|enabled| if enabled { "enabled" } else { "disabled" }.to_owned()));
    words.join(", ")
}

/// Scheme, host and port of an admitted address.
fn origin(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| begin + at);
    url[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_trail_names_no_path() {
        for (url, expected) in [
            ("https://hooks.acme.example/a/token", "https://hooks.acme.example"),
            ("https://hooks.acme.example:8443?token=1", "https://hooks.acme.example:8443"),
            ("https://hooks.acme.example", "https://hooks.acme.example"),
            ("https://hooks.acme.example\\token", "https://hooks.acme.example"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }
}
