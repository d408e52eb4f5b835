//! Webhooks: a partner's HTTP addresses that are told what happens, by the Standard Webhooks scheme
//! (<https://www.standardwebhooks.com>).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{PartnerId, WebhookId};

/// Most webhooks of a partner. Each is told in the same step as what it is told of, and a step may have a limit: see the
/// ledgers before raising it.
pub const MOST_WEBHOOKS: u32 = 10;

/// A webhook as the ledger keeps it. Its secret is not here: it is derived from the operator's secret, the webhook's
/// id and the version, so that the ledger holds nothing to sign with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Where notifications are posted to.
    pub url: String,
    /// What it is told; everything when empty.
    #[serde(default)]
    pub events: Vec<EventKind>,
    /// For people: what it is used for.
    #[serde(default)]
    pub label: String,
    /// Whether it is told anything at present.
    pub enabled: bool,
    /// Which secret signs: 1 at first, one more after each rotation.
    pub secret_version: u32,
    /// The version before signs too until this time, so that a receiver can change over without a gap.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Webhook {
    /// Whether it is told of this kind of event.
    #[must_use]
    pub fn wants(&self, event: EventKind) -> bool {
        // A ping is asked for by name and goes to the one webhook that it was asked for.
        self.enabled && (self.events.is_empty() || event == EventKind::Ping || self.events.contains(&event))
    }

    /// The versions of the secret that sign at `now`, the newest first.
    #[must_use]
    pub fn signing_versions(&self, now: Timestamp) -> Vec<u32> {
        let previous = self.previous_until.filter(|until| now < *until && self.secret_version > 1);
        std::iter::once(self.secret_version).chain(previous.map(|_| self.secret_version - 1)).collect()
    }
}

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventKind {
    /// The report's file is stored.
    #[serde(rename = "report.succeeded")]
    ReportSucceeded,
    /// The report can't be produced.
    #[serde(rename = "report.failed")]
    ReportFailed,
    /// The report was cancelled.
    #[serde(rename = "report.cancelled")]
    ReportCancelled,
    /// The file is no longer offered.
    #[serde(rename = "report.expired")]
    ReportExpired,
    /// The partner's server shows the file.
    #[serde(rename = "delivery.delivered")]
    DeliveryDelivered,
    /// The delivery was given up.
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
    /// A test that someone asked for.
    #[serde(rename = "webhook.ping")]
    Ping,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ReportSucceeded,
        Self::ReportFailed,
        Self::ReportCancelled,
        Self::ReportExpired,
        Self::DeliveryDelivered,
        Self::DeliveryFailed,
        Self::Ping,
    ];

    /// The stable name, as in the notification's `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReportSucceeded => "report.succeeded",
            Self::ReportFailed => "report.failed",
            Self::ReportCancelled => "report.cancelled",
            Self::ReportExpired => "report.expired",
            Self::DeliveryDelivered => "delivery.delivered",
            Self::DeliveryFailed => "delivery.failed",
            Self::Ping => "webhook.ping",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::fresh(),
            partner: "acme".parse().expect("an id"),
            url: "https://acme.example/hook".to_owned(),
            events: Vec::new(),
            label: String::new(),
            enabled: true,
            secret_version: 2,
            previous_until: Some(Timestamp::UNIX_EPOCH),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn both_secrets_sign_while_they_overlap() {
        let before = Timestamp::UNIX_EPOCH - SignedDuration::from_secs(1);
        assert_eq!(webhook().signing_versions(before), [2, 1]);
        assert_eq!(webhook().signing_versions(Timestamp::UNIX_EPOCH), [2]);
        assert_eq!(Webhook { secret_version: 1, ..webhook() }.signing_versions(before), [1]);
    }

    #[test]
    fn a_webhook_is_told_what_it_asked_for() {
        let picky = Webhook { events: vec![EventKind::ReportFailed], ..webhook() };
        assert!(picky.wants(EventKind::ReportFailed) && picky.wants(EventKind::Ping));
        assert!(!picky.wants(EventKind::ReportSucceeded) && webhook().wants(EventKind::ReportSucceeded));
        assert!(!Webhook { enabled: false, ..webhook() }.wants(EventKind::ReportFailed));
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("json"), kind.as_str());
        }
    }
}
